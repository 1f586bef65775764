"""What became of a message: handed over, returned, bounced, unknown; and the code that a pool gave."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Decision, GiveBack, Trace
from engine.core.decision.transition import Transition
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
from engine.core.happening import CodeTaken, MessageOutcome, MessageReturned, MessageSent, Reaction
from engine.core.journey import END, CodeStep, SendStep
from engine.core.lifecycle.advance import advance, move_on
from engine.core.lifecycle.cascade import hand_over, try_send
from engine.core.lifecycle.goal import leave_if_over
from engine.core.lifecycle.reactions import (
    end_by_reaction,
    follow_reaction,
    note_reaction,
    replace_message,
    sent_message_of,
)
from engine.core.reasons import ReturnReason, SkipReason
from engine.core.steps.code import hold_code, offer_of, rest_without_code, take_code
from engine.core.timing.due import listen_until
from engine.values import Instant

REFUSED = frozenset((
    ReturnReason.REFUSED, ReturnReason.FAILED, ReturnReason.SUPPRESSED, ReturnReason.NOT_LISTED,
))  # fmt: skip
"""Asking again is no use: the channel did not take it, or may not take it; the next one may."""

SKIPPED = {
    ReturnReason.NO_CODE: SkipReason.NO_CODE,
    ReturnReason.DRY_RUN: SkipReason.DRY_RUN,
    ReturnReason.SAME_ADDRESS: SkipReason.SAME_ADDRESS,
}
"""The step is over: no channel can have the message."""


def handle_sent(context: DecisionContext, handed: MessageSent) -> None:
    """The message left: the clock of the run is this moment. A key that was cancelled is ignored."""
    transition = _transition_of(context, handed.enrollment, handed.key)
    if transition is not None:
        _go_on(transition, handed.at, handed.number, unknown=False)
        transition.complete()


def handle_returned(context: DecisionContext, returned: MessageReturned) -> None:
    """The message did not leave: its place is free, and all rules are asked again; a refusal passes the
    channel over."""
    transition = _transition_of(context, returned.enrollment, returned.key)
    if transition is None:
        return
    state = transition.enrollment.state
    assert isinstance(state, AwaitingSend)
    # Before the rules are asked again: a message must not be capped by its own place.
    context.release_slot(returned.key)
    transition.add_trace(
        "note",
        transition.subscription.steps_by_id.get(state.step),
        state.channel,
        f"returned: {returned.reason}",
    )
    _ask_again(transition, state, returned.reason)
    transition.complete()


def handle_outcome(context: DecisionContext, outcome: MessageOutcome) -> None:
    """A bounce closes the channel for good, whatever became of the run, and moves a listening cascade on
    at once."""
    enrollment = context.enrollments.get(outcome.enrollment)
    sent = sent_message_of(enrollment, outcome.key) if enrollment is not None else None
    # First, and without a run if need be: a bounce closes the channel for every other journey, too.
    if outcome.kind == "bounced":
        channel = outcome.channel or (sent[1].channel if sent is not None else "")
        _close_channel(context, channel, outcome)
    subscription = context.subscription(enrollment) if enrollment is not None else None
    if enrollment is None or subscription is None:
        return
    # The provider's answer may arrive before anybody noted the hand-over: an unknown counts as one (2.14).
    if sent is None:
        if outcome.kind == "unknown" and _awaits_send_of(enrollment, outcome.key):
            transition = Transition.begin(context, subscription, enrollment)
            _go_on(transition, outcome.at, outcome.number, unknown=True)
            transition.complete()
        elif outcome.kind in ("refused", "bounced") and _awaits_send_of(enrollment, outcome.key):
            # Nothing was handed over, so this is a return: the channel is passed over.
            handle_returned(
                context,
                MessageReturned(
                    outcome.number, outcome.at, outcome.key, outcome.enrollment, ReturnReason.REFUSED
                ),
            )
        return
    step_id, message = sent
    state = enrollment.state
    # Good news about a message that nobody doubted changes nothing, so the run need not be forked.
    if outcome.kind in ("settled", "accepted", "delivered") and not (
        isinstance(state, AwaitingReaction) and state.unknown and state.channel == message.channel
    ):
        return
    transition = Transition.begin(context, subscription, enrollment)
    if outcome.kind in ("bounced", "not_sent", "refused"):
        if not message.bounced:  # it never arrived, so nobody could react to it
            facts = context.own_facts()
            facts.engagement = facts.engagement.with_sent(message.channel, -1)
        replace_message(transition.enrollment, step_id, message, replace(message, bounced=True))
    # A complaint ends the cascade before the outcome is settled below, so that no next channel is tried.
    if outcome.kind == "complained":
        transition.add_trace(
            "reaction",
            subscription.steps_by_id.get(step_id),
            message.template,
            f"complained {message.channel}",
        )
        _end_cascade(transition, step_id)
    if outcome.kind == "bounced":
        transition.add_trace(
            "bounce", subscription.steps_by_id.get(step_id), message.template, message.channel
        )
        transition.emit("message_bounced", step_id, message.template, message.channel, outcome.at)
    elif outcome.kind == "unknown":
        transition.add_trace(
            "unknown", subscription.steps_by_id.get(step_id), message.template, message.channel
        )
    _settle(transition, outcome, message)
    transition.complete()


def handle_reaction(context: DecisionContext, reaction: Reaction) -> None:
    """A click or an open: kept with the run, asked about at once, and followed by what waited for it."""
    enrollment = context.enrollments.get(reaction.enrollment)
    subscription = context.subscription(enrollment) if enrollment is not None else None
    if enrollment is None or subscription is None or sent_message_of(enrollment, reaction.key) is None:
        return
    transition = Transition.begin(context, subscription, enrollment)
    # Noted before the questions: goal and `exit_if` may ask for this very click.
    note_reaction(transition, reaction)
    if transition.enrollment.is_open and not leave_if_over(transition):
        following = follow_reaction(transition, reaction)
        if following is not None:
            move_on(transition, following)
    transition.complete()


def handle_code(context: DecisionContext, taken: CodeTaken) -> None:
    """The pool gave a code, or it is empty: then the run rests and its owner is told. A code that nobody
    waits for any more goes back."""
    enrollment = context.enrollments.get(taken.enrollment)
    subscription = context.subscription(enrollment) if enrollment is not None else None
    state = enrollment.state if enrollment is not None and subscription is not None else None
    if (
        enrollment is None
        or subscription is None
        or not isinstance(state, AwaitingCode)
        or not isinstance(step := subscription.steps_by_id.get(state.step), CodeStep)
    ):
        if taken.value is not None:
            context.decisions.append(Decision(None, (_unwanted(taken),), ()))
        return
    transition = Transition.begin(context, subscription, enrollment)
    offer = offer_of(transition, step, taken.pool)
    following: int | None = None
    # The pools of this step were changed while it waited: the code of another one is none of its codes.
    if offer is None:
        if taken.value is not None:
            transition.effects.append(_unwanted(taken))
        if not leave_if_over(transition):
            transition.enrollment.state = transition.enrollment.due = None
            following = take_code(transition, step)
    elif taken.value is None:
        rest_without_code(transition, step, taken.pool)
    elif leave_if_over(transition):
        transition.effects.append(_unwanted(taken))
    else:
        transition.enrollment.state = transition.enrollment.due = None
        hold_code(transition, step, offer, taken.value)
        following = step.next
    if following is not None:
        move_on(transition, following)
    transition.complete()


def _unwanted(taken: CodeTaken) -> GiveBack:
    return GiveBack(taken.enrollment, taken.pool, taken.value or "")


def _awaits_send_of(enrollment: Enrollment, key: str) -> bool:
    return isinstance(enrollment.state, AwaitingSend) and enrollment.state.key == key


def _transition_of(context: DecisionContext, enrollment_id: str, key: str) -> Transition | None:
    """A decision about the run, if this is the message that it is waiting to hand over."""
    enrollment = context.enrollments.get(enrollment_id)
    subscription = context.subscription(enrollment) if enrollment is not None else None
    if enrollment is None or subscription is None or not _awaits_send_of(enrollment, key):
        return None
    return Transition.begin(context, subscription, enrollment)


def _go_on(transition: Transition, at: Instant, number: int, *, unknown: bool) -> None:
    following = hand_over(transition, at, number, unknown=unknown)
    if following is not None:
        move_on(transition, following)


def _ask_again(transition: Transition, state: AwaitingSend, reason: ReturnReason) -> None:
    step = transition.subscription.steps_by_id.get(state.step)
    # Always from rule 1 on (2.13).
    if leave_if_over(transition):
        return
    if not isinstance(step, SendStep):
        advance(transition, END, asked=True)
        return
    if reason in SKIPPED:
        transition.enrollment.state = transition.enrollment.due = None
        transition.enrollment.skipped[step.id] = SKIPPED[reason]
        transition.enrollment.clock = max(transition.enrollment.clock, transition.now)
        transition.add_trace("skip", step, step.template, SKIPPED[reason].value)
        move_on(transition, step.next)
        return
    # A channel that refused is passed over; one that was merely too late may be tried again.
    tried = (*state.tried, state.channel) if reason in REFUSED else state.tried
    following = try_send(transition, step, state.first_due, tried)
    if following is not None:
        move_on(transition, following)


def _end_cascade(transition: Transition, step_id: str) -> None:
    """Who calls a message spam gets it on no other channel: a complaint ends a cascade as a reaction does."""
    state, step = transition.enrollment.state, transition.subscription.steps_by_id.get(step_id)
    if not (
        isinstance(step, SendStep)
        and step.is_cascade
        and isinstance(state, AwaitingReaction | Deferred | AwaitingSend)
    ):
        return
    if state.step == step_id and transition.enrollment.is_open and not leave_if_over(transition):
        move_on(transition, end_by_reaction(transition, step, transition.now))


def _settle(transition: Transition, outcome: MessageOutcome, message: SentMessage) -> None:
    """What an outcome means for a cascade that listens after this very message."""
    enrollment, state = transition.enrollment, transition.enrollment.state
    if not isinstance(state, AwaitingReaction) or state.channel != message.channel or not enrollment.is_open:
        return
    step = transition.subscription.steps_by_id.get(state.step)
    if not isinstance(step, SendStep):
        return
    match outcome.kind:
        case "unknown":
            enrollment.state = replace(state, unknown=True)
            enrollment.due = None
        case "settled" | "accepted" | "delivered":
            if state.unknown:
                enrollment.state = replace(state, unknown=False)
                enrollment.due = listen_until(transition, step, enrollment.state)
        case "bounced" | "not_sent" | "refused":
            if transition.journey.state == "paused":
                # Nobody moves: the next channel is asked for at the resume.
                enrollment.due = Due(transition.now)
            elif not leave_if_over(transition):
                # The next channel is due since now; after an unknown message, since the moment at which it
                # would have been tried: when that is settled a week later, nobody wants it any more (rule 4).
                first_due = transition.now
                if state.unknown:
                    first_due = min(first_due, listen_until(transition, step, state).at)
                following = try_send(transition, step, first_due, state.tried)
                if following is not None:
                    advance(transition, following)
        case _:
            pass


def _close_channel(context: DecisionContext, channel: str, outcome: MessageOutcome) -> None:
    if not channel:
        return
    reach = context.facts.reach.get(channel, Reach())
    context.writable("reach").reach[channel] = replace(reach, bounced=True)
    context.reach_changed = True
    context.add_trace(
        Trace(context.now, "note", "", outcome.enrollment, subject=channel, detail="closed by a bounce")
    )
