"""W40, W41: an experiment is decided after so few people that they show nothing, or after more than its
smallest arm will ever have."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language.steps.split import Split
from engine.language.syntax import DecisionMoment
from engine.problem import Problem
from engine.statistics.sample_size import people_needed, smallest_found

FEW = 200
"""People in each arm, below whom only effects are found that hardly any message has."""

MANY = 100_000
"""People who have to start, from whom on it is worth a word."""

_BASE = 0.1  # of those who get nothing: the example in the message


def check(checked: JourneyCheckInput) -> list[Problem]:
    """The holdout and every split."""
    problems: list[Problem] = []
    if checked.file.decide is not None and 0 < checked.file.holdout < 100:
        share = checked.file.holdout
        problems += _of(checked.file.decide, min(share, 100 - share), "the holdout")
    for step in every_step(checked.file.steps):
        if isinstance(step, Split) and step.decide is not None and step.paths:
            smallest = min(step.paths, key=lambda path: path.share)
            problems += _of(step.decide, smallest.share, f"the path {smallest.name.value}")
    return problems


def _of(decide: DecisionMoment, share: int, arm: str) -> list[Problem]:
    people = decide.people
    if people is None or share == 0:
        return []
    if people < FEW:
        rise = smallest_found(people, _BASE)
        enough = people_needed(_BASE, _BASE + 0.05)
        return [
            Problem(
                decide.span, "W40", f"{people:,} people each show hardly anything",
                f"where {_BASE:.0%} reach the goal by themselves, so few show only a rise to "
                f"{_BASE + rise:.0%} or more; a smaller effect stays unseen",
                f"write  after {enough:,} people each  for a rise to {_BASE + 0.05:.0%};"
                "  report experiments --size 5% --from 10%  says how many it takes",
                level="warning",
            )
        ]  # fmt: skip
    starts = people * 100 // share
    if starts >= MANY:
        return [
            Problem(
                decide.span, "W41", f"it takes {starts:,} people who start until {arm} has {people:,}",
                f"{arm} gets {share}% of them", "make its share larger, or write a day, as in  on 2026-12-15",
                level="warning",
            )
        ]  # fmt: skip
    return []
