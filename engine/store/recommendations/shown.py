"""Which recommended products messages showed, noted beside their bodies for the figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.messages.records import OutboxMessage
from engine.store.sql import insert_many
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """A product in a message, at its place in the list of a name, and the source it is from."""

    name: str
    place: int
    product: str
    source: str


def note(
    conn: Connection, shown: Iterable[tuple[OutboxMessage, tuple[ShownProduct, ...]]], now: Instant
) -> None:
    """Keeps what messages show; what is known of a message already stays."""
    insert_many(
        conn,
        "shown_product",
        [
            {
                "bucket": message.bucket, "customer": message.customer, "send_key": message.send_key,
                "name": one.name, "place": one.place, "product": one.product, "source": one.source, "at": now,
            }
            for message, products in shown
            for one in products
        ],
        "ON CONFLICT DO NOTHING",
    )  # fmt: skip
