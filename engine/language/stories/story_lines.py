"""The lines of `when:` - moments with an event, a reaction, a segment, or changed attributes."""

from __future__ import annotations

import re
from typing import Literal, cast

from engine.language.map_reader import ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty, part, tail
from engine.language.quantities import parse_clock
from engine.language.syntax import Field, Moment, StoryLine, Text
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span, nearest

_MOMENT = re.compile(r"day\s+(\d{1,4})\s+(\S+)", re.ASCII)
_WITH_NAME = ("clicked", "opened", "bounced", "enters", "leaves")
_OTHER = {
    "click": "clicked", "clicks": "clicked", "open": "opened", "opens": "opened", "bounce": "bounced",
    "bounces": "bounced", "enter": "enters", "entered": "enters", "leave": "leaves", "left": "leaves",
}  # fmt: skip
_Kind = Literal["event", "clicked", "opened", "bounced", "enters", "leaves", "set"]
_WHY_LINE = (
    "a line is a moment and an event, clicked x, opened x, bounced x, enters x, leaves x, or set; "
    "fields stand below it"
)


def parse_when(context: ReadContext, node: Node, at: Span) -> tuple[StoryLine, ...]:
    """What happens, in the order in which it is written."""
    if not isinstance(node, Sequence) or is_empty(node):
        place = at if is_empty(node) else node.span
        context.report(
            place, "E53", '"when" needs a list of moments', _WHY_LINE, "write  - day 0 18:30: order_placed"
        )
        return ()
    lines = (_line(context, item) for item in node.items)
    return tuple(line for line in lines if line is not None)


def parse_moment(text: Text) -> Moment | Problem:
    """`day 0 18:30`."""
    match = _MOMENT.fullmatch(text.value)
    if not match:
        return Problem(
            text.span,
            "E52",
            f"{quoted(text.value)} is not a moment of a story",
            "moments are written  day 0 18:30 , in the customer's own time; day 0 is the first day",
            f"write  {_moment_meant(text.value)}"
            if re.search(r"\d", text.value)
            else (
                f"write  day 0 10:00 , or remove the dash if  {shown(text.value)}  belongs to the line above"
            ),
        )
    clock = parse_clock(part(text, match.start(2), match.end(2) - match.start(2)))
    return clock if isinstance(clock, Problem) else Moment(int(match[1]), clock.time, text.span)


def parse_fields(context: ReadContext, entries: list[Entry]) -> tuple[Field, ...]:
    """The fields of an event in a story."""
    fields = (_field(context, entry) for entry in entries)
    return tuple(field for field in fields if field is not None)


def _moment_meant(words: str) -> str:
    day = re.match(r"d(?:ay)?\s*(\d{1,4})\b", words, re.ASCII | re.IGNORECASE)
    time = re.search(r"\b\d{1,2}:\d{2}\b", words[:100], re.ASCII)
    return f"day {int(day[1]) if day else 0} {time[0] if time else '10:00'}"


def _line(context: ReadContext, node: Node) -> StoryLine | None:
    if not isinstance(node, Mapping) or not node.entries:
        word = shown(node.text) if isinstance(node, Scalar) and node.text else "order_placed"
        fix = f"write  - day 0 10:00: {word.rpartition('00 ')[2] if word.startswith('day') else word}"
        context.report(node.span, "E53", "this is not a line of a story", _WHY_LINE, fix)
        return None
    first, *rest = node.entries
    moment = context.keep(parse_moment(first.key.whole()))
    if moment is None and not first.key.text.startswith("day"):
        return None
    if not isinstance(first.value, Scalar) or is_empty(first.value):
        context.report(
            first.value.span if not is_empty(first.value) else first.key.span,
            "E53",
            "this line does not say what happens",
            _WHY_LINE,
            f"write  - {shown(first.key.text)}: order_placed  and the fields in the lines below it",
        )
        return None
    happening = _happening(context, first.value.whole())
    happened = [entry for entry in rest if entry.key.text == "happened"]
    fields = parse_fields(context, [entry for entry in rest if entry not in happened])
    delayed = context.text(happened[0].value, "happened", "day 0 09:20") if happened else None
    late = None if delayed is None else context.keep(parse_moment(delayed))
    if moment is None or happening is None:
        return None
    kind, named = happening
    _check_fields(context, kind, named, rest, happened)
    return StoryLine(moment, kind, named, fields, late)


def _happening(context: ReadContext, text: Text) -> tuple[_Kind, Text] | None:
    verb, _, name = text.value.partition(" ")
    if verb in _WITH_NAME and name.strip() and " " not in name.strip():
        return cast("_Kind", verb), tail(text, len(verb))
    if text.value == "set":
        return "set", text
    if not name and verb not in _WITH_NAME and verb not in _OTHER:
        return "event", text
    meant = _OTHER.get(verb.casefold()) or (
        verb if verb in _WITH_NAME else nearest(verb, (*_WITH_NAME, "set"))
    )
    if verb.startswith("set") or meant == "set":
        fix = "write  set  and the attributes in the lines below it"
    elif meant:
        fix = f"write  {meant} {shown(name.split(' ')[0]) or 'welcome_hello'}"
    else:
        fix = f"write  {shown(verb)}  and the fields in the lines below it"
    context.report(text.span, "E54", f"{quoted(text.value)} is not something that happens", _WHY_LINE, fix)
    return None


def _check_fields(
    context: ReadContext, kind: _Kind, word: Text, rest: list[Entry], happened: list[Entry]
) -> None:
    others = [entry for entry in rest if entry not in happened]
    if kind == "set" and not others:
        context.report(
            word.span,
            "E55",
            '"set" names no attribute',
            "a set changes attributes or product.x",
            "add below it  tier: gold",
        )
    if kind not in {"set", "event"} and others:
        context.report(
            others[0].key.span,
            "E55",
            f"{quoted(kind)} has no fields",
            "only events and set have lines below them",
            "remove the line, or put a dash and a moment in front of it",
        )


def _field(context: ReadContext, entry: Entry) -> Field | None:
    name, node = entry.key.whole(), entry.value
    if isinstance(node, Sequence) and node.items and all(isinstance(item, Mapping) for item in node.items):
        maps = [item for item in node.items if isinstance(item, Mapping)]
        return Field(name, tuple(parse_fields(context, list(item.entries)) for item in maps))
    if isinstance(node, Sequence) and node.items:
        return Field(name, context.texts(node, name.value))
    text = context.text(node, name.value)
    return None if text is None else Field(name, text)
