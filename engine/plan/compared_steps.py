"""Two lists of steps side by side: which of the one is which of the other, which moved, which are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.compiler.walk import flatten
from engine.language import syntax
from engine.plan.step_matching import (
    Matched,
    PlacedStep,
    in_order,
    kept,
    name_of,
    placed,
    with_changed_words,
)


@dataclass(frozen=True, slots=True)
class ComparedSteps:
    """`same`: as a reader sees it, `same_for_people`: as whoever rests there is moved; both from the index of
    the older row to that of the newer one. `stayed`: of the newer row, what kept its list and its order."""

    former: Sequence[PlacedStep]
    present: Sequence[PlacedStep]
    same: Matched
    same_for_people: Matched
    stayed: frozenset[int]
    goes_on_at: Mapping[int, int]  # of what is gone: the first later step that is still there

    @classmethod
    def of(cls, before: Sequence[syntax.Step], now: Sequence[syntax.Step]) -> ComparedSteps:
        """Of two lists of steps."""
        former, present = placed(before), placed(now)
        for_people = kept(former, present)
        same = with_changed_words(former, present, for_people)
        later = [flat.later for flat in flatten(tuple(before))]
        goes_on_at = {
            place.index: next(for_people[at] for at in later[place.index] if at in for_people)
            for place in former
            if place.index not in same and any(at in for_people for at in later[place.index])
        }
        stayed = frozenset(in_order(former, present, same))
        return cls(former, present, same, for_people, stayed, goes_on_at)

    def former_of(self) -> dict[int, PlacedStep]:
        """The step of the older row that each of the newer one was, by its index; without the new ones."""
        return {now: self.former[was] for was, now in self.same.items()}

    def gone(self) -> list[PlacedStep]:
        """The steps of the older row that are not in the newer one."""
        return [place for place in self.former if place.index not in self.same]

    def goes_on(self, gone: PlacedStep) -> PlacedStep | None:
        """Where whoever comes out of a step that is gone goes on; None: nothing behind it is left."""
        at = self.goes_on_at.get(gone.index)
        return self.present[at] if at is not None else None


def place_words(place: PlacedStep, row: Sequence[PlacedStep]) -> str:
    """`behind send hello`, `to the beginning of if orders_count: 0: yes`."""
    in_front = [
        other for other in row[: place.index] if (other.parent, other.side) == (place.parent, place.side)
    ]
    if in_front:
        return f"behind {name_of(in_front[-1].step)}"
    return f"to the beginning of {place.path}" if place.path else "to the beginning"
