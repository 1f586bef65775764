"""From "due" to "sent": the rules that every message passes, channel by channel
(design/language 2.10 `send`, 2.13)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.decision.effects import Send
from engine.core.decision.ending import cancel_planned
from engine.core.decision.transition import Transition, lists_of_with, times_of_with, values_of_with
from engine.core.enrollment import AwaitingReaction, AwaitingSend, Deferred, Due, SentMessage
from engine.core.facts.customer import CapSlot, can_reach, caps_of, why_closed, why_silent
from engine.core.facts.learned import channel_order, explanation
from engine.core.journey import END, SendStep
from engine.core.lifecycle.product_validity import why_start_is_over
from engine.core.reasons import HoldReason, SkipReason
from engine.core.timing.due import listen_until
from engine.core.timing.frequency_caps import has_free_slot, next_free_slot
from engine.core.timing.quiet_hours import plausible_zones, quiet_end_in_all_zones, quiet_start_in_all_zones
from engine.ids import derive
from engine.values import Instant, Value, local_date, midnight_after, plus, wall_clock


def send(transition: Transition, step: SendStep) -> int | None:
    """A run reaches a message. One that was sent in this run is not sent again (rule 2)."""
    if step.id in transition.enrollment.sent:
        transition.add_trace("note", step, step.template, "was sent in this run")
        return step.next
    return try_send(transition, step, first_due=transition.enrollment.clock)


def try_send(
    transition: Transition,
    step: SendStep,
    first_due: Instant,
    tried: tuple[str, ...] = (),
    since: Instant | None = None,
) -> int | None:
    """Rules 3 to 7, for the channels that were not tried. Returns where the run goes on when the step is over
    without another message, None when it rests. Rule 1 was asked by the caller.

    `first_due`: the moment it was due, with the holds left out; `since`: when it began to wait for a place.
    """
    channels = _in_order(
        transition, step, tuple(channel for channel in step.channels if channel not in tried)
    )
    # Rule 3: reachable and allowed.
    reachable = _reachable(transition, step, channels)
    if not reachable:
        return _skip(transition, step, SkipReason.UNREACHABLE)
    # Before the moment is looked at: who wants or needs silence is not written to later either.
    facts = transition.context.facts
    silence = why_silent(facts, step.policy, transition.now)
    if silence is not None:
        return _skip(transition, step, silence)
    over = why_start_is_over(transition)
    if over is not None:
        return _skip(transition, step, over)
    # Rule 4, after the holds are left out: whoever was held back by us is not late.
    if transition.now > plus(first_due, step.policy.too_late, facts.zone):
        return _skip(transition, step, SkipReason.TOO_LATE)
    # Rule 5 before rule 6: at 23:00 a full cap would drop a message that may go at 09:00.
    channel: str | None = reachable[0]
    if (end := _quiet_end(transition, step, reachable[0])) is None:
        channel = _first_uncapped(transition, step, reachable)
        if channel is None:
            return _defer_or_skip(transition, step, reachable, first_due, tried, since)
        # The caps passed over a channel; another one may be reached by a phone in other zones.
        if channel != reachable[0]:
            end = _quiet_end(transition, step, channel)
    assert channel is not None
    if end is not None:
        why = _why_quiet(transition, step)
        _defer(transition, step, Deferred(step.id, channel, why, first_due, tried, since), end)
        return None
    # Rule 7. The channels that were passed over are not gone back to later in this cascade.
    passed = channels[: channels.index(channel)]
    _plan(transition, step, channel, first_due, (*tried, *passed))
    return (
        hand_over(transition, transition.now, transition.context.number)
        if transition.context.sends_at_once
        else None
    )


def take_back_what_is_over(transition: Transition) -> int | None:
    """A planned message whose start does not hold any more does not leave. Returns where the run goes on,
    None if everything stays as it is."""
    state = transition.enrollment.state
    step = transition.subscription.steps_by_id.get(state.step) if isinstance(state, AwaitingSend) else None
    if not isinstance(state, AwaitingSend) or state.unknown or not isinstance(step, SendStep):
        return None
    over = why_start_is_over(transition)
    if over is None:
        return None
    cancel_planned(transition, over.value)
    return _skip(transition, step, over)


def hand_over(transition: Transition, at: Instant, number: int, *, unknown: bool = False) -> int | None:
    """The planned message left: the clock of the run is this moment. Returns where the run goes on, None if
    it rests.

    An `unknown` counts as handed over; it keeps a cascade where it is until it is settled.
    """
    enrollment, state = transition.enrollment, transition.enrollment.state
    assert isinstance(state, AwaitingSend)
    # The step may be gone from the file since the message was planned: what left is kept all the same.
    step = transition.subscription.steps_by_id.get(state.step)
    template = step.template if isinstance(step, SendStep) else state.step
    messages = enrollment.sent.get(state.step)
    # The window of the next `for` opens at the hand-over, of a cascade at that of its first part (2.10).
    if messages is None:
        enrollment.window_at, enrollment.window_number, messages = at, number, ()
    enrollment.sent[state.step] = (*messages, SentMessage(template, state.channel, state.key, at, number))
    enrollment.clock, enrollment.state, enrollment.due = at, None, None
    # The place was taken at the moment of the plan; it counts in the day in which the message left.
    transition.context.consume_slot(state.key, at)
    facts = transition.context.own_facts()
    facts.engagement = facts.engagement.with_sent(state.channel)
    enrollment.carry_code()
    transition.add_trace("send", step, template, state.channel)
    transition.emit("message_handed", state.step, template, state.channel, at)
    if unknown:
        transition.add_trace("unknown", step, template, state.channel)
    if not isinstance(step, SendStep):
        return END
    listening = AwaitingReaction(step.id, state.channel, at, (*state.tried, state.channel), unknown)
    return None if step.is_cascade and _awaits_reaction(transition, step, listening) else step.next


def _awaits_reaction(transition: Transition, step: SendStep, state: AwaitingReaction) -> bool:
    """After a hand-over: rests for the reaction, unless no later channel can be reached now; then the step
    is over."""
    facts, consent = transition.context.facts, step.policy.consent
    if not any(
        channel not in state.tried and can_reach(facts, channel, consent) for channel in step.channels
    ):
        return False
    transition.enrollment.state = state
    # Without a due moment: a cascade waits for an unknown part to be settled (2.10).
    if not state.unknown:
        transition.enrollment.due = listen_until(transition, step, state)
    return True


def _in_order(transition: Transition, step: SendStep, channels: tuple[str, ...]) -> tuple[str, ...]:
    """`via: cheapest likely`: the channels that are left, in the order for this customer."""
    if not step.likely or len(channels) < 2:
        return channels
    journeys, engagement = transition.context.journeys, transition.context.facts.engagement
    ordered = channel_order(channels, step.template, journeys.prices, journeys.learned, engagement)
    if journeys.explain:
        why = explanation(
            ordered, step.template, journeys.prices, journeys.learned, engagement, journeys.currency
        )
        transition.add_trace("learned", step, f"via: cheapest likely: {ordered[0]} first", why)
    return ordered


def _quiet_end(transition: Transition, step: SendStep, channel: str) -> Instant | None:
    """Rule 5: when the quiet hours end in which a message on this channel would leave now."""
    quiet = step.policy.quiet
    if quiet is None:
        return None
    zones = plausible_zones(transition.context.facts, channel, transition.context.journeys)
    return quiet_end_in_all_zones(quiet, transition.now, zones)


def _why_quiet(transition: Transition, step: SendStep) -> HoldReason:
    """The day or the hour, by the customer's own clock."""
    quiet = step.policy.quiet
    today = local_date(transition.now, transition.context.facts.zone)
    is_day = quiet is not None and quiet.covers_day(today)
    return HoldReason.QUIET_DAY if is_day else HoldReason.QUIET_HOURS


