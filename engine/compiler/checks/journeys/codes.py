"""E35: a promo code is made on every path that leads to where it is printed or waited for."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.incentives.offers import names_of_codes
from engine.compiler.walk import PathWalk, every_step
from engine.language import syntax
from engine.language.steps.code import Code
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.steps.webhook import Webhook
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Messages that print a code, steps that send one along, and waits that count from its end, before any
    code was made."""
    problems: list[Problem] = []
    pool = _pool(checked)

    def visit(step: syntax.Step, made: bool) -> bool:
        if isinstance(step, Code):
            return True
        if not made and isinstance(step, Send) and step.template.value in checked.code_printers:
            what = (
                f"{quoted(step.template.value)} prints a promo code, but no code was made before it "
                f"on this path"
            )
            problems.append(_no_code(step.template, what, "the customer would read an empty place", pool))
            return True  # one message for the cause, none for what follows from it
        if not made and isinstance(step, Send | Webhook):
            named = next((each.value for each in step.values if each.value.value.startswith("code.")), None)
            if named is not None:
                what = f"{quoted(named.value)} is sent along, but no code was made before it on this path"
                problems.append(_no_code(named, what, "nothing would stand there", pool))
                return True
        if not made and isinstance(step, Wait) and step.until and step.until.name:
            name = step.until.name
            if name.value.startswith("code."):
                what = f"{quoted(name.value)} is waited for, but no code was made before it on this path"
                problems.append(_no_code(name, what, "everybody would leave here", pool))
                return True
        return made

    PathWalk(visit, lambda one, other: one and other).along(checked.file.steps, False)
    return problems


def _no_code(at: Text, what: str, why: str, pool: str) -> Problem:
    return Problem(at.span, "E35", what, why, f"put before it\n       - code: {pool}\n         valid: 7 days")


def _pool(checked: JourneyCheckInput) -> str:
    """The pool that the author most likely means: one of this journey, else one that is called alike, else
    the first."""
    for step in every_step(checked.file.steps):
        if isinstance(step, Code):
            return step.pool.value
    known = list(names_of_codes(checked.world))
    name = checked.file.name.value.partition("_")[0].casefold()
    alike = [pool for pool in known if pool.casefold().startswith(name)]
    return next(iter(alike or known), "WELCOME10")
