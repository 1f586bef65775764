"""How much is kept of customers in their attributes, applied or still in the inbox."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from engine.store.customers.customer_codec import load_attributes
from engine.store.meta import bucket_of
from engine.store.serialization import dump
from engine.store.sql import rows

_APPLIED = (
    "SELECT c.id, length(CAST(c.attributes AS TEXT)) FROM {names} CROSS JOIN customer c"
    " WHERE c.bucket = CAST(n.value AS INTEGER) AND c.id = n.key"
)
_WAITING = (
    "SELECT i.customer, sum(length(i.body)) FROM {names} CROSS JOIN inbox i"
    " WHERE i.bucket = CAST(n.value AS INTEGER) AND i.customer = n.key AND i.kind = 'changed'"
    " GROUP BY i.customer"
)


def of(conn: Connection, customers: Collection[str]) -> dict[str, int]:
    """Bytes of the attributes, with those that wait to be applied; of customers of whom there are some."""
    sizes: dict[str, int] = {}
    for sql in (_APPLIED, _WAITING):
        for customer, size in rows(conn, sql, (_places(conn, customers),)):
            sizes[customer] = sizes.get(customer, 0) + int(size)
    return sizes


def names(conn: Connection, customers: Collection[str]) -> dict[str, set[str]]:
    """The names of the attributes that these customers have."""
    if not customers:
        return {}
    sql = (
        "SELECT c.id, CAST(c.attributes AS TEXT) FROM {names} CROSS JOIN customer c"
        " WHERE c.bucket = CAST(n.value AS INTEGER) AND c.id = n.key"
    )
    return {
        customer: set(load_attributes(attributes))
        for customer, attributes in rows(conn, sql, (_places(conn, customers),))
    }


def _places(conn: Connection, customers: Collection[str]) -> str:
    """Customers with their buckets in one parameter, so that all buckets of a batch are asked at once."""
    return dump({customer: bucket_of(conn, customer) for customer in sorted(customers)})
