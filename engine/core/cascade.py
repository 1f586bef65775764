"""From "due" to "sent": the rules that every message passes, channel by channel
(design/language 2.10 `send`, 2.13)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.effects import Send
from engine.core.ending import CARRIED
from engine.core.enrollment import Due, Handing, Held, Listening, Part
from engine.core.facts import Place
from engine.core.interval import listen_until
from engine.core.journey import END, SendStep
from engine.core.likely import in_order, spoken
from engine.core.policy import Cap
from engine.core.pressure import has_place, midnight_after, next_place
from engine.core.reach import can_reach, why_closed
from engine.core.run import Run, given_values
from engine.core.strictest import plausible_zones, strict_quiet_end, strict_quiet_start
from engine.ids import derive
from engine.values import Instant, Value, plus, wall_clock


def send(run: Run, step: SendStep) -> int | None:
    """A run reaches a message. One that was sent in this run is not sent again (rule 2)."""
    if step.id in run.it.sent:
        run.say("note", step, step.template, "was sent in this run")
        return step.next
    return try_send(run, step, first_due=run.it.clock)


def try_send(
    run: Run, step: SendStep, first_due: Instant, tried: tuple[str, ...] = (), since: Instant | None = None
) -> int | None:
    """Rules 3 to 7, for the channels that were not tried. Returns where the run goes on when the step is over without
    another message, None when it rests. Rule 1 was asked by the caller.

    `first_due`: the moment it was due, with the holds left out; `since`: when it began to wait for a place.
    """
    left = _in_order(run, step, tuple(channel for channel in step.channels if channel not in tried))
    reachable = _reachable(run, step, left)
    if not reachable:
        return _over(run, step, "unreachable")
    zone = run.turn.facts.zone
    policy = step.policy
    if run.now > plus(first_due, policy.too_late, zone):
        return _over(run, step, "too late")
    channel: str | None = reachable[0]
    if (end := _quiet_end(run, step, reachable[0])) is None:
        channel = _with_place(run, step, reachable)
        if channel is None:
            return _capped(run, step, reachable, first_due, tried, since)
        if channel != reachable[0]:
            end = _quiet_end(run, step, channel)
    assert channel is not None
    if end is not None:
        _hold(run, step, Held(step.id, channel, "quiet hours", first_due, tried, since), end)
        return None
    passed = tuple(each for each in left[: left.index(channel)])
    _plan(run, step, channel, first_due, (*tried, *passed))
    return hand_over(run, run.now, run.turn.number) if run.turn.hands else None


def next_part(run: Run, step: SendStep, rest: Listening, first_due: Instant) -> int | None:
    """The reaction did not come, or the message bounced: the next channel, if there is one."""
    return try_send(run, step, first_due, rest.tried)


def hand_over(run: Run, at: Instant, number: int, *, unknown: bool = False) -> int | None:
    """The planned message left: the clock of the run is this moment. Returns where the run goes on, None if it rests.

    An `unknown` counts as handed over; it keeps a cascade where it is until it is settled.
    """
    it, rest = run.it, run.it.rest
    assert isinstance(rest, Handing)
    step = run.interest.places.get(rest.step)
    template = step.template if isinstance(step, SendStep) else rest.step
    parts = it.sent.get(rest.step)
    if parts is None:
        it.window_at, it.window_number, parts = at, number, ()
    it.sent[rest.step] = (*parts, Part(template, rest.channel, rest.key, at, number))
    it.clock, it.rest, it.due = at, None, None
    run.turn.use(rest.key, at)
    facts = run.turn.facts
    facts.habits = facts.habits.with_sent(rest.channel)
    if it.codes:
        it.done.add(f"{CARRIED}{next(reversed(it.codes))}")
    run.say("send", step, template, rest.channel)
    run.emit("message_handed", rest.step, template, rest.channel, at)
    if unknown:
        run.say("unknown", step, template, rest.channel)
    if not isinstance(step, SendStep):
        return END
    listening = Listening(step.id, rest.channel, at, (*rest.tried, rest.channel), unknown)
    return None if step.is_cascade and _listens(run, step, listening) else step.next


def _listens(run: Run, step: SendStep, rest: Listening) -> bool:
    """After a hand-over: rests for the reaction, unless no later channel can be reached now; then the step is over."""
    facts, consent = run.turn.facts, step.policy.consent
    if not any(each not in rest.tried and can_reach(facts, each, consent) for each in step.channels):
        return False
    run.it.rest = rest
    if not rest.unknown:
        run.it.due = listen_until(run, step, rest)
    return True


def _in_order(run: Run, step: SendStep, left: tuple[str, ...]) -> tuple[str, ...]:
    """`via: cheapest likely`: the channels that are left, in the order for this customer."""
    if not step.likely or len(left) < 2:
        return left
    journeys, habits = run.turn.journeys, run.turn.facts.habits
    ordered = in_order(left, step.template, journeys.prices, journeys.learned, habits)
    if journeys.explain:
        why = spoken(ordered, step.template, journeys.prices, journeys.learned, habits, journeys.currency)
        run.say("learned", step, f"via: cheapest likely: {ordered[0]} first", why)
    return ordered


def _quiet_end(run: Run, step: SendStep, channel: str) -> Instant | None:
    """Rule 5: when the quiet hours end in which a message on this channel would leave now."""
    quiet = step.policy.quiet
    if quiet is None:
        return None
    zones = plausible_zones(run.turn.facts, channel, run.turn.journeys)
    return strict_quiet_end(quiet, run.now, zones)


def _reachable(run: Run, step: SendStep, channels: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for channel in channels:
        why = why_closed(run.turn.facts, channel, step.policy.consent)
        if why is None:
            found.append(channel)
        elif run.turn.journeys.explain:
            run.say("pass", step, step.template, f"{channel}: {why}")
    return tuple(found)


def _with_place(run: Run, step: SendStep, channels: tuple[str, ...]) -> str | None:
    """The first channel with a free place. Caps by day and week are asked once, before the first part."""
    caps, facts = step.policy.caps, run.turn.facts
    if not caps:
        return channels[0]
    first = step.id not in run.it.sent
    return next(
        (each for each in channels if has_place(caps, facts.places, run.now, facts.zone, each, first)), None
    )


def _capped(
    run: Run,
    step: SendStep,
    channels: tuple[str, ...],
    first_due: Instant,
    tried: tuple[str, ...],
    since: Instant | None,
) -> int | None:
    """No place is free: the message waits for one, at most as long as the policy says in all, or is skipped."""
    if step.if_capped == "skip" or step.id in run.it.sent:
        return _over(run, step, "capped")
    facts, policy = run.turn.facts, step.policy
    began = since if since is not None else run.now
    last = plus(began, policy.wait_up_to, facts.zone)
    free = [
        (at, channels.index(each), each)
        for each in channels
        if (at := next_place(policy.caps, facts.places, run.now, facts.zone, each, policy.wait_up_to))
        is not None
    ]
    if not free or min(free)[0] > last:
        return _over(run, step, "capped")
    at, _, channel = min(free)
    at = Instant(max(at, run.now + 1))
    _hold(run, step, Held(step.id, channel, "capped", first_due, tried, began), at)
    return None


def _hold(run: Run, step: SendStep, held: Held, until: Instant) -> None:
    """Holds the message back. The time of the hold does not count as late: `first_due` moves with it."""
    zone = run.turn.facts.zone
    moved = Instant(held.first_due + until - run.now)
    run.it.rest = Held(held.step, held.channel, held.why, moved, held.tried, held.since)
    run.it.due = Due(until, wall_clock(until, zone), zone.key)
    run.say("hold", step, step.template, held.why)


def _over(run: Run, step: SendStep, why: str) -> int:
    """The step ends without another message. If none was handed over, the message is skipped and the clock moves; after
    a cascade the clock stays at the last hand-over."""
    it = run.it
    it.rest = it.due = None
    if step.id in it.sent:
        if why == "too late":
            run.say("note", step, step.template, why)
        return step.next
    it.skipped[step.id] = why
    it.clock = max(it.clock, run.now)
    run.say("skip", step, step.template, why)
    return step.next


def _plan(run: Run, step: SendStep, channel: str, first_due: Instant, tried: tuple[str, ...]) -> None:
    it, policy = run.it, step.policy
    key = derive(it.id, step.id, channel)
    counts = bool(policy.caps)
    run.effects.append(
        Send(
            key,
            it.id,
            run.journey.name,
            step.id,
            step.template,
            channel,
            policy.name,
            policy.consent,
            first_due,
            _valid_until(run, step, channel, first_due),
            counts,
            _names(run, step),
        )
    )
    if counts:
        run.turn.reserve(Place(key, run.now, channel, step.id not in it.sent))
    it.rest, it.due = Handing(step.id, channel, key, first_due, tried), None
    if run.turn.journeys.explain:
        run.say("plan", step, step.template, channel)


def _valid_until(run: Run, step: SendStep, channel: str, first_due: Instant) -> Instant:
    """Rule 7: the next quiet hours, the next midnight if a cap counts days, and `too_late`; whichever comes first."""
    zone, policy = run.turn.facts.zone, step.policy
    until = Instant(
        plus(first_due, policy.too_late, zone) + 1
    )  # at that very moment it may still go (rule 4)
    if policy.quiet is not None:
        zones = plausible_zones(run.turn.facts, channel, run.turn.journeys)
        until = min(until, strict_quiet_start(policy.quiet, run.now, zones))
    if any(_counts_days(cap) for cap in policy.caps):
        until = min(until, midnight_after(run.now, zone))
    return until


def _counts_days(cap: Cap) -> bool:
    return cap.per == "day"


def _names(run: Run, step: SendStep) -> dict[str, Value | Mapping[str, Value]]:
    """What the template may read beside customer and shop."""
    it = run.it
    names: dict[str, Value | Mapping[str, Value]] = {"trigger": dict(it.trigger)}
    if it.product_id is not None:
        names["product_id"] = it.product_id
    if it.code is not None:
        names["code"] = {"value": it.code.value, "expires": it.code.expires, "pool": it.code.pool}
    if step.values:
        names["with"] = dict(given_values(run, step.values))
    return names
