"""Paths into the fields of an event: `total`, and `items.category`, which goes over all items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from engine.values import Value


def field_values(fields: Mapping[str, Value], path: str) -> tuple[Value, ...]:
    """Every value that a path leads to, in the order of the items; a missing one gives nothing."""
    # A plain name first: a shop may have a field whose name has a dot in it.
    if path in fields:
        value = fields[path]
        return () if value is None else (value,)
    head, dot, rest = path.partition(".")
    items = fields.get(head) if dot else None
    if not isinstance(items, list):
        return ()
    of_items = (cast("Value", item.get(rest)) for item in items)
    return tuple(value for value in of_items if value is not None)
