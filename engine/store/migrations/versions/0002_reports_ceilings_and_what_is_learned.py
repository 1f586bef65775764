"""Reports of providers, ceilings, conversations, soft bounces, what is learned; reactions of a machine,
a person, or nobody knows."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = "kind IN ('clicked', 'opened', 'replied')"


def upgrade() -> None:
    """To this version."""
    op.add_column("outbox", sa.Column("parts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("outbox", sa.Column("ref", sa.String(), nullable=True))
    _partial_index("outbox_provider", ["channel", "provider_id"], "provider_id IS NOT NULL")
    _partial_index("outbox_ref", ["ref"], "ref IS NOT NULL")
    op.add_column("reaction", sa.Column("who", sa.String(), nullable=False, server_default="human"))
    op.execute(sa.text("UPDATE reaction SET who = 'machine' WHERE machine"))
    _reaction(
        "who", "machine", {"reaction_kind": _KINDS, "reaction_who": "who IN ('human', 'machine', 'unknown')"}
    )
    undecided = sa.text("who = 'unknown' AND kind = 'clicked'")
    op.create_index(
        "reaction_undecided", "reaction", ["at"], sqlite_where=undecided, postgresql_where=undecided
    )
    _pause("'all', 'channel', 'journey', 'domain'")
    op.create_table(
        "report",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("send_key", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("raw", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("channel", "event_id", name="report_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("report_message", "report", ["bucket", "send_key"])
    early = sa.text("send_key = ''")
    op.create_index(
        "report_early", "report", ["channel", "provider_id"], sqlite_where=early, postgresql_where=early
    )
    op.create_table(
        "volume",
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("handed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("journey", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversation",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "soft_bounce",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", "channel", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "allowance",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "who", "since"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "learned",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "one_off",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("whom", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    """To the version before."""
    for table in ("one_off", "learned", "allowance", "soft_bounce", "conversation", "volume", "report"):
        op.drop_table(table)
    op.execute(sa.text("DELETE FROM pause WHERE scope = 'domain'"))
    _pause("'all', 'channel', 'journey'")
    op.drop_index("reaction_undecided", "reaction")
    op.add_column("reaction", sa.Column("machine", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE reaction SET machine = (who <> 'human')"))
    _reaction("machine", "who", {"reaction_kind": _KINDS})
    op.drop_index("outbox_ref", "outbox")
    op.drop_index("outbox_provider", "outbox")
    with op.batch_alter_table("outbox", recreate="never") as batch:
        batch.drop_column("ref")
        batch.drop_column("parts")


def _partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "outbox", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _reaction(kept: str, dropped: str, checks: Mapping[str, str]) -> None:
    """`kept` stands for `dropped` from now on. SQLite makes the table anew, with every check that it
    should have."""
    with op.batch_alter_table(
        "reaction", table_args=_checks(checks), table_kwargs={"sqlite_autoincrement": True}
    ) as batch:
        batch.drop_column(dropped)
        batch.alter_column(kept, server_default=None)
    if op.get_bind().dialect.name != "sqlite":
        for name, condition in checks.items():
            if name != "reaction_kind":
                op.create_check_constraint(name, "reaction", condition)


def _pause(scopes: str) -> None:
    scope = f"scope IN ({scopes})"
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("pause", recreate="always") as batch:
            batch.drop_constraint("pause_scope", type_="check")
            batch.create_check_constraint("pause_scope", scope)
    else:
        op.drop_constraint("pause_scope", "pause")
        op.create_check_constraint("pause_scope", "pause", scope)


def _checks(checks: Mapping[str, str]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(sa.CheckConstraint(condition, name=name) for name, condition in checks.items())
