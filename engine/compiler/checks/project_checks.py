"""What can only be seen over all files: segments in a circle, templates against the journeys that send them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.compiler.message_set import MessageSet
from engine.compiler.world import World
from engine.core.journey import Journey
from engine.language.syntax import JourneyFile
from engine.problem import Problem


def check_project(
    files: Iterable[JourneyFile], compiled: Mapping[str, Journey], world: World, messages: MessageSet
) -> list[Problem]:
    """Everything that one file alone cannot show."""
    return []
