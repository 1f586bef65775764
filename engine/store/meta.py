"""What a database knows about itself: its instance id, its buckets, the key that links and hashes are made
with."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

from sqlalchemy import Connection, delete, insert, select, update
from sqlmodel import col

from engine.ids import new_id, new_secret
from engine.store.schema.tables import MetaRow

BUCKETS = {"sqlite": 1}
"""One writer holds all customers of an SQLite file; elsewhere they fall into buckets, each of which has one
worker at a time."""

BUCKETS_ELSEWHERE = 64
"""What a new database begins with, and keeps. More would spread over more workers, but a batch is of one
bucket, and many small batches cost more than a few large ones."""

_BUCKETS = "buckets"


def get(conn: Connection, name: str) -> str | None:
    """A fact about this database."""
    return conn.execute(select(col(MetaRow.value)).where(col(MetaRow.name) == name)).scalar_one_or_none()


def put(conn: Connection, name: str, value: str) -> None:
    """Writes a fact about this database."""
    changed = conn.execute(update(MetaRow).where(col(MetaRow.name) == name).values(value=value)).rowcount
    if not changed:
        conn.execute(insert(MetaRow).values(name=name, value=value))


def remove(conn: Connection, name: str) -> None:
    """Takes a fact away, if it is there."""
    conn.execute(delete(MetaRow).where(col(MetaRow.name) == name))


def touch(conn: Connection) -> None:
    """Writes what stands there already: whether this database takes writes at all."""
    put(conn, "touched", "")


def settle(conn: Connection) -> None:
    """Gives a new database its identity; an older one keeps its own."""
    for name, make in (("instance", new_id), ("secret", new_secret)):
        if get(conn, name) is None:
            put(conn, name, make())
    if get(conn, _BUCKETS) is None:
        put(conn, _BUCKETS, str(buckets(conn)))


def instance(conn: Connection) -> str:
    """The id of this database: a copy of it has the same one."""
    return get(conn, "instance") or ""


def secret(conn: Connection) -> str:
    """The key that links are signed and addresses are hashed with, unless config.yaml names another one for
    links."""
    return get(conn, "secret") or ""


def buckets(conn: Connection) -> int:
    """How many buckets this database has, as far as its connections were told (`kept_buckets`)."""
    told = conn.get_execution_options().get(_BUCKETS)
    return told or BUCKETS.get(conn.dialect.name, BUCKETS_ELSEWHERE)


def kept_buckets(conn: Connection) -> dict[str, int]:
    """How many buckets this database was made with, as an execution option of its connections: every
    statement about a customer needs the number."""
    return {_BUCKETS: int(get(conn, _BUCKETS) or buckets(conn))}


def bucket_of(conn: Connection, customer: str) -> int:
    """The bucket of a customer."""
    return bucket(customer, buckets(conn))


def by_bucket(conn: Connection, customers: Iterable[str]) -> dict[int, list[str]]:
    """Customers in groups of the same bucket: one statement for each."""
    groups: dict[int, list[str]] = {}
    for customer in customers:
        groups.setdefault(bucket_of(conn, customer), []).append(customer)
    return groups


@lru_cache(maxsize=65536)
def bucket(customer: str, among: int) -> int:
    """A number below `among`, by a hash of the customer that is the same on every machine."""
    return crc32(customer.encode("utf-8", "surrogatepass")) % among if among > 1 else 0


def address_hash(key: str, channel: str, address: str) -> str:
    """The keyed hash of a normalised address, under which suppressions are kept."""
    return hmac.digest(key.encode(), f"{channel}\0{address}".encode(), "sha256").hex()
