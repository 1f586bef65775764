"""The picture of a journey with what differs from an earlier version marked at the steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.diagram.flowchart import flow_node, flowchart, with_ends
from engine.diagram.nodes import FlowBranch, Flowchart, FlowNode, HeadNote, HeadPart, Mark, MarkedPart
from engine.language import syntax
from engine.plan.compared_steps import ComparedSteps, place_words
from engine.plan.journey_diff import head_differences
from engine.plan.step_diff import part_changes, rule_of_gone
from engine.plan.step_matching import PlacedStep, side_keys


def changed_flowchart(before: syntax.JourneyFile | None, now: syntax.JourneyFile) -> Flowchart:
    """The newer version. What is new, different or moved is marked; what is gone stands where it was, beside
    the way. Without an older one it is a new journey."""
    if before is None:
        return _with_note(flowchart(now), MarkedPart(Mark.ADDED, "a new journey"))
    steps = ComparedSteps.of(before.steps, now.steps)
    return _with_head(with_ends(now, _Merged(steps).row(-1, -1, "")), before, now)


def former_flowchart(before: syntax.JourneyFile, now: syntax.JourneyFile | None) -> Flowchart:
    """The older version, with the same marks; what is new is not in it."""
    if now is None:
        return _with_note(flowchart(before), MarkedPart(Mark.REMOVED, "the journey is gone"))
    steps = ComparedSteps.of(before.steps, now.steps)
    return _with_head(with_ends(before, _Former(steps).row(-1, "")), before, now)


def _with_note(chart: Flowchart, mark: MarkedPart) -> Flowchart:
    return replace(chart, notes=(HeadNote(HeadPart.NAME, "", (mark,)), *chart.notes))


def _with_head(chart: Flowchart, before: syntax.JourneyFile, now: syntax.JourneyFile) -> Flowchart:
    marks: dict[HeadPart, list[MarkedPart]] = {}
    for part, difference in head_differences(before, now):
        marks.setdefault(part, []).append(MarkedPart(Mark[difference.sign.name], difference.words))
    if before.name.value != now.name.value:
        words = f"the journey {before.name.value} is called {now.name.value}"
        marks.setdefault(HeadPart.NAME, []).append(MarkedPart(Mark.CHANGED, words))
    said = {note.part for note in chart.notes} | {HeadPart.START}
    notes = [replace(note, marks=tuple(marks.get(note.part, ()))) for note in chart.notes]
    notes += [HeadNote(part, "", tuple(found)) for part, found in marks.items() if part not in said]
    start = replace(chart.nodes[0], marks=tuple(marks.get(HeadPart.START, ())))
    return replace(chart, notes=tuple(notes), nodes=(start, *chart.nodes[1:]))


class _Marks:
    """What is said at a step, by its place in either version."""

    def __init__(self, steps: ComparedSteps) -> None:
        self.steps = steps
        self.former_of = steps.former_of()

    def of(self, place: PlacedStep) -> tuple[MarkedPart, ...]:
        """Of a step of the newer version."""
        was = self.former_of.get(place.index)
        if was is None:
            return (MarkedPart(Mark.ADDED),)
        return tuple(self._of_kept(was, place))

    def _of_kept(self, was: PlacedStep, place: PlacedStep) -> Iterator[MarkedPart]:
        for part in part_changes(was.step, place.step):
            yield MarkedPart(Mark.CHANGED, part.words)
        if place.is_named and was.id != place.id:
            yield MarkedPart(Mark.CHANGED, f"{was.id} is called {place.id}")
        if place.index not in self.steps.stayed:
            stood = place_words(was, self.steps.former).replace("to the beginning", "at the beginning")
            yield MarkedPart(Mark.MOVED, f"before it stood {stood}")

    def gone(self, place: PlacedStep) -> tuple[MarkedPart, ...]:
        """Of a step of the older version that is not in the newer one."""
        return (MarkedPart(Mark.REMOVED, rule_of_gone(place, self.steps.goes_on(place))),)


class _Merged:
    """The newer steps, with those that are gone between them."""

    def __init__(self, steps: ComparedSteps) -> None:
        self._marks = _Marks(steps)
        self._steps = steps

    def row(self, parent: int, former_parent: int, side: str) -> tuple[FlowNode, ...]:
        """One list. `former_parent`: the step of the older version that its parent was; -2 where there was
        none."""
        steps = self._steps
        mine = [place for place in steps.present if (place.parent, place.side) == (parent, side)]
        indexes = {place.index for place in mine}
        behind: dict[int, list[FlowNode]] = {}
        last = -1
        for was in steps.former:
            if (was.parent, was.side) != (former_parent, side):
                continue
            now = steps.same.get(was.index)
            if now is None:
                behind.setdefault(last, []).append(self._gone(was))
            elif now in indexes:
                last = now
        nodes = behind.get(-1, [])
        for place in mine:
            nodes = [*nodes, self._node(place), *behind.get(place.index, ())]
        return tuple(nodes)

    def _node(self, place: PlacedStep) -> FlowNode:
        was = self._marks.former_of.get(place.index)
        of_former = dict(zip(side_keys(was.step), was.step.side_labels(), strict=True)) if was else {}
        sides = [
            FlowBranch(
                label, self.row(place.index, was.index if was else -2, key),
                Mark.ADDED if was is not None and key not in of_former else None,
            )
            for key, label in zip(side_keys(place.step), place.step.side_labels(), strict=True)
        ]  # fmt: skip
        present = side_keys(place.step)
        sides += [
            FlowBranch(label, self._gone_side(was, key), Mark.REMOVED, is_gone=True)
            for key, label in of_former.items()
            if was is not None and key not in present
        ]
        return replace(flow_node(place.step, place.id, tuple(sides)), marks=self._marks.of(place))

    def _gone(self, place: PlacedStep) -> FlowNode:
        """A step that is gone, with those of its steps that are gone as well; the others stand where they are
        now."""
        keys = zip(side_keys(place.step), place.step.side_labels(), strict=True)
        sides = tuple(FlowBranch(label, self._gone_side(place, key), is_gone=True) for key, label in keys)
        node = flow_node(place.step, place.id, sides)
        return replace(node, marks=self._marks.gone(place), is_gone=True)

    def _gone_side(self, parent: PlacedStep, side: str) -> tuple[FlowNode, ...]:
        return tuple(
            self._gone(place)
            for place in self._steps.gone()
            if (place.parent, place.side) == (parent.index, side)
        )


class _Former:
    """The older steps."""

    def __init__(self, steps: ComparedSteps) -> None:
        self._marks = _Marks(steps)
        self._steps = steps

    def row(self, parent: int, side: str) -> tuple[FlowNode, ...]:
        """One list."""
        return tuple(
            self._node(place) for place in self._steps.former if (place.parent, place.side) == (parent, side)
        )

    def _node(self, place: PlacedStep) -> FlowNode:
        keys = zip(side_keys(place.step), place.step.side_labels(), strict=True)
        sides = tuple(FlowBranch(label, self.row(place.index, key)) for key, label in keys)
        now = self._steps.same.get(place.index)
        marks = self._marks.gone(place) if now is None else self._marks.of(self._steps.present[now])
        return replace(flow_node(place.step, place.id, sides), marks=marks)
