"""Who orders again: what takes orders back, categories of orders, daily counts found by what they count"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: the orders of everybody are noted as to be counted once more, by their customers."""
    op.create_table(
        "order_return",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("order_key", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "customer", "order_key", "event"),
        sqlite_with_rowid=False,
    )
    op.add_column("credit", sa.Column("order_key", sa.String(), nullable=False, server_default=""))
    op.add_column("credit", sa.Column("categories", sa.String(), nullable=False, server_default=""))
    op.add_column("credit", sa.Column("taken", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column(
        "credit", sa.Column("is_cancelled", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("daily_what", "daily", ["what", "day"])
    conn = op.get_bind()
    if conn.execute(sa.text("SELECT 1 FROM credit UNION ALL SELECT 1 FROM event LIMIT 1")).first():
        told = conn.execute(sa.text("SELECT value FROM meta WHERE name = 'figures_filling'")).scalar()
        filling = json.loads(told) if told else {"trace": 0, "until": 0, "states": True}
        # from the first customer on
        value = json.dumps({**filling, "orders": [-1, ""]})
        conn.execute(sa.text("DELETE FROM meta WHERE name = 'figures_filling'"))
        insert = sa.text("INSERT INTO meta (name, value) VALUES ('figures_filling', :value)")
        conn.execute(insert, {"value": value})


def downgrade() -> None:
    """To the version before."""
    op.drop_index("daily_what", "daily")
    for column in ("is_cancelled", "taken", "categories", "order_key"):
        op.drop_column("credit", column)
    op.drop_table("order_return")
