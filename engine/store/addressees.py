"""What a message needs to know of the customers it is for: attributes, zone, addresses. One query for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.store.codec import load, load_values
from engine.store.hot import ids, rows
from engine.values import Value


@dataclass(frozen=True, slots=True)
class Addressee:
    """One customer as a template sees them. `addresses`: channel -> where they are reached now."""

    customer: str
    zone: str
    values: Mapping[str, Value] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)


def find(conn: Connection, bucket: int, customers: Iterable[str]) -> dict[str, Addressee]:
    """Customers of a bucket by id; unknown ones are left out."""
    found = rows(
        conn,
        "SELECT c.id, c.zone, CAST(c.attributes AS TEXT), CAST(c.reach AS TEXT) FROM {ids} CROSS JOIN customer c"
        " WHERE c.bucket = ? AND c.id = j.value",
        (ids(customers), bucket),
    )
    return {
        id_: Addressee(id_, zone, load_values(attributes), _addresses(reach))
        for id_, zone, attributes, reach in found
    }


def _addresses(reach: str) -> dict[str, str]:
    return {channel: one["address"] for channel, one in load(reach).items() if one.get("address")}
