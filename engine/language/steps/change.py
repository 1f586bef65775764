"""`set`, `add`, `remove` - changes of the customer, exactly once."""

from __future__ import annotations

from typing import Literal

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import Change

SET = step_keys(
    "set",
    (Key("set", "map", "attributes and their new values", needed=True, example="{lifecycle: active}"),),
    "Sets attributes.",
    (
        ("to", "write  set: {attribute: value}"),
        ("value", "write  set: {attribute: value}"),
        ("note", "only  add  has a note"),
    ),
)
ADD = step_keys(
    "add",
    (
        Key("add", "map", "numbers to add, or words for a list", needed=True, example="{points: 50}"),
        Key("note", "text", "goes to the ledger", example="birthday"),
    ),
    "Adds to numbers and lists.",
    (("to", "write  add: {attribute: value}"), ("reason", "note"), ("comment", "note")),
)
REMOVE = step_keys(
    "remove",
    (Key("remove", "map", "words to take out of a list", needed=True, example="{tags: lead}"),),
    "Removes from lists.",
    (("from", "write  remove: {attribute: value}"), ("note", "only  add  has a note")),
)


def _change(reader: MapReader, how: Literal["set", "add", "remove"]) -> Change | None:
    values = reader.pairs(how)
    note = reader.text("note") if how == "add" else None
    step_id, was = reader.name("id"), reader.name("was")
    return Change(reader.at, step_id, was, how, values, note) if values else None


KINDS = (
    StepKind(SET, lambda reader: _change(reader, "set")),
    StepKind(ADD, lambda reader: _change(reader, "add")),
    StepKind(REMOVE, lambda reader: _change(reader, "remove")),
)
