"""The flowchart of a journey, from its syntax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from engine.compiler.walk import StepIds
from engine.diagram.nodes import (
    ChannelLane,
    FlowBranch,
    Flowchart,
    FlowNode,
    HeadNote,
    HeadPart,
    Shape,
    leads_on,
)
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.language.steps.send import LIKELY, Send
from engine.language.steps.wait import Wait
from engine.language.weekdays import WEEKDAYS


def flowchart(file: syntax.JourneyFile) -> Flowchart:
    """The flowchart of a journey as it is written; parts that could not be read are left out."""
    return with_ends(file, _nodes(file.steps, StepIds()))


def with_ends(file: syntax.JourneyFile, steps: tuple[FlowNode, ...]) -> Flowchart:
    """The flowchart of a journey around the nodes of its steps."""
    # A finish that nobody can reach would be a promise: every way ends in an exit there.
    finish = (FlowNode("finish", "finish"),) if leads_on(steps) else ()
    # Several starts lead to the same first step, so they are one node with a line for each.
    starts = "\n".join(start_words(start) for start in file.starts) or "start"
    start = FlowNode("start", starts, line=file.starts[0].span.line if file.starts else 0)
    return Flowchart(
        file.name.value,
        file.about.value if file.about is not None else "",
        tuple(_notes(file)),
        (start, *steps, *finish),
    )


def flow_node(step: syntax.Step, step_id: str, sides: tuple[FlowBranch, ...]) -> FlowNode:
    """The node of one step. `step_id`: as runs keep it."""
    text, lanes = step.words(), tuple[ChannelLane, ...]()
    if isinstance(step, Send) and (lanes := tuple(_lanes(step))):
        # its channels stand in the lanes
        text = f"send {step.template.value}" + (f" via {LIKELY}" if step.likely is not None else "")
    return FlowNode(
        _shape(step), text,
        step.resting_id.value if step.resting_id is not None else "", step.span.line, sides, step_id,
        step.was.value if step.was is not None else "", lanes,
    )  # fmt: skip


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


def _notes(file: syntax.JourneyFile) -> Iterator[HeadNote]:
    if file.who is not None:
        yield HeadNote(HeadPart.WHO, condition_text(file.who))
    if file.again is not None:
        after = f" after {file.again.after.text.value}" if file.again.after is not None else ""
        is_both = file.again.how == "restart" and after
        words = f"restart, then{after}" if is_both else after.strip() or file.again.how
        yield HeadNote(HeadPart.AGAIN, words)
    if file.goal is not None:
        events = " or ".join(event.value for event in file.goal.events)
        where = f" where {condition_text(file.goal.where)}" if file.goal.where is not None else ""
        when = condition_text(file.goal.when) if file.goal.when is not None else ""
        yield HeadNote(HeadPart.GOAL, f"{events}{where}" or when)
    if file.exit_if is not None:
        yield HeadNote(HeadPart.LEAVES_EARLY, condition_text(file.exit_if))
    for part, value in (
        (HeadPart.POLICY, file.policy),
        (HeadPart.PRIORITY, file.priority),
        (HeadPart.STATE, file.state),
    ):
        if value is not None:
            yield HeadNote(part, value.value)
    if file.holdout:
        yield HeadNote(HeadPart.HOLDOUT, f"{file.holdout}%")


def _nodes(steps: tuple[syntax.Step, ...], ids: StepIds) -> tuple[FlowNode, ...]:
    nodes = []
    for step in steps:
        step_id = ids.next(step)  # before those of its sides, as in the row
        sides = tuple(
            FlowBranch(label, _nodes(side, ids))
            for label, side in zip(step.side_labels(), step.sides(), strict=True)
        )
        nodes.append(flow_node(step, step_id, sides))
    return tuple(nodes)


def _lanes(send: Send) -> Iterator[ChannelLane]:
    if not send.is_cascade:
        return
    later = send.next_after.text.value if send.next_after is not None else ""
    if send.auto is not None:
        later = f"a learned time{f', else {later},' if later else ''}"
    unless = f"{later} later, unless {send.until.value if send.until is not None else 'clicked'}"
    for place, channel in enumerate(send.via):
        if send.likely is not None:
            yield ChannelLane(channel.value, 0)
        else:
            yield ChannelLane(channel.value, place + 1, unless if place else "")


def _shape(step: syntax.Step) -> Shape:
    if isinstance(step, Wait):
        return "wait"
    if step.sides():
        return "question"
    if step.always_exits():
        return "exit"
    return "message" if isinstance(step, Send) else "change"
