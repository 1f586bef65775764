"""E120 to E122 and W36: choices between pools in config.yaml, whoever uses them."""

from __future__ import annotations

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.incentives.offers import problems_of
from engine.problem import Problem


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Each choice is told once, at its place in config.yaml."""
    choices = checked.world.config.offers.values()
    return [problem for choice in choices for problem in problems_of(choice, checked.world)]
