"""What a message needs to know of the customers it is for: attributes, zone, addresses. One query for a
batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from engine.core.facts.customer import Consent
from engine.store.serialization import load, load_values
from engine.store.sql import ids, rows
from engine.values import Value


@dataclass(frozen=True, slots=True)
class Addressee:
    """One customer as a template sees them. `addresses`: channel -> where they are reached now. `consents`:
    (channel, purpose) -> what they said."""

    customer: str
    zone: str
    values: Mapping[str, Value] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    consents: Mapping[tuple[str, str], Consent] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """What they read, as the attribute says; "" where it does not."""
        language = self.values.get("language")
        return language if isinstance(language, str) else ""


def find(conn: Connection, bucket: int, customers: Iterable[str]) -> dict[str, Addressee]:
    """Customers of a bucket by id; unknown ones are left out."""
    found = rows(
        conn,
        "SELECT c.id, c.zone, CAST(c.attributes AS TEXT), CAST(c.reach AS TEXT) FROM {ids} CROSS JOIN "
        "customer c"
        " WHERE c.bucket = ? AND c.id = j.value",
        (ids(customers), bucket),
    )
    return {id_: _addressee(id_, zone, attributes, load(reach)) for id_, zone, attributes, reach in found}


def _addressee(id_: str, zone: str, attributes: str, reach: Mapping[str, Any]) -> Addressee:
    addresses = {channel: one["address"] for channel, one in reach.items() if one.get("address")}
    said = ((channel, one.get("consents", {})) for channel, one in reach.items())
    consents = {(channel, purpose): state for channel, one in said for purpose, state in one.items()}
    return Addressee(id_, zone, load_values(attributes), addresses, consents)
