"""`split`: a path by chance that always comes out the same for a customer."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.decision.transition import Transition
from engine.core.journey import DecisionMoment, Step
from engine.ids import choose_path


@dataclass(frozen=True, slots=True)
class SplitStep(Step):
    """`split`: each customer takes one of the paths."""

    paths: tuple[tuple[str, int, int], ...]  # name, share in percent, first step
    salt: str  # the name that the hash is drawn from: its former one, if it was renamed
    decide: DecisionMoment | None = None  # which path is better

    def targets(self) -> tuple[int, ...]:
        """The paths."""
        return (*(target for _, _, target in self.paths), self.next)


def split(transition: Transition, step: SplitStep) -> int:
    """The first step of the path; it is stored with the run, so that changed shares move nobody."""
    firsts = {name: target for name, _, target in step.paths}
    path = transition.enrollment.paths.get(step.id)
    if path is None and step.was is not None:
        path = transition.enrollment.paths.get(step.was)
    # A story may say which path everybody takes; a path that was removed from the file is drawn anew.
    if path not in firsts:
        path = transition.context.journeys.paths.get(step.id)
    if path not in firsts:
        shares = [(name, share) for name, share, _ in step.paths]
        path = choose_path(transition.context.facts.customer, transition.journey.name, step.salt, shares)
    transition.enrollment.paths[step.id] = path
    transition.add_trace("path", step, path)
    return firsts[path]


EXECUTES = {SplitStep: split}
