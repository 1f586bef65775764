"""Values of recorded events, from JSON to the types of the schemas; what does not fit is left out and
counted.

They are read as the daemon reads them, so that a replay decides what the daemon would have decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.compiler.catalogue.json_values import CONVERTERS, InvalidValue, money
from engine.values import Type, Value

Coercer = Callable[[Any, str], Value]
"""Value and currency in, typed value out; None when it does not fit."""

LONGEST_TEXT = 100_000


def coercer(kind: Type) -> Coercer:
    """How values of a type are read, chosen once."""
    match kind.kind:
        case "money":
            return _money
        case "list of":
            return _items({name: coercer(inner) for name, inner in kind.items})
        case "text":
            return _short(_plain(kind))
        case _:
            return _plain(kind)


def _plain(kind: Type) -> Coercer:
    convert = CONVERTERS[kind.kind](kind)

    def plain(value: Any, _: str) -> Value:
        try:
            return convert(value)
        except InvalidValue:
            return None

    return plain


def _short(read: Coercer) -> Coercer:
    def short(value: Any, currency: str) -> Value:
        return None if isinstance(value, str) and len(value) > LONGEST_TEXT else read(value, currency)

    return short


def _money(value: Any, currency: str) -> Value:
    try:
        return money(value, currency)
    except InvalidValue:
        return None


def _items(inner: Mapping[str, Coercer]) -> Coercer:
    def items(value: Any, currency: str) -> Value:
        if not isinstance(value, list):
            return None
        return [
            {
                name: found
                for name, read in inner.items()
                if each.get(name) is not None and (found := read(each[name], currency)) is not None
            }
            for each in value
            if isinstance(each, dict)
        ]

    return items
