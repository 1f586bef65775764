"""The interpreter: what happens to one customer at one moment, in the one order that counts
(design/language 2.9, 2.13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from msgspec import Struct

from engine.core.codes import NO_CODES, CodeSource
from engine.core.decision import loyalty
from engine.core.decision.causes import NO_CAUSES
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Decision
from engine.core.decision.ending import end
from engine.core.decision.transition import Transition
from engine.core.enrollment import Enrollment
from engine.core.facts.customer import CustomerState
from engine.core.handlers.event_handlers import (
    apply_changes,
    handle_event,
    handle_inside_change,
    handle_product_change,
    handle_profile_change,
    handle_redefined_facts,
    handle_segment_change,
)
from engine.core.handlers.joining import handle_joined
from engine.core.handlers.message_outcomes import (
    handle_code,
    handle_outcome,
    handle_reaction,
    handle_returned,
    handle_sent,
)
from engine.core.handlers.product_starts import end_collecting
from engine.core.handlers.segments import cross
from engine.core.happening import (
    CodeTaken,
    Event,
    FactsRedefined,
    Happening,
    InsideChanged,
    Joined,
    MemberAdmitted,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    PointsSpent,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
    Wake,
)
from engine.core.journeys import Journeys
from engine.core.lifecycle.advance import wake
from engine.core.lifecycle.goal import leave_if_due, look_ahead
from engine.core.lifecycle.trigger import start_by_admission, start_by_clock
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
    sends_at_once: bool = False,
    folded: bool = False,
    codes: CodeSource = NO_CODES,
) -> Decided:
    """Applies what happened, in order of number, and then wakes what is due at `now`, oldest first.

    Pure, total and deterministic: `customer` is not changed, nothing raises, the same arguments give the same
    answer. `now` is the moment of every decision; what happened keeps its own moments. `wakes=False` only
    applies the happenings: for callers who have more of the same moment to come. `sends_at_once=True` hands
    every message over in the moment it is planned, for stories and replay, where that takes no time.
    `folded=True`: the facts of `customer` count the event already. `codes`: what generated
    codes are drawn with.
    """
    context = DecisionContext.of(customer, journeys, now, sends_at_once=sends_at_once)
    context.folded, context.codes = folded, codes
    # Before anything happens to them: what arrives for a stopped journey finds nobody inside.
    if context.index.stopped:
        _stop(context)
    # Equal moments are decided by the order of receipt (2.13), in which two batches may have arrived mixed.
    if len(happenings) > 1:
        happenings = sorted(happenings, key=lambda happening: happening.number)
    for happening in happenings:
        # A happening from an older batch must not take the number back: numbers order what waits look for.
        context.number = max(context.number, happening.number)
        context.causes = happening.causes if isinstance(happening, Event) else NO_CAUSES
        _take(context, happening)
        # A start runs its first steps, and what they wrote has its consequences, before the
        # next event (2.20).
        apply_changes(context)
    context.causes = NO_CAUSES
    # Last: after a downtime all that was received counts before anything that was due (2.13).
    if wakes:
        _wake_all(context)
    look_ahead(context)
    return Decided(context.state(), tuple(context.decisions))


def next_due(state: CustomerState, journeys: Journeys | None = None) -> Instant | None:
    """When the customer must be looked at next though nothing happens: the first due run, segment crossing,
    end of collecting, change of points, or goal or exit that time makes true.

    None: never. With `journeys`, runs of paused journeys are left out: nobody moves there.
    """
    earliest, paused = NEVER, journeys.index.paused if journeys is not None else NOBODY
    for enrollment in state.enrollments.values():
        due = enrollment.due
        # One that ended and is only watched needs no look: the event that it is watched for brings its own.
        if (
            due is not None
            and due.at < earliest
            and enrollment.outcome is None
            and enrollment.journey not in paused
        ):
            earliest = due.at
    if state.crossings:
        earliest = min(earliest, *state.crossings.values())
    for collecting in state.collecting.values():
        earliest = min(earliest, collecting.until)
    if state.turns:
        earliest = min(earliest, *state.turns.values())
    if state.points_due is not None:
        earliest = min(earliest, state.points_due)
    return earliest if earliest < NEVER else None


def _take(context: DecisionContext, happening: Happening) -> None:
    match happening:
        case Event():
            handle_event(context, happening)
        case MessageSent():
            handle_sent(context, happening)
        case Reaction():
            handle_reaction(context, happening)
        case MessageOutcome():
            handle_outcome(context, happening)
        case ProfileChanged():
            handle_profile_change(context, happening)
        case SegmentChanged():
            handle_segment_change(context, happening)
        case MemberAdmitted():
            start_by_admission(context, happening)
        case FactsRedefined():
            handle_redefined_facts(context, happening)
        case InsideChanged():
            handle_inside_change(context, happening)
        case Occurrence():
            start_by_clock(context, happening)
        case ProductChanged():
            handle_product_change(context, happening)
        case MessageReturned():
            handle_returned(context, happening)
        case CodeTaken():
            handle_code(context, happening)
        case PointsSpent():
            loyalty.of_spending(context, happening)
        case Joined():
            handle_joined(context, happening)
        case Wake():
            pass  # the time alone: `_wake_all` looks at what is due
        case _:
            assert_never(happening)


def _wake_all(context: DecisionContext) -> None:
    """Points that end, segments that time crosses, runs that it ends, starts that were collected, then the
    runs that are due, the oldest moment first."""
    # Points that end and tiers that are left may take the customer out of a segment.
    if context.points_due is not None and context.points_due <= context.now:
        loyalty.of_time(context)
        apply_changes(context)
    # Segments first: leaving one may make an `exit_if` true, and that beats the end of a wait (2.9).
    if context.crossings:
        crossed = [(at, segment) for segment, at in context.crossings.items() if at <= context.now]
        for at, segment in sorted(crossed):
            change = cross(context, segment, at)
            if change is not None:
                handle_segment_change(context, change)
                apply_changes(context)
    if context.turns:
        # Runs that time alone may end, before those that are due: goal and exit beat the end of a wait
        # (2.9).
        turned = [(at, run) for run, at in context.turns.items() if at <= context.now]
        for at, run in sorted(turned):
            del context.turns[run]
            enrollment = context.enrollments.get(run)
            if enrollment is not None:
                leave_if_due(context, enrollment, turned_at=at)
                apply_changes(context)
    if context.collecting:
        end_collecting(context)
        apply_changes(context)
    _wake_due(context)


def _wake_due(context: DecisionContext) -> None:
    """The runs that are due, the oldest moment first."""
    woken: dict[str, int] = {}
    due = _due_runs(context, woken)
    while due:
        enrollment, decided = due.pop(), len(context.decisions)
        woken[enrollment.id] = woken.get(enrollment.id, 0) + 1
        subscription = context.subscription(enrollment)
        assert subscription is not None
        transition = Transition.begin(context, subscription, enrollment)
        wake(transition)
        transition.complete()
        apply_changes(context)
        # Found anew where this moved others or started some, or is due again at once; not each time, since
        # many may be due together.
        is_due_again = transition.enrollment.due is not None and transition.enrollment.due.at <= context.now
        others = context.decisions[decided + 1 :]
        if is_due_again or (others and any(decision.enrollment is not None for decision in others)):
            due = _due_runs(context, woken)


def _due_runs(context: DecisionContext, woken: Mapping[str, int]) -> list[Enrollment]:
    """Who is due, the last to be woken first. Nobody moves in a paused journey, nor in one that is no longer
    published."""
    now, index = context.now, context.index
    due = [
        run
        for run in context.enrollments.values()
        if run.outcome is None
        and run.due is not None
        and run.due.at <= now
        and run.journey in index.subscriptions
        and run.journey not in index.paused
        # A run only goes forward: one that is due more often than it has steps does not move.
        and woken.get(run.id, 0) <= len(index.subscriptions[run.journey].journey.steps)
    ]
    return sorted(due, key=lambda run: _due_order(context, run), reverse=True) if len(due) > 1 else due


def _due_order(context: DecisionContext, enrollment: Enrollment) -> tuple[Instant, int, Instant, str]:
    """The oldest moment first. Messages that become due together are decided together, by priority: the first
    of them gets the last free place under a cap (2.13 rule 6)."""
    assert enrollment.due is not None
    return enrollment.due.at, *context.precedence(enrollment)


def _stop(context: DecisionContext) -> None:
    """A stopped journey lets everybody go at once."""
    # A copy of the values, here and below: whoever is let go leaves the dictionary.
    for enrollment in list(context.enrollments.values()):
        if enrollment.outcome is None and enrollment.journey in context.index.stopped:
            subscription = context.subscription(enrollment)
            assert subscription is not None
            transition = Transition.begin(context, subscription, enrollment)
            transition.add_trace("stopped")
            end(transition, "stopped")
            transition.complete()
