"""Codes of files, who waits for one, and how codes were used"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HELD = sa.text("kind <> 'shared' AND given_back_at IS NULL")
FREE = sa.text("enrollment IS NULL")


def upgrade() -> None:
    """To this version. Codes that were given out before have no kind: that one text stands twice among them
    is no reason to refuse the store."""
    op.add_column("code", sa.Column("kind", sa.String(), nullable=True))
    op.add_column("code", sa.Column("journey", sa.String(), nullable=False, server_default=""))
    op.add_column("code", sa.Column("asked", sa.String(), nullable=False, server_default=""))
    op.create_index("code_held", "code", ["value"], unique=True, sqlite_where=HELD, postgresql_where=HELD)
    op.create_table(
        "code_stock",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("enrollment", sa.String(), nullable=True),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("value", name="code_stock_value"),
    )
    op.create_index("code_free", "code_stock", ["pool", "number"], sqlite_where=FREE, postgresql_where=FREE)
    op.create_index("code_pool", "code_stock", ["pool"])
    op.create_table(
        "code_request",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("enrollment", sa.String(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("enrollment", "pool", name="code_request_once"),
    )
    op.create_index("code_request_customer", "code_request", ["bucket", "customer"])
    op.create_index("code_request_pool", "code_request", ["pool", "number"])
    op.create_table(
        "code_use",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("code_use_value", "code_use", ["value"])
    op.create_index("code_use_customer", "code_use", ["customer"])


def downgrade() -> None:
    """To the version before."""
    for table in ("code_use", "code_request", "code_stock"):
        op.drop_table(table)
    op.drop_index("code_held", "code")
    for column in ("asked", "journey", "kind"):
        op.drop_column("code", column)
