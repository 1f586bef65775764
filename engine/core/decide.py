"""The interpreter: what happens to one customer at one moment, in the one order that counts
(design/language 2.9, 2.13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from engine.core.advance import wake
from engine.core.consequences import change_segment, follow_changes, take_changed, take_event, take_product
from engine.core.delivery import take_code_taken, take_handed, take_outcome, take_reaction, take_returned
from engine.core.effects import Decision
from engine.core.ending import end
from engine.core.enrollment import Enrollment
from engine.core.facts import CustomerState
from engine.core.happening import (
    Changed,
    CodeTaken,
    Event,
    Handed,
    Happening,
    Occurrence,
    Outcome,
    ProductChanged,
    Reaction,
    Returned,
    SegmentChanged,
    Wake,
)
from engine.core.journeys import Journeys
from engine.core.membership import cross
from engine.core.run import Run
from engine.core.trigger import start_by_clock
from engine.core.turn import LIMIT, Turn
from engine.values import Instant

NEVER = Instant(2**62)
NOBODY: frozenset[str] = frozenset()


class Decided(Struct, frozen=True):
    """The customer afterwards, and what was decided, in order."""

    state: CustomerState
    decisions: tuple[Decision, ...]


def decide(
    customer: CustomerState,
    happenings: Sequence[Happening],
    journeys: Journeys,
    now: Instant,
    *,
    wakes: bool = True,
    hands: bool = False,
    folded: bool = False,
) -> Decided:
    """Applies what happened, in order of number, and then wakes what is due at `now`, oldest first.

    Pure, total and deterministic: `customer` is not changed, nothing raises, the same arguments give the same answer.
    `now` is the moment of every decision; what happened keeps its own moments. `wakes=False` only applies the
    happenings: for those who have more of the same moment to come. `hands=True` hands every message over in the moment
    it is planned, for worlds in which that takes no time. `folded=True`: the facts of `customer` hold the event already.
    """
    turn = Turn.of(customer, journeys, now, hands=hands)
    turn.folded = folded
    if turn.index.stopped:
        _stop(turn)
    if len(happenings) > 1:
        happenings = sorted(happenings, key=_number)
    for happening in happenings:
        turn.number = max(turn.number, happening.number)
        turn.left = LIMIT
        _take(turn, happening)
        follow_changes(turn)
    if wakes:
        _wake_all(turn)
    return Decided(turn.state(), tuple(turn.decisions))


def next_due(state: CustomerState, journeys: Journeys | None = None) -> Instant | None:
    """When the customer must be looked at next though nothing happens: the first due run or segment crossing. None:
    never. With `journeys`, runs of paused journeys are left out: nobody moves there. A run that ended and is only
    watched needs no look: the event that it is watched for brings its own."""
    first, paused = NEVER, journeys.index.paused if journeys is not None else NOBODY
    for run in state.runs.values():
        due = run.due
        if due is not None and due.at < first and run.outcome is None and run.journey not in paused:
            first = due.at
    if state.crossings:
        first = min(first, *state.crossings.values())
    return first if first < NEVER else None


def _take(turn: Turn, happening: Happening) -> None:
    match happening:
        case Event():
            take_event(turn, happening)
        case Handed():
            take_handed(turn, happening)
        case Reaction():
            take_reaction(turn, happening)
        case Outcome():
            take_outcome(turn, happening)
        case Changed():
            take_changed(turn, happening)
        case SegmentChanged():
            change_segment(turn, happening)
        case Occurrence():
            start_by_clock(turn, happening)
        case ProductChanged():
            take_product(turn, happening)
        case Returned():
            take_returned(turn, happening)
        case CodeTaken():
            take_code_taken(turn, happening)
        case Wake():
            pass
        case _:
            assert_never(happening)


def _wake_all(turn: Turn) -> None:
    """Segments that time crosses, then the runs that are due: the oldest moment first; those of one moment by
    priority, the longest waiting, id. All messages that become due together are so decided together."""
    crossed = [(at, segment) for segment, at in turn.crossings.items() if at <= turn.now]
    for at, segment in sorted(crossed):
        turn.left = LIMIT
        change = cross(turn, segment, at)
        if change is not None:
            change_segment(turn, change)
            follow_changes(turn)
    for _ in range(LIMIT):
        now = turn.now
        due = [
            run
            for run in turn.runs.values()
            if run.outcome is None and run.due is not None and run.due.at <= now and _may_move(turn, run)
        ]
        if not due:
            return
        turn.left = LIMIT
        run = due[0] if len(due) == 1 else min(due, key=lambda run: _order(turn, run))
        interest = turn.interest(run)
        assert interest is not None
        hand = Run.take(turn, interest, run)
        wake(hand)
        hand.close()
        follow_changes(turn)


def _may_move(turn: Turn, run: Enrollment) -> bool:
    interest = turn.interest(run)
    return interest is not None and interest.journey.state != "paused"


def _order(turn: Turn, run: Enrollment) -> tuple[Instant, int, Instant, str]:
    interest = turn.interest(run)
    assert interest is not None
    assert run.due is not None
    return run.due.at, interest.rank[0], run.clock, run.id


def _stop(turn: Turn) -> None:
    """A stopped journey lets everybody go at once."""
    for run in list(turn.runs.values()):
        if run.outcome is None and run.journey in turn.index.stopped:
            interest = turn.interest(run)
            assert interest is not None
            hand = Run.take(turn, interest, run)
            hand.say("stopped")
            end(hand, "stopped")
            hand.close()


def _number(happening: Happening) -> int:
    return happening.number
