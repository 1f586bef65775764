"""Replay against counts that were made without it: the real shops in ../shared/data (definitions in their
README)."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.project import Project, load
from engine.simulate.replay.replay import ReplayOptions, replay

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
COUNTING = Path(__file__).parent / "counting"

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason=(
        "the recorded shops are not there: no ../shared/data beside the "
        "repository"
    )),
]  # fmt: skip


@pytest.fixture(scope="module")
def counting() -> Project:
    project = load(COUNTING)
    assert not project.has_errors, project.problems
    return project


def starts_and_messages(project: Project, file: Path, folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Per journey, from the files that `--out` writes."""
    result = replay(project.journeys, project.world, [file], options=ReplayOptions(out=folder))
    assert result.bad == 0
    assert result.late == 0
    found = []
    for name in ("starts.jsonl", "messages.jsonl"):
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        found.append(Counter(row["journey"] for row in rows))
    return found[0], found[1]


def expected(shop: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads((DATA / shop / "journeys_expected.json").read_text())
    return counts


@pytest.mark.parametrize("shop", ["rfm_orders", "online_retail_y1", "cdnow"])
def test_win_back_after_90_days(counting: Project, tmp_path: Path, shop: str) -> None:
    starts, messages = starts_and_messages(counting, DATA / shop / "events.jsonl.gz", tmp_path)
    triggers = expected(shop)["winback_90d_triggers"]
    assert messages["lapsed_wait"] == triggers
    assert starts["lapsed_segment"] == triggers


def test_a_cart_idle_for_an_hour_in_the_sample(counting: Project, tmp_path: Path) -> None:
    starts, messages = starts_and_messages(counting, DATA / "otto_sample" / "events.jsonl.gz", tmp_path)
    abandoned = expected("otto_sample")["cart_abandoned_1h"]
    assert messages["cart_idle"] == abandoned
    assert starts["cart_counted"] == abandoned


def test_a_cart_idle_for_an_hour_in_a_month_of_a_shop(counting: Project, tmp_path: Path) -> None:
    file = DATA / "ga_merch_store" / "events_2016-08.jsonl.gz"
    starts, _ = starts_and_messages(counting, file, tmp_path)
    abandoned = idle_carts(file, timedelta(hours=1))
    assert abandoned > 1000
    assert starts["cart_counted"] == abandoned


def idle_carts(file: Path, length: timedelta) -> int:
    """Adds after which the same customer makes no further add and no order within `length`, where it fits
    before the end."""
    last_add: dict[str, datetime] = {}
    count, now = 0, datetime.fromtimestamp(0, UTC)
    with gzip.open(file, "rt") as lines:
        for line in lines:
            event = json.loads(line)
            now = datetime.fromisoformat(event["at"])
            added = event["event"] == "cart_updated" and event["properties"]["action"] == "add"
            if not added and event["event"] != "order_placed":
                continue
            before = last_add.pop(event["customer_id"], None)
            count += before is not None and now - before > length
            if added:
                last_add[event["customer_id"]] = now
    return count + sum(now - at >= length for at in last_add.values())
