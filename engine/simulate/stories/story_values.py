"""The words of a story turned into values: attributes, fields of events and of products, with their types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.compiler.catalogue.catalogue import CURRENCY, Catalogue
from engine.compiler.conditions.names import attribute_fix
from engine.compiler.literals import Local, read_value
from engine.language.syntax import Field, ListPair, Pair, Text
from engine.language.wording import unknown
from engine.problem import Problem
from engine.values import Money, Type, Value

# With every decimal that an event may have: what a shop has sent is data, and no amount that somebody wrote.
_AMOUNT = re.compile(r"(-?\d{1,15}(?:\.\d{1,30})?) ([A-Z]{3})", re.ASCII)

UNSET = "unset"
FROM_SCHEMAS = "names come from schemas/"


def schema_fix(name: str, kind: str) -> str:
    """Where a name is made known, as text to paste."""
    if kind == "customer attribute":
        return attribute_fix(name)
    if kind.startswith("field of a product"):
        return f"add to schemas/product.yaml, under  product:  and with its type\n         {name}: text"
    event = kind.removeprefix("field of the event ").strip('"')
    return f"add to schemas/events.yaml, under  {event}:\n         fields: {{{name}: text}}"


class StoryValues:
    """Reads the values of one story and keeps what was wrong with them."""

    def __init__(self, catalogue: Catalogue, local: Local) -> None:
        self.catalogue = catalogue
        self.local = local
        self.problems: list[Problem] = []

    def attribute(self, pair: Pair | ListPair) -> Value:
        """The value of an attribute or fact in `given`; None when it is wrong or `unset`."""
        kind = self.attribute_type(pair.name)
        if kind is None:
            return None
        if isinstance(pair, Pair):
            return self.value(pair.value, kind)
        return self.listed(pair.values, kind)

    def attribute_type(self, name: Text) -> Type | None:
        """The type of an attribute or fact; None (and a problem) when there is none of that name."""
        kind = self.catalogue.customer_type(name.value)
        if kind is None:
            self.unknown("E11", name, "customer attribute", self.catalogue.customer_names())
        return kind

    def fields(self, fields: Iterable[Field], known: Mapping[str, Type], what: str) -> dict[str, Value]:
        """The fields of an event or product."""
        values: dict[str, Value] = {}
        for field in fields:
            kind = known.get(field.name.value)
            if kind is None and field.name.value == CURRENCY:
                kind = Type("text")
            if kind is None:
                self.unknown("E11", field.name, f"field of {what}", known)
                continue
            values[field.name.value] = self.field(field, kind, what)
        return values

    def field(self, field: Field, kind: Type, what: str) -> Value:
        """One field: a word, a list of words, or a list of maps."""
        value = field.value
        if isinstance(value, Text):
            return self.value(value, kind)
        if kind.kind == "list of":
            maps = [each for each in value if isinstance(each, tuple)]
            return [dict(self.fields(each, dict(kind.items), what)) for each in maps]
        return self.listed(tuple(each for each in value if isinstance(each, Text)), kind)

    def listed(self, values: tuple[Text, ...], kind: Type) -> Value:
        """A list of words, which only a list can hold."""
        if kind.kind == "list of text":
            return tuple(each.value for each in values)
        if len(values) == 1:
            return self.value(values[0], kind)
        if values:
            why = f"it holds one {kind.kind}"
            self.problems.append(
                Problem(
                    values[0].span,
                    "E20",
                    "one value belongs here, not a list",
                    why,
                    f"write  {values[0].value}",
                )
            )
        return None

    def value(self, text: Text, kind: Type) -> Value:
        """A single value. Money may stand in any currency: data does not choose."""
        if text.value == UNSET:
            return None
        if kind.kind == "money" and (amount := _AMOUNT.fullmatch(text.value)):
            return Money(Decimal(amount[1]), amount[2])
        value = read_value(text, kind, self.local)
        if isinstance(value, Problem):
            self.problems.append(value)
            return None
        return value

    def unknown(
        self, code: str, name: Text, kind: str, choices: Iterable[str], why: str = FROM_SCHEMAS
    ) -> None:
        """A name that is not known, with the nearest one."""
        choices = list(choices)
        self.problems.append(
            unknown(
                code,
                name,
                kind,
                choices,
                why,
                schema_fix(name.value, kind) if why == FROM_SCHEMAS else "" if choices else "remove the line",
            )
        )
