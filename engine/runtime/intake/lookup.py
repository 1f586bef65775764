"""Somebody is named as people name them: by id, by another id, by an e-mail address or a telephone number."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.runtime.intake.contact import contact
from engine.store.customers import address_index, batches
from engine.store.customers.history import waiting_in_inbox
from engine.store.meta import bucket_of
from engine.store.persons import aliases


def find_ids(conn: Connection, name: str, country: str = "") -> list[str]:
    """The customers whom a name means, exactly: whoever has it as an id, and else everybody who has it as an
    address, in the order of their ids. `country`: of a telephone number without one."""
    own = aliases.resolve(conn, [name]).get(name, name)
    if batches.exists(conn, bucket_of(conn, own), own) or waiting_in_inbox(conn, own):
        return [own]
    address = _address(name, country)
    return address_index.customers_of(conn, [address]).get(address, []) if address is not None else []


def _address(name: str, country: str) -> tuple[str, str] | None:
    """(channel, address) as it is kept; None for what is neither."""
    kind = "email" if "@" in name else "phone"
    try:
        return kind, contact(kind, name, country or None)
    except ValueError:
        return None
