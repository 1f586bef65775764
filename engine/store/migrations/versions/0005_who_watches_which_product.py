"""Who touched which product is kept, and changes of the catalogue are worked off in slices"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.core.products.watched import touched_products
from engine.store.serialization import load_values
from engine.store.sql import change_many, rows
from engine.values import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SLICE = 5000
"""Events that are in memory at a time."""

COLUMNS = {
    "product_viewed": "viewed_at",
    "cart_updated": "cart_at",
    "product_added": "cart_at",
    "wishlist_added": "wishlist_at",
    "product_added_to_wishlist": "wishlist_at",
}
"""Event -> the column that its moment goes to."""

_OPEN = sa.text("ended_at IS NULL AND product IS NOT NULL")


def upgrade() -> None:
    """To this version: what was done until now made watchers, too."""
    op.create_table(
        "watch",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("viewed_at", sa.BigInteger(), nullable=False),
        sa.Column("cart_at", sa.BigInteger(), nullable=False),
        sa.Column("wishlist_at", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("product", "bucket", "customer"),
        sqlite_with_rowid=False,
    )
    op.create_index("watch_customer", "watch", ["bucket", "customer"])
    op.create_table(
        "product_change",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("product_change_product", "product_change", ["product"])
    op.drop_index("enrollment_product", "enrollment")
    op.create_index(
        "enrollment_product",
        "enrollment",
        ["product", "bucket", "customer"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    for name in COLUMNS:
        after: tuple[int, str, int, int] | None = (-1, "", 0, 0)
        while after is not None:
            after = _record(op.get_bind(), name, after)


def _record(
    conn: Connection, name: str, after: tuple[int, str, int, int]
) -> tuple[int, str, int, int] | None:
    """One slice of the events of a name, and where it ends; None: there are no more."""
    found = rows(
        conn,
        "SELECT bucket, customer, occurred_at, number, CAST(fields AS TEXT) FROM event WHERE name = ?"
        " AND (bucket, customer, occurred_at, number) > (?, ?, ?, ?)"
        " ORDER BY bucket, customer, occurred_at, number LIMIT ?",
        (name, *after, SLICE),
    )
    touches: dict[tuple[str, int, str], int] = {}
    for bucket, customer, at, number, fields in found:
        event = Event(number, "", name, Instant(at), Instant(at), load_values(fields))
        for product in touched_products(event):
            watcher = (product, bucket, customer)
            touches[watcher] = max(at, touches.get(watcher, at))
    column = COLUMNS[name]
    change_many(
        conn,
        "INSERT INTO watch (product, bucket, customer, viewed_at, cart_at, wishlist_at, told)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (product, bucket, customer) DO UPDATE SET"
        f" {column} = CASE WHEN excluded.{column} > watch.{column} THEN excluded.{column}"
        f" ELSE watch.{column} END",
        [
            (*watcher, *(at if column == each else 0 for each in ("viewed_at", "cart_at", "wishlist_at")))
            for watcher, at in sorted(touches.items())
        ],
    )
    return tuple(found[-1][:4]) if found else None


def downgrade() -> None:
    """To the version before. Runs wait for their product as they did; who was not told of a change is not."""
    op.drop_index("enrollment_product", "enrollment")
    op.create_index(
        "enrollment_product", "enrollment", ["product"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.drop_table("product_change")
    op.drop_table("watch")
