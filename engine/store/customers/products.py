"""The present state of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from engine.store.customers import product_changes
from engine.store.serialization import dump_values, load_values
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value

Products = Mapping[str, Mapping[str, Value]]


def write(conn: Connection, products: Products, now: Instant) -> int:
    """Writes fields of products: those that are left out stay as they are, None takes one away. Whom a change
    concerns is told of it later (`product_changes`). How many products changed."""
    known = find(conn, products)
    changes: list[tuple[str, Mapping[str, Value], Mapping[str, Value]]] = []
    for id_, fields in products.items():
        before = known.get(id_, {})
        after = {name: value for name, value in {**before, **fields}.items() if value is not None}
        if id_ not in known or after != before:
            changes.append((id_, before, after))
    change_many(
        conn,
        "INSERT INTO product (id, fields, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, changed_at = excluded.changed_at",
        [(id_, dump_values(after), now) for id_, _, after in changes],
    )
    product_changes.note(conn, changes, now)
    return len(changes)


def find(conn: Connection, wanted: Iterable[str]) -> dict[str, Mapping[str, Value]]:
    """Products by id; unknown ones are left out."""
    sql = "SELECT p.id, CAST(p.fields AS TEXT) FROM {ids} CROSS JOIN product p WHERE p.id = j.value"
    return {id_: load_values(fields) for id_, fields in rows(conn, sql, (ids(wanted),))}


def changed_at(conn: Connection, product: str) -> Instant | None:
    """When a product was last written; None: there is none of that id."""
    found = rows(conn, "SELECT changed_at FROM product WHERE id = ?", (product,))
    return Instant(found[0][0]) if found else None
