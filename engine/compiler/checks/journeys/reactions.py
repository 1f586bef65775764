"""E70: a reaction can only be asked about after its message was sent in this journey."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import PathWalk, every_line, every_step
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.send import Send
from engine.language.steps.wait import Awaited, Wait
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean


def check(checked: JourneyCheckInput) -> list[Problem]:
    """`clicked` and `opened` in questions, waits, the goal and `exit_if`."""
    file = checked.file
    everything = {step.template.value for step in every_step(file.steps) if isinstance(step, Send)}
    if not everything <= set(checked.world.templates.by_name):
        return []  # a name is misspelt; once it is right, this may be right too
    problems: list[Problem] = []

    def ask(names: Iterator[tuple[str, Text]], sent: frozenset[str]) -> None:
        for how, name in names:
            if name.value not in sent and name.value in checked.world.templates.by_name:
                problems.append(_problem(how, name, name.value in everything, sent))

    def visit(step: syntax.Step, sent: frozenset[str]) -> frozenset[str]:
        match step:
            case Send():
                return sent | {step.template.value}
            case If():
                ask(_asked(step.condition), sent)
            case Wait(awaited=Awaited(reaction=str() as how, template=Text() as name)):
                ask(iter([(how, name)]), sent)
            case _:
                pass
        return sent

    PathWalk(visit, lambda one, other: one | other).along(file.steps, frozenset())
    for condition in (file.exit_if, file.goal.when if file.goal else None):
        if condition is not None:
            ask(_asked(condition), frozenset(everything))
    return problems


def _asked(condition: syntax.AllOf) -> Iterator[tuple[str, Text]]:
    for line in every_line(condition):
        if isinstance(line, syntax.Reacted):
            yield line.how, line.template


def _problem(how: str, name: Text, later: bool, sent: frozenset[str]) -> Problem:
    where = "is sent only after this place" if later else "is not sent in this journey"
    return Problem(
        name.span, "E70", f"{quoted(name.value)} {where}, so nobody can have {how} it",
        "only reactions to messages of this run are known",
        did_you_mean(name.value, sent,
        "ask about a message that was sent before, or move the question behind it"),
    )  # fmt: skip
