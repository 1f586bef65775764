"""`split`: a path by chance that always comes out the same for a customer."""

from __future__ import annotations

from engine.core.draw import choose_path
from engine.core.journey import SplitStep
from engine.core.run import Run


def split(run: Run, step: SplitStep) -> int:
    """The first step of the path; it is stored with the run, so that changed shares move nobody."""
    firsts = {name: first for name, _, first in step.paths}
    path = run.it.paths.get(step.id)
    if path is None and step.was is not None:
        path = run.it.paths.get(step.was)
    if path not in firsts:
        path = run.turn.journeys.paths.get(step.id)
    if path not in firsts:
        shares = [(name, share) for name, share, _ in step.paths]
        path = choose_path(run.turn.facts.customer, run.journey.name, step.salt, shares)
    run.it.paths[step.id] = path
    run.say("path", step, path)
    return firsts[path]
