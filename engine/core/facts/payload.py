"""Reads the fields of an event: a plain name, or a path such as `items.category` that goes over all items."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

from engine.values import Money, Value


def field_values(fields: Mapping[str, Value], path: str) -> tuple[Value, ...]:
    """Every value that a path leads to, in the order of the items; a missing one gives nothing."""
    if path in fields:
        found = fields[path]
        return () if found is None else (found,)
    head, dot, rest = path.partition(".")
    items = fields.get(head) if dot else None
    if not isinstance(items, list):
        return ()
    inner = (cast("Value", item.get(rest)) for item in items)
    return tuple(value for value in inner if value is not None)


def add_up(total: Value, addends: tuple[Value, ...]) -> tuple[Value, int]:
    """A sum with more amounts added, and how many fitted it.

    A sum that is not set starts with the first amount. Amounts of another currency, and anything
    that is no amount, are left out.
    """
    fitted = 0
    for value in addends:
        if isinstance(value, Money):
            if total is None:
                total, fitted = value, fitted + 1
            elif isinstance(total, Money) and total.currency == value.currency:
                total, fitted = Money(total.amount + value.amount, total.currency), fitted + 1
        elif is_number(value):
            number = cast("int | Decimal", value)
            if total is None:
                total, fitted = number, fitted + 1
            elif is_number(total):
                total, fitted = cast("int | Decimal", total) + number, fitted + 1
    return total, fitted


def mean(total: Value, count: int) -> Value:
    """A sum divided by its count: money to the cent, numbers to six places; not set for nothing."""
    if count < 1:
        return None
    if isinstance(total, Money):
        return Money(rounded(total.amount / count, 2), total.currency)
    if is_number(total):
        return rounded(Decimal(cast("int | Decimal", total)) / count, 6)
    return None


def rounded(number: Decimal, places: int) -> Decimal:
    """Rounded half to even; an amount too large to have that many places stays as it is."""
    try:
        return number.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        return number


def is_number(value: object) -> bool:
    """An int or Decimal; true and false are no numbers."""
    return type(value) is int or isinstance(value, Decimal)
