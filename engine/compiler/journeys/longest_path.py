"""How long the longest way through a journey takes, as far as the file says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from engine.core.journey import CodeStep, DateTrigger, SendStep, Step, Trigger, WaitStep
from engine.values import DAY, Duration


@dataclass(frozen=True, slots=True)
class PathPoint:
    """A place on the way: the latest time since the start (ms), the end of the latest code, and whether
    every wait so far had a length that the file knows."""

    elapsed: int = 0
    code_ends: int = 0
    known: bool = True


def longest_path(starts: tuple[Trigger, ...], steps: tuple[Step, ...]) -> Duration | None:
    """The longest way, without holds; a month counts as 30 days. None when a wait ends at a moment that
    only the customer's data know."""
    end = _end(starts, steps)
    return Duration(days=end.elapsed // DAY, elapsed=end.elapsed % DAY) if end.known else None


def longest_known(starts: tuple[Trigger, ...], steps: tuple[Step, ...]) -> int:
    """Milliseconds of the longest way, waits of unknown length counted as nothing."""
    return _end(starts, steps).elapsed


def _end(starts: tuple[Trigger, ...], steps: tuple[Step, ...]) -> PathPoint:
    """The row runs forward only, so one pass over it is enough."""
    at: dict[int, PathPoint] = {0: PathPoint()}
    end = PathPoint() if not steps else PathPoint(known=True)
    for step in steps:
        # the row runs forward only, so everything that leads here has been looked at
        here = at.get(step.index)
        if here is None:
            continue
        after = _after(step, here, starts)
        for target in step.targets():
            if target < 0:
                end = _later(end, after)
            else:
                at[target] = _later(at[target], after) if target in at else after
    return end


def _later(one: PathPoint, other: PathPoint) -> PathPoint:
    return PathPoint(
        max(one.elapsed, other.elapsed), max(one.code_ends, other.code_ends), one.known and other.known
    )


def _after(step: Step, here: PathPoint, starts: tuple[Trigger, ...]) -> PathPoint:
    match step:
        case CodeStep():
            return replace(
                here,
                code_ends=here.elapsed + max((offer.valid.roughly() for offer in step.offers), default=0),
            )
        case SendStep() if step.is_cascade and (interval := step.longest_interval):
            return replace(here, elapsed=here.elapsed + interval.roughly() * (len(step.channels) - 1))
        case WaitStep():
            return _after_wait(step, here, starts)
        case _:
            return here


def _after_wait(step: WaitStep, here: PathPoint, starts: tuple[Trigger, ...]) -> PathPoint:
    if step.length is not None:
        return replace(here, elapsed=here.elapsed + step.length.roughly() + (6 * DAY if step.weekdays else 0))
    moment = step.until
    assert moment is not None
    offset = moment.offset.roughly() if moment.offset else 0
    if moment.weekday is not None:
        return replace(here, elapsed=here.elapsed + 7 * DAY)
    if moment.date is None and (moment.time is not None or (step.their_hour and moment.ref is None)):
        return replace(here, elapsed=here.elapsed + DAY)
    ref = moment.ref
    if ref is not None and ref.source == "code":
        return replace(here, elapsed=max(here.elapsed, here.code_ends + offset))
    for start in starts:
        if ref is not None and isinstance(start, DateTrigger) and start.ref == ref:
            return replace(
                here, elapsed=max(here.elapsed, offset - start.offset.roughly() + _difference(step, start))
            )
    return replace(here, known=False)


def _difference(step: WaitStep, start: DateTrigger) -> int:
    """Milliseconds between the two times of the day."""
    there, here = step.at or dt.time(0), start.at
    return ((there.hour - here.hour) * 60 + there.minute - here.minute) * 60_000
