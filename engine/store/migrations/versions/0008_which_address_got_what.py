"""Which address got what within a day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: what was sent before it is not counted."""
    op.create_table(
        "destination",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", "journey", "template", "variant"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """To the version before."""
    op.drop_table("destination")
