"""The answer of `replay`: per journey starts, messages, outcomes and cost, and every day; for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.simulate.replay.result import Day, ReplayResult, cost
from engine.values import iso


@dataclass(frozen=True, slots=True)
class ReplayTotals:
    """One journey over the whole stream. `open`: runs that were still inside at the end."""

    journey: str
    starts: int
    messages: Counter[tuple[str, str, str]]
    outcomes: Counter[str]
    goals: int
    skips: int
    cost: Decimal
    open: int


def totals(result: ReplayResult) -> list[ReplayTotals]:
    """Every journey that somebody entered, by name."""
    inside = Counter(result.figures.open.values())
    return [
        _whole(name, days.values(), result, inside[name])
        for name, days in sorted(result.figures.days.items())
    ]


def _whole(name: str, days: Any, result: ReplayResult, inside: int) -> ReplayTotals:
    messages: Counter[tuple[str, str, str]] = Counter()
    outcomes: Counter[str] = Counter()
    starts = goals = skips = 0
    for day in days:
        messages += day.messages
        outcomes += day.outcomes
        starts, goals, skips = starts + day.starts, goals + day.goals, skips + day.skips
    return ReplayTotals(name, starts, messages, outcomes, goals, skips, cost(messages, result.prices), inside)


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
            f"{result.late:,} lines are earlier than a line before them (the first is line {result.first_late}): "
            "they were taken as events that arrived late. Sort the file by time if that is not meant."
        )
    if result.doubles:
        yield f"{result.doubles:,} lines repeat another one of the same second and were dropped."
    if result.unknown:
        names = ", ".join(f"{name} ({times:,})" for name, times in result.unknown.most_common(8))
        yield f"events that the project does not know: {names}. A mapping file can make them ours: --mapping FILE"
    if result.misfits:
        names = ", ".join(f"{name} ({times:,})" for name, times in result.misfits.most_common(8))
        yield f"fields whose value does not have the type of the schema, left out: {names}"


def to_data(result: ReplayResult) -> dict[str, Any]:
    """For programs."""
    return {
        "lines": result.lines,
        "customers": result.customers,
        "from": iso(result.first_at) if result.first_at is not None else None,
        "to": iso(result.last_at) if result.last_at is not None else None,
        "timezone": str(result.figures.zone),
        "currency": result.currency,
        "events": dict(result.events),
        "unknown_events": dict(result.unknown),
        "misfits": dict(result.misfits),
        "refused": result.bad,
        "refused_lines": [{"file": bad.file, "line": bad.number, "why": bad.why} for bad in result.bad_lines],
        "late": result.late,
        "doubles": result.doubles,
        "journeys": [_journey(each, result) for each in totals(result)],
    }


def _journey(whole: ReplayTotals, result: ReplayResult) -> dict[str, Any]:
    days = result.figures.days[whole.journey]
    return {
        "journey": whole.journey,
        "starts": whole.starts,
        "messages": _messages(whole.messages),
        "outcomes": dict(whole.outcomes),
        "goals": whole.goals,
        "skipped": whole.skips,
        "open": whole.open,
        "cost": str(whole.cost),
        "days": [_day(str(date), days[date], result) for date in sorted(days)],
    }


def _day(date: str, day: Day, result: ReplayResult) -> dict[str, Any]:
    return {
        "day": date,
        "starts": day.starts,
        "messages": _messages(day.messages),
        "outcomes": dict(day.outcomes),
        "goals": day.goals,
        "skipped": day.skips,
        "cost": str(cost(day.messages, result.prices)),
    }


def _messages(messages: Counter[tuple[str, str, str]]) -> list[dict[str, str | int]]:
    return [
        {"step": step, "template": template, "channel": channel, "messages": count}
        for (step, template, channel), count in sorted(messages.items())
    ]
