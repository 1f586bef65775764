"""The answer of `replay`: per journey starts, messages, outcomes and cost, and every day; for people and for
programs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from engine.simulate.replay.result import ReplayDay, ReplayResult, cost
from engine.values import iso


class MessageCount(msgspec.Struct, frozen=True):
    """How often one step sent one message on one channel."""

    step: str
    template: str
    channel: str
    messages: int


class DayReport(msgspec.Struct, frozen=True):
    """One journey on one local day of the shop."""

    day: str
    starts: int
    messages: list[MessageCount]
    outcomes: dict[str, int]
    goals: int
    skipped: int
    cost: str  # in the currency of the project


class JourneyTotals(msgspec.Struct, frozen=True):
    """One journey over the whole stream."""

    journey: str
    starts: int
    messages: list[MessageCount]
    outcomes: dict[str, int]
    goals: int
    skipped: int
    open: int  # runs that were still inside at the end
    cost: str
    days: list[DayReport]


class RefusedLine(msgspec.Struct, frozen=True):
    """A line of the stream that could not be read."""

    file: str
    line: int
    why: str


class ReplayReport(msgspec.Struct, frozen=True):
    """The whole answer. Moments as ISO 8601 in UTC."""

    lines: int
    customers: int
    first_at: str | None = msgspec.field(name="from")
    last_at: str | None = msgspec.field(name="to")
    timezone: str
    currency: str
    events: dict[str, int]
    unknown_events: dict[str, int]
    misfits: dict[str, int]
    refused: int
    refused_lines: list[RefusedLine]
    late: int
    doubles: int
    journeys: list[JourneyTotals]


def report(result: ReplayResult) -> ReplayReport:
    """The answer of a replay; every journey that somebody entered, by name."""
    inside = Counter(result.figures.open.values())
    return ReplayReport(
        lines=result.lines,
        customers=result.customers,
        first_at=iso(result.first_at) if result.first_at is not None else None,
        last_at=iso(result.last_at) if result.last_at is not None else None,
        timezone=str(result.figures.zone),
        currency=result.currency,
        events=dict(result.events),
        unknown_events=dict(result.unknown),
        misfits=dict(result.misfits),
        refused=result.bad,
        refused_lines=[RefusedLine(bad.file, bad.number, bad.why) for bad in result.bad_lines],
        late=result.late,
        doubles=result.doubles,
        journeys=[
            _journey(name, days, result, inside[name]) for name, days in sorted(result.figures.days.items())
        ],
    )


def _journey(
    name: str, days: Mapping[dt.date, ReplayDay], result: ReplayResult, inside: int
) -> JourneyTotals:
    total = ReplayDay()
    for day in days.values():
        total.add(day)
    return JourneyTotals(
        journey=name,
        starts=total.starts,
        messages=_counts(total.messages),
        outcomes=dict(total.outcomes),
        goals=total.goals,
        skipped=total.skips.total(),
        open=inside,
        cost=str(cost(total.messages, result.prices)),
        days=[
            DayReport(
                str(date), day.starts, _counts(day.messages), dict(day.outcomes), day.goals,
                day.skips.total(), str(cost(day.messages, result.prices)),
            )
            for date, day in sorted(days.items())
        ],
    )  # fmt: skip


def _counts(messages: Counter[tuple[str, str, str]]) -> list[MessageCount]:
    return [
        MessageCount(step, template, channel, count)
        for (step, template, channel), count in sorted(messages.items())
    ]


def notes(result: ReplayResult) -> Iterator[str]:
    """What the reader must know about the stream itself."""
    if result.bad:
        lines = "1 line was" if result.bad == 1 else f"{result.bad:,} lines were"
        yield f"{lines} refused:"
        yield from (f"  {bad.file}:{bad.number}: {bad.why}" for bad in result.bad_lines)
        if result.bad > len(result.bad_lines):
            yield f"  ... and {result.bad - len(result.bad_lines):,} more"
    if result.late:
        yield (
            f"{result.late:,} lines are earlier than a line before them (the first is line "
            f"{result.first_late}): "
            "they were taken as events that arrived late. Sort the file by time if that is not meant."
        )
    if result.doubles:
        lines = "1 line repeats" if result.doubles == 1 else f"{result.doubles:,} lines repeat"
        yield f"{lines} another one of the same second; dropped."
    if result.unknown:
        names = ", ".join(f"{name} ({times:,})" for name, times in result.unknown.most_common(8))
        yield (
            f"events that the project does not know: {names}. A mapping file can make them ours: --mapping "
            "FILE"
        )
    if result.misfits:
        names = ", ".join(f"{name} ({times:,})" for name, times in result.misfits.most_common(8))
        yield f"fields whose value does not have the type of the schema, left out: {names}"
