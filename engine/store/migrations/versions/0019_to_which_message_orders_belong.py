"""To which message an order belongs, and the reactions of a customer by time"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: orders from now on belong to messages, those before are noted as to be counted."""
    op.create_table(
        "credit",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("send_key", sa.String(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("is_service", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "customer", "occurred_at", "event"),
        sqlite_with_rowid=False,
    )
    op.create_index("reaction_customer", "reaction", ["bucket", "customer", "at"])
    conn = op.get_bind()
    if conn.execute(sa.text("SELECT 1 FROM event LIMIT 1")).first():
        told = conn.execute(sa.text("SELECT value FROM meta WHERE name = 'figures_filling'")).scalar()
        filling = json.loads(told) if told else {"trace": 0, "until": 0, "states": True}
        # from the first customer on
        value = json.dumps({**filling, "orders": [-1, ""]})
        conn.execute(sa.text("DELETE FROM meta WHERE name = 'figures_filling'"))
        insert = sa.text("INSERT INTO meta (name, value) VALUES ('figures_filling', :value)")
        conn.execute(insert, {"value": value})


def downgrade() -> None:
    """To the version before."""
    op.drop_index("reaction_customer", "reaction")
    op.drop_table("credit")
