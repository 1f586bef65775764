"""Five real daemons, each struck at another of the named points; what must be true of the messages in their
hands."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from engine.faults import POINTS
from tools.crashtest.instance import Death
from tools.crashtest.runner import CrashTestOptions, CrashTestResult, run

UNKNOWN = ("unknown", "held", "treated_as_sent")


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> CrashTestResult:
    """Five instances; the daemon of each ends itself the first time it comes by its point."""
    wishes = CrashTestOptions(
        messages=100, kills=5, seed=5, parallel=5, at=tuple(f"{point}:1" for point in POINTS), gateway=False
    )
    return asyncio.run(run(tmp_path_factory.mktemp("points"), wishes, lambda *_: None))


def death(struck: CrashTestResult, point: str) -> Death:
    found = [each for each in struck.deaths if each.point == point]
    assert len(found) == 1, f"{point} was not struck: {struck.deaths}"
    return found[0]


def copies(struck: CrashTestResult, keys: frozenset[str]) -> set[int]:
    return {struck.copies.get(key, 0) for key in keys}


def test_whatever_the_point_nothing_is_lost_or_doubled(struck: CrashTestResult) -> None:
    assert struck.verdict.is_good, struck.verdict
    assert struck.tally.points == Counter(POINTS)


def test_before_claim_nothing_was_in_its_hands(struck: CrashTestResult) -> None:
    died = death(struck, "before claim")
    assert not died.claimed
    assert not died.handed


def test_after_claim_each_is_sent_once_by_the_next_daemon(struck: CrashTestResult) -> None:
    died = death(struck, "after claim")
    assert died.claimed
    assert not died.handed
    assert copies(struck, died.claimed) == {1}
    assert {struck.messages[key].state for key in died.claimed} == {"accepted"}


def test_before_the_last_byte_it_is_handed_over_so_it_is_unknown_and_not_lost(
    struck: CrashTestResult,
) -> None:
    """The hand-over is durable before the last byte, so nobody can tell afterwards that it never left."""
    died = death(struck, "before the last byte")
    assert died.handed
    assert_settled(struck, died, arrived=0)


@pytest.mark.parametrize("point", ["after the last byte", "before the commit"])
def test_after_the_last_byte_it_is_unknown_and_has_arrived_once(struck: CrashTestResult, point: str) -> None:
    died = death(struck, point)
    assert died.handed
    assert_settled(struck, died, arrived=1)


def assert_settled(struck: CrashTestResult, died: Death, arrived: int) -> None:
    """At least one of the messages handed over had got so far (others of the same moment may be before or
    after it). Marketing counts as sent and is not sent again; service mail is sent once more."""
    found = [struck.messages[key] for key in died.handed]
    for one in found:
        times = struck.copies.get(one.key, 0)
        if one.resent:
            assert one.state in ("accepted", "held")
            assert times in (1, 2)
        else:
            assert one.state in UNKNOWN
            assert times in (0, 1)
    assert arrived in {struck.copies.get(one.key, 0) - one.resent for one in found}
