"""How `replay --against` prints what differs between two versions."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.cli.output import counted, say, say_head, say_plain, say_rows
from engine.command_hints import command

if TYPE_CHECKING:
    from engine.simulate.replay.comparison import (
        ChangedTimeline,
        ComparedCount,
        JourneyComparison,
        ReplayComparison,
        TimelineEvent,
    )

MOST_DIGITS = 6
"""Behind the point of a cost."""

MOST_EVENTS, LEADING = 12, 4
"""Lines of a story, and how many of them come before the first that differs; the others are counted."""


@dataclass(frozen=True, slots=True)
class ReplayArguments:
    """The stream of a replay as it was named, and the earlier version, for who wants to play it once more."""

    events: Sequence[str]
    mapping: str
    against: str
    strict: bool

    def story_of(self, timeline: ChangedTimeline) -> str | None:
        """The command that prints the story of a customer as a test; None: it cannot be told."""
        run = timeline.run
        if run is None:
            return None
        whose = [timeline.customer, run.journey]
        options = ["--on", run.began]
        for file in self.events:
            options += ["--events", file]
        options += ["--mapping", self.mapping] if self.mapping else []
        options += ["--strict"] if self.strict else []
        options += ["--rev", self.against] if run.is_gone else []
        # An id may look like an option
        words = [*options, "--", *whose] if timeline.customer.startswith("-") else [*whose, *options]
        return command(shlex.join(["story", *words]))


def show_comparison(
    answer: ReplayComparison,
    stream: ReplayArguments,
    against: str,
    currency: str,
    zone: dt.tzinfo,
    *,
    days: bool,
) -> None:
    """The counts with both versions and some customers side by side, their moments in `zone`. `against`: the
    commit of the earlier version."""
    if not answer.customers:
        say("There was no event in the stream.")
        return
    say_plain(
        f"{against} and the folder, each played to {counted(answer.customers, 'customer')}: "
        f"something happens differently to {answer.changed:,}"
    )
    if answer.one_in > 1:
        say_plain(
            f"a sample: one in {answer.one_in} customers was played, and counts are multiplied by "
            f"{answer.one_in}; ± is how far a difference may be off, in 95 of 100 samples"
        )
    same = [each.journey for each in answer.journeys if each.is_same]
    for journey in answer.journeys:
        if not journey.is_same:
            _journey(journey, currency, days=days)
    if same:
        say()
        say_plain(f"the same with both: {', '.join(same)}")
    if answer.timelines:
        say_head("customers whose story changes, one for each way in which it does")
    for timeline in answer.timelines:
        _timeline(timeline, zone, stream)
    say()
    say_plain("This is what would have been sent, not what people would have done.")


def _journey(journey: JourneyComparison, currency: str, *, days: bool) -> None:
    say_head(journey.journey)
    rows = [("", "before", "now", "difference")]
    rows += [(words, *counts(pair)) for words, pair in count_lines(journey)]
    if (cost := cost_line(journey, currency)) is not None:
        rows.append(cost)
    say_rows(aligned(rows))
    if journey.enter or journey.enter_no_more:
        say_plain(
            f"  {counted(journey.enter, 'customer')} would newly enter, {journey.enter_no_more:,} no longer"
        )
    changed = [each for each in journey.days if each.messages.before != each.messages.after]
    if days and changed:
        say("  [dim]by day[/]")
        told = ((each.day, f"{each.template} via {each.channel}", *counts(each.messages)) for each in changed)
        say_rows(aligned(list(told), left=2), indent=4)


def cost_line(journey: JourneyComparison, currency: str) -> tuple[str, str, str, str] | None:
    """What its messages cost with both versions; None: nothing."""
    before, after = Decimal(journey.cost_before), Decimal(journey.cost_after)
    if not before and not after:
        return None
    told = formatted_difference(before, after, 2)
    return f"cost in {currency}", told.before, told.after, told.difference


@dataclass(frozen=True, slots=True)
class FormattedDifference:
    """Two numbers in a row of a table, and their difference, each with so many `digits` behind the point."""

    before: str
    after: str
    difference: str
    digits: int


def formatted_difference(before: float | Decimal, after: float | Decimal, least: int) -> FormattedDifference:
    """With so many digits behind the point, no more than a cost has, that two numbers that differ read
    differently, and their difference is not told as nothing. The difference is that of the numbers as they
    are shown: whoever counts it out finds the same."""
    first, second, digits = Decimal(str(before)), Decimal(str(after)), least
    while True:
        was, is_now = round(first, digits), round(second, digits)
        if digits == MOST_DIGITS or first == second or (was != is_now and round(second - first, digits)):
            difference = f"{is_now - was:+,.{digits}f}"
            return FormattedDifference(f"{was:,.{digits}f}", f"{is_now:,.{digits}f}", difference, digits)
        digits += 1


def count_lines(journey: JourneyComparison) -> Iterator[tuple[str, ComparedCount]]:
    """Every count of a journey with its words."""
    yield "starts", journey.starts
    for message in journey.messages:
        yield f"send {message.template} via {message.channel}", message.messages
    for reason, pair in journey.skipped.items():
        yield f"skipped: {reason}", pair
    for pool, pair in journey.codes.items():
        yield f"codes of {pool}", pair
    if journey.points.before or journey.points.after:
        yield "points given", journey.points
    yield "goals", journey.goals
    for outcome, pair in journey.outcomes.items():
        yield f"ends: {outcome}", pair
    yield "still inside", journey.open


def counts(pair: ComparedCount) -> tuple[str, str, str]:
    """Before, now, and the difference with its margin."""
    margin = f" ± {pair.margin:,}" if pair.margin else ""
    return f"{pair.before:,}", f"{pair.after:,}", f"{pair.after - pair.before:+,}{margin}"


def aligned(rows: Sequence[tuple[str, ...]], left: int = 1) -> list[tuple[str, ...]]:
    """Columns of numbers end at the same place; the first `left` are of words."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        tuple(
            cell if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in rows
    ]


