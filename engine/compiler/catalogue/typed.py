"""JSON of events, attributes and products turned into typed values: the one way in for intake, import,
stories and replay.

What the schema does not name is kept as it came: nobody reads it by type. A value that does not fit is left
out and told. An empty text where a number, a moment, an amount is meant is a field that is not there: forms
and exports write it so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from msgspec import Struct

from engine.compiler.catalogue.catalogue import CURRENCY, Catalogue
from engine.compiler.catalogue.json_values import CONVERTERS, InvalidValue, currency_of, money, names_currency
from engine.values import Type, Value

Converter: TypeAlias = Callable[[object], Value]
_MOST_ITEMS = 1_000


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """`field` (a path such as `items[2].price`) and what is wrong with it, in one sentence that says what
    would fit."""

    field: str
    what: str


class TypedFields(Struct, frozen=True, gc=False):
    """Values by name, without those that did not fit. `is_storable`: each is of a type that is declared, in
    the form that is stored; False says nothing."""

    values: dict[str, Value]
    problems: tuple[FieldProblem, ...] = ()
    is_storable: bool = False


class FieldReader:
    """The compiled reader of one set of fields. Make it once, use it for every item."""

    __slots__ = ("_money", "_nested", "_simple", "_storable", "_uses_currency", "currency")

    def __init__(self, fields: Mapping[str, Type], currency: str) -> None:
        """`currency`: of the shop, for amounts without one."""
        self.currency = currency
        self._simple: tuple[tuple[str, Converter], ...] = tuple(
            (name, CONVERTERS[kind.kind](kind)) for name, kind in fields.items() if kind.kind in CONVERTERS
        )
        self._money = tuple(name for name, kind in fields.items() if kind.kind == "money")
        self._nested = tuple(
            (name, FieldReader(dict(kind.items), currency))
            for name, kind in fields.items()
            if kind.kind == "list of"
        )
        self._uses_currency = bool(self._money or self._nested)
        # Lists hold lines with fields that nobody has declared, and a choice is kept as the schema writes it
        self._storable = frozenset(
            name
            for name, kind in fields.items()
            if kind.kind != "list of" and "".join(kind.choices).isascii()
        )

    def read(self, given: Mapping[str, object]) -> TypedFields:
        """The typed values of one item."""
        problems: list[FieldProblem] = []
        values = self.read_into(given, self.currency, "", problems)
        return TypedFields(values, tuple(problems), self._storable.issuperset(given))

    def read_into(
        self, given: Mapping[str, object], currency: str | None, path: str, problems: list[FieldProblem]
    ) -> dict[str, Value]:
        """As `read`, for an item inside another one, whose currency holds unless it has its own. None: nobody
        can tell it, so only amounts that name theirs are read."""
        values = cast("dict[str, Value]", dict(given))
        for name, convert in self._simple:
            raw = given.get(name)
            if raw is None:
                continue
            try:
                values[name] = convert(raw)
            except InvalidValue as wrong:
                del values[name]
                if raw != "":
                    problems.append(FieldProblem(f"{path}{name}", str(wrong)))
        if self._uses_currency:
            self._amounts(given, values, currency, path, problems)
        return values

    def _amounts(
        self,
        given: Mapping[str, object],
        values: dict[str, Value],
        currency: str | None,
        path: str,
        problems: list[FieldProblem],
    ) -> None:
        own = given.get(CURRENCY)
        if own is not None and own != "":
            try:
                currency = currency_of(own)
            except InvalidValue as wrong:
                # 100 of an unknown currency are not 100 of the shop's.
                currency = None
                problems.append(FieldProblem(f"{path}{CURRENCY}", str(wrong)))
        for name in self._money:
            raw = given.get(name)
            if raw is None:
                continue
            try:
                values[name] = money(raw, currency or self.currency)
                if currency is None and not names_currency(raw):
                    del values[name]
            except InvalidValue as wrong:
                del values[name]
                if raw != "":
                    problems.append(FieldProblem(f"{path}{name}", str(wrong)))
        for name, inner in self._nested:
            raw = given.get(name)
            if raw is None:
                continue
            if raw == "":
                del values[name]
                continue
            if (
                isinstance(raw, list)
                and len(raw) <= _MOST_ITEMS
                and all(isinstance(item, dict) for item in raw)
            ):
                values[name] = [
                    cast(
                        "dict[str, object]",
                        inner.read_into(item, currency, f"{path}{name}[{index}].", problems),
                    )
                    for index, item in enumerate(raw)
                ]
            else:
                del values[name]
                problems.append(
                    FieldProblem(f"{path}{name}", f"is a list of at most {_MOST_ITEMS:,} objects")
                )


class CatalogueReaders:
    """The readers of one catalogue."""

    def __init__(self, catalogue: Catalogue, currency: str) -> None:
        self.catalogue = catalogue
        self.currency = currency
        self._events: dict[str, FieldReader] = {}
        self._attributes = FieldReader(catalogue.attributes, currency)
        self._product = FieldReader(catalogue.product, currency)
        self._computed = catalogue.computed

    def event_name(self, name: str) -> str | None:
        """The event's own name for any of its names; None when the catalogue does not know it."""
        return self.catalogue.event_name(name) if self.catalogue.event_fields(name) is not None else None

    def event(self, name: str, given: Mapping[str, object]) -> TypedFields:
        """The fields of an event under any of its names; those of an unknown event are kept as they came."""
        reader = self._events.get(name)
        if reader is None:
            reader = FieldReader(self.catalogue.event_fields(name) or {}, self.currency)
            if self.event_name(name) is not None:
                self._events[name] = reader
        return reader.read(given)

    def attributes(self, given: Mapping[str, object]) -> TypedFields:
        """Attributes of a customer; None takes one away. Computed facts are refused, they are never set by
        hand."""
        read = self._attributes.read(given)
        computed = [name for name in given if name in self._computed]
        if not computed:
            return read
        problems = [FieldProblem(name, self._why_not(name)) for name in computed]
        attributes = {name: value for name, value in read.values.items() if name not in self._computed}
        return TypedFields(attributes, (*read.problems, *problems))

    def _why_not(self, name: str) -> str:
        """Why a name that is computed cannot be set."""
        if name in self.catalogue.ledger:
            return "follows from the ledger of points and cannot be set"
        return "is computed from events and cannot be set"

    def product(self, given: Mapping[str, object]) -> TypedFields:
        """Fields of a product."""
        return self._product.read(given)
