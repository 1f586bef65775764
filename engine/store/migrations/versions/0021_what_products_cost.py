"""What products cost when and how much was left of them, and who bought which"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from engine.core.products.prices import price_of
from engine.store import amounts
from engine.store.serialization import load_values
from engine.store.sql import change_many, rows

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SLICE = 5000
"""Products that are in memory at a time."""


def upgrade() -> None:
    """To this version: the history of a price begins when its product was last written."""
    op.add_column("product", sa.Column("added_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("watch", sa.Column("bought_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "product_price",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("product", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "product_stock",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("in_stock", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("product", "day"),
        sqlite_with_rowid=False,
    )
    op.create_index("product_stock_day", "product_stock", ["day"])
    conn = op.get_bind()
    known = "(SELECT k.first_at FROM known_product k WHERE k.product = product.id)"
    conn.execute(sa.text(f"UPDATE product SET added_at = COALESCE({known}, changed_at)"))  # noqa: S608
    op.drop_table("known_product")
    after: str | None = ""
    while after is not None:
        after = _note_prices(conn, after)


def _note_prices(conn: Connection, after: str) -> str | None:
    """The present prices of a slice of products, and where it ends; None: there are no more."""
    found = rows(
        conn,
        "SELECT id, changed_at, CAST(fields AS TEXT) FROM product WHERE id > ? ORDER BY id LIMIT ?",
        (after, SLICE),
    )
    prices = [(product, at, price_of(load_values(fields))) for product, at, fields in found]
    change_many(
        conn,
        "INSERT INTO product_price (product, at, amount, currency) VALUES (?, ?, ?, ?)",
        [
            (product, at, amounts.stored(price.amount), price.currency)
            for product, at, price in prices
            if price is not None
        ],
    )
    return found[-1][0] if found else None


def downgrade() -> None:
    """To the version before: the next build of recommendations sees every product for the first time."""
    op.create_table(
        "known_product",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("price_before", sa.String(), nullable=False),
        sa.Column("dropped_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product"),
        sqlite_with_rowid=False,
    )
    op.drop_index("product_stock_day", "product_stock")
    op.drop_table("product_stock")
    op.drop_table("product_price")
    op.drop_column("watch", "bought_at")
    op.drop_column("product", "added_at")
