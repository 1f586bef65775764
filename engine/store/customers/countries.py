"""In which country customers live, as far as they said so: applied, or still in the inbox."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from engine.core.happening import ProfileChanged
from engine.store.customers.customer_codec import load_attributes
from engine.store.inbox.inbox_codec import from_row
from engine.store.meta import bucket_of
from engine.store.serialization import dump
from engine.store.sql import rows


def of(conn: Connection, customers: Collection[str]) -> dict[str, str]:
    """The country of each customer who has one; what waits to be applied is newer."""
    places = dump({customer: bucket_of(conn, customer) for customer in sorted(customers)})
    found: dict[str, str] = {}
    applied = rows(
        conn,
        "SELECT c.id, CAST(c.attributes AS TEXT) FROM {names} CROSS JOIN customer c"
        " WHERE c.bucket = CAST(n.value AS INTEGER) AND c.id = n.key",
        (places,),
    )
    for customer, attributes in applied:
        _note(found, customer, load_attributes(attributes).get("country"))
    waiting = rows(
        conn,
        "SELECT i.customer, i.number, i.body FROM {names} CROSS JOIN inbox i"
        " WHERE i.bucket = CAST(n.value AS INTEGER) AND i.customer = n.key AND i.kind = 'changed'"
        " ORDER BY i.number",
        (places,),
    )
    for customer, number, body in waiting:
        change = from_row(number, "changed", body)
        if isinstance(change, ProfileChanged) and "country" in change.values:
            _note(found, customer, change.values["country"])
    return found


def _note(found: dict[str, str], customer: str, country: object) -> None:
    if isinstance(country, str) and country.strip():
        found[customer] = country
    else:
        found.pop(customer, None)
