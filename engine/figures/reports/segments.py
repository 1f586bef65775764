"""`report segments`: how many are in each segment, who came in and who left."""

from __future__ import annotations

from collections import Counter

from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import SumMetric, Totals, counted
from engine.figures.period import Period
from engine.figures.report import Table, row
from engine.figures.sums import Sums, add, by_granularity
from engine.store.audience import memberships
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import date_of, first_day, sums
from engine.values import Instant

_COUNTED = "times: who comes twice counts twice"
_NOTED = "on the day on which it was noted"

MEMBERS = SumMetric(
    "members", "members now", "count", "who is in the segment", "people", "now, whatever the period is", "",
    lambda totals: totals.inside,
)  # fmt: skip
ENTERED = counted(
    "entered", "came in", Count.ENTERED, "that somebody came into the segment", _COUNTED, _NOTED
)
LEFT = counted(
    "left", "left", Count.LEFT,
    "that somebody left the segment; who is erased, or turns out to be somebody else, has not left it",
    _COUNTED, _NOTED,
)  # fmt: skip
SEGMENTS: tuple[SumMetric, ...] = (MEMBERS, ENTERED, LEFT)
PARTS: tuple[SumMetric, ...] = (ENTERED, LEFT)

_MOVES = (Count.ENTERED, Count.LEFT)


def segments(scope: ReportScope) -> ReportContent:
    """A line for each segment that is published or in which anybody is."""
    conn, period = scope.conn, scope.wanted.period
    now, then = _by_segment(scope, period), _by_segment(scope, scope.before)
    members = {name: found.members for name, found in memberships.counts(conn, Instant(scope.now)).items()}
    came: dict[str, Counter[int]] = {}
    by_day = sums(conn, period.first, period.last, ("why", "day"), what=Count.ENTERED)
    for (name, day), total in by_day.items():
        came.setdefault(str(name), Counter())[(date_of(int(day)) - period.first).days] += total.n
    lines = [
        row(
            name, SEGMENTS, Totals(now.get(name, {}), members.get(name, 0)), Totals(then.get(name, {})),
            tuple(came.get(name, Counter())[day] for day in range(period.days)),
            "" if name in scope.journeys.segments else "no longer in the project",
        )
        for name in sorted({*scope.journeys.segments, *members, *now, *then})
    ]  # fmt: skip
    table = Table(
        "segments", "Segments", "segment", SEGMENTS, tuple(lines), ENTERED.title, note="remarks",
        remarks=(_DEPLOYED,) if lines else (),
    )  # fmt: skip
    parts = by_granularity(conn, period, scope.wanted.by, PARTS, whats=_MOVES)
    notes = [] if lines else ["There is no segment."]
    first = first_day(conn, *_MOVES)
    if first is not None and first > scope.before.first:
        notes.append(f"Who came and left is counted since {first.isoformat()}: of earlier days nobody knows.")
    return ReportContent((table, *parts), tuple(notes))


_DEPLOYED = (
    "A segment whose conditions a deployment changes is left and entered by everybody for whom that matters."
)


def _by_segment(scope: ReportScope, period: Period) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    moves = sums(scope.conn, period.first, period.last, ("what", "why"), what=_MOVES)
    for (what, name), total in moves.items():
        add(found.setdefault(str(name), {}), (str(what), ""), total)
    return found
