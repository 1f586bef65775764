"""What is laid over a flowchart: the people who rest at its steps, or the way of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.diagram.nodes import FlowBranch, Flowchart, FlowNode, PeopleInside, RunOverlay, Visit, every_node


def with_people(flowchart: Flowchart, people: int, holdout: int, steps: Mapping[str, int]) -> Flowchart:
    """With the people who are inside. `people`: all of them; `steps`: who rests where, by the id of the step
    ("": between two), without the holdout."""
    # A step that is gone keeps its people also where another one has its id now: that is where they rest.
    gone = {node.step for node in every_node(flowchart.nodes) if node.is_gone}
    named = {node.step for node in every_node(flowchart.nodes) if not node.is_gone} | gone

    def resting(node: FlowNode) -> FlowNode:
        many = steps.get(node.step, 0) if node.step and (node.is_gone or node.step not in gone) else 0
        if node.was and node.was not in named:
            many += steps.get(node.was, 0)
        return replace(node, people=many)

    drawn = flowchart.drawn_with(resting)
    known = named | {node.was for node in every_node(flowchart.nodes)}
    elsewhere = tuple((step, many) for step, many in steps.items() if step and step not in known)
    return replace(drawn, people=PeopleInside(people, holdout, steps.get("", 0), elsewhere))


@dataclass(frozen=True, slots=True)
class RunPath:
    """What one run did. `visits`: in the order of time, each with the id of its step; `rests_at`, `rests`:
    the step where it rests now, and until when in words ("": nowhere). `words`: when it began and where it
    stands; `began`: its start; `finished`: when it came to the end, None where it did not."""

    words: str
    began: Visit
    visits: tuple[tuple[str, Visit], ...]
    rests_at: str = ""
    rests: str = ""
    finished: Visit | None = None


def with_run(flowchart: Flowchart, path: RunPath) -> Flowchart:
    """With what one run did, and the way that it took."""
    by_step: dict[str, list[Visit]] = {}
    for step, visit in path.visits:
        by_step.setdefault(step, []).append(visit)
    ids = {node.id for node in every_node(flowchart.nodes) if node.id}
    former = {node.was: node.id for node in every_node(flowchart.nodes) if node.was and node.was not in ids}
    last = path.rests_at or (path.visits[-1][0] if path.visits and path.finished is None else "")

    def visited(node: FlowNode) -> FlowNode:
        if node.shape == "start":
            return replace(node, visits=(path.began,))
        if node.shape == "finish":
            return replace(node, visits=(path.finished,) if path.finished is not None else ())
        mine = {node.id} | {was for was, now in former.items() if now == node.id}
        visits = tuple(visit for step in sorted(mine) for visit in by_step.get(step, ()))
        rests = path.rests if path.rests_at in mine else ""
        stood = replace(node, visits=visits, rests=rests)
        return replace(stood, sides=_taken(stood, went_on=last not in mine))

    elsewhere = tuple((step, visit) for step, visit in path.visits if step not in ids and step not in former)
    return replace(flowchart.drawn_with(visited), run=RunOverlay(path.words, elsewhere))


def _taken(node: FlowNode, *, went_on: bool) -> tuple[FlowBranch, ...]:
    """The sides of a node, with the one that the run took: where it did something, or else, where it went on
    without that, the one that leads straight on."""
    sides = tuple(replace(side, passed=any(inner.is_passed for inner in side.nodes)) for side in node.sides)
    straight = [place for place, side in enumerate(sides) if not side.nodes]
    if node.is_passed and went_on and len(straight) == 1 and not any(side.passed for side in sides):
        at = straight[0]
        sides = (*sides[:at], replace(sides[at], passed=True), *sides[at + 1 :])
    return sides
