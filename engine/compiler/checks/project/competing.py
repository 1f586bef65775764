"""W51, W52, W53: two journeys that write to the same people at once."""

from __future__ import annotations

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.competing.same_day import on_one_day
from engine.compiler.competing.win_backs import overlapping_win_backs
from engine.compiler.competing.writing import writing_journeys
from engine.problem import Problem


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Pairs are found by their days, and by the event that is missing; never by going over all of them."""
    writing = writing_journeys(checked)
    return [*on_one_day(writing), *overlapping_win_backs(writing)]
