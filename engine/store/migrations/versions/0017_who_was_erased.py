"""Who was erased, by keyed hash"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: nobody was."""
    op.create_table(
        "erasure",
        sa.Column("id_hash", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("addresses", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """To the version before."""
    op.drop_table("erasure")
