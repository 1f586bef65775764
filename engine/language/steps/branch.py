"""`if` / `then` / `else` - a question answered in the moment it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.conditions.condition import read_condition
from engine.language.conditions.condition_words import condition_text
from engine.language.grammar import Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Sequence
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import AllOf, Step
from engine.language.wording import quoted


@dataclass(frozen=True, slots=True)
class If(Step):
    """`if: condition` with `then` and perhaps `else`."""

    hashed: ClassVar[str] = "If - id was condition then otherwise"
    verb: ClassVar[str] = "if"
    condition: AllOf
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] | None

    def words(self) -> str:
        """`if orders_count: 0`."""
        return f"if {condition_text(self.condition)}"

    def sides(self) -> tuple[tuple[Step, ...], ...]:
        """`then`, `else`."""
        return (self.then, self.otherwise or ())

    def side_labels(self) -> tuple[str, ...]:
        """`yes`, `no`."""
        return ("yes", "no")


_SIDES = ("then", "else")
_NEST = "there is no elif: put  - if: ...  under  else:  or use  - choose: ..."

CONSTRUCT = step_keys(
    "if",
    (
        Key("if", "condition", "the condition", needed=True, example="{orders_count: 0}"),
        Key("then", "steps", "when it holds", needed=True, example="\n           - send: ...",
            why="a question without an answer does nothing"),
        Key("else", "steps", "when it does not"),
    ),
    "Asks a question.",
    (
        ("do", "then"), ("steps", "then"), ("yes", "then"), ("no", "else"), ("otherwise", "else"),
        ("elif", _NEST), ("else_if", _NEST), ("elseif", _NEST), ("else if", _NEST),
    ),
)  # fmt: skip


def _lift_sides(context: ReadContext, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The lines of an `if`, with a `then` or `else` that was written inside the condition in its right
    place."""
    lifted: list[Entry] = []
    for entry in entries:
        condition = entry.value
        if entry.key.text != "if" or not isinstance(condition, Mapping):
            lifted.append(entry)
            continue
        deep = [
            each for each in condition.entries if each.key.text in _SIDES and isinstance(each.value, Sequence)
        ]
        # YAML takes a side in the column of the conditions for one of them: read it where it was meant
        if deep:
            side = deep[0].key
            context.report(
                side.span, "E17", f"{quoted(side.text)} stands one level too deep",
                "below  if:  stand only conditions",
                f"put  {side.text}:  in the column of  if:",
            )  # fmt: skip
        lines = tuple(each for each in condition.entries if each not in deep)
        lifted += [Entry(entry.key, Mapping(lines, condition.span)), *deep]
    return tuple(lifted)


def parse_if(reader: MapReader) -> If | None:
    """An `if` step."""
    condition = read_condition(reader, "if")
    then, otherwise = reader.steps("then"), reader.steps("else")
    step_id, was = reader.name("id"), reader.name("was")
    return None if condition is None else If(reader.at, step_id, was, condition, then or (), otherwise)


KINDS = (
    StepKind(
        3, CONSTRUCT, If, parse_if, "if: {orders_count: 0}",
        other_verbs=("condition", "branch", "filter", "unless"), arrange=_lift_sides,
    ),
)  # fmt: skip
