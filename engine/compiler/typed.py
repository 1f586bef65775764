"""JSON of events, attributes and products turned into typed values, by schemas/*.yaml; one way for HTTP, import and replay.

Numbers keep at most 15 significant digits: those survive the trip through a double, so closures and both
databases compare them the same. Fields that no schema names are kept as plain data; what JSON nests deeper
than a list of maps is kept as its JSON text.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.compiler.catalogue import CURRENCY, Catalogue
from engine.problem import nearest
from engine.values import Birthday, Money, Type, Value, instant

Fault = tuple[str, str]
"""The path of a field, and why its value was refused."""

Converted = tuple[dict[str, Value], list[Fault]]
_Read = Callable[[Any, str], Value]

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_BIRTHDAY = re.compile(r"(?:(\d{4})-|-{0,2})(\d\d)-(\d\d)", re.ASCII)
_LARGEST = Decimal(10) ** 15
_YES = {"true": True, "yes": True, "false": False, "no": False}


class Wrong(ValueError):
    """A value that does not fit; the text says what would."""


class Typing:
    """The conversions of one catalogue, each compiled once. `currency`: what an amount without one is in."""

    def __init__(self, catalogue: Catalogue, currency: str) -> None:
        self.catalogue = catalogue
        self.currency = currency
        self._events: dict[str, _Fields] = {}
        self._attributes = _Fields(catalogue.attributes)
        self._product = _Fields(catalogue.product)

    def event(self, name: str, raw: Mapping[str, Any]) -> Converted:
        """The fields of an event under its own name (`Catalogue.event_name`); an undeclared event has plain fields."""
        fields = self._events.get(name)
        if fields is None:
            fields = self._events.setdefault(name, _Fields(self.catalogue.event_fields(name) or {}))
        return fields.convert(raw, self.currency)

    def attributes(self, raw: Mapping[str, Any]) -> Converted:
        """Attributes of a customer; None takes a value away. A computed fact cannot be written."""
        facts = [name for name in raw if name in self.catalogue.facts]
        values, faults = self._attributes.convert(raw, self.currency, keep_none=True)
        for name in facts:
            values.pop(name, None)
            faults.append(
                (name, "this is computed from events (schemas/customer.yaml) and cannot be written")
            )
        return values, faults

    def product(self, raw: Mapping[str, Any]) -> Converted:
        """Fields of the catalogue."""
        return self._product.convert(raw, self.currency, keep_none=True)

    def near_event(self, name: str) -> str | None:
        """The event that was probably meant."""
        return nearest(name, self.catalogue.event_names())


class _Fields:
    """The fields of one event, one item of a list, one product or the customer."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self._read: dict[str, _Read] = {name: _reader(kind) for name, kind in types.items()}

    def convert(self, raw: Mapping[str, Any], currency: str, *, keep_none: bool = False) -> Converted:
        """The values, and what was wrong; a wrong field is left out."""
        own = raw.get(CURRENCY)
        if type(own) is str and _CURRENCY.fullmatch(own):
            currency = own
        values: dict[str, Value] = {}
        faults: list[Fault] = []
        for name, value in raw.items():
            if value is None:
                if keep_none:
                    values[name] = None
                continue
            read = self._read.get(name)
            try:
                values[name] = plain(value) if read is None else read(value, currency)
            except _WrongInside as wrong:
                faults.extend((f"{name}{path}", why) for path, why in wrong.faults)
            except Wrong as wrong:
                faults.append((name, str(wrong)))
        return values, faults


class _WrongInside(Wrong):
    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("")
        self.faults = faults


