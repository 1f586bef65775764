"""Two versions of config.yaml or of a file of schemas/, from their trees: what stands under each key.

The order of keys is no difference, except inside `into:`, where the first that fits is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from engine.language import nodes
from engine.language.nodes import Node, Scalar
from engine.plan.difference import Affected, Difference, Sign, SubjectDiff
from engine.problem import Span

_ORDERED = "into"

_AFFECTED: Mapping[str, tuple[Affected, str]] = {
    "config.yaml policies": (Affected.POLICY, "at once, for everything that is not handed over yet"),
    "config.yaml channels": (Affected.POLICY, "at once, for everything that is not handed over yet"),
    "config.yaml caps": (Affected.POLICY, "at once, for everything that is not handed over yet"),
    "config.yaml holdout": (
        Affected.NEWCOMERS, "who is inside stays; who is held out of everything gets no more",
    ),
    "config.yaml codes": (Affected.MESSAGES, "codes that were given stay as they are"),
    "config.yaml recommendations": (Affected.MESSAGES, "in messages that are not written yet"),
    "config.yaml points": (Affected.IN_FLIGHT, "for what is earned from now on"),
    "config.yaml tiers": (Affected.IN_FLIGHT, "asked of everybody at the next sweep"),
    "config.yaml shop": (Affected.MESSAGES, "in messages that are not written yet"),
    "config.yaml timezone": (Affected.IN_FLIGHT, "waits of customers without an own zone move with it"),
    "config.yaml languages": (Affected.MESSAGES, "in messages that are not written yet"),
    "schemas/customer.yaml facts": (
        Affected.IN_FLIGHT, "conditions and segments hear the new value once it is counted for everybody",
    ),
    "schemas/customer.yaml rfm": (Affected.IN_FLIGHT, "the groups are made anew in the next night"),
    "schemas/customer.yaml attributes": (Affected.IN_FLIGHT, "for values that come in from now on"),
    "schemas/events.yaml events": (Affected.IN_FLIGHT, "for events that come in from now on"),
    "schemas/product.yaml product": (Affected.MESSAGES, "for products that come in from now on"),
}  # fmt: skip


def settings_diff(file: str, before: Node | None, now: Node | None) -> SubjectDiff | None:
    """None where both say the same."""
    changes: list[Difference] = []
    for path, sign, words, place in _different((), before, now):
        top = path[0] if path else ""
        affected, rule = _AFFECTED.get(f"{file} {top}", (Affected.NOTHING, ""))
        changes.append(Difference(sign, f"{'.'.join(path)}{words}", affected, rule, place))
    return SubjectDiff("settings", file, file, tuple(changes)) if changes else None


_Found = tuple[tuple[str, ...], Sign, str, Span | None]


def _different(path: tuple[str, ...], before: Node | None, now: Node | None) -> Iterator[_Found]:
    if isinstance(before, nodes.Mapping) and isinstance(now, nodes.Mapping):
        yield from _maps(path, before, now)
    elif isinstance(before, nodes.Sequence) and isinstance(now, nodes.Sequence):
        yield from _lists(path, before, now)
    elif before is None and now is not None:
        yield path, Sign.ADDED, _behind(now), now.span
    elif now is None and before is not None:
        yield path, Sign.REMOVED, _behind(before), before.span
    elif before is not None and now is not None and _text(before) != _text(now):
        yield path, Sign.CHANGED, f": {_text(before)} -> {_text(now)}", now.span


def _maps(path: tuple[str, ...], before: nodes.Mapping, now: nodes.Mapping) -> Iterator[_Found]:
    former = {entry.key.text: entry.value for entry in before.entries}
    present = {entry.key.text: entry.value for entry in now.entries}
    for key in [*present, *(key for key in former if key not in present)]:
        yield from _different((*path, key), former.get(key), present.get(key))
    if path[-1:] == (_ORDERED,):
        order = [key for key in former if key in present]
        if order != [key for key in present if key in former]:
            yield (
                path,
                Sign.MOVED,
                f": the first that fits is taken, now in the order {', '.join(present)}",
                now.span,
            )


def _lists(path: tuple[str, ...], before: nodes.Sequence, now: nodes.Sequence) -> Iterator[_Found]:
    former, present = [_text(item) for item in before.items], [_text(item) for item in now.items]
    same = SequenceMatcher(a=former, b=present, autojunk=False)
    for how, start, end, first, last in same.get_opcodes():
        if how == "equal":
            continue
        if how == "replace" and end - start == last - first:
            for old, item in zip(before.items[start:end], now.items[first:last], strict=True):
                yield path, Sign.CHANGED, f": {_text(old)} -> {_text(item)}", item.span
            continue
        for was in before.items[start:end]:
            yield path, Sign.REMOVED, f": {_text(was)}", was.span
        for item in now.items[first:last]:
            yield path, Sign.ADDED, f": {_text(item)}", item.span


def _behind(node: Node) -> str:
    return f": {_text(node)}"


def _text(node: Node) -> str:
    """A part of a tree in one line, the same for every layout."""
    match node:
        case Scalar():
            return node.text
        case nodes.Sequence():
            return f"[{', '.join(_text(item) for item in node.items)}]"
        case nodes.Mapping():
            return f"{{{', '.join(f'{entry.key.text}: {_text(entry.value)}' for entry in node.entries)}}}"
