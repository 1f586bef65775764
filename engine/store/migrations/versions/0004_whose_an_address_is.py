"""Whose an address is can be asked without a search in text"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from engine.store.customers.address_index import addresses_of, write
from engine.store.customers.customer_codec import load_attributes, load_reach
from engine.store.sql import rows

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SLICE = 2000
"""Customers that are in memory at a time."""


def upgrade() -> None:
    """To this version: everybody who is known already is entered, slice by slice."""
    op.create_table(
        "address",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", "channel", "bucket", "customer"),
        sqlite_with_rowid=False,
    )
    after = (-1, "")
    while (last := _enter(op.get_bind(), after)) is not None:
        after = last


def _enter(conn: Connection, after: tuple[int, str]) -> tuple[int, str] | None:
    """One slice of the customers behind (bucket, id), and where it ends; None: nobody is left.

    The rules of the index are asked and not written down here once more: entries by other rules would never
    be found."""
    people = rows(
        conn,
        "SELECT bucket, id, CAST(attributes AS TEXT), CAST(reach AS TEXT) FROM customer"
        " WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",
        (*after, SLICE),
    )
    entries: dict[int, list[tuple[str, frozenset[tuple[str, str]], frozenset[tuple[str, str]]]]] = {}
    for bucket, customer, attributes, reach in people:
        held = addresses_of(load_reach(reach), load_attributes(attributes))
        entries.setdefault(bucket, []).append((customer, frozenset(), held))
    for bucket, changes in entries.items():
        write(conn, bucket, changes)
    return (people[-1][0], people[-1][1]) if people else None


def downgrade() -> None:
    """To the version before."""
    op.drop_table("address")
