"""W03: a question about a reaction to a message that has just left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import Walk, every_line
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.wording import quoted
from engine.problem import Problem


@dataclass(frozen=True, slots=True)
class _Known:
    """Messages that left since the last wait, and those that people have had time to react to."""

    fresh: frozenset[str] = frozenset()
    waited: frozenset[str] = frozenset()


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Questions in `if` that come in the moment a message leaves."""
    problems: list[Problem] = []
    sends: dict[str, Send] = {}

    def visit(step: syntax.Step, known: _Known) -> _Known:
        match step:
            case Send():
                sends[step.template.value] = step
                waited = known.waited | known.fresh if step.is_cascade else known.waited
                return _Known(known.fresh - waited | {step.template.value}, waited - {step.template.value})
            case Wait():
                return _Known(waited=known.waited | known.fresh)
            case If():
                for asked in reactions(step.condition):
                    name = asked.template.value
                    if name in known.fresh and name not in known.waited:
                        problems.append(_problem(asked, sends[name], checked))
            case _:
                pass
        return known

    def merge(one: _Known, other: _Known) -> _Known:
        return replace(one, fresh=one.fresh | other.fresh, waited=one.waited | other.waited)

    Walk(visit, merge).along(checked.file.steps, _Known())
    return problems


def reactions(condition: syntax.AllOf) -> Iterator[syntax.Reacted]:
    """Every `clicked` and `opened` in a condition."""
    return (line for line in every_line(condition) if isinstance(line, syntax.Reacted))


def _problem(asked: syntax.Reacted, send: Send, checked: JourneyCheckInput) -> Problem:
    name = send.template.value
    channels = [channel.value for channel in send.via] or list(checked.world.templates.channels(name))
    via = f" via {channels[-1]}" if channels else ""
    if send.is_cascade:
        what = f"only a reaction during the cascade can be seen here; {quoted(name)}{via} has just left"
    else:
        what = f"nobody can have {asked.how} yet: {quoted(name)}{via} has just left"
    return Problem(
        asked.span, "W03", what, "a question is answered in the moment it is reached",
        "put a wait between them, or wait for the reaction itself\n"
        "       - wait: 1 day\n"
        f"         id: after_{name.rpartition('_')[2]}\n"
        f"         for: {asked.how} {name}\n"
        "         then:\n"
        "           - ...",
        "warning",
    )  # fmt: skip
