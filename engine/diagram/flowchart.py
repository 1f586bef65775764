"""What is drawn of a journey: nodes in the order in which people reach them, with the ways out of each.

The flowchart has no crossing lines, because a journey has no jumps: a step with sides stands above them, and
whoever comes out of a side goes on below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.language.quantities import WEEKDAYS
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait

Shape = Literal["start", "message", "wait", "question", "change", "exit", "finish"]


@dataclass(frozen=True, slots=True)
class FlowBranch:
    """One way out of a node; without nodes it leads straight on."""

    label: str
    nodes: tuple[FlowNode, ...]


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One step, or the start, or the end. `step`: its id, "" where nobody can rest; `line`: in the file."""

    shape: Shape
    text: str
    step: str = ""
    line: int = 0
    sides: tuple[FlowBranch, ...] = ()

    @property
    def ends(self) -> bool:
        """Nobody comes out of it below."""
        if self.shape in ("exit", "finish"):
            return True
        return bool(self.sides) and all(side.nodes and side.nodes[-1].ends for side in self.sides)


@dataclass(frozen=True, slots=True)
class Flowchart:
    """A journey as it is drawn. `notes`: what holds all the time, such as the goal, each with its name."""

    name: str
    about: str
    notes: tuple[tuple[str, str], ...]
    nodes: tuple[FlowNode, ...]


def flowchart(file: syntax.JourneyFile) -> Flowchart:
    """The flowchart of a journey as it is written; parts that could not be read are left out."""
    steps = _nodes(file.steps)
    # A finish that nobody can reach would be a promise: every way ends in an exit there.
    finish = () if steps and steps[-1].ends else (FlowNode("finish", "finish"),)
    # Several starts lead to the same first step, so they are one node with a line for each.
    starts = "\n".join(start_words(start) for start in file.starts) or "start"
    start = FlowNode("start", starts, line=file.starts[0].span.line if file.starts else 0)
    return Flowchart(file.name.value, _text(file.about), tuple(_notes(file)), (start, *steps, *finish))


def every_node(nodes: tuple[FlowNode, ...]) -> Iterator[FlowNode]:
    """All nodes, those on the sides too, from top to bottom."""
    for node in nodes:
        yield node
        for side in node.sides:
            yield from every_node(side.nodes)


def start_words(start: syntax.Start) -> str:
    """`event order_placed, once per order_id`."""
    match start:
        case syntax.EventStart():
            words = [f"event {start.event.value}"]
            words += [f"where {condition_text(start.where)}"] if start.where else []
            words += [f"once per {start.per.value}"] if start.per else []
        case syntax.SegmentStart():
            words = [f"enters {start.segment.value}"]
            words += ["and everybody who is in it" if start.members == "all" else ""]
        case syntax.DateStart():
            words = [_date_words(start), "every year" if start.yearly else "", f"at {start.at.text.value}"]
        case syntax.ClockStart():
            words = [f"every {start.every}"]
            if start.day is not None:
                words += [f"on day {start.day}" if start.day else "on the last day"]
            words += [f"on {', '.join(WEEKDAYS[day] for day in start.weekdays)}"] if start.weekdays else []
            words += [f"at {start.at.text.value}"]
        case syntax.ProductStart():
            words = [f"product {start.kind.value}"]
            words += [] if start.by is None else [f"by {start.by}%"]
            if start.watchers:
                words += [f"watched by {', '.join(event.value for event in start.watchers)}"]
            words += [f"once per {start.per.value}"] if start.per else []
        case _:
            assert_never(start)
    return ", ".join(word for word in words if word)


def _date_words(start: syntax.DateStart) -> str:
    for word, length in (("before", start.before), ("after", start.after)):
        if length is not None:
            return f"{length.text.value} {word} {start.date.value}"
    return start.date.value


def _notes(file: syntax.JourneyFile) -> Iterator[tuple[str, str]]:
    if file.who is not None:
        yield "who", condition_text(file.who)
    if file.again is not None:
        after = f" after {file.again.after.text.value}" if file.again.after is not None else ""
        yield (
            "again",
            f"restart, then{after}"
            if file.again.how == "restart" and after
            else (after.strip() or file.again.how),
        )
    if file.goal is not None:
        events = " or ".join(event.value for event in file.goal.events)
        where = f" where {condition_text(file.goal.where)}" if file.goal.where is not None else ""
        when = condition_text(file.goal.when) if file.goal.when is not None else ""
        yield "goal", f"{events}{where}" or when
    if file.exit_if is not None:
        yield "leaves early", condition_text(file.exit_if)
    for name, value in (("policy", file.policy), ("priority", file.priority), ("state", file.state)):
        if value is not None:
            yield name, value.value
    if file.holdout:
        yield "holdout", f"{file.holdout}%"


def _text(text: syntax.Text | None) -> str:
    return text.value if text is not None else ""


def _nodes(steps: tuple[syntax.Step, ...]) -> tuple[FlowNode, ...]:
    return tuple(
        FlowNode(
            _shape(step),
            step.words(),
            step.resting_id.value if step.resting_id is not None else "",
            step.span.line,
            tuple(
                FlowBranch(label, _nodes(side))
                for label, side in zip(step.side_labels(), step.sides(), strict=True)
            ),
        )
        for step in steps
    )


def _shape(step: syntax.Step) -> Shape:
    if isinstance(step, Wait):
        return "wait"
    if step.sides():
        return "question"
    if step.always_exits():
        return "exit"
    return "message" if isinstance(step, Send) else "change"