def _reachable(transition: Transition, step: SendStep, channels: tuple[str, ...]) -> tuple[str, ...]:
    reachable = []
    for channel in channels:
        why = why_closed(transition.context.facts, channel, step.policy.consent)
        if why is None:
            reachable.append(channel)
        elif transition.context.journeys.explain:
            transition.add_trace("pass", step, step.template, f"{channel}: {why}")
    return tuple(reachable)


def _first_uncapped(transition: Transition, step: SendStep, channels: tuple[str, ...]) -> str | None:
    """The first channel with a free place. Caps by day and week are asked once, before the first part."""
    caps, facts = caps_of(transition.context.facts, step.policy), transition.context.facts
    if not caps:
        return channels[0]
    counts_total = step.id not in transition.enrollment.sent
    for channel in channels:
        if has_free_slot(caps, facts.cap_slots, transition.now, facts.zone, channel, counts_total):
            return channel
    return None


def _defer_or_skip(
    transition: Transition,
    step: SendStep,
    channels: tuple[str, ...],
    first_due: Instant,
    tried: tuple[str, ...],
    since: Instant | None,
) -> int | None:
    """No place is free: the message waits for one, at most as long as the policy says in all, or is
    skipped."""
    # A later part of a cascade never waits: where the cap of its channel is full it is passed over (2.10).
    if step.if_capped == "skip" or step.id in transition.enrollment.sent:
        return _skip(transition, step, SkipReason.CAPPED)
    facts, policy = transition.context.facts, step.policy
    # All holds together may not be longer than `wait_up_to`, so the first one is remembered.
    began = since if since is not None else transition.now
    last = plus(began, policy.wait_up_to, facts.zone)
    opens: dict[str, Instant] = {}
    for channel in channels:
        at = next_free_slot(
            caps_of(facts, policy), facts.cap_slots, transition.now, facts.zone, channel, policy.wait_up_to
        )
        if at is not None:
            opens[channel] = at
    # Of places that open at the same moment the one of the channel that stands first.
    soonest = min(opens, key=lambda channel: opens[channel], default=None)
    if soonest is None or opens[soonest] > last:
        return _skip(transition, step, SkipReason.CAPPED)
    # Never now: the caps were asked for now, and the run would come back at once and for ever.
    until = Instant(max(opens[soonest], transition.now + 1))
    _defer(transition, step, Deferred(step.id, soonest, HoldReason.CAPPED, first_due, tried, began), until)
    return None


