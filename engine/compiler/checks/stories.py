"""W01: a journey without stories."""

from __future__ import annotations

from engine.compiler.subject import Subject
from engine.problem import Problem


def check(subject: Subject) -> list[Problem]:
    """Nobody would notice when a later change breaks it."""
    if subject.file.tests:
        return []
    if subject.file.tests is not None and "tests:" in subject.file.source:
        return []  # the stories are there but wrong, and that is said already
    return [
        Problem(
            subject.file.span, "W01", "this journey has no tests", "nobody would notice when a later change breaks it",
            "add  tests:  with a story of a customer, for example\n"
            "         - test: gets the first message\n"
            "           when:\n"
            "             - day 0 12:00: ...\n"
            "           expect:\n"
            "             - day 0 12:00: send ...",
            "warning",
        )
    ]  # fmt: skip
