"""`if` / `then` / `else` - a question answered in the moment it is reached."""

from __future__ import annotations

from engine.language.condition import parse_condition
from engine.language.grammar import Key
from engine.language.parts import Parts
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import If

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


def parse_if(parts: Parts) -> If | None:
    """An `if` step."""
    node = parts.node("if")
    condition = None if node is None else parse_condition(parts.reading, node, parts.at_key("if"), "if")
    then, otherwise = parts.steps("then"), parts.steps("else")
    step_id, was = parts.name("id"), parts.name("was")
    return None if condition is None else If(parts.at, step_id, was, condition, then or (), otherwise)


KIND = StepKind(CONSTRUCT, parse_if)
