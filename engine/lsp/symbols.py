"""The outline of a file: its parts, the steps below each other as they are nested, its stories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.steps.register import KINDS
from engine.language.yaml.source import read
from engine.problem import Span


class SymbolKind(StrEnum):
    """What stands there."""

    part = "part"
    step = "step"
    branch = "branch"
    story = "story"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A line of the outline: its words, and from `name` to `last` what belongs to it."""

    words: str
    kind: SymbolKind
    name: Span
    last: Span
    inside: tuple[Symbol, ...] = ()


_LONGEST = 80


def outline(text: str, file: str) -> list[Symbol]:
    """Of a file of YAML; nothing where it cannot be read."""
    root, _ = read(text, file)
    return [_part(entry) for entry in root.entries] if isinstance(root, Mapping) else []


def _part(entry: Entry) -> Symbol:
    inside: tuple[Symbol, ...]
    match entry.key.text, entry.value:
        case "steps", Sequence() as steps:
            inside = tuple(_steps(steps))
        case "tests", Sequence() as stories:
            inside = tuple(_stories(stories))
        case _, Mapping() as below:
            inside = tuple(
                Symbol(_words(inner), SymbolKind.part, inner.key.span, _last(inner))
                for inner in below.entries
            )
        case _:
            inside = ()
    return Symbol(_words(entry), SymbolKind.part, entry.key.span, _last(entry), inside)


def _line(entry: Entry) -> Symbol:
    return Symbol(_words(entry), SymbolKind.part, entry.key.span, _last(entry))


def _steps(steps: Sequence) -> Iterator[Symbol]:
    for step in steps.items:
        entries = step.entries if isinstance(step, Mapping) else ()
        verb = next((entry for entry in entries if entry.key.text in KINDS), None)
        if verb is None:
            continue
        inside = tuple(
            Symbol(label, SymbolKind.branch, branch.key.span, _last(branch), tuple(_steps(branch.value)))
            for entry in entries
            for label, branch in _branches(entry)
            if isinstance(branch.value, Sequence)
        )
        yield Symbol(_words(verb), SymbolKind.step, verb.key.span, _last(entries[-1]), inside)


def _branches(entry: Entry) -> Iterator[tuple[str, Entry]]:
    if entry.key.text in ("then", "else"):
        yield entry.key.text, entry
    elif entry.key.text == "into" and isinstance(entry.value, Mapping):
        yield from ((path.key.text, path) for path in entry.value.entries)


def _stories(stories: Sequence) -> Iterator[Symbol]:
    for story in stories.items:
        entries = story.entries if isinstance(story, Mapping) else ()
        name = next((entry for entry in entries if entry.key.text == "test"), None)
        if name is not None and isinstance(name.value, Scalar):
            yield Symbol(name.value.text, SymbolKind.story, name.key.span, _last(entries[-1]))


def _words(entry: Entry) -> str:
    value = entry.value
    words = f"{entry.key.text}: {value.text}" if isinstance(value, Scalar) else entry.key.text
    flat = " ".join(words.split()) or "(nothing)"
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."


def _last(entry: Entry) -> Span:
    """The last word that belongs to it."""
    return max(entry.key.span, *(scalar.span for scalar in _scalars(entry.value)), entry.key.span)


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Mapping():
            for entry in node.entries:
                yield entry.key
                yield from _scalars(entry.value)
        case Sequence():
            for item in node.items:
                yield from _scalars(item)
