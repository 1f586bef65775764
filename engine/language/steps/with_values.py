"""`with:` of a message: extra values for its template, plain or chosen by a value of the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.conditions.condition import form_of
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping
from engine.language.steps.choose import split_label
from engine.language.syntax import Form, Hashed, Pair, Text
from engine.problem import Span


@dataclass(frozen=True, slots=True)
class ChosenLine(Hashed):
    """A line of a choice: forms of which one must fit, and the word that is then sent; no forms: `else`."""

    hashed: ClassVar[str] = "ChosenLine forms label value"
    forms: tuple[Form, ...]
    label: Text
    value: Text


@dataclass(frozen=True, slots=True)
class ChosenValue(Hashed):
    """A value that is chosen by an attribute, a fact, trigger.x or a segment. `into`: where its lines
    begin."""

    hashed: ClassVar[str] = "ChosenValue name subject lines -"
    name: Text
    subject: Text
    lines: tuple[ChosenLine, ...]
    into: Span


CHOSEN = Construct(
    "chosen",
    "a chosen value",
    (
        Key("choose", "attribute", "an attribute, a fact, trigger.x, or: segment", needed=True,
            example="total_spent"),
        Key("into", "map", "values or ranges with the word that is sent; else comes last", needed=True,
            why="without lines there is nothing to choose from",
            example="\n           less than 100 EUR: general"),
    ),
    "A word that is chosen by a value of the customer",
)  # fmt: skip


def parse_with(reader: MapReader) -> tuple[tuple[Pair, ...], tuple[ChosenValue, ...]]:
    """The plain values, and those that are chosen."""
    node = reader.node("with")
    if not isinstance(node, Mapping) or not any(isinstance(entry.value, Mapping) for entry in node.entries):
        return reader.pairs("with"), ()
    context = reader.context
    pairs: list[Pair] = []
    chosen: list[ChosenValue] = []
    for entry in node.entries:
        if isinstance(entry.value, Mapping):
            if (choice := _chosen(context, entry)) is not None:
                chosen.append(choice)
        elif (text := context.text(entry.value, entry.key.text)) is not None:
            pairs.append(Pair(entry.key.whole(), text))
    return tuple(pairs), tuple(chosen)


def _chosen(context: ReadContext, entry: Entry) -> ChosenValue | None:
    reader = context.block(entry.value, CHOSEN, entry.key)
    subject = reader.text("choose") if reader is not None else None
    if reader is None or subject is None:
        return None
    lines: list[ChosenLine] = []
    pairs = reader.pairs("into")
    for place, pair in enumerate(pairs):
        forms: tuple[Form, ...] = ()
        if pair.name.value != "else":
            found = (form_of(context, subject.value, word) for word in split_label(pair.name))
            forms = tuple(form for form in found if form is not None)
            if not forms:
                continue
        elif place < len(pairs) - 1:
            context.report(
                pair.name.span, "E46", '"else" must be the last line',
                "the lines are tried from the top, so none below it could ever count",
                "move it to the end of  into:",
            )  # fmt: skip
        lines.append(ChosenLine(forms, pair.name, pair.value))
    return ChosenValue(entry.key.whole(), subject, tuple(lines), reader.at_key("into"))
