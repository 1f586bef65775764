"""The present state of the catalogue, and who has to hear of a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from engine.core.happening import ProductChanged
from engine.store.customers.enrollments import watching_product
from engine.store.inbox.inbox import append_rows
from engine.store.inbox.inbox_codec import to_row
from engine.store.serialization import dump_values, load_values
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value

Products = Mapping[str, Mapping[str, Value]]


def write(conn: Connection, products: Products, now: Instant) -> int:
    """Writes products as they are now, and tells the customers whose open runs look at one that changed. How
    many did."""
    known = find(conn, products)
    changed = {id_: fields for id_, fields in products.items() if known.get(id_) != fields}
    change_many(
        conn,
        "INSERT INTO product (id, fields, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, changed_at = excluded.changed_at",
        [(id_, dump_values(fields), now) for id_, fields in changed.items()],
    )
    for id_, fields in changed.items():
        kind, body = to_row(ProductChanged(0, now, id_, fields))
        append_rows(
            conn, [(bucket, customer, kind, now, body) for bucket, customer in watching_product(conn, id_)]
        )
    return len(changed)


def find(conn: Connection, wanted: Iterable[str]) -> dict[str, Mapping[str, Value]]:
    """Products by id; unknown ones are left out."""
    sql = "SELECT p.id, CAST(p.fields AS TEXT) FROM {ids} CROSS JOIN product p WHERE p.id = j.value"
    return {id_: load_values(fields) for id_, fields in rows(conn, sql, (ids(wanted),))}
