"""The categories of the products of an order: as the order says, else as the catalogue does then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from engine.core.happening import Event
from engine.core.products.event_products import LIST_NAMES, products_named
from engine.store.serialization import load_values
from engine.store.sql import ids, rows

FIELD = "category"
"""What it is called, in a line of an order and in the catalogue."""

MOST = 20
"""Categories of one order that count."""

LONGEST = 100
"""Characters of the name of one."""


def of_orders(conn: Connection, orders: Sequence[Event]) -> list[str]:
    """Of each order its categories, sorted, one a line."""
    named = [list(_named(order)) for order in orders]
    # asked for only where the order does not say it itself
    products = [
        () if some else products_named(order.fields) for order, some in zip(orders, named, strict=True)
    ]
    asked = set().union(*products)
    catalogue = _in_catalogue(conn, asked) if asked else {}
    found = []
    for some, of_order in zip(named, products, strict=True):
        whole = some or [catalogue[one] for one in of_order if one in catalogue]
        found.append("\n".join(sorted({" ".join(name.split())[:LONGEST] for name in whole} - {""})[:MOST]))
    return found


def _named(order: Event) -> Iterator[str]:
    """What the order itself says."""
    for name in LIST_NAMES:
        lines = order.fields.get(name)
        for line in lines if isinstance(lines, list | tuple) else ():
            if isinstance(line, Mapping) and isinstance(category := line.get(FIELD), str):
                yield category


def _in_catalogue(conn: Connection, products: set[str]) -> dict[str, str]:
    sql = "SELECT p.id, CAST(p.fields AS TEXT) FROM {ids} CROSS JOIN product p WHERE p.id = j.value"
    known = {product: load_values(fields).get(FIELD) for product, fields in rows(conn, sql, (ids(products),))}
    return {product: category for product, category in known.items() if isinstance(category, str)}
