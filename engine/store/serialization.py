"""Values, happenings and enrollments as JSON text, and back without loss.

Numbers are JSON numbers (a Decimal keeps its digits), money is {"amount", "currency"}, dates and
birthdays are ISO text, instants are milliseconds, lists are arrays: what SQL can compare. What JSON
cannot tell from text stands beside it under `$`, name -> mark. A name that begins with `$` itself
gets another one in front.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import msgspec

from engine.values import Birthday, Money, Value

MARKS = "$"
_PLAIN = frozenset({str, int, bool, Decimal, Money, type(None)})
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def dump(document: object) -> str:
    """Compact JSON; `Decimal` as a number with all its digits."""
    return _encoder.encode(document).decode()


def load(document: str | bytes) -> Any:
    """What `dump` wrote; numbers with a point come back as `Decimal`."""
    return _decoder.decode(document)


def is_plain(values: Mapping[str, Value]) -> bool:
    """Whether JSON can tell all of them by itself, so that they are stored as they are."""
    # No loop: every run and event that is written is asked
    if not _PLAIN.issuperset(map(type, values.values())):
        return False
    return MARKS not in "".join(values) or not any(name[:1] == MARKS for name in values)


def pack(values: Mapping[str, Value]) -> dict[str, Any]:
    """Values in the form that is stored."""
    return dict(values) if is_plain(values) else _pack_marked(values)


def unpack(stored: dict[str, Any]) -> dict[str, Value]:
    """What `pack` was given. Takes `stored` over: it is changed."""
    if MARKS in stored:
        marks = stored.pop(MARKS)
        values = unpack(stored)
        for name, mark in marks.items():
            values[name] = _unmark(values[name], mark)
        if any(name[:1] == MARKS for name in values):
            return {name.removeprefix(MARKS): value for name, value in values.items()}
        return values
    for name, value in stored.items():
        kind = type(value)
        if kind is dict:
            number = value["amount"]
            stored[name] = Money(
                number if isinstance(number, Decimal) else Decimal(number), value["currency"]
            )
        elif kind is list:
            stored[name] = _unpack_list(value)
    return stored


def dump_values(values: Mapping[str, Value]) -> str:
    """`dump` of `pack`."""
    return dump(values if is_plain(values) else _pack_marked(values))


def load_values(document: str | bytes) -> dict[str, Value]:
    """`unpack` of `load`."""
    return unpack(load(document))


def folded(values: Mapping[str, Value]) -> dict[str, str]:
    """Those texts that Unicode case folding changes, folded: `contains` and its kin compare these in SQL."""
    twins = {}
    for name, value in values.items():
        if type(value) is str and (twin := value.casefold()) != value:
            twins[name] = twin
    return twins


def _pack_marked(values: Mapping[str, Value]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    marks: dict[str, str] = {}
    for name, value in values.items():
        name = MARKS + name if name[:1] == MARKS else name  # noqa: PLW2901 - only the stored name is meant from here
        if isinstance(value, dt.date):
            stored[name], marks[name] = value.isoformat(), "date"
        elif isinstance(value, Birthday):
            text = f"{value.month:02}-{value.day:02}"
            stored[name], marks[name] = (
                (text if value.year is None else f"{value.year:04}-{text}"),
                "birthday",
            )
        elif isinstance(value, list):
            stored[name] = [_pack_marked(cast("Mapping[str, Value]", item)) for item in value]
            if not value:
                marks[name] = "items"
        else:
            stored[name] = value
    if marks or any(name[:1] == MARKS for name in stored):
        stored[MARKS] = marks
    return stored


def _unpack_list(found: list[Any]) -> Value:
    if found and type(found[0]) is dict:
        return [cast("dict[str, object]", unpack(item)) for item in found]
    return tuple(found)


def _unmark(value: Value, mark: str) -> Value:
    match mark:
        case "date":
            return dt.date.fromisoformat(cast("str", value))
        case "birthday":
            text = cast("str", value)
            *year, month, day = text.split("-")
            return Birthday(int(month), int(day), int(year[0]) if year else None)
        case _:
            return []
