"""Fields that no schema names, made into values that can be stored and read back."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from engine.values import Value


def storable(values: Mapping[str, object]) -> dict[str, Value]:
    """Typed values as they are. Of the rest: texts in NFC, floats as decimals of 15 digits, lists of texts and of objects;
    whatever is nested deeper is kept as its JSON text, so nothing is lost."""
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: object) -> Value:
    if type(value) is str:
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < 1e15 else Decimal(f"{value:.15g}")
    if type(value) is dict:
        return _text(value)
    if type(value) is list:
        return _list(value)
    return cast("Value", value)


def _list(value: list[object]) -> Value:
    if value and all(type(each) is str for each in value):
        return tuple(unicodedata.normalize("NFC", str(each)) for each in value)
    if all(type(each) is dict for each in value):
        return [dict(storable(cast("dict[str, object]", each))) for each in value]
    return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
