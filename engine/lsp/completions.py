"""What may be typed at a place: keys by the table of the language, names by the project's own catalogue.

The place is found from the columns of the lines above it, so that it is known also while a line is half
written and nobody can read the file as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.compiler.schema import names_of
from engine.language.grammar import (
    GOAL,
    HOLDOUT,
    JOURNEY,
    LONG_DID,
    SEGMENT,
    STARTS,
    TEST,
    Construct,
)
from engine.language.schema.files import SchemaNames
from engine.language.steps.register import KINDS
from engine.project import Project


class CompletionKind(StrEnum):
    """What is offered: a key is followed by a colon."""

    key = "key"
    name = "name"
    word = "word"


@dataclass(frozen=True, slots=True)
class Completion:
    """`about`: a sentence, where there is one."""

    text: str
    kind: CompletionKind
    about: str = ""


@dataclass(frozen=True, slots=True)
class TypingPlace:
    """The keys above a place, outermost first. `key`: the one whose value is being written, None: a key is
    written, or a step (`is_item`: behind a dash)."""

    path: tuple[str, ...]
    key: str | None
    is_item: bool
    siblings: tuple[str, ...] = ()


_LINE = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<rest>.*)")
_KEY = re.compile(r"""(?P<key>[^\s:#'"{\[][^:#]*|"[^"]*"|'[^']*'):(?: +(?P<value>.*))?$""")


def place_at(lines: list[str], number: int, character: int) -> TypingPlace:
    """Where a line (from 0) is written at a character (from 0)."""
    head = lines[number][:character] if number < len(lines) else ""
    match = _LINE.match(head)
    assert match is not None
    column = len(match["indent"]) + len(match["dashes"])
    is_item = bool(match["dashes"])
    path, siblings = _around(lines, number, len(match["indent"]), column, is_item=is_item)
    rest, key = match["rest"], None
    written = _KEY.match(rest)
    if (written is not None and written["value"] is not None) or rest.endswith(": "):
        key = (written["key"] if written is not None else rest[:-2]).strip()
        value = (written["value"] or "") if written is not None else ""
        # inside of braces the last open key counts
        braces = re.split(r"[{,]", value) if "{" in value else []
        if braces and value.count("{") > value.count("}"):
            inner = [key, *re.findall(r"(\w+): *\{", value)]
            name, colon, _ = braces[-1].partition(":")
            if colon:
                return TypingPlace((*path, *inner), name.strip(), False)
            return TypingPlace((*path, *inner), None, False)
    return TypingPlace(path, key, is_item, siblings)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line with a key: the column of its dash (or of its key), that of its key, and whether more stands
    below it."""

    indent: int
    column: int
    key: str
    is_item: bool
    is_open: bool


def _row(line: str) -> _Row | None:
    match = _LINE.match(line)
    written = _KEY.match(match["rest"].split(" #")[0].rstrip()) if match is not None else None
    if match is None or written is None:
        return None
    indent, dashes = len(match["indent"]), len(match["dashes"])
    return _Row(indent, indent + dashes, written["key"].strip(), dashes > 0, written["value"] is None)


def _around(
    lines: list[str], number: int, indent: int, column: int, *, is_item: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys that a line stands under, outermost first, and those that stand beside it in one map."""
    path: list[str] = []
    siblings: list[str] = []
    in_list, edge = is_item, indent if is_item else column
    for line in reversed(lines[:number]):
        row = _row(line)
        if row is None or row.column > edge:
            continue
        if not in_list and row.column == edge:
            if not path:
                siblings.append(row.key)
            if row.is_item:  # the first line of this item: what comes above is around the list
                in_list, edge = True, row.indent
        elif row.is_open and (row.column < edge or not row.is_item):
            path.append(row.key)
            in_list, edge = row.is_item, row.indent if row.is_item else row.column
    for line in lines[number + 1 :]:
        row = _row(line)
        if row is not None and (row.column < column or (row.column == column and row.is_item)):
            break
        if row is not None and row.column == column:
            siblings.append(row.key)
    return tuple(reversed(path)), tuple(siblings)


# --- what fits there -----------------------------------------------------------------------------

_CONDITIONS = ("who", "exit_if", "if", "when", "any", "all", "none", "where")
_WORDS = {
    "did": "how often something happened",
    "segment": "is a member",
    "inside": "a run of that journey is open",
    "can": "can be reached by a channel",
    "clicked": "clicked a message of this run",
    "opened": "opened a message of this run",
    "goal": "reached, or not reached",
    "any": "one of several conditions",
    "all": "every one of several conditions",
    "none": "none of several conditions",
}


def completions(
    project: Project, file: str, lines: list[str], number: int, character: int
) -> list[Completion]:
    """Everything that may be written at this place of a journey or a segment; nothing elsewhere."""
    if not file.startswith("journeys/"):
        return []
    names, place = names_of(project.world), place_at(lines, number, character)
    top = SEGMENT if file.startswith("journeys/segments/") else JOURNEY
    if place.key is not None:
        return list(_values(place, names, _construct_of(place, top)))
    return [each for each in _keys(place, names, top) if each.text not in place.siblings]


def _keys(place: TypingPlace, names: SchemaNames, top: Construct) -> Iterator[Completion]:
    path = place.path
    if not path:
        yield from _of_construct(top)
    elif path[-1] == "did":
        yield from _named(names.events, CompletionKind.key)
    elif path[-1] in _CONDITIONS and path[0] != "tests":
        yield from _named(names.attributes, CompletionKind.key)
        yield from (Completion(word, CompletionKind.key, about) for word, about in _WORDS.items())
    elif path[-1] in ("set", "add", "remove", "given"):
        yield from _named(names.attributes, CompletionKind.key)
    elif _holds_steps(path):
        verb = next((key for key in place.siblings if key in KINDS), None)
        if verb is not None:
            yield from _of_construct(KINDS[verb].construct)
        elif place.is_item or place.siblings:
            yield from (Completion(v, CompletionKind.key, kind.construct.about) for v, kind in KINDS.items())
    else:
        construct = _construct_of(place, top)
        for each in construct:
            yield from _of_construct(each)


def _holds_steps(path: tuple[str, ...]) -> bool:
    return path[-1] in ("steps", "then", "else", "do") or path[-2:-1] == ("into",)


def _construct_of(place: TypingPlace, top: Construct) -> tuple[Construct, ...]:
    """The tables whose keys stand at a place."""
    path = place.path
    if not path:
        return (top,)
    match path[-1]:
        case "start":
            return tuple(c for c in STARTS if c.keys[0].name in (*place.siblings, place.key)) or STARTS
        case "goal":
            return (GOAL,)
        case "holdout":
            return (HOLDOUT,)
        case "tests":
            return (TEST,)
        case _ if path[-2:-1] == ("did",):
            return (LONG_DID,)
        case _ if _holds_steps(path):
            verb = next((key for key in (place.key, *place.siblings) if key in KINDS), None)
            return (KINDS[verb].construct,) if verb is not None else ()
        case _:
            return ()


def _values(
    place: TypingPlace, names: SchemaNames, constructs: tuple[Construct, ...]
) -> Iterator[Completion]:
    by_word: dict[str | None, Mapping[str, str]] = {
        "segment": names.segments,
        "inside": names.journeys,
        "can": names.channels,
        "clicked": names.templates,
        "opened": names.templates,
    }
    key = next((k for c in constructs for k in c.keys if k.name == place.key), None)
    if key is None:
        yield from _named(by_word.get(place.key, {}), CompletionKind.name)
        return
    by_kind: dict[str, Mapping[str, str]] = {
        "event": names.events,
        "events": names.events,
        "awaited": names.events,
        "reaction": names.events,
        "segment": names.segments,
        "template": names.templates,
        "policy": names.policies,
        "pool": names.codes,
        "webhook": names.webhooks,
        "attribute": names.attributes,
        "day_or_attribute": names.attributes,
        "via": names.channels,
    }
    yield from _named(by_kind.get(key.kind, {}), CompletionKind.name)
    yield from (Completion(choice, CompletionKind.word, key.about) for choice in key.choices)
    if not key.choices and key.kind not in by_kind and key.example and "\n" not in key.example:
        for example in key.example.split("  or  "):
            word = example.removeprefix(f"{key.name}: ").strip()
            yield Completion(word, CompletionKind.word, key.about)


def _named(names: Mapping[str, str], kind: CompletionKind) -> Iterator[Completion]:
    return (Completion(name, kind, about) for name, about in names.items())


def _of_construct(construct: Construct) -> Iterator[Completion]:
    return (Completion(key.name, CompletionKind.key, key.about) for key in construct.keys)
