"""What happened, by day: the table that figures are summed from"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: nothing is counted yet. What happened before is noted as to be counted, which the
    daemon does beside its work."""
    op.create_table(
        "daily",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "journey", "step", "channel", "what", "why", "shard"),
        sqlite_with_rowid=False,
    )
    op.add_column("outbox", sa.Column("was", sa.String(), nullable=True))
    conn = op.get_bind()
    if any(conn.execute(sa.text(f"SELECT 1 FROM {table} LIMIT 1")).first() for table in _HISTORY):  # noqa: S608
        last = conn.execute(sa.text("SELECT coalesce(max(number), 0) FROM trace")).scalar_one()
        filling = json.dumps({"trace": 0, "until": last, "states": False})
        insert = sa.text("INSERT INTO meta (name, value) VALUES ('figures_filling', :filling)")
        conn.execute(insert, {"filling": filling})


_HISTORY = ("outbox", "trace", "enrollment")


def downgrade() -> None:
    """To the version before."""
    op.drop_table("daily")
    op.drop_column("outbox", "was")
    op.execute("DELETE FROM meta WHERE name IN ('figures', 'figures_filling')")
