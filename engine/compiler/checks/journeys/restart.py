"""W08: what a restart does again."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import PathWalk
from engine.language import syntax
from engine.language.steps.change import Change
from engine.language.steps.code import Code
from engine.language.steps.send import Send
from engine.problem import Problem, Span


def check(checked: JourneyCheckInput) -> list[Problem]:
    """`code` and `add` before the first message of a journey that may restart."""
    file = checked.file
    if file.again is None or file.again.how != "restart":
        return []
    problems: list[Problem] = []

    def visit(step: syntax.Step, sent: bool) -> bool:
        gives = isinstance(step, Code) or (isinstance(step, Change) and step.how == "add")
        if gives and not sent:
            problems.append(_problem(step))
        return sent or isinstance(step, Send)

    PathWalk(visit, lambda one, other: one and other).along(file.steps, False)
    return problems


def _problem(step: syntax.Step) -> Problem:
    word = "code" if isinstance(step, Code) else "add"
    what = "takes a code" if word == "code" else "adds"
    return Problem(
        Span(step.span.file, step.span.line, step.span.column, len(word)), "W08",
        f"every restart {what} again here",
        "until the first message a restart begins the run anew, and what was done stays done",
        "put this step directly behind the first message, or before the message that needs it", "warning",
    )  # fmt: skip
