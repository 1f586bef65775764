"""The tree of steps as one flat row: which step comes next, and which ones follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.journey import END
from engine.language import syntax


@dataclass(frozen=True, slots=True)
class FlatStep:
    """One step in the row. `first`: where each of its branches begins; a branch without steps begins at `next`."""

    step: syntax.Step
    index: int
    next: int
    later: tuple[int, ...]
    first: tuple[int, ...]


def branches(step: syntax.Step) -> tuple[tuple[syntax.Step, ...], ...]:
    """The lists of steps inside a step, in the order of the file's meaning: then, else; or the paths."""
    match step:
        case syntax.If() | syntax.Wait():
            return (step.then or (), step.otherwise or ())
        case syntax.Choose() | syntax.Split():
            return tuple(path.steps for path in step.paths)
        case _:
            return ()


def every_step(steps: tuple[syntax.Step, ...]) -> Iterator[syntax.Step]:
    """All steps, those inside branches too, in the order of the row."""
    for step in steps:
        yield step
        for branch in branches(step):
            yield from every_step(branch)


def flatten(steps: tuple[syntax.Step, ...]) -> list[FlatStep]:
    """The row of a journey; slot i has index i."""
    row: list[FlatStep] = []
    _place(steps, 0, END, (), row)
    return sorted(row, key=lambda slot: slot.index)


def _size(step: syntax.Step) -> int:
    return 1 + sum(_size(inner) for branch in branches(step) for inner in branch)


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
        begin = index + 1
        first: list[int] = []
        for branch in branches(step):
            first.append(begin if branch else following)
            _place(branch, begin, following, later, row)
            begin += sum(_size(inner) for inner in branch)
        row.append(FlatStep(step, index, following, later, tuple(first)))
