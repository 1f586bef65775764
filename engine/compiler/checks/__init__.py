"""What a journey can get wrong beyond its words: one check per file, all of them listed here."""

from __future__ import annotations

from engine.compiler.subject import Check, Subject
from engine.problem import Problem

CHECKS: tuple[Check, ...] = ()


def check_journey(subject: Subject) -> list[Problem]:
    """Everything that the checks find in one journey."""
    return [problem for check in CHECKS for problem in check(subject)]
