"""Values that no schema names, and names as other tools write them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from engine.values import Money, Value


def normal_name(name: str) -> str:
    """`Order Completed` and `orderCompleted` -> `order_completed`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", words).strip("_").lower()


def storable(values: Mapping[str, object]) -> dict[str, Value]:
    """Typed values as they are. Of those that no schema names: texts in NFC, floats as decimals of 15 digits,
    lists of texts and of objects; whatever is nested deeper is kept as its JSON text, so nothing is lost."""
    return {
        name: cast("Value", value) if type(value) in _STORABLE else _storable(value)
        for name, value in values.items()
    }


_STORABLE = frozenset((int, bool, Decimal, Money, type(None)))


def _storable(value: object) -> Value:
    match value:
        case str():
            return value if value.isascii() else unicodedata.normalize("NFC", value)
        case float():
            return int(value) if value.is_integer() and abs(value) < 1e15 else Decimal(f"{value:.15g}")
        case list() if value and all(type(item) is str for item in value):
            return tuple(unicodedata.normalize("NFC", item) for item in value)
        case list() if all(type(item) is dict for item in value):
            return [dict(storable(item)) for item in value]
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        case _:
            return cast("Value", value)
