"""`set`, `add`, `remove` - changes of the customer, exactly once."""

from __future__ import annotations

from typing import Literal

from engine.language.grammar import Key
from engine.language.parts import Parts
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


def _change(parts: Parts, how: Literal["set", "add", "remove"]) -> Change | None:
    values = parts.pairs(how)
    note = parts.text("note") if how == "add" else None
    step_id, was = parts.name("id"), parts.name("was")
    return Change(parts.at, step_id, was, how, values, note) if values else None


KINDS = (
    StepKind(SET, lambda parts: _change(parts, "set")),
    StepKind(ADD, lambda parts: _change(parts, "add")),
    StepKind(REMOVE, lambda parts: _change(parts, "remove")),
)
