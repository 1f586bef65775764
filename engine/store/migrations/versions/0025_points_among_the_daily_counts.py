"""Points among the daily counts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: what was entered before is counted on its day in UTC."""
    op.execute(
        "INSERT INTO daily (day, journey, step, channel, what, why, shard, n, money)"
        " SELECT day, '', '', '', 'points', kind, 0, sum(points), 0 FROM ("
        "SELECT at / 86400000 AS day, kind, points FROM points_entry"
        " UNION ALL SELECT day, kind, points FROM forgotten_points) AS entries GROUP BY day, kind"
    )
    op.drop_table("forgotten_points")


def downgrade() -> None:
    """To the version before: what erased customers left is known no more."""
    op.create_table(
        "forgotten_points",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind"),
        sqlite_with_rowid=False,
    )
    op.execute("DELETE FROM daily WHERE what = 'points'")
