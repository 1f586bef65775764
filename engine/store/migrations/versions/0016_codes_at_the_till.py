"""Codes at the till: keys of tills, answers that are given once, and whose a code is by one look"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS = "name, hash, scope, created_at, revoked_at"


def upgrade() -> None:
    """To this version."""
    _allow("scope IN ('write', 'read', 'admin', 'browser', 'till')")
    # A code that everybody gets has a row for each customer.
    op.drop_index("code_value", "code")
    op.create_index("code_value", "code", ["value", "customer"])
    op.drop_index("code_use_value", "code_use")
    op.create_index("code_use_value", "code_use", ["value", "order_id"])
    op.create_table(
        "idempotent",
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_key"),
    )
    op.create_index("idempotent_at", "idempotent", ["at"])


def downgrade() -> None:
    """To the version before, which knows no such keys."""
    op.drop_table("idempotent")
    op.drop_index("code_use_value", "code_use")
    op.create_index("code_use_value", "code_use", ["value"])
    op.drop_index("code_value", "code")
    op.create_index("code_value", "code", ["value"])
    op.execute("DELETE FROM api_key WHERE scope = 'till'")
    _allow("scope IN ('write', 'read', 'admin', 'browser')")


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