def _defer(transition: Transition, step: SendStep, held: Deferred, until: Instant) -> None:
    """Holds the message back. The time of the hold does not count as late: `first_due` moves with it."""
    zone = transition.context.facts.zone
    moved = Instant(held.first_due + until - transition.now)
    transition.enrollment.state = Deferred(held.step, held.channel, held.why, moved, held.tried, held.since)
    transition.enrollment.due = Due(until, wall_clock(until, zone), zone.key)
    transition.add_trace("hold", step, step.template, held.why.value)


def _skip(transition: Transition, step: SendStep, reason: SkipReason) -> int:
    """The step ends without another message; the run goes on."""
    enrollment = transition.enrollment
    enrollment.state = enrollment.due = None
    # After a part of a cascade nothing is skipped, and the clock stays at the last hand-over (2.10).
    if step.id in enrollment.sent:
        if reason is SkipReason.TOO_LATE:
            transition.add_trace("note", step, step.template, reason.value)
        return step.next
    enrollment.skipped[step.id] = reason
    enrollment.clock = max(enrollment.clock, transition.now)
    transition.add_trace("skip", step, step.template, reason.value)
    return step.next


def _plan(
    transition: Transition, step: SendStep, channel: str, first_due: Instant, tried: tuple[str, ...]
) -> None:
    """Rule 7: the planned message, its place under caps, and how long it may leave."""
    enrollment, policy, zone = transition.enrollment, step.policy, transition.context.facts.zone
    # No visit and no attempt number: deciding the same message twice plans it once (2.14).
    key = derive(enrollment.id, step.id, channel)
    # Messages of a policy without caps neither ask for places nor use them (rule 6).
    caps = caps_of(transition.context.facts, policy)
    counts = bool(caps)
    # After the first of these moments the message comes back to rule 1 instead of leaving. One more
    # millisecond: at the very moment that is too late it may still go (rule 4).
    until = Instant(plus(first_due, policy.too_late, zone) + 1)
    if policy.quiet is not None:
        zones = plausible_zones(transition.context.facts, channel, transition.context.journeys)
        until = min(until, quiet_start_in_all_zones(policy.quiet, transition.now, zones))
    if any(cap.per == "day" for cap in caps):
        until = min(until, midnight_after(transition.now, zone))
    transition.effects.append(
        Send(
            key,
            enrollment.id,
            transition.journey.name,
            step.id,
            step.template,
            channel,
            policy.name,
            policy.consent,
            first_due,
            until,
            counts,
            _names(transition, step),
        )
    )
    if counts:
        transition.context.reserve_slot(CapSlot(key, transition.now, channel, step.id not in enrollment.sent))
    enrollment.state, enrollment.due = AwaitingSend(step.id, channel, key, first_due, tried), None
    if transition.context.journeys.explain:
        transition.add_trace("plan", step, step.template, channel)


def _names(transition: Transition, step: SendStep) -> dict[str, Value | Mapping[str, Value]]:
    """What the template may read beside customer and shop."""
    enrollment = transition.enrollment
    names: dict[str, Value | Mapping[str, Value]] = {"trigger": dict(enrollment.trigger)}
    if enrollment.product_id is not None:
        names["product_id"] = enrollment.product_id
    if enrollment.code is not None:
        code = enrollment.code
        words = {name: word for name, word in (("text", code.text), ("offer", code.offer)) if word}
        names["code"] = {"value": code.value, "expires": code.expires, "pool": code.pool, **words}
    if step.values or step.chosen:
        scope = transition.scope()
        # of each that is chosen the word of the first line that fits
        chosen = {
            name: next((word for asked, word in lines if asked is None or asked.test(scope)), None)
            for name, lines in step.chosen
        }
        names["with"] = {**values_of_with(transition, step.values), **chosen}
        if times := times_of_with(step.values):
            names["with_times"] = times
        # chosen when the message is written, by what is in stock then
        if lists := lists_of_with(step.values):
            names["recommended"] = lists
    # Also those that this run did not come to: a template may ask for them.
    if transition.journey.splits:
        names["paths"] = {split: enrollment.paths.get(split) for split in transition.journey.splits}
    return names
