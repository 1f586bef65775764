"""The words of a story turned into values: attributes, fields of events and of products, with their types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.compiler.catalogue.catalogue import CURRENCY, Catalogue
from engine.compiler.conditions.names import attribute_fix
from engine.compiler.literals import ShopLocale, read_value
from engine.compiler.type_inference import type_of_words
from engine.language.syntax import Field, ListPair, Pair, Text
from engine.language.wording import unknown
from engine.problem import Problem
from engine.values import Money, Type, Value

# With every decimal that an event may have: what a shop has sent is data, and no amount that somebody wrote.
_AMOUNT = re.compile(r"(-?\d{1,15}(?:\.\d{1,30})?) ([A-Z]{3})", re.ASCII)

UNSET = "unset"
FROM_SCHEMAS = "names come from schemas/"


def schema_fix(name: str, kind: str, meant: str = "text") -> str:
    """Where a name is made known, as text to paste; `meant`: its type."""
    if kind == "customer attribute":
        return attribute_fix(name, meant)
    if kind.startswith("field of a product"):
        return f"add to schemas/product.yaml, under  product:  and with its type\n         {name}: {meant}"
    event = kind.removeprefix("field of the event ").strip('"')
    return f"add to schemas/events.yaml, under  {event}:\n         fields: {{{name}: {meant}}}"


def field_types(fields: Iterable[Field]) -> dict[str, str]:
    """The types that the fields of an event would have by what the story says of them; lists of maps, which
    take lines of their own, are left out."""
    return {
        each.name.value: type_of_words((each.value.value,))
        if isinstance(each.value, Text)
        else "list of text"
        for each in fields
        if isinstance(each.value, Text) or all(isinstance(value, Text) for value in each.value)
    }


class StoryValues:
    """Reads the values of one story and keeps what was wrong with them."""

    def __init__(self, catalogue: Catalogue, local: ShopLocale) -> None:
        self.catalogue = catalogue
        self.local = local
        self.problems: list[Problem] = []

    def attribute(self, pair: Pair | ListPair) -> Value:
        """The value of an attribute or fact in `given`; None when it is wrong or `unset`."""
        meant = type_of_words((pair.value.value,)) if isinstance(pair, Pair) else "list of text"
        kind = self.attribute_type(pair.name, meant)
        if kind is None:
            return None
        if isinstance(pair, Pair):
            return self.value(pair.value, kind)
        return self.listed(pair.values, kind)

    def attribute_type(self, name: Text, meant: str = "text") -> Type | None:
        """The type of an attribute or fact; None (and a problem) when there is none of that name. `meant`:
        the type that it would have if it were new."""
        kind = self.catalogue.customer_type(name.value)
        if kind is None:
            self.unknown("E11", name, "customer attribute", self.catalogue.customer_names(), meant=meant)
        return kind

    def fields(self, fields: Iterable[Field], known: Mapping[str, Type], what: str) -> dict[str, Value]:
        """The fields of an event or product."""
        values: dict[str, Value] = {}
        for field in fields:
            kind = known.get(field.name.value)
            if kind is None and field.name.value == CURRENCY:
                kind = Type("text")
            if kind is None:
                meant = field_types((field,)).get(field.name.value, "text")
                self.unknown("E11", field.name, f"field of {what}", known, meant=meant)
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
        self, code: str, name: Text, kind: str, choices: Iterable[str], why: str = FROM_SCHEMAS,
        *, meant: str = "text",
    ) -> None:  # fmt: skip
        """A name that is not known, with the nearest one; `meant`: the type that it would have if it were
        new."""
        choices = list(choices)
        self.problems.append(
            unknown(
                code,
                name,
                kind,
                choices,
                why,
                schema_fix(name.value, kind, meant)
                if why == FROM_SCHEMAS
                else ""
                if choices
                else "remove the line",
            )
        )
