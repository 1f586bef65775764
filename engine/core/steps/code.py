"""`code`: a promo code from a pool, the same one whenever the run asks again."""

from __future__ import annotations

import datetime as dt

from engine.core.decision.effects import TakeCode
from engine.core.decision.transition import Transition
from engine.core.enrollment import AwaitingCode, Due, TakenCode
from engine.core.journey import CodeStep, Offer
from engine.core.steps.exit import leave_for
from engine.core.timing.due import END_OF_DAY
from engine.values import HOUR, Instant, Value, at_local, local_date, plus


def take_code(transition: Transition, step: CodeStep) -> int | None:
    """Takes a code, or rests until the pool has given one."""
    enrollment = transition.enrollment
    if step.name in enrollment.codes:
        # Moved to the end, for `code.x` is the run's latest code: the one that was asked for last.
        enrollment.codes[step.name] = enrollment.codes.pop(step.name)
        return step.next
    offer = offer_for(transition, step)
    if offer is None:
        leave_for(transition, step, f"no offer of {step.name}")
        return None
    pool = offer.pool
    # Only the database knows which codes of a file are left: it answers with `CodeTaken`.
    if pool.kind == "file":
        expires, _ = expiry(transition, offer)
        transition.effects.append(
            TakeCode(enrollment.id, pool.name, None, expires, "file", enrollment.journey, step.name)
        )
        enrollment.state, enrollment.due = AwaitingCode(step.id), None
        return None
    value = pool.code if pool.kind == "shared" else transition.context.codes.draw(pool, enrollment.id)
    if value is None:
        rest_without_code(transition, step, pool.name)
        # Codes that ended or went back are free again: nobody says so, and it is looked up now and then.
        enrollment.due = Due(Instant(transition.now + HOUR))
        return None
    hold_code(transition, step, offer, value)
    return step.next


def offer_for(transition: Transition, step: CodeStep) -> Offer | None:
    """The first offer that fits this customer now."""
    scope = transition.scope()
    for offer in step.offers:
        if offer.question is None or offer.question.test(scope):
            return offer
    return None


def offer_of(transition: Transition, step: CodeStep, pool: str) -> Offer | None:
    """The offer that a code of this pool belongs to: the one for this customer now, else the first of that
    pool, for they may have changed while the run waited."""
    fitting = offer_for(transition, step)
    if fitting is not None and fitting.pool.name == pool:
        return fitting
    return next((offer for offer in step.offers if offer.pool.name == pool), None)


def hold_code(transition: Transition, step: CodeStep, offer: Offer, value: str) -> None:
    """The run has a code, and it is recorded."""
    expires, expires_on = expiry(transition, offer)
    enrollment, pool = transition.enrollment, offer.pool
    transition.effects.append(
        TakeCode(
            enrollment.id, pool.name, value, expires, pool.kind, enrollment.journey, step.name, offer.text
        )
    )
    chosen = "" if step.name == pool.name else step.name
    enrollment.codes[step.name] = TakenCode(
        pool.name, value, expires, expires_on, False, offer.text, offer.name, chosen
    )
    made: dict[str, Value] = {"pool": pool.name, "value": value, "expires": expires}
    transition.emit("code_made", step.id, more=made)
    transition.add_trace("code", step, step.name, value)
    # A story may name either.
    if chosen:
        transition.add_trace("code", step, pool.name, value)


def rest_without_code(transition: Transition, step: CodeStep, pool: str) -> None:
    """The pool is empty: the run rests at this step, and the owner is told."""
    enrollment = transition.enrollment
    enrollment.state, enrollment.due = AwaitingCode(step.id), None
    transition.add_trace("note", step, pool, "no code left")
    transition.effects.append(
        transition.context.alert(enrollment, f"the pool {pool} is empty; people wait at this step for a code")
    )


def expiry(transition: Transition, offer: Offer) -> tuple[Instant, dt.date]:
    """23:59:59 of the local day on which `valid` ends: the date that stands in the message."""
    zone = transition.context.facts.zone
    day = local_date(plus(transition.now, offer.valid, zone), zone)
    return at_local(day, END_OF_DAY, zone), day


EXECUTES = {CodeStep: take_code}
