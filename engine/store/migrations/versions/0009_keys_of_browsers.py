"""A key may be one that stands in a page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = "name, hash, scope, created_at, revoked_at"


def upgrade() -> None:
    """To this version."""
    _allow("scope IN ('write', 'read', 'admin', 'browser')")


def downgrade() -> None:
    """To the version before, which knows no such keys."""
    op.execute("DELETE FROM api_key WHERE scope = 'browser'")
    _allow("scope IN ('write', 'read', 'admin')")


def _allow(scopes: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("api_key_scope", "api_key", type_="check")
        op.create_check_constraint("api_key_scope", "api_key", scopes)
        return
    # SQLite changes no check of a table that stands: the rows move into another one.
    op.create_table(
        "api_key_new",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(scopes, name="api_key_scope"),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("hash"),
    )
    op.execute(f"INSERT INTO api_key_new ({_COLUMNS}) SELECT {_COLUMNS} FROM api_key")  # noqa: S608
    op.drop_table("api_key")
    op.rename_table("api_key_new", "api_key")