def _timeline(timeline: ChangedTimeline, zone: dt.tzinfo, stream: ReplayArguments) -> None:
    others = f", and {counted(timeline.like - 1, 'customer')} in the same way" if timeline.like > 1 else ""
    say()
    say_plain(f"  {timeline.customer}{others}")
    for line in timeline_lines(timeline, zone):
        say_plain(f"    {line}")
    if (told := stream.story_of(timeline)) is not None:
        say_plain(f"      as a test: {told}")


def timeline_lines(timeline: ChangedTimeline, zone: dt.tzinfo) -> Iterator[str]:
    """Both versions of a story in one list, from what led to the change. What came long before it and what is
    too long behind it is only counted."""
    from engine.cli.reports.times import local
    from engine.values import parse_instant

    lines = [*side_by_side(timeline.before, timeline.after)]
    changed = next((place for place, (sign, _) in enumerate(lines) if sign != " "), 0)
    first = max(0, min(changed - LEADING, len(lines) - MOST_EVENTS))
    if first:
        yield f"  {first} more, then"
    for sign, event in lines[first : first + MOST_EVENTS]:
        at = parse_instant(event.at)
        yield f"{sign} {local(at, zone) if at is not None else event.at}  {event.words}"
    if len(lines) > first + MOST_EVENTS:
        yield f"  and {len(lines) - first - MOST_EVENTS} more"


def side_by_side(
    before: Sequence[TimelineEvent], after: Sequence[TimelineEvent]
) -> Iterator[tuple[str, TimelineEvent]]:
    """Lines of both, in order: `-` of what happens no longer, `+` of what happens now alone."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, start_after, end_after in matcher.get_opcodes():
        same = tag == "equal"
        yield from ((" " if same else "-", event) for event in before[start:end])
        if not same:
            yield from (("+", event) for event in after[start_after:end_after])
