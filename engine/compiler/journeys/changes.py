"""What `set`, `add` and `remove` write into an attribute."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from engine.compiler.conditions.compile import ConditionCompiler, channel_problem
from engine.compiler.conditions.forms import describe
from engine.compiler.conditions.names import NameScope, resolve, unknown_attribute
from engine.compiler.literals import is_reference, read_constant
from engine.compiler.type_inference import type_of_words
from engine.core.conditions.condition import Constant, Ref
from engine.core.points.rules import POINTS
from engine.language.nodes import part
from engine.language.steps.change import Change
from engine.language.syntax import Pair, Text
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import Money, Type

CONSENT = Type("one of", ("none", "asked", "given", "withdrawn"))

Written = Constant | Ref | Literal["now", "today", "unset"]
_FITS = {"now": ("time",), "today": ("date", "time")}


def compile_change(
    step: Change, conditions: ConditionCompiler, scope: NameScope
) -> tuple[tuple[tuple[str, Written], ...], tuple[Type, ...]]:
    """Attributes with what is written into them, and their types."""
    values: list[tuple[str, Written]] = []
    types: list[Type] = []
    for pair in step.values:
        kind = _attribute(pair.name, step.how, scope, _type_meant(pair, step.how))
        if isinstance(kind, Problem):
            conditions.problems.append(kind)
            continue
        value = _value(pair, kind, step.how, scope)
        if isinstance(value, Problem):
            conditions.problems.append(value)
            continue
        values.append((pair.name.value, value))
        types.append(kind)
    return tuple(values), tuple(types)


def _type_meant(pair: Pair, how: str) -> str:
    """The type that a new attribute needs for this step."""
    kind = type_of_words((pair.value.value,))
    return "list of text" if how == "remove" or (how == "add" and kind not in ("number", "money")) else kind


def _attribute(name: Text, how: str, scope: NameScope, meant: str) -> Type | Problem:
    catalogue = scope.world.catalogue
    head, dot, channel = name.value.partition(".")
    if head == "consent" and dot and how == "set":
        if channel in scope.world.config.channels:
            return CONSENT
        return channel_problem(
            part(name, len("consent."), len(channel)),
            tuple(scope.world.config.channels),
            scope.world.config.currency,
        )
    if name.value in catalogue.facts:
        rule = catalogue.facts[name.value]
        return Problem(
            name.span, "E69", f"{quoted(name.value)} is computed and cannot be changed",
            f"it is the {rule.how} of {rule.event}",
            "choose an attribute, or add one to schemas/customer.yaml",
        )  # fmt: skip
    if name.value in catalogue.ledger and (name.value != POINTS or how != "add"):
        fix = "write  add: {points: 50}  for more, or  add: {points: -50}  for fewer"
        return Problem(
            name.span, "E130",
            f"{quoted(name.value)} follows from the ledger of points and cannot be changed",
            "each line of the ledger has a cause, and what they come to is no number that is set",
            fix if name.value == POINTS else "add points, or change  points:  and  tiers:  of config.yaml",
        )  # fmt: skip
    kind = catalogue.attributes.get(name.value)
    return unknown_attribute(name, scope, meant) if kind is None else _fitting(name, kind, how)


def _fitting(name: Text, kind: Type, how: str) -> Type | Problem:
    if how == "set" or (how == "add" and kind.kind in ("number", "money", "list of text")):
        return kind
    if how == "remove" and kind.kind == "list of text":
        return kind
    allowed = "numbers, amounts of money and lists" if how == "add" else "lists"
    instead = (
        "use  add:  with a minus in front of the amount"
        if kind.kind in ("number", "money")
        else f"write  set: {{{name.value}: unset}}"
    )
    if how == "add":
        instead = f"write  set: {{{name.value}: ...}}"
    return Problem(
        name.span,
        "E66",
        f'"{how}" does not fit: {quoted(name.value)} is {describe(kind)}',
        f"{how} is for {allowed}",
        instead,
    )


def _value(pair: Pair, kind: Type, how: str, scope: NameScope) -> Written | Problem:
    text = pair.value
    if is_reference(text.value):
        ref = resolve(text, scope)
        if isinstance(ref, Problem) or _same(ref.type, kind):
            return ref
        return Problem(
            text.span, "E66",
            f"{quoted(text.value)} is {describe(ref.type)}, but {quoted(pair.name.value)} is "
            f"{describe(kind)}",
            "a value of another type would count as not set", "take a field of the same type",
        )  # fmt: skip
    if how == "set" and text.value == "unset":
        return "unset"
    if how == "set" and text.value in _FITS:
        if kind.kind in _FITS[text.value]:
            return "now" if text.value == "now" else "today"
        return Problem(
            text.span, "E66",
            f"{quoted(text.value)} does not fit: {quoted(pair.name.value)} is {describe(kind)}",
            "now is a moment, today is a date",
            f"give {pair.name.value} the type time or date in schemas/customer.yaml",
        )  # fmt: skip
    found_value = read_constant(text, kind, scope.world.local)
    if (
        how == "add"
        and isinstance(found_value, int | Decimal | Money)
        and (not (found_value.amount if isinstance(found_value, Money) else found_value))
    ):
        return Problem(
            text.span,
            "E22",
            "adding nothing changes nothing",
            "the amount is 0",
            "write an amount, or remove the step",
        )
    return found_value


def _same(one: Type, other: Type) -> bool:
    texts = ("text", "one of", "list of text")
    return one.kind == other.kind or (one.kind in texts and other.kind in texts)
