"""What became of messages by the domain of their recipients"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: nothing is counted by domain yet. The messages that are there are noted as to be
    counted so, which the daemon does beside its work."""
    op.create_table(
        "daily_domain",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", "domain", "what", "why", "shard"),
        sqlite_with_rowid=False,
    )
    op.add_column("outbox", sa.Column("domain", sa.String(), nullable=True))
    op.add_column("credit", sa.Column("domain", sa.String(), nullable=True))
    conn = op.get_bind()
    last = conn.execute(sa.text("SELECT max(number) FROM outbox")).scalar()
    if last is not None:
        told = conn.execute(sa.text("SELECT value FROM meta WHERE name = 'figures_filling'")).scalar()
        filling = json.loads(told) if told else {"trace": 0, "until": 0, "states": True}
        value = json.dumps({**filling, "messages": 0, "messages_until": last})
        conn.execute(sa.text("DELETE FROM meta WHERE name = 'figures_filling'"))
        insert = sa.text("INSERT INTO meta (name, value) VALUES ('figures_filling', :value)")
        conn.execute(insert, {"value": value})


def downgrade() -> None:
    """To the version before, which counts nothing by domain."""
    conn = op.get_bind()
    told = conn.execute(sa.text("SELECT value FROM meta WHERE name = 'figures_filling'")).scalar()
    if told:
        filling = json.loads(told)
        filling.pop("messages", None)
        filling.pop("messages_until", None)
        conn.execute(
            sa.text("UPDATE meta SET value = :value WHERE name = 'figures_filling'"),
            {"value": json.dumps(filling)},
        )
    op.drop_column("credit", "domain")
    op.drop_column("outbox", "domain")
    op.drop_table("daily_domain")
