"""Alerts go out in messages, and troubles that last are known"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNTOLD = sa.text("queued_at IS NULL")
_OPEN = sa.text("state <> 'sent' AND state <> 'failed'")


def upgrade() -> None:
    """To this version."""
    op.add_column("alert", sa.Column("queued_at", sa.BigInteger(), nullable=True))
    # nobody wants to be told now of what was raised a year ago
    op.execute("UPDATE alert SET queued_at = at")
    op.create_index("alert_untold", "alert", ["number"], sqlite_where=_UNTOLD, postgresql_where=_UNTOLD)
    op.create_table(
        "trouble",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "alert_message",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("entries", sa.String(), nullable=False),
        sa.Column("more", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed')", name="alert_message_state"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "alert_message_open", "alert_message", ["ready_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("alert_message_destination", "alert_message", ["destination", "number"])


def downgrade() -> None:
    """To the version before, which tells of alerts by `status` alone."""
    op.drop_table("alert_message")
    op.drop_table("trouble")
    op.drop_index("alert_untold", "alert")
    op.drop_column("alert", "queued_at")
