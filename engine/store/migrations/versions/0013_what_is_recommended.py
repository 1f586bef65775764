"""What the nightly build of recommendations found, and which products were shown to whom"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version: nothing is known before the first build."""
    op.create_table(
        "recommended_pair",
        sa.Column("build", _number(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("other", sa.String(), nullable=False),
        sa.Column("score", _number(), nullable=False),
        sa.Column("support", _number(), nullable=False),
        sa.PrimaryKeyConstraint("build", "source", "product", "other"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recommended_list",
        sa.Column("build", _number(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("score", _number(), nullable=False),
        sa.PrimaryKeyConstraint("build", "source", "field", "value", "place"),
        sqlite_with_rowid=False,
    )
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
    op.create_table(
        "shown_product",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("send_key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "customer", "send_key", "name", "place"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """To the version before."""
    for table in ("shown_product", "known_product", "recommended_list", "recommended_pair"):
        op.drop_table(table)
