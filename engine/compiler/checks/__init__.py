"""What a journey can get wrong beyond its words: one check per file, all of them listed here."""

from __future__ import annotations

from engine.compiler.checks import (
    asked_too_early,
    codes,
    consent,
    duration,
    ids,
    price_order,
    quiet_hours,
    reactions,
    restart,
    segment_cycles,
    stories,
    template_names,
    template_texts,
)
from engine.compiler.subject import Check, Subject, Whole, WholeCheck
from engine.problem import Problem

CHECKS: tuple[Check, ...] = (
    ids.check,
    codes.check,
    reactions.check,
    consent.check,
    asked_too_early.check,
    quiet_hours.check,
    price_order.check,
    duration.check,
    restart.check,
    stories.check,
)

WHOLE: tuple[WholeCheck, ...] = (segment_cycles.check, template_names.check, template_texts.check)


def check_journey(subject: Subject) -> list[Problem]:
    """Everything that the checks find in one journey."""
    return [problem for check in CHECKS for problem in check(subject)]


def check_whole(whole: Whole) -> list[Problem]:
    """What can only be seen over all files."""
    return [problem for check in WHOLE for problem in check(whole)]
