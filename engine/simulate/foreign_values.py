"""Values of recorded events, from JSON to the types of the schemas; what does not fit is left out and counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.simulate.mapping_words import number
from engine.values import Birthday, Instant, Money, Type, Value, instant

Coercer = Callable[[Any, str], Value]
"""Value and currency in, typed value out; None when it does not fit."""

LONGEST_TEXT = 100_000


def coercer(kind: Type) -> Coercer:
    """How values of a type are read, chosen once."""
    match kind.kind:
        case "text":
            return _text
        case "number":
            return _number
        case "money":
            return _money
        case "true/false":
            return _yes_no
        case "one of":
            choices = frozenset(kind.choices)
            return lambda value, _: value if isinstance(value, str) and value in choices else None
        case "date":
            return _date
        case "time":
            return _time
        case "birthday":
            return _birthday
        case "list of text":
            return _texts
        case "list of":
            return _items({name: coercer(inner) for name, inner in kind.items})


def _text(value: Any, _: str) -> Value:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any, _: str) -> Value:
    if type(value) is int:
        return value
    return number(value)


def _money(value: Any, currency: str) -> Value:
    if isinstance(value, str):
        amount, _, own = value.partition(" ")
        value, currency = amount, own or currency
    found = value if isinstance(value, Decimal) else number(value)
    return Money(found, currency) if found is not None else None


def _yes_no(value: Any, _: str) -> Value:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def _date(value: Any, _: str) -> Value:
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _time(value: Any, _: str) -> Value:
    if not isinstance(value, str):
        return Instant(value) if type(value) is int else None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant(moment) if moment.tzinfo is not None else None


def _birthday(value: Any, currency: str) -> Value:
    if isinstance(value, str) and value.startswith("--"):
        day = _date(f"2000{value[1:]}", currency)
        return Birthday(day.month, day.day) if isinstance(day, dt.date) else None
    day = _date(value, currency)
    return Birthday(day.month, day.day, day.year) if isinstance(day, dt.date) else None


def _texts(value: Any, currency: str) -> Value:
    listed = value if isinstance(value, list) else [value]
    texts = [text for each in listed if isinstance(text := _text(each, currency), str)]
    return tuple(texts) or None


def _items(inner: Mapping[str, Coercer]) -> Coercer:
    def items(value: Any, currency: str) -> Value:
        if not isinstance(value, list):
            return None
        return [
            {
                name: read(each.get(name), currency)
                for name, read in inner.items()
                if each.get(name) is not None
            }
            for each in value
            if isinstance(each, dict)
        ]

    return items
