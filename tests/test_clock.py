"""Clocks tell whole milliseconds and never surprise."""

from __future__ import annotations

import time

import pytest

from engine.clock import Clock, FastClock, ManualClock, SystemClock
from engine.values import HOUR, Instant

START = Instant(1_772_442_000_000)


def test_system_clock_tells_the_time_of_the_machine() -> None:
    before = time.time_ns() // 1_000_000
    told = SystemClock().now()
    assert before <= told <= time.time_ns() // 1_000_000


def test_manual_clock_stands_still_until_told() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    assert clock.advance(HOUR) == START + HOUR
    assert clock.now() == START + HOUR
    clock.advance_to(Instant(START + 3 * HOUR))
    assert clock.now() == START + 3 * HOUR


def test_manual_clock_never_goes_back() -> None:
    clock = ManualClock(START)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance_to(Instant(START - 1))
    assert clock.now() == START


def test_fast_clock_runs_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = 5_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: real)
    clock: Clock = FastClock(START, speed=3600)
    assert clock.now() == START
    real += 2_000_000_000
    assert clock.now() == START + 2 * HOUR


@pytest.mark.parametrize("speed", [0, -1])
def test_fast_clock_refuses_to_stand_or_run_back(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        FastClock(START, speed)
