"""`code`: a promo code from a pool, the same one whenever the run asks again."""

from __future__ import annotations

import datetime as dt
import hashlib

from engine.core.effects import TakeCode
from engine.core.enrollment import AwaitingCode, TakenCode
from engine.core.journey import CodeStep, Pool
from engine.core.timing.due import END_OF_DAY
from engine.core.transition import Transition
from engine.values import Instant, at_local, local_date, plus

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters without I, O, 0 and 1, so that a code can be read aloud and typed."""


def take_code(transition: Transition, step: CodeStep) -> int | None:
    """Takes a code, or rests until the file pool has given one."""
    pool = step.pool
    if pool.name in transition.enrollment.codes:
        # Moved to the end, for `code.x` is the run's latest code: the one that was asked for last.
        transition.enrollment.codes[pool.name] = transition.enrollment.codes.pop(pool.name)
        return step.next
    expires, _ = expiry(transition, step)
    # Only the database knows which codes of a file are left: it answers with `CodeTaken`.
    if pool.kind == "file":
        transition.effects.append(TakeCode(transition.enrollment.id, pool.name, None, expires))
        transition.enrollment.state, transition.enrollment.due = AwaitingCode(step.id), None
        return None
    value = pool.code if pool.kind == "shared" else generated(pool, transition.enrollment.id)
    transition.effects.append(TakeCode(transition.enrollment.id, pool.name, value, expires))
    hold_code(transition, step, value)
    return step.next


def hold_code(transition: Transition, step: CodeStep, value: str) -> None:
    """The run has a code."""
    expires, expires_on = expiry(transition, step)
    transition.enrollment.codes[step.pool.name] = TakenCode(step.pool.name, value, expires, expires_on)
    transition.add_trace("code", step, step.pool.name, value)


def expiry(transition: Transition, step: CodeStep) -> tuple[Instant, dt.date]:
    """23:59:59 of the local day on which `valid` ends: the date that stands in the message."""
    zone = transition.context.facts.zone
    day = local_date(plus(transition.now, step.valid, zone), zone)
    return at_local(day, END_OF_DAY, zone), day


def generated(pool: Pool, enrollment: str) -> str:
    """The code of a run: every ? of the pattern becomes a letter that follows from the run and the pool
    alone."""
    # Not by chance: deciding once more gives the customer the code that the message shows already.
    digest = hashlib.sha256(f"code\0{pool.name}\0{enrollment}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest, "big")
    written = []
    for character in pool.pattern:
        if character == "?":
            number, index = divmod(number, len(LETTERS))
            written.append(LETTERS[index])
        else:
            written.append(character)
    return "".join(written)


EXECUTES = {CodeStep: take_code}
