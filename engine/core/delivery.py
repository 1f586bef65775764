"""What became of a message: handed over, returned, bounced, unknown; and the code that a pool gave."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.advance import advance, move_on
from engine.core.cascade import hand_over, next_part, try_send
from engine.core.effects import Trace
from engine.core.enrollment import Due, Enrollment, Handing, Held, Listening, NeedsCode, Part
from engine.core.facts import Reach
from engine.core.goal import leave_if_over
from engine.core.happening import CodeTaken, Handed, Outcome, Reaction, Returned
from engine.core.interval import listen_until
from engine.core.journey import END, CodeStep, SendStep
from engine.core.reactions import change_part, end_by_reaction, follow_reaction, note_reaction, part_of
from engine.core.run import Run
from engine.core.steps.code import hold_code
from engine.core.turn import Turn
from engine.values import Instant

REFUSED = frozenset(("refused", "failed", "suppressed", "not on the deliver_only list"))
"""Why a message came back when asking again is no use: the channel did not take it, or may not take it."""

SKIPPED = frozenset(("no code", "dry run"))
"""Why a message came back when the step is over: no channel can have it."""


def take_handed(turn: Turn, handed: Handed) -> None:
    """The message left: the clock of the run is this moment. A key that was cancelled is ignored."""
    run = _handing(turn, handed.enrollment, handed.key)
    if run is not None:
        _go_on(run, handed.at, handed.number, unknown=False)
        run.close()


def take_returned(turn: Turn, returned: Returned) -> None:
    """The message did not leave: its place is free, and all rules are asked again; a refusal passes the channel over."""
    run = _handing(turn, returned.enrollment, returned.key)
    if run is None:
        return
    rest = run.it.rest
    assert isinstance(rest, Handing)
    turn.free(returned.key)
    run.say("note", run.interest.places.get(rest.step), rest.channel, f"returned: {returned.why}")
    refused = returned.why in REFUSED
    _ask_again(run, rest, refused=refused, why=returned.why)
    run.close()


def take_outcome(turn: Turn, outcome: Outcome) -> None:
    """A bounce closes the channel for good, whatever became of the run, and moves a listening cascade on at once."""
    known = turn.runs.get(outcome.enrollment)
    found = part_of(known, outcome.key) if known is not None else None
    if outcome.kind == "bounced":
        channel = outcome.channel or (found[1].channel if found is not None else "")
        _close_channel(turn, channel, outcome)
    interest = turn.interest(known) if known is not None else None
    if known is None or interest is None:
        return
    if found is None:
        if outcome.kind == "unknown" and _is_handing(known, outcome.key):
            run = Run.take(turn, interest, known)
            _go_on(run, outcome.at, outcome.number, unknown=True)
            run.close()
        elif outcome.kind in ("refused", "bounced") and _is_handing(known, outcome.key):
            take_returned(
                turn, Returned(outcome.number, outcome.at, outcome.key, outcome.enrollment, "refused")
            )
        return
    step_id, part = found
    if outcome.kind in ("settled", "accepted", "delivered") and not _is_unknown(known, part):
        return
    run = Run.take(turn, interest, known)
    if outcome.kind in ("bounced", "not_sent", "refused"):
        if not part.bounced:  # it never arrived, so nobody could react to it
            turn.facts.habits = turn.facts.habits.with_sent(part.channel, -1)
        change_part(run.it, step_id, part, replace(part, bounced=True))
    if outcome.kind == "complained":
        run.say("reaction", interest.places.get(step_id), part.template, f"complained {part.channel}")
        _end_cascade(run, step_id)
    if outcome.kind == "bounced":
        run.say("bounce", interest.places.get(step_id), part.template, part.channel)
        run.emit("message_bounced", step_id, part.template, part.channel, outcome.at)
    elif outcome.kind == "unknown":
        run.say("unknown", interest.places.get(step_id), part.template, part.channel)
    _settle(run, outcome, part)
    run.close()


def take_reaction(turn: Turn, reaction: Reaction) -> None:
    """A click or an open: kept with the run, asked about at once, and followed by what waited for it."""
    known = turn.runs.get(reaction.enrollment)
    interest = turn.interest(known) if known is not None else None
    if known is None or interest is None or part_of(known, reaction.key) is None:
        return
    run = Run.take(turn, interest, known)
    note_reaction(run, reaction)
    if run.it.is_open and not leave_if_over(run):
        following = follow_reaction(run, reaction)
        if following is not None:
            move_on(run, following)
    run.close()


def take_code_taken(turn: Turn, taken: CodeTaken) -> None:
    """The pool gave a code, or it is empty: then the run rests and its owner is told."""
    known = turn.runs.get(taken.enrollment)
    interest = turn.interest(known) if known is not None else None
    if known is None or interest is None or not isinstance(known.rest, NeedsCode):
        return
    step = interest.places.get(known.rest.step)
    if not isinstance(step, CodeStep) or step.pool.name != taken.pool:
        return
    run = Run.take(turn, interest, known)
    if taken.value is None:
        run.say("note", step, taken.pool, "no code left")
        run.effects.append(
            turn.alarm(run.it, f"the pool {taken.pool} is empty; people wait at this step for a code")
        )
    elif not leave_if_over(run):
        run.it.rest = run.it.due = None
        hold_code(run, step, taken.value)
        move_on(run, step.next)
    run.close()


def _is_handing(run: Enrollment, key: str) -> bool:
    return isinstance(run.rest, Handing) and run.rest.key == key


def _is_unknown(run: Enrollment, part: Part) -> bool:
    return isinstance(run.rest, Listening) and run.rest.unknown and run.rest.channel == part.channel


def _handing(turn: Turn, enrollment: str, key: str) -> Run | None:
    """The run in hand if this is the message it is waiting to hand over."""
    known = turn.runs.get(enrollment)
    interest = turn.interest(known) if known is not None else None
    if known is None or interest is None or not _is_handing(known, key):
        return None
    return Run.take(turn, interest, known)


def _go_on(run: Run, at: Instant, number: int, *, unknown: bool) -> None:
    following = hand_over(run, at, number, unknown=unknown)
    if following is not None:
        move_on(run, following)


def _ask_again(run: Run, rest: Handing, *, refused: bool, why: str) -> None:
    step = run.interest.places.get(rest.step)
    if leave_if_over(run):
        return
    if not isinstance(step, SendStep):
        advance(run, END, asked=True)
        return
    if why in SKIPPED:
        run.it.rest = run.it.due = None
        run.it.skipped[step.id] = why
        run.it.clock = max(run.it.clock, run.now)
        run.say("skip", step, step.template, why)
        move_on(run, step.next)
        return
    tried = (*rest.tried, rest.channel) if refused else rest.tried
    following = try_send(run, step, rest.first_due, tried)
    if following is not None:
        move_on(run, following)


def _end_cascade(run: Run, step_id: str) -> None:
    """Who calls a message spam gets it on no other channel: a complaint ends a cascade as a reaction does."""
    rest, step = run.it.rest, run.interest.places.get(step_id)
    if not (isinstance(step, SendStep) and step.is_cascade and isinstance(rest, Listening | Held | Handing)):
        return
    if rest.step == step_id and run.it.is_open and not leave_if_over(run):
        move_on(run, end_by_reaction(run, step, run.now))


def _settle(run: Run, outcome: Outcome, part: Part) -> None:
    """What an outcome means for a cascade that listens after this very message."""
    it, rest = run.it, run.it.rest
    if not isinstance(rest, Listening) or rest.channel != part.channel or not it.is_open:
        return
    step = run.interest.places.get(rest.step)
    if not isinstance(step, SendStep):
        return
    match outcome.kind:
        case "unknown":
            it.rest = replace(rest, unknown=True)
            it.due = None
        case "settled" | "accepted" | "delivered":
            if rest.unknown:
                it.rest = replace(rest, unknown=False)
                it.due = listen_until(run, step, it.rest)
        case "bounced" | "not_sent" | "refused":
            if run.journey.state == "paused":
                it.due = Due(run.now)  # nobody moves: the next channel is asked for at the resume
            elif not leave_if_over(run):
                following = next_part(run, step, rest, _due_since(run, step, rest))
                if following is not None:
                    advance(run, following)
        case _:
            pass


def _due_since(run: Run, step: SendStep, rest: Listening) -> Instant:
    """Since when the next channel is due. After an unknown message, since the moment at which it would have been tried: a
    week later nobody wants it any more."""
    return min(run.now, listen_until(run, step, rest).at) if rest.unknown else run.now


def _close_channel(turn: Turn, channel: str, outcome: Outcome) -> None:
    if not channel:
        return
    reach = turn.facts.reach.get(channel, Reach())
    turn.touch("reach").reach[channel] = replace(reach, bounced=True)
    turn.reach_changed = True
    turn.remark(Trace(turn.now, "note", "", outcome.enrollment, subject=channel, detail="closed by a bounce"))
