"""Which products came by the catalogue feed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: nothing came by a feed yet."""
    op.create_table(
        "feed_product",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("missing_since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """To the version before."""
    op.drop_table("feed_product")