def plain(value: Any) -> Value:
    """A value that no schema names."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return _number(value, "")
    if kind is list and value and all(type(each) is str for each in value):
        return tuple(unicodedata.normalize("NFC", each) for each in value)
    if kind is list and value and all(type(each) is dict for each in value):
        return [{name: plain(inner) for name, inner in each.items()} for each in value]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reader(kind: Type) -> _Read:
    match kind.kind:
        case "text":
            return _text
        case "number":
            return _number
        case "money":
            return _money
        case "true/false":
            return _boolean
        case "one of":
            return _one_of(kind.choices)
        case "date":
            return _date
        case "time":
            return _time
        case "birthday":
            return _birthday
        case "list of text":
            return _texts
        case "list of":
            return _items(_Fields(dict(kind.items)))


def _text(value: Any, _currency: str) -> Value:
    if type(value) is str:
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if type(value) is int:
        return str(value)
    raise Wrong("this is a text; put it in quotes")


def _number(value: Any, _currency: str) -> Value:
    if type(value) is int:
        if abs(value) < 10**15:
            return value
        raise Wrong("this number is too large: at most 15 digits")
    if type(value) is float:
        if not abs(value) < 1e15:
            raise Wrong("this number is too large: at most 15 digits")
        return int(value) if value.is_integer() else Decimal(f"{value:.15g}")
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        return _exact(Decimal(value.strip()))
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < _LARGEST:
        return _exact(value)
    raise Wrong("this is a number, such as 12 or 12.5")


def _exact(number: Decimal) -> int | Decimal:
    if number == number.to_integral_value():
        return int(number)
    return Decimal(f"{number:.15g}")


def _money(value: Any, currency: str) -> Value:
    if type(value) is dict:
        own = value.get(CURRENCY)
        if not isinstance(own, str) or not _CURRENCY.fullmatch(own):
            raise Wrong('an amount with its own currency is {"amount": 19.90, "currency": "EUR"}')
        return _money(value.get("amount"), own)
    try:
        number = _number(value, "")
    except Wrong:
        raise Wrong("an amount is a number; its currency stands in the field currency beside it") from None
    return Money(Decimal(number), currency)  # type: ignore[arg-type]


def _boolean(value: Any, _currency: str) -> Value:
    if type(value) is bool:
        return value
    if type(value) is str and value.strip().lower() in _YES:
        return _YES[value.strip().lower()]
    raise Wrong("this is true or false")


def _one_of(choices: tuple[str, ...]) -> _Read:
    known = frozenset(choices)

    def read(value: Any, _currency: str) -> Value:
        if type(value) is str and value in known:
            return value
        near = nearest(value, choices) if type(value) is str else None
        raise Wrong(f"it can be: {', '.join(choices)}" + (f'; did you mean "{near}"?' if near else ""))

    return read


def _date(value: Any, _currency: str) -> Value:
    try:
        return (
            dt.date.fromisoformat(value[:10]) if len(value) == 10 else dt.datetime.fromisoformat(value).date()
        )
    except (TypeError, ValueError):
        raise Wrong("this is a date, such as 2026-11-27") from None


def _time(value: Any, _currency: str) -> Value:
    try:
        when = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong("this is a moment in ISO 8601, such as 2026-11-27T10:00:00Z") from None
    return instant(when if when.tzinfo else when.replace(tzinfo=dt.UTC))


def _birthday(value: Any, _currency: str) -> Value:
    found = _BIRTHDAY.fullmatch(value[:10]) if type(value) is str else None
    if found:
        year, month, day = found[1], int(found[2]), int(found[3])
        try:
            dt.date(int(year) if year else 2000, month, day)
        except ValueError:
            pass
        else:
            return Birthday(month, day, int(year) if year and int(year) > 0 else None)
    raise Wrong("this is a birthday, such as 1990-03-12 or --03-12")


def _texts(value: Any, currency: str) -> Value:
    if type(value) is list and all(type(each) in (str, int) for each in value):
        return tuple(str(_text(each, currency)) for each in value)
    if type(value) is str:
        return (str(_text(value, currency)),)
    raise Wrong('this is a list of texts, such as ["a", "b"]')


def _items(fields: _Fields) -> _Read:
    def read(value: Any, currency: str) -> Value:
        if type(value) is not list or not all(type(each) is dict for each in value):
            raise Wrong("this is a list of objects")
        items: list[dict[str, object]] = []
        faults: list[Fault] = []
        for index, each in enumerate(value):
            found, wrong = fields.convert(each, currency)
            items.append(dict(found))
            faults.extend((f"[{index}].{path}", why) for path, why in wrong)
        if faults:
            raise _WrongInside(faults)
        return items

    return read
