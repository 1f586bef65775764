"""Since when somebody is in a segment, and who left it when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MEMBER = sa.text("left_at IS NULL")
FORMER = sa.text("left_at IS NOT NULL")


def upgrade() -> None:
    """To this version: members are known by the moment that stands with the customer; who left before is
    not."""
    op.create_table(
        "membership",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bucket", "customer", "segment", "entered_at"),
        sqlite_with_rowid=False,
    )
    members = "SELECT c.bucket, c.id, s.key, CAST(s.value AS BIGINT), NULL FROM customer c, {each} AS s"
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    each = "json_each(c.segments)" if is_sqlite else "jsonb_each_text(c.segments)"
    op.execute(f"INSERT INTO membership {members.format(each=each)}")
    op.create_index(
        "membership_now", "membership", ["segment", "bucket", "customer"],
        sqlite_where=MEMBER, postgresql_where=MEMBER,
    )  # fmt: skip
    op.create_index("membership_entered", "membership", ["segment", "entered_at"])
    op.create_index(
        "membership_left", "membership", ["segment", "left_at"],
        sqlite_where=FORMER, postgresql_where=FORMER,
    )  # fmt: skip


def downgrade() -> None:
    """To the version before."""
    op.drop_table("membership")
