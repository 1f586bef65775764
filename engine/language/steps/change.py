"""`set`, `add`, `remove` - changes of the customer, exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, StoryForm, step_keys
from engine.language.syntax import Pair, Step, Text


@dataclass(frozen=True, slots=True)
class Change(Step):
    """`set`, `add` or `remove`."""

    hashed: ClassVar[str] = "Change - id was how values note"
    how: Literal["set", "add", "remove"]
    values: tuple[Pair, ...]
    note: Text | None

    @property
    def verb(self) -> str:
        """One class for three verbs."""
        return self.how

    def words(self) -> str:
        """`set tier: gold, lifecycle: active`."""
        return f"{self.how} {', '.join(f'{pair.name.value}: {pair.value.value}' for pair in self.values)}"


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


_HISTORY = "{verb} {subject}: {detail}"

KINDS = (
    StepKind(
        6, SET, Change, lambda reader: _change(reader, "set"),
        other_verbs=("update", "attribute"),
        is_instant=True,
        story=(
            StoryForm(
                "set", "side effect", "set {subject} to {detail}", r"set \S+ to \S.*", "set a to b",
                meant=lambda name, words: f"set {name} to {words.split(' ')[-1] if ' ' in words else 'gold'}",
                history=_HISTORY,
            ),
        ),
    ),
    StepKind(
        7, ADD, Change, lambda reader: _change(reader, "add"),
        other_verbs=("tag", "increment"),
        is_instant=True,
        story=(
            StoryForm(
                "add", "side effect", "add {detail} {subject}",
                r"add \S+ \S+|add \S+ [A-Z]{3} \S+|add \S.* to \S+", "add 50 points",
                meant=lambda _, __: "add 50 points  or  add vip to tags", history=_HISTORY,
                says_of_list="add {detail} to {subject}", editor_pattern=r"add \S.*",
            ),
        ),
    ),
    StepKind(
        8, REMOVE, Change, lambda reader: _change(reader, "remove"),
        other_verbs=("untag",),
        is_instant=True,
        story=(
            StoryForm(
                "remove", "side effect", "remove {detail} {subject}", r"remove \S.* from \S+",
                "remove a from b",
                meant=lambda name, _: f"remove {name} from tags", history=_HISTORY,
                says_of_list="remove {detail} from {subject}", in_short=False,
            ),
        ),
    ),
)  # fmt: skip
