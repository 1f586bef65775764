"""Which steps of a journey its stories walk through, and which none of them reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.journey import Journey


@dataclass(frozen=True, slots=True)
class Unreached:
    """A step that no story reaches. `text` is the step as written, `id` its name in the journey."""

    file: str
    line: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """The steps of one journey, and those that its stories leave out."""

    journey: str
    steps: int
    unreached: tuple[Unreached, ...]

    @property
    def reached(self) -> int:
        """How many steps at least one story walks through."""
        return self.steps - len(self.unreached)


def coverage(journey: Journey, reached: Iterable[str]) -> Coverage:
    """What the ids that stories reached leave of a journey."""
    known = frozenset(reached)
    missed = [step for step in journey.steps if step.id not in known]
    missed.sort(key=lambda step: step.line)
    places = tuple(Unreached(journey.file, step.line, step.id, step.text) for step in missed)
    return Coverage(journey.name, len(journey.steps), places)
