"""`goal:` - what success is."""

from __future__ import annotations

from engine.language.conditions.condition import read_condition
from engine.language.grammar import GOAL
from engine.language.map_reader import NAME, MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar, is_empty
from engine.language.steps.register import KINDS
from engine.language.syntax import Goal
from engine.language.wording import as_list, shown
from engine.problem import Span

_EXAMPLE = "\n         goal:\n           event: order_placed"
_INSTANT = [verb for verb, kind in KINDS.items() if kind.is_instant]
_THEN = {"end": "exit", "leave": "exit", "stop": "exit", "continue": "stay", "go on": "stay"}


def parse_goal(context: ReadContext, node: Node, at: Span) -> Goal | None:
    """An event with its fields, or a condition."""
    if is_empty(node):
        context.empty(at, "goal", _EXAMPLE)
        return None
    if not isinstance(node, Mapping):
        is_event = isinstance(node, Scalar) and node.text != "none" and NAME.fullmatch(node.text)
        word = shown(node.text) if isinstance(node, Scalar) and is_event else "order_placed"
        context.report(
            node.span,
            "E07",
            '"goal" needs an event or a condition',
            f"the parts are: {GOAL.parts}",
            f"write\n         goal:\n           event: {word}",
        )
        return None
    reader = MapReader(context, GOAL, node.entries, at)
    events = reader.texts("event")
    where, when = (read_condition(reader, key) for key in ("where", "when"))
    within, then = reader.length("within"), reader.choice("then", _THEN)
    steps = reader.steps("do") or ()
    instant = []
    for step in steps:
        if KINDS[step.verb].is_instant:
            instant.append(step)
            continue
        context.report(
            step.span,
            "E17",
            "this step does not belong here",
            f"reaching the goal can only do what takes no time: {as_list(_INSTANT)}",
            "start a second journey from the event  goal_reached",
        )
    do = tuple(instant)
    _check(reader)
    return Goal(events, where, when, within, "stay" if then and then.value == "stay" else "exit", do, at)


def _check(reader: MapReader) -> None:
    if "event" in reader and "when" in reader:
        reader.apart(
            "when",
            "a goal is an event or a condition; fields of the event stand under  where:",
            "keep one of them",
        )
    elif "event" not in reader and "when" not in reader:
        reader.context.report(
            reader.at,
            "E08",
            '"goal" names no event and no condition',
            "nothing could ever reach it",
            "write under it  event: order_placed  or  when: {tier: gold}",
        )
    elif "where" in reader and "event" not in reader:
        reader.apart(
            "where", "it asks for fields of an event, and there is no event", "add  event: order_placed"
        )
