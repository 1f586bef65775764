"""W03: a question about a reaction to a message that has just left, or about a run that has just begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import PathWalk, every_line
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.wording import quoted
from engine.problem import Problem


@dataclass(frozen=True, slots=True)
class _Known:
    """Messages that left since the last wait, and those that people have had time to react to. `rested`: time
    may have passed since the start."""

    fresh: frozenset[str] = frozenset()
    waited: frozenset[str] = frozenset()
    rested: bool = False


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Questions in `if` that come in the moment a message leaves."""
    problems: list[Problem] = []
    sends: dict[str, Send] = {}

    def visit(step: syntax.Step, known: _Known) -> _Known:
        match step:
            case Send():
                sends[step.template.value] = step
                waited = known.waited | known.fresh if step.is_cascade else known.waited
                name = step.template.value
                # also a single message: quiet hours and caps may hold it
                return _Known(known.fresh - waited | {name}, waited - {name}, rested=True)
            case Wait():
                return _Known(waited=known.waited | known.fresh, rested=True)
            case If():
                if not known.rested:
                    problems.extend(_problem_of_start(line) for line in _since_start(step.condition))
                for asked in reactions(step.condition):
                    name = asked.template.value
                    if name in known.fresh and name not in known.waited:
                        problems.append(_problem(asked, sends[name], checked))
            case _:
                pass
        return known

    def merge(one: _Known, other: _Known) -> _Known:
        fresh, waited = one.fresh | other.fresh, one.waited | other.waited
        return _Known(fresh, waited, one.rested or other.rested)

    PathWalk(visit, merge).along(checked.file.steps, _Known())
    return problems


def reactions(condition: syntax.AllOf) -> Iterator[syntax.Reacted]:
    """Every `clicked` and `opened` in a condition."""
    return (line for line in every_line(condition) if isinstance(line, syntax.Reacted))


def _since_start(condition: syntax.AllOf) -> Iterator[syntax.Did | syntax.GoalIs]:
    """Lines whose answer is always the same in the moment of the start: a goal that is reached already lets
    nobody in."""
    for line in every_line(condition):
        if isinstance(line, syntax.GoalIs) or (isinstance(line, syntax.Did) and line.since_start):
            yield line


def _problem_of_start(line: syntax.Did | syntax.GoalIs) -> Problem:
    asked = f"{quoted(line.event.value)} since start" if isinstance(line, syntax.Did) else "the goal"
    return Problem(
        line.span, "W03", f"nothing can have happened yet: {asked} is asked in the moment of the start",
        "a question is answered in the moment it is reached",
        "put a wait in front of it; what happened before the start is asked with  ever  or  in last 30 days",
        "warning",
    )  # fmt: skip


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
