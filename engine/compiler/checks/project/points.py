"""W39: points end, and nobody is told of it."""

from __future__ import annotations

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.nested_values import nested_values
from engine.core.points.rules import EXPIRE_ON, EXPIRING
from engine.language.syntax import Text
from engine.problem import Problem

_TOLD = frozenset((EXPIRING, EXPIRE_ON))
"""Whoever reads one of these tells of it; the event has the name of the first."""


def check(checked: ProjectCheckInput) -> list[Problem]:
    """A customer whose points are gone without a word does not come back for the next ones."""
    points = checked.world.config.points
    if points is None or points.expire is None or points.expire_at is None:
        return []
    asked: list[object] = [(file.starts, file.who, file.exit_if, file.steps) for file in checked.files]
    asked += [segment.who for segment in checked.world.segments.values()]
    names = {text.value for text in nested_values(asked, Text)}
    for (template, _), languages in checked.messages.of.items():
        if template in names:
            names |= {read.name for compiled in languages.values() for read in compiled.reads()}
    if not _TOLD.isdisjoint(name.removeprefix("customer.") for name in names):
        return []
    fix = "make a journey with  start: {event: points_expiring}"
    return [
        Problem(
            points.expire_at, "W39", "points end, and no journey tells of it before",
            "customers learn at the till that theirs are gone",
            fix if points.warn is not None else f"add  warn: 14 days  and {fix}", "warning",
        )
    ]  # fmt: skip
