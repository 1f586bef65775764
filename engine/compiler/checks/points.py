"""W39: points end, and nobody is told of it."""

from __future__ import annotations

from engine.compiler.check_input import ProjectCheckInput
from engine.language.syntax import EventStart
from engine.problem import Problem


def check(checked: ProjectCheckInput) -> list[Problem]:
    """A customer whose points are gone without a word does not come back for the next ones."""
    points = checked.world.config.points
    if points is None or points.expire is None or points.expire_at is None:
        return []
    heard = {
        start.event.value for file in checked.files for start in file.starts if isinstance(start, EventStart)
    }
    asks = any(
        "points_expire_on" in text for file, text in checked.sources.items() if file.startswith("journeys/")
    )
    if "points_expiring" in heard or asks:
        return []
    fix = "make a journey with  start: {event: points_expiring}"
    return [
        Problem(
            points.expire_at, "W39", "points end, and no journey tells of it before",
            "customers learn at the till that theirs are gone",
            fix if points.warn is not None else f"add  warn: 14 days  and {fix}", "warning",
        )
    ]  # fmt: skip
