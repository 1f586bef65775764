"""What became of a message: handed over, returned, bounced, unknown; and the code that a pool gave."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.advance import advance, move_on
from engine.core.cascade import hand_over, next_part, try_send
from engine.core.decision_context import DecisionContext
from engine.core.effects import Trace
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    SentMessage,
)
from engine.core.facts.customer import Reach
from engine.core.goal import leave_if_over
from engine.core.happening import CodeTaken, MessageOutcome, MessageReturned, MessageSent, Reaction
from engine.core.journey import END, CodeStep, SendStep
from engine.core.reactions import change_part, end_by_reaction, follow_reaction, note_reaction, part_of
from engine.core.steps.code import hold_code
from engine.core.timing.learned_interval import listen_until
from engine.core.transition import Transition
from engine.values import Instant

REFUSED = frozenset(("refused", "failed", "suppressed", "not on the deliver_only list"))
"""Why a message came back when asking again is no use: the channel did not take it, or may not take it."""

SKIPPED = frozenset(("no code", "dry run"))
"""Why a message came back when the step is over: no channel can have it."""


def handle_sent(context: DecisionContext, handed: MessageSent) -> None:
    """The message left: the clock of the run is this moment. A key that was cancelled is ignored."""
    run = _handing(context, handed.enrollment, handed.key)
    if run is not None:
        _go_on(run, handed.at, handed.number, unknown=False)
        run.complete()


def handle_returned(context: DecisionContext, returned: MessageReturned) -> None:
    """The message did not leave: its place is free, and all rules are asked again; a refusal passes the channel over."""
    run = _handing(context, returned.enrollment, returned.key)
    if run is None:
        return
    rest = run.enrollment.state
    assert isinstance(rest, AwaitingSend)
    context.release_slot(returned.key)
    run.add_trace(
        "note", run.subscription.steps_by_id.get(rest.step), rest.channel, f"returned: {returned.why}"
    )
    refused = returned.why in REFUSED
    _ask_again(run, rest, refused=refused, why=returned.why)
    run.complete()


def handle_outcome(context: DecisionContext, outcome: MessageOutcome) -> None:
    """A bounce closes the channel for good, whatever became of the run, and moves a listening cascade on at once."""
    known = context.enrollments.get(outcome.enrollment)
    found = part_of(known, outcome.key) if known is not None else None
    if outcome.kind == "bounced":
        channel = outcome.channel or (found[1].channel if found is not None else "")
        _close_channel(context, channel, outcome)
    interest = context.subscription(known) if known is not None else None
    if known is None or interest is None:
        return
    if found is None:
        if outcome.kind == "unknown" and _is_handing(known, outcome.key):
            transition = Transition.begin(context, interest, known)
            _go_on(transition, outcome.at, outcome.number, unknown=True)
            transition.complete()
        elif outcome.kind in ("refused", "bounced") and _is_handing(known, outcome.key):
            handle_returned(
                context,
                MessageReturned(outcome.number, outcome.at, outcome.key, outcome.enrollment, "refused"),
            )
        return
    step_id, part = found
    if outcome.kind in ("settled", "accepted", "delivered") and not _is_unknown(known, part):
        return
    transition = Transition.begin(context, interest, known)
    if outcome.kind in ("bounced", "not_sent", "refused"):
        if not part.bounced:  # it never arrived, so nobody could react to it
            context.facts.engagement = context.facts.engagement.with_sent(part.channel, -1)
        change_part(transition.enrollment, step_id, part, replace(part, bounced=True))
    if outcome.kind == "complained":
        transition.add_trace(
            "reaction", interest.steps_by_id.get(step_id), part.template, f"complained {part.channel}"
        )
        _end_cascade(transition, step_id)
    if outcome.kind == "bounced":
        transition.add_trace("bounce", interest.steps_by_id.get(step_id), part.template, part.channel)
        transition.emit("message_bounced", step_id, part.template, part.channel, outcome.at)
    elif outcome.kind == "unknown":
        transition.add_trace("unknown", interest.steps_by_id.get(step_id), part.template, part.channel)
    _settle(transition, outcome, part)
    transition.complete()


def handle_reaction(context: DecisionContext, reaction: Reaction) -> None:
    """A click or an open: kept with the run, asked about at once, and followed by what waited for it."""
    known = context.enrollments.get(reaction.enrollment)
    interest = context.subscription(known) if known is not None else None
    if known is None or interest is None or part_of(known, reaction.key) is None:
        return
    transition = Transition.begin(context, interest, known)
    note_reaction(transition, reaction)
    if transition.enrollment.is_open and not leave_if_over(transition):
        following = follow_reaction(transition, reaction)
        if following is not None:
            move_on(transition, following)
    transition.complete()


def handle_code(context: DecisionContext, taken: CodeTaken) -> None:
    """The pool gave a code, or it is empty: then the run rests and its owner is told."""
    known = context.enrollments.get(taken.enrollment)
    interest = context.subscription(known) if known is not None else None
    if known is None or interest is None or not isinstance(known.state, AwaitingCode):
        return
    step = interest.steps_by_id.get(known.state.step)
    if not isinstance(step, CodeStep) or step.pool.name != taken.pool:
        return
    transition = Transition.begin(context, interest, known)
    if taken.value is None:
        transition.add_trace("note", step, taken.pool, "no code left")
        transition.effects.append(
            context.alert(
                transition.enrollment, f"the pool {taken.pool} is empty; people wait at this step for a code"
            )
        )
    elif not leave_if_over(transition):
        transition.enrollment.state = transition.enrollment.due = None
        hold_code(transition, step, taken.value)
        move_on(transition, step.next)
    transition.complete()


def _is_handing(enrollment: Enrollment, key: str) -> bool:
    return isinstance(enrollment.state, AwaitingSend) and enrollment.state.key == key


def _is_unknown(enrollment: Enrollment, part: SentMessage) -> bool:
    return (
        isinstance(enrollment.state, AwaitingReaction)
        and enrollment.state.unknown
        and enrollment.state.channel == part.channel
    )


def _handing(context: DecisionContext, enrollment: str, key: str) -> Transition | None:
    """The run in hand if this is the message it is waiting to hand over."""
    known = context.enrollments.get(enrollment)
    interest = context.subscription(known) if known is not None else None
    if known is None or interest is None or not _is_handing(known, key):
        return None
    return Transition.begin(context, interest, known)


def _go_on(transition: Transition, at: Instant, number: int, *, unknown: bool) -> None:
    following = hand_over(transition, at, number, unknown=unknown)
    if following is not None:
        move_on(transition, following)


def _ask_again(transition: Transition, rest: AwaitingSend, *, refused: bool, why: str) -> None:
    step = transition.subscription.steps_by_id.get(rest.step)
    if leave_if_over(transition):
        return
    if not isinstance(step, SendStep):
        advance(transition, END, asked=True)
        return
    if why in SKIPPED:
        transition.enrollment.state = transition.enrollment.due = None
        transition.enrollment.skipped[step.id] = why
        transition.enrollment.clock = max(transition.enrollment.clock, transition.now)
        transition.add_trace("skip", step, step.template, why)
        move_on(transition, step.next)
        return
    tried = (*rest.tried, rest.channel) if refused else rest.tried
    following = try_send(transition, step, rest.first_due, tried)
    if following is not None:
        move_on(transition, following)


def _end_cascade(transition: Transition, step_id: str) -> None:
    """Who calls a message spam gets it on no other channel: a complaint ends a cascade as a reaction does."""
    rest, step = transition.enrollment.state, transition.subscription.steps_by_id.get(step_id)
    if not (
        isinstance(step, SendStep)
        and step.is_cascade
        and isinstance(rest, AwaitingReaction | Deferred | AwaitingSend)
    ):
        return
    if rest.step == step_id and transition.enrollment.is_open and not leave_if_over(transition):
        move_on(transition, end_by_reaction(transition, step, transition.now))


def _settle(transition: Transition, outcome: MessageOutcome, part: SentMessage) -> None:
    """What an outcome means for a cascade that listens after this very message."""
    it, rest = transition.enrollment, transition.enrollment.state
    if not isinstance(rest, AwaitingReaction) or rest.channel != part.channel or not it.is_open:
        return
    step = transition.subscription.steps_by_id.get(rest.step)
    if not isinstance(step, SendStep):
        return
    match outcome.kind:
        case "unknown":
            it.state = replace(rest, unknown=True)
            it.due = None
        case "settled" | "accepted" | "delivered":
            if rest.unknown:
                it.state = replace(rest, unknown=False)
                it.due = listen_until(transition, step, it.state)
        case "bounced" | "not_sent" | "refused":
            if transition.journey.state == "paused":
                it.due = Due(transition.now)  # nobody moves: the next channel is asked for at the resume
            elif not leave_if_over(transition):
                following = next_part(transition, step, rest, _due_since(transition, step, rest))
                if following is not None:
                    advance(transition, following)
        case _:
            pass


def _due_since(transition: Transition, step: SendStep, rest: AwaitingReaction) -> Instant:
    """Since when the next channel is due. After an unknown message, since the moment at which it would have been tried: a
    week later nobody wants it any more."""
    return min(transition.now, listen_until(transition, step, rest).at) if rest.unknown else transition.now


def _close_channel(context: DecisionContext, channel: str, outcome: MessageOutcome) -> None:
    if not channel:
        return
    reach = context.facts.reach.get(channel, Reach())
    context.writable("reach").reach[channel] = replace(reach, bounced=True)
    context.reach_changed = True
    context.add_trace(
        Trace(context.now, "note", "", outcome.enrollment, subject=channel, detail="closed by a bounce")
    )
