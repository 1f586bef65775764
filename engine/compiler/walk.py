"""Ways over the tree of steps: every step, the flat row that runs go along, and every path once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Generic, TypeVar

from engine.core.journey import END
from engine.language import syntax
from engine.language.steps.exit import Exit

Known = TypeVar("Known")


def every_step(steps: tuple[syntax.Step, ...]) -> Iterator[syntax.Step]:
    """All steps, those inside branches too, in the order of the row."""
    for step in steps:
        yield step
        for side in step.sides():
            yield from every_step(side)


def every_line(condition: syntax.AllOf) -> Iterator[syntax.ConditionLine]:
    """All lines of a condition, those inside `any`, `all` and `none` too, but not the groups themselves."""
    for line in condition.lines:
        if isinstance(line, syntax.Group):
            for inner in line.conditions:
                yield from every_line(inner)
        else:
            yield line


# --- names and the row ------------------------------------------------------------------------------------


@dataclass(slots=True)
class StepIds:
    """Tells under which id runs keep a step: the author's, or a hidden one. It is stored with the people
    inside, so it follows from the words alone, and the number among equals (design/language 2.14)."""

    _seen: Counter[str] = field(default_factory=Counter)

    def next(self, step: syntax.Step, before: str = "") -> str:
        """That of the next step; to be asked in the order of the row. `before`: in front of hidden ones."""
        if step.resting_id is not None:
            return step.resting_id.value
        words = before + step.words()
        self._seen[words] += 1
        return f"{words}#{self._seen[words]}"


def step_in_words(step: str) -> str:
    """The id of a step for people: of a hidden one its words, and which of these it is where the same words
    stand in the journey more than once."""
    words, mark, number = step.rpartition("#")
    if not mark or not number.isdecimal():
        return step
    return words if number == "1" else f"{words} (the {_ORDINALS.get(number, f'{number}th')} of these)"


_ORDINALS = {"2": "second", "3": "third", "4": "fourth", "5": "fifth"}


@dataclass(frozen=True, slots=True)
class FlatStep:
    """One step in the row."""

    step: syntax.Step
    index: int
    next: int
    later: tuple[int, ...]  # the steps behind it in its own list, then in the lists around it
    first: tuple[int, ...]  # where each of its sides begins; one without steps begins at `next`


def flatten(steps: tuple[syntax.Step, ...]) -> list[FlatStep]:
    """The row of a journey; the step at position i has index i."""
    row: list[FlatStep] = []
    _place(steps, 0, END, (), row)
    return sorted(row, key=lambda flat: flat.index)


def _place(
    steps: tuple[syntax.Step, ...], start: int, after: int, around: tuple[int, ...], row: list[FlatStep]
) -> None:
    at: list[int] = []
    for step in steps:
        at.append(start)
        start += _size(step)
    for number, (step, index) in enumerate(zip(steps, at, strict=True)):
        following = at[number + 1] if number + 1 < len(at) else after
        later = (*at[number + 1 :], *around)
        # the steps of the sides stand right behind the step, so that the row runs forward only
        begin = index + 1
        first: list[int] = []
        for side in step.sides():
            first.append(begin if side else following)
            _place(side, begin, following, later, row)
            begin += sum(_size(inner) for inner in side)
        row.append(FlatStep(step, index, following, later, tuple(first)))


def _size(step: syntax.Step) -> int:
    return 1 + sum(_size(inner) for side in step.sides() for inner in side)


# --- every path ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PathWalk(Generic[Known]):
    """Goes along every path once, with whatever a check wants to know on the way. `visit` is called at
    every step with what is known there and returns what is known after it; `merge` joins two paths that
    meet again."""

    visit: Callable[[syntax.Step, Known], Known]
    merge: Callable[[Known, Known], Known]

    def along(self, steps: tuple[syntax.Step, ...], known: Known | None) -> Known | None:
        """What is known at the end of a list; None when every path in it ends with an exit."""
        for step in steps:
            if known is None:
                return None
            known = self._over(step, known)
        return known

    def _over(self, step: syntax.Step, known: Known) -> Known | None:
        after = self.visit(step, known)
        if isinstance(step, Exit):
            return None
        sides = step.sides()
        if not sides:
            return after
        ends = [end for end in (self.along(side, after) for side in sides) if end is not None]
        return reduce(self.merge, ends) if ends else None
