"""`goal:` - what success is."""

from __future__ import annotations

from engine.language.condition import parse_condition
from engine.language.grammar import GOAL
from engine.language.nodes import Mapping, Node, Scalar, is_empty
from engine.language.parts import Parts
from engine.language.reading import Reading
from engine.language.syntax import AllOf, Change, Goal, Step, Webhook
from engine.language.wording import shown
from engine.problem import Span

_EXAMPLE = "\n         goal:\n           event: order_placed"
_THEN = {"end": "exit", "leave": "exit", "stop": "exit", "continue": "stay", "go on": "stay"}


def parse_goal(reading: Reading, node: Node, at: Span) -> Goal | None:
    """An event with its fields, or a condition."""
    if is_empty(node):
        reading.empty(at, "goal", _EXAMPLE)
        return None
    if not isinstance(node, Mapping):
        word = shown(node.text) if isinstance(node, Scalar) else "order_placed"
        reading.report(
            node.span,
            "E07",
            '"goal" needs an event or a condition',
            f"the parts are: {GOAL.parts}",
            f"write\n         goal:\n           event: {word}",
        )
        return None
    parts = Parts(reading, GOAL, node.entries, at)
    events = parts.texts("event")
    where, when = (_condition(parts, key) for key in ("where", "when"))
    within, then = parts.length("within"), parts.choice("then", _THEN)
    do = _instant(reading, parts.steps("do") or ())
    _check(parts)
    return Goal(events, where, when, within, "stay" if then and then.value == "stay" else "exit", do, at)


def _condition(parts: Parts, key: str) -> AllOf | None:
    node = parts.node(key)
    if node is None:
        return None
    return parse_condition(parts.reading, node, parts.at_key(key), key, of_event=key == "where")


def _check(parts: Parts) -> None:
    if "event" in parts and "when" in parts:
        parts.apart(
            "when",
            "a goal is an event or a condition; fields of the event stand under  where:",
            "keep one of them",
        )
    elif "event" not in parts and "when" not in parts:
        parts.reading.report(
            parts.at,
            "E08",
            '"goal" names no event and no condition',
            "nothing could ever reach it",
            "write under it  event: order_placed  or  when: {tier: gold}",
        )
    elif "where" in parts and "event" not in parts:
        parts.apart(
            "where", "it asks for fields of an event, and there is no event", "add  event: order_placed"
        )


def _instant(reading: Reading, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    kept = []
    for step in steps:
        if isinstance(step, Change | Webhook):
            kept.append(step)
            continue
        reading.report(
            step.span,
            "E17",
            "this step does not belong here",
            "reaching the goal can only do what takes no time: set, add, remove, webhook",
            "start a second journey from the event  goal_reached",
        )
    return tuple(kept)
