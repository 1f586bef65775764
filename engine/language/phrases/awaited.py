"""`for:` of a wait - an event, several events, `clicked x` or `opened x`."""

from __future__ import annotations

from typing import Literal

from engine.language.map_reader import MapReader
from engine.language.nodes import Sequence
from engine.language.phrases.condition import parse_condition
from engine.language.places import tail
from engine.language.syntax import Awaited, Text
from engine.language.wording import quoted


def parse_awaited(reader: MapReader) -> Awaited | None:
    """What the keys `for` and `where` ask for."""
    fields = reader.node("where")
    where = (
        None
        if fields is None
        else parse_condition(reader.context, fields, reader.at_key("where"), "where", of_event=True)
    )
    words = reader.texts("for")
    if not words:
        return None
    reactions = [word for word in words if _reaction(word)]
    span = reader.at_key("for")
    if not reactions:
        return Awaited(words, None, None, where, span)
    if isinstance(reader.node("for"), Sequence) and len(words) > 1:
        reader.context.report(
            reactions[0].span,
            "E17",
            f"{quoted(reactions[0].value)} cannot stand in a list of events",
            "a wait is for one reaction, or for one of several events",
            f"write  for: {reactions[0].value}",
        )
        return None
    if where is not None:
        reader.apart("where", "a reaction to a message has no fields", "remove the line")
    return Awaited((), _reaction(words[0]), tail(words[0], 7), where, span)


def _reaction(word: Text) -> Literal["clicked", "opened"] | None:
    if word.value.startswith("clicked "):
        return "clicked"
    return "opened" if word.value.startswith("opened ") else None
