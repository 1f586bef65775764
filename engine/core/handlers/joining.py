"""Two ids turn out to be one person (an alias, a sign-in): whose runs go on, and what is asked of them again.

What one id would have sent is the measure: a run that one person would not have begun, or a way that they
would not have taken, ends, so that nothing leaves that the other half of the history forbids
(design/language 2.21).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.core.conditions.dependencies import Dependencies, dependencies_of
from engine.core.conditions.scope import Scope
from engine.core.decision import loyalty
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.ending import cancel_planned, end
from engine.core.decision.transition import Transition
from engine.core.enrollment import (
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Enrollment,
    Waiting,
    note_leaving,
)
from engine.core.facts.customer import can_reach
from engine.core.happening import HistoryHalf, Joined
from engine.core.journey import END, Again, Question, SendStep, Step, WaitStep
from engine.core.lifecycle.advance import move_on
from engine.core.lifecycle.cascade import try_send
from engine.core.lifecycle.goal import known_goal, leave_if_due
from engine.core.lifecycle.reactions import end_by_reaction, reaction_there
from engine.core.steps.branch import ChooseStep, IfStep
from engine.core.steps.wait import end_if_there
from engine.core.timing.frequency_caps import has_free_slot
from engine.values import Instant, plus

JOINED = "joined"
"""How a run ends that gives way to the run, or to the history, of the same person."""

ALWAYS = Again("always")

MOST_MOMENTS = 50
"""So many of the latest events of a name are looked at for a question that time has a part in."""


# --- whose runs go on ---------------------------------------------------------------------------


def merge_enrollments(
    ours: Iterable[Enrollment],
    theirs: Iterable[Enrollment],
    under_way: Collection[str],
    again: Mapping[str, Again],
    zone: ZoneInfo,
    now: Instant,
) -> tuple[list[Enrollment], list[str]]:
    """The runs of both halves, as they are from now on, and the send keys of planned messages that are taken
    back.

    One person has one run of a journey and key at a time, and begins one only where `again` (by journey)
    allows it. Of two open runs the one goes on that has sent more, else the older one; under `restart` the
    newer one, unless the older had sent something when it began. Whatever gives way leaves what it has sent
    and done to the run that goes on, so that it is not sent or done again. `under_way`: keys of messages that
    may be leaving at this moment; they count as sent.
    """
    halves: dict[tuple[str, str], tuple[list[Enrollment], list[Enrollment]]] = {}
    for half, enrollments in enumerate((ours, theirs)):
        for enrollment in sorted(enrollments, key=_start):
            key = (enrollment.journey, enrollment.key)
            halves.setdefault(key, ([], []))[half].append(enrollment)
    merged: list[Enrollment] = []
    cancelled: list[str] = []
    for (journey, _), (known, others) in halves.items():
        runs, taken_back = _merge(known, others, under_way, again.get(journey, ALWAYS), zone, now)
        merged += runs
        cancelled += taken_back
    return merged, cancelled


def behind(run: Enrollment, last_number: int, shared: Collection[Instant]) -> Enrollment:
    """A run of the other id whose events are received again, under numbers up to `last_number`: with its
    start and its windows behind them, so that the event that began it is neither its goal nor awaited.

    `shared`: moments at which something happened under the id that stays, too, or something of either one is
    not decided yet. There the order of receipt says whether that came after the start, and nothing changes: a
    goal that is taken too early sends nothing, one that is lost sends what nobody wants.
    """
    if not run.is_open and run.watch_until is None:
        return run
    moved = run.fork()
    if run.started_at not in shared:
        moved.started_number = max(run.started_number, last_number)
    if run.window_at not in shared:
        moved.window_number = max(run.window_number, last_number)
    state = run.state
    if isinstance(state, Waiting) and state.opened_at not in shared:
        moved.state = replace(state, opened_number=max(state.opened_number, last_number))
    return moved


def _merge(
    ours: list[Enrollment],
    theirs: list[Enrollment],
    under_way: Collection[str],
    again: Again,
    zone: ZoneInfo,
    now: Instant,
) -> tuple[list[Enrollment], list[str]]:
    """The runs of one journey and key, and what is taken back of them."""
    open_runs = [run for run in (*ours, *theirs) if run.is_open]
    if not ours or not theirs or not open_runs:
        return [*ours, *theirs], []
    first = min(open_runs, key=lambda run: _rank(run, under_way))
    older, newer = min(open_runs, key=_start), max(open_runs, key=_start)
    if again.how == "restart" and older is not newer:
        # A restart takes place until the first message: what the older one sent later it sent for both.
        first = older if _forbids(older, newer, again, zone) else newer
    others = theirs if any(run.id == first.id for run in ours) else ours
    gives_way = [run for run in open_runs if run is not first]
    for other in others:
        if not other.is_open and _start(other) <= _start(first) and _forbids(other, first, again, zone):
            gives_way = open_runs
    # What a run of the other half did that one person would not have begun was done for this one.
    goes_on = first
    for other in others:
        if other in gives_way or (_start(other) > _start(first) and _forbids(first, other, again, zone)):
            goes_on = goes_on.united(_with_leaving(other, under_way, now))
    changed = {first.id: goes_on} | {run.id: _ended(run, now) for run in gives_way}
    # A message that may be leaving at this moment cannot be taken back.
    cancelled = [
        run.state.key
        for run in gives_way
        if isinstance(run.state, AwaitingSend) and run.state.key not in under_way
    ]
    return [changed.get(run.id, run) for run in (*ours, *theirs)], cancelled


def _forbids(first: Enrollment, then: Enrollment, again: Again, zone: ZoneInfo) -> bool:
    """Whether one person who had `first` would not have begun `then` (design/language 2.5)."""
    if again.how == "never" or (first.occurrence is not None and first.occurrence == then.occurrence):
        return True
    if first.ended_at is None or first.ended_at >= then.started_at:
        had_message = any(
            message.handed_at <= then.started_at for messages in first.sent.values() for message in messages
        )
        return again.how != "restart" or had_message
    return again.after is not None and then.started_at < plus(first.started_at, again.after, zone)


def _with_leaving(enrollment: Enrollment, under_way: Collection[str], now: Instant) -> Enrollment:
    """The run with the message that is leaving among those that it has sent."""
    state = enrollment.state
    if not isinstance(state, AwaitingSend) or state.key not in under_way:
        return enrollment
    leaving = enrollment.fork()
    note_leaving(leaving, state, now)
    return leaving


def _ended(enrollment: Enrollment, now: Instant) -> Enrollment:
    given_up = enrollment.fork()
    given_up.outcome, given_up.ended_at = JOINED, now
    # Not watched: its goal is that of the run that goes on.
    given_up.state = given_up.due = given_up.watch_until = None
    given_up.seq += 1
    return given_up


def _start(enrollment: Enrollment) -> tuple[Instant, int, str]:
    """The id decides what is equal, so that it always comes out the same."""
    return enrollment.started_at, enrollment.started_number, enrollment.id


def _rank(enrollment: Enrollment, under_way: Collection[str]) -> tuple[int, tuple[Instant, int, str]]:
    """More messages first, then the older run."""
    leaving = isinstance(enrollment.state, AwaitingSend) and enrollment.state.key in under_way
    return -(sum(map(len, enrollment.sent.values())) + leaving), _start(enrollment)


# --- what is asked again ------------------------------------------------------------------------


def handle_joined(context: DecisionContext, joined: Joined) -> None:
    """Goal and `exit_if`, `who` and the way that was taken, places under caps, what is waited for: everything
    is asked again of every run, with the history of both halves."""
    loyalty.of_time(context)
    for enrollment in _by_precedence(context):
        subscription = context.subscription(enrollment)
        if subscription is None:
            continue
        asked = Transition(context, subscription, subscription.journey, enrollment)
        reached_at = known_goal(asked) if enrollment.goal_at is None else None
        leave_if_due(context, enrollment, reached_at=reached_at)
    theirs = frozenset(joined.runs)
    # The last first: a place under a cap that both halves had taken stays with who takes precedence.
    for enrollment in reversed(_by_precedence(context)):
        subscription = context.subscription(enrollment)
        if subscription is None or not enrollment.is_open or enrollment.holdout:
            continue
        other = joined.ours if enrollment.id in theirs else joined.theirs
        # Not `Transition.begin`: the fork only takes the place of the run if something comes of it.
        transition = Transition(context, subscription, subscription.journey, enrollment.fork())
        if _ask_again(transition, other, is_elsewhere=enrollment.id in theirs):
            context.forked.add(enrollment.id)
            context.enrollments[enrollment.id] = transition.enrollment
            transition.complete()


def _by_precedence(context: DecisionContext) -> list[Enrollment]:
    return sorted(context.enrollments.values(), key=context.precedence)


def _ask_again(transition: Transition, other: HistoryHalf, *, is_elsewhere: bool) -> bool:
    """What the other half of the history does to an open run that neither goal nor exit has ended. False:
    nothing. `is_elsewhere`: it was decided for the other id, whose clock may have shown another time."""
    state = transition.enrollment.state
    step = transition.subscription.steps_by_id.get(state.step or "") if state is not None else None
    why = _why_never(transition, step, other)
    if why:
        transition.add_trace("note", step, JOINED, why)
        end(transition, JOINED)
        return True
    # What ends a cascade may be known to the other half.
    if isinstance(state, AwaitingReaction | Deferred | AwaitingSend) and isinstance(step, SendStep):
        reacted = reaction_there(transition, step)
        if reacted is not None:
            move_on(transition, end_by_reaction(transition, step, reacted))
            return True
    match state, step:
        case AwaitingSend(), SendStep() if not state.unknown and not (
            _may_leave(transition, state, step) and (not is_elsewhere or step.policy.quiet is None)
        ):
            cancel_planned(transition, JOINED)
            following = try_send(transition, step, state.first_due, state.tried)
        case Deferred(), SendStep() if not can_reach(
            transition.context.facts, state.channel, step.policy.consent
        ):
            following = try_send(transition, step, state.first_due, state.tried, state.since)
        case Waiting(), WaitStep():
            following = end_if_there(transition, step)
            if following is None:
                return False
        case _:
            return False
    if following is not None:
        move_on(transition, following)
    return True


def _may_leave(transition: Transition, state: AwaitingSend, step: SendStep) -> bool:
    """Whether a message that is planned would be planned now."""
    facts, caps = transition.context.facts, step.policy.caps
    others = [slot for slot in facts.cap_slots if slot.key != state.key]
    is_first = step.id not in transition.enrollment.sent
    return can_reach(facts, state.channel, step.policy.consent) and (
        not caps or has_free_slot(caps, others, transition.now, facts.zone, state.channel, is_first)
    )


def _why_never(transition: Transition, step: Step | None, other: HistoryHalf) -> str:
    """Why the customer would not be here as one person; "" where they may be. Only questions that read
    something that the other half brought are asked: all others were answered when it was time."""
    journey, started_at = transition.journey, transition.enrollment.started_at
    who, goal = journey.who, journey.goal
    if who is not None and _reads(transition, who, other) and not _answer(transition, who, started_at):
        return "who"
    ends = {"exit_if": journey.exit_if, "goal": goal.when if goal.then == "exit" else None}
    for name, question in ends.items():
        if question is None or not _reads(transition, question, other):
            continue
        if any(_answer(transition, question, at) for at in _moments(transition, question)):
            return name
    if step is not None and not _is_on_the_way(transition, step.index, other):
        return "the way to this step is another one now"
    return ""


def _is_on_the_way(transition: Transition, place: int, other: HistoryHalf) -> bool:
    """Whether one person may have come to a step: a question that the other half has a part in leads where it
    leads at every moment of the run, at all others every way is open."""
    steps = transition.journey.steps
    waiting, seen = [0], {END}
    while waiting:
        index = waiting.pop()
        if index == place:
            return True
        if index not in seen and 0 <= index < len(steps):
            seen.add(index)
            waiting += _ways(transition, steps[index], other)
    return False


def _ways(transition: Transition, step: Step, other: HistoryHalf) -> Iterable[int]:
    """Where a run may have gone on after a step. None: the answer was not the same all the time, and nobody
    knows when one person would have asked."""
    asked = [question for question in step.questions() if _reads(transition, question, other)]
    if not asked:
        return step.targets()
    moments = {at for question in asked for at in _moments(transition, question)}
    ways = [_way(transition, step, at) for at in moments]
    return [target for target in step.targets() if all(target == way for way in ways)]


def _way(transition: Transition, step: Step, at: Instant) -> int:
    match step:
        case IfStep():
            return step.then if _answer(transition, step.question, at) else step.otherwise
        case ChooseStep():
            fitting = (
                target
                for question, _, target in step.paths
                if question is None or _answer(transition, question, at)
            )
            return next(fitting, step.next)
        case _:
            return step.next


def _answer(transition: Transition, question: Question, at: Instant) -> bool:
    """The answer as of a moment of the run, with all that is known today of what happened."""
    return question.test(Scope(transition.context.facts, transition.enrollment, at))


def _moments(transition: Transition, question: Question) -> list[Instant]:
    """When an answer may have changed: the start, what happened since that it reads, now."""
    facts, start = transition.context.facts, transition.enrollment.started_at
    moments = {start, transition.now}
    for name in _dependencies(transition, question).events:
        counter = facts.event_counters.get(name)
        if counter is not None:
            moments |= {counter.first_at, counter.last_at}
        moments |= {event.occurred_at for event in facts.history.get(name, ())[-MOST_MOMENTS:]}
    return sorted(at for at in moments if start <= at <= transition.now)


def _dependencies(transition: Transition, question: Question) -> Dependencies:
    """What a question looks at, also through the segments that it names."""
    context = transition.context
    reads = dependencies_of(question.condition, context.index.rules)
    for name in sorted(reads.segments):
        rule = context.journeys.segments.get(name)
        if rule is not None:
            through = rule.dependencies
            reads |= Dependencies(through.events, attributes=through.attributes, reach=through.reach)
    return reads


def _reads(transition: Transition, question: Question, other: HistoryHalf) -> bool:
    """Whether an answer depends on something that the other half brought."""
    reads = _dependencies(transition, question)
    return (
        not reads.events.isdisjoint(other.events)
        or not reads.attributes.isdisjoint(other.attributes)
        or (reads.reach and other.is_reached)
    )
