"""What became of the catalogue feed: when it was looked at and applied, what it held, why it was refused."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from engine.store import meta
from engine.values import Instant

_NAME = "catalogue.feed"


class FeedState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Moments are 0 where it never happened. `looked_at`: the last look that had an answer, `applied_at`: the
    last feed that was taken, or had not changed. `etag`, `modified`: what its server said of it; `source`: a
    hash of its address. `items`, `products`, `faulty`: what it held, how many were right, and wrong;
    `changed`, `missing`: what it came to. `fields`: which fields it has given so far. `turns_at`: the next
    moment at which a price changes by itself."""

    looked_at: Instant = Instant(0)
    applied_at: Instant = Instant(0)
    source: str = ""
    etag: str = ""
    modified: str = ""
    kind: str = ""
    items: int = 0
    products: int = 0
    faulty: int = 0
    changed: int = 0
    missing: int = 0
    faults: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    turns_at: Instant = Instant(0)
    refused_at: Instant = Instant(0)
    refused: str = ""  # why the last feed was not taken; "" where it was
    failed_at: Instant = Instant(0)  # when it could not be fetched last
    failing_since: Instant = Instant(0)
    failed: str = ""  # why; "" where it can
    failures: int = 0  # in a row


def load(conn: Connection) -> FeedState:
    """As it was left."""
    text = meta.get(conn, _NAME)
    return msgspec.json.decode(text, type=FeedState) if text else FeedState()


def save(conn: Connection, state: FeedState) -> None:
    """Notes it."""
    meta.put(conn, _NAME, msgspec.json.encode(state).decode())
