"""W52: a win-back that begins while another one still writes to the same customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from engine.compiler.competing.target_group import TargetGroup
from engine.compiler.competing.writing import COMPARED, TOLD, WritingJourney
from engine.core.conditions.condition import Condition, Did, Not, RelativeAge
from engine.core.journey import ClockTrigger, SegmentTrigger
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import DAY

_LONG_AWAY = 30 * DAY
"""Whoever did nothing for so long is being won back; for less a journey speaks of daily life."""


@dataclass(frozen=True, slots=True)
class _Away:
    """Somebody for whom an event did not happen for `least` milliseconds, and at most for `most`."""

    least: int
    most: int | None


def overlapping_win_backs(writing: Sequence[WritingJourney]) -> Iterator[Problem]:
    """Of those that begin when an event did not happen for a while; each is told of those that still run
    then."""
    of_event: defaultdict[str, list[tuple[_Away, WritingJourney]]] = defaultdict(list)
    for one in writing:
        # Who did nothing for a while is found by a segment or by the calendar
        begins_so = any(isinstance(start, SegmentTrigger | ClockTrigger) for start in one.journey.starts)
        if one.schedule.span is None or not begins_so:
            continue
        for event, away in _aways(one.entry).items():
            of_event[event].append((away, one))
    for event, some in sorted(of_event.items()):
        some.sort(key=lambda pair: (pair[0].least, pair[1].file.span))
        for number, (away, one) in enumerate(some):
            earlier = (
                (before, other) for before, other in some[max(0, number - COMPARED) : number]
                if not _begin_together(one, other) and _writes_at(before, other, away.least)
                and not _apart_while_away(one, other, event)
            )  # fmt: skip
            for found in islice(earlier, TOLD):
                yield _overlapping(event, away, one, *found)


def _begin_together(one: WritingJourney, other: WritingJourney) -> bool:
    """What they write on one day is looked at there (W51)."""
    segments = [{start.segment for start in each.journey.starts if isinstance(start, SegmentTrigger)}
                for each in (one, other)]  # fmt: skip
    return bool(segments[0] & segments[1])


def _aways(entry: TargetGroup) -> dict[str, _Away]:
    """By event, for how long it did not happen, where that is what brings people in."""
    found: dict[str, _Away] = {}
    for line in entry.lines:
        if isinstance(line, Did) and line.high == 0 and line.last is not None and line.where is None:
            length = line.last.roughly()
            if length >= _LONG_AWAY and (line.event not in found or found[line.event].least < length):
                found[line.event] = _Away(length, None)
    for line in entry.lines:
        if isinstance(line, Did) and line.low > 0 and line.last is not None and line.event in found:
            found[line.event] = _Away(found[line.event].least, line.last.roughly())
    return found


def _writes_at(away: _Away, one: WritingJourney, moment: int) -> bool:
    """Whether it may still write when an event is missing for so long."""
    begins_late = any(isinstance(start, ClockTrigger) for start in one.journey.starts)
    if begins_late and away.most is None:
        return True
    last = away.most if begins_late and away.most is not None else away.least
    return moment <= last + (one.schedule.span or 0)


def _apart_while_away(one: WritingJourney, other: WritingJourney, event: str) -> bool:
    """As `_apart`; how long the event is missing keeps nobody apart, since the time goes on inside."""
    if other.name in one.named or one.name in other.named:
        return True
    entries = [TargetGroup(tuple(line for line in each.entry.lines if not _is_about(line, event)))
               for each in (one, other)]  # fmt: skip
    return (
        entries[0].excludes(entries[1]) or other.stays.excludes(one.entry) or one.stays.excludes(entries[1])
    )


def _is_about(line: Condition, event: str) -> bool:
    inner = line.condition if isinstance(line, Not) else line
    return isinstance(inner, RelativeAge) or (
        isinstance(inner, Did) and inner.event == event and inner.last is not None
    )


def _overlapping(
    event: str, away: _Away, one: WritingJourney, before: _Away, other: WritingJourney
) -> Problem:
    days = (other.schedule.span or 0) // DAY
    return Problem(
        one.file.starts[0].span, "W52",
        f"{quoted(other.name)} still writes to the same people when this begins",
        f"it begins after {before.least // DAY} days without {event} and writes for {days} more; this begins "
        f"after {away.least // DAY}: two journeys try to win back the same customer at once",
        f"write in {quoted(other.name)}  exit_if: {{inside: {one.name}}}, or end it sooner", "warning",
        subject=other.name,
    )  # fmt: skip
