"""Ids for waits that have none: `before_` and the next message."""

from __future__ import annotations

import re

from engine.language.nodes import Mapping, Node, Scalar, Sequence
from engine.problem import Span

_NESTED = ("then", "into", "else")


def missing_wait_ids(root: Mapping) -> dict[Span, str]:
    """For every wait without an id, by the place of its verb, an id that is not taken yet."""
    steps = root.get("steps")
    taken = set(_taken(steps))
    ids: dict[Span, str] = {}
    numbers: dict[str, int] = {}  # the next of each name: of thousands of equal waits none is counted anew
    for span, message in _waits(steps, ""):
        about = re.sub(r"[^a-z0-9]+", "_", message.casefold()).strip("_") if message else ""
        name = f"before_{about or 'the_end'}"
        proposed, number = name, numbers.get(name, 2)
        while proposed in taken:
            proposed, number = f"{name}_{number}", number + 1
        numbers[name] = number
        taken.add(proposed)
        ids[span] = proposed
    return ids


def _waits(steps: Node | None, behind: str) -> list[tuple[Span, str]]:
    """Waits without an id with the next message; `behind` is the first message after these steps."""
    items = steps.items if isinstance(steps, Sequence) else ()
    found: list[tuple[Span, str]] = []
    following = behind
    for step in reversed(items):
        if not isinstance(step, Mapping):
            continue
        inner = [pair for child in reversed(_children(step)) for pair in reversed(_waits(child, following))]
        found.extend(inner)
        following = _first_message(step) or following
        waits = [entry.key.span for entry in step.entries if entry.key.text == "wait"]
        if waits and step.get("id") is None:
            found.append((waits[0], following))
    found.reverse()
    return found


def _children(step: Mapping) -> list[Node]:
    """The lists of steps inside a step, in their order."""
    lists: list[Node] = []
    for key in _NESTED:
        node = step.get(key)
        if isinstance(node, Mapping):
            lists.extend(entry.value for entry in node.entries)
        elif node is not None:
            lists.append(node)
    return lists


def _first_message(step: Mapping) -> str:
    sent = step.get("send")
    if isinstance(sent, Scalar):
        return sent.text
    for child in _children(step):
        for item in child.items if isinstance(child, Sequence) else ():
            if isinstance(item, Mapping) and (message := _first_message(item)):
                return message
    return ""


def _taken(node: Node | None) -> list[str]:
    """All ids of the file, written or by name of template and split."""
    if isinstance(node, Sequence):
        return [name for item in node.items for name in _taken(item)]
    if not isinstance(node, Mapping):
        return []
    names = [name for entry in node.entries for name in _taken(entry.value)]
    for key in ("id", "send", "split"):
        value = node.get(key)
        if isinstance(value, Scalar):
            names.append(value.text)
    return names
