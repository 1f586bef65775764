"""The present state of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from engine.core.products.prices import LOWEST
from engine.store.products import changes as pending_changes
from engine.store.products import history
from engine.store.serialization import dump_values, load_values
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value

Products = Mapping[str, Mapping[str, Value]]


def write(conn: Connection, products: Products, now: Instant) -> int:
    """Writes fields of products: those that are left out stay as they are, None takes one away; what the
    engine computes cannot be written. Prices and stock are noted (`history`). Whom a change concerns is told
    of it later (`changes`). How many products changed."""
    if not products:
        return 0
    known = find(conn, products)
    written: list[history.ProductChange] = []
    for id_, fields in products.items():
        before = known.get(id_, {})
        said = {name: value for name, value in fields.items() if name != LOWEST}
        after = {name: value for name, value in {**before, **said}.items() if value is not None}
        if id_ not in known or after != before:
            written.append(history.ProductChange(id_, before, after))
    changes = history.note(conn, written, now)
    change_many(
        conn,
        "INSERT INTO product (id, fields, changed_at, added_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, changed_at = excluded.changed_at",
        [(change.product, dump_values(change.after), now, now) for change in changes],
    )
    pending_changes.note(conn, changes, now)
    return len(changes)


def find(conn: Connection, wanted: Iterable[str]) -> dict[str, Mapping[str, Value]]:
    """Products by id; unknown ones are left out."""
    sql = "SELECT p.id, CAST(p.fields AS TEXT) FROM {ids} CROSS JOIN product p WHERE p.id = j.value"
    return {id_: load_values(fields) for id_, fields in rows(conn, sql, (ids(wanted),))}


def changed_at(conn: Connection, product: str) -> Instant | None:
    """When a product was last written; None: there is none of that id."""
    found = rows(conn, "SELECT changed_at FROM product WHERE id = ?", (product,))
    return Instant(found[0][0]) if found else None


def count(conn: Connection) -> int:
    """How many products there are."""
    return int(rows(conn, "SELECT count(*) FROM product")[0][0])
