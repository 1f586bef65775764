"""Who was a member of a segment when a journey with `members: all` first went live"""

from __future__ import annotations

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TAKES_ALL = re.compile(r"^[^#\n]*\bmembers: *[\"']?all\b", re.MULTILINE)
_DRAFT = re.compile(r"^state: *[\"']?draft\b", re.MULTILINE)


def upgrade() -> None:
    """To this version. A journey that was published with `members: all` before took nobody, and an upgrade
    writes to nobody: it counts as one that has taken its members."""
    op.create_table(
        "admission",
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("live_at", sa.BigInteger(), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("at_bucket", sa.Integer(), nullable=False),
        sa.Column("at_customer", sa.String(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("listed_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("journey", "segment"),
    )
    op.create_table(
        "admission_member",
        sa.Column("bucket", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("delay", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "customer", "journey", "segment"),
        sqlite_with_rowid=False,
    )
    op.create_index("admission_member_delay", "admission_member", ["journey", "segment", "delay"])
    _note_published()


def downgrade() -> None:
    """To the version before, which took nobody."""
    op.drop_table("admission_member")
    op.drop_table("admission")


def _note_published() -> None:
    conn = op.get_bind()
    query = "SELECT at, CAST(files AS TEXT) FROM deployment ORDER BY number DESC LIMIT 1"
    for at, files in conn.execute(sa.text(query)):
        taken = [
            {"journey": path.removeprefix("journeys/").removesuffix(".yaml"), "at": at}
            for path, text in json.loads(files).items()
            if re.fullmatch(r"journeys/[^/]+\.yaml", path)
            and _TAKES_ALL.search(text)
            and not _DRAFT.search(text)
        ]
        if taken:
            insert = "INSERT INTO admission VALUES (:journey, '', :at, :at, :at, 0, '', 0, :at, :at)"
            conn.execute(sa.text(insert), taken)
