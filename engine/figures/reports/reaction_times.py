"""How long it took until people clicked: a part of `report journey`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from engine.core.journey import Journey
from engine.figures.content import ReportScope
from engine.figures.metrics import Metric, Value
from engine.figures.report import Row, Table
from engine.store.messages import reaction_times
from engine.values import HOUR

_COUNTS = "messages that a person clicked, as far as they are kept"
_WHEN = "on the day on which the message was handed over"
REACTED = Metric(
    "reacted", "messages clicked", "count", "messages in which a person clicked; scanners are left out",
    _COUNTS, _WHEN, "",
)  # fmt: skip
MEDIAN = Metric(
    "reaction_median", "median", "hours",
    "half of them were clicked for the first time within so long after the hand-over; in JSON and CSV hours",
    _COUNTS, _WHEN, "",
)  # fmt: skip
NINE_OF_TEN = Metric(
    "reaction_90", "90%", "hours", "nine in ten of them were clicked for the first time within so long",
    _COUNTS, _WHEN, "",
)  # fmt: skip
REACTION_TIMES: tuple[Metric, ...] = (REACTED, MEDIAN, NINE_OF_TEN)


_Times = defaultdict[str, list[int]]
"""Milliseconds by step."""


def times_to_click(scope: ReportScope, names: Sequence[str], journey: Journey | None) -> Table:
    """A line for each step with a message that was clicked, in the order of the file, and one for all.
    `names`: those of the journey, the former ones among them."""
    steps_now = journey.steps if journey is not None else ()
    order, was = [step.id for step in steps_now], {step.was: step.id for step in steps_now if step.was}
    now, before = _by_step(scope, names, was)
    steps = sorted(
        {*now, *before}, key=lambda step: (order.index(step) if step in order else len(order), step)
    )
    lines = [Row(step, _values(now[step]), _values(before[step])) for step in steps]
    if len(lines) > 1:
        all_now, all_before = (
            sorted(took for some in half.values() for took in some) for half in (now, before)
        )
        lines.append(Row("all steps", _values(all_now), _values(all_before)))
    return Table(
        "reaction_times", "From the hand-over to the first click", "step", REACTION_TIMES, tuple(lines)
    )


def _by_step(scope: ReportScope, names: Sequence[str], was: Mapping[str, str]) -> tuple[_Times, _Times]:
    """Of the period and of the one before, from one look at both and what lies between them."""
    now, before = scope.span(scope.wanted.period), scope.span(scope.before)
    halves: tuple[_Times, _Times] = defaultdict(list), defaultdict(list)
    for one in reaction_times.between(scope.conn, names, before.begin, now.end):
        for span, found in zip((now, before), halves, strict=True):
            if span.begin <= one.handed_at < span.end:
                found[was.get(one.step, one.step)].append(max(one.took, 0))
    return halves


def _values(took: list[int]) -> tuple[Value, ...]:
    ordered = sorted(took)
    return len(ordered), _within(ordered, 50), _within(ordered, 90)


def _within(ordered: Sequence[int], percent: int) -> Decimal | None:
    """The shortest time within which at least so many of them were clicked, in hours."""
    if not ordered:
        return None
    return Decimal(ordered[-(-len(ordered) * percent // 100) - 1]) / HOUR
