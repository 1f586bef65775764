"""Recommendations are built once a night by a running daemon, and only where the shop has some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.recommendations.rule import ProductSource, Recommendation, SourceKind
from engine.runtime.advance.recommending import build_nightly
from engine.store.database import Store
from engine.values import DAY, HOUR, Instant
from tests.stores import new_store

RULES = [Recommendation("best", (ProductSource(SourceKind.BESTSELLERS),))]
NOON = Instant(1000 * DAY + 12 * HOUR)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty one."""
    opened = new_store(tmp_path)
    yield opened
    opened.close()


def built(store: Store, now: int) -> int | None:
    report = build_nightly(store, RULES, "Europe/Berlin", Instant(now))
    return report.number if report is not None else None


def test_it_is_built_at_once_and_then_on_each_day_of_the_shop(store: Store) -> None:
    assert built(store, NOON) == 1
    assert built(store, NOON + 10 * HOUR) is None  # 23:00 in Berlin
    assert built(store, NOON + 11 * HOUR + 1) == 2  # after its midnight
    assert built(store, NOON + 20 * HOUR) is None


def test_a_shop_without_recommendations_builds_nothing(store: Store) -> None:
    assert build_nightly(store, [], "UTC", NOON) is None
