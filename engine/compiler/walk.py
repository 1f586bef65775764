"""Goes along every path of a journey once, with whatever a check wants to know on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from engine.language import syntax

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Walk(Generic[Known]):
    """`visit` is called at every step with what is known there and returns what is known after it; `merge` joins two
    paths that meet again."""

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
        if isinstance(step, syntax.Exit):
            return None
        sides = sides_of(step)
        if not sides:
            return after
        ends = [end for end in (self.along(side, after) for side in sides) if end is not None]
        return reduce(self.merge, ends) if ends else None


def sides_of(step: syntax.Step) -> tuple[tuple[syntax.Step, ...], ...]:
    """Every way through a step, a side that was not written as an empty one."""
    match step:
        case syntax.If():
            return (step.then, step.otherwise or ())
        case syntax.Wait() if step.awaited is not None:
            return (step.then or (), step.otherwise or ())
        case syntax.Choose():
            written = tuple(path.steps for path in step.paths)
            return written if any(not path.forms for path in step.paths) else (*written, ())
        case syntax.Split():
            return tuple(path.steps for path in step.paths)
        case _:
            return ()
