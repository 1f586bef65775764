"""The tables of the first version"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "alert",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("journey", "why", "day", name="alert_once_a_day"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alias",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("alias"),
    )
    with op.batch_alter_table("alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alias_customer"), ["customer"], unique=False)

    op.create_table(
        "api_key",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('write', 'read', 'admin')", name="api_key_scope"),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "code",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("enrollment", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("given_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bucket", "pool", "value", "enrollment"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("code", schema=None) as batch_op:
        batch_op.create_index("code_value", ["value"], unique=False)

    op.create_table(
        "consent",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('none', 'asked', 'given', 'withdrawn')", name="consent_state"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index("consent_customer", ["bucket", "customer"], unique=False)

    op.create_table(
        "customer",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("zone_why", sa.String(), nullable=False),
        sa.Column("applied", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "attributes",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "folded",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "memory",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "seen",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "segments",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "reach",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "marks",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "id"),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index("customer_zone", ["bucket", "zone"], unique=False)

    op.create_table(
        "deployment",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("whom", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column(
            "journeys",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "files",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "due",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "due_at", "customer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "enrollment",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("watch_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("goal_at", sa.BigInteger(), nullable=True),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("product", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="finished_has_an_end"),
        sa.CheckConstraint("ended_at IS NULL OR due_at IS NULL", name="ended_is_never_due"),
        sa.PrimaryKeyConstraint("bucket", "customer", "id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.create_index(
            "enrollment_journey",
            ["journey", "bucket"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "enrollment_open",
            ["bucket", "customer", "journey", "key"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "enrollment_product",
            ["product"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL AND product IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND product IS NOT NULL"),
        )

    op.create_table(
        "event",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("starts", sa.Boolean(), nullable=False),
        sa.Column(
            "fields",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("bucket", "customer", "name", "occurred_at", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("inbox_customer", ["bucket", "customer"], unique=False)

    op.create_table(
        "meta",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("send_key", sa.String(), nullable=False),
        sa.Column("enrollment", sa.String(), nullable=False),
        sa.Column("journey", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("handed_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settle_at", sa.BigInteger(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("resent", sa.Integer(), nullable=False),
        sa.Column("names", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("body_hash", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('claimed', 'handoff')) = (lease_until IS NOT NULL)", name="leased_has_a_lease"
        ),
        sa.CheckConstraint(
            "handed_at IS NOT NULL OR state NOT IN ('handoff', 'accepted', 'delivered', 'complained', "
            "'unknown', 'held', 'treated_as_sent')",
            name="sent_was_handed_over",
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'claimed', 'deferred', 'handoff', 'accepted', 'delivered', 'bounced', "
            "'complained', 'unknown', 'held', 'treated_as_sent', 'suppressed', 'cancelled', 'expired', "
            "'failed')",
            name="outbox_state",
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("bucket", "send_key", name="outbox_send_key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("outbox_customer", ["bucket", "customer"], unique=False)
        batch_op.create_index(
            "outbox_leased",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("state IN ('claimed', 'handoff')"),
            postgresql_where=sa.text("state IN ('claimed', 'handoff')"),
        )
        batch_op.create_index(
            "outbox_ready",
            ["channel", "ready_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )
        batch_op.create_index(
            "outbox_unsettled",
            ["settle_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('unknown', 'held')"),
            postgresql_where=sa.text("state IN ('unknown', 'held')"),
        )

    op.create_table(
        "pause",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("whom", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.CheckConstraint("(scope = 'all') = (name = '')", name="pause_name"),
        sa.CheckConstraint("scope IN ('all', 'channel', 'journey')", name="pause_scope"),
        sa.PrimaryKeyConstraint("scope", "name"),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column(
            "fields",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reaction",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("send_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('clicked', 'opened', 'replied')", name="reaction_kind"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("reaction", schema=None) as batch_op:
        batch_op.create_index("reaction_message", ["bucket", "send_key"], unique=False)

    op.create_table(
        "receipt",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "source", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stuck",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "customer"),
    )
    op.create_table(
        "suppression",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", "channel", "purpose"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sweep",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "trace",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("lines", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.create_index("trace_customer", ["bucket", "customer"], unique=False)

    op.create_table(
        "webhook_call",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("enrollment", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('planned', 'done', 'failed')", name="webhook_state"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("bucket", "call_key", name="webhook_call_key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_call", schema=None) as batch_op:
        batch_op.create_index("webhook_customer", ["bucket", "customer"], unique=False)
        batch_op.create_index(
            "webhook_ready",
            ["ready_at"],
            unique=False,
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("webhook_call", schema=None) as batch_op:
        batch_op.drop_index(
            "webhook_ready",
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )
        batch_op.drop_index("webhook_customer")

    op.drop_table("webhook_call")
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.drop_index("trace_customer")

    op.drop_table("trace")
    op.drop_table("sweep")
    op.drop_table("suppression")
    op.drop_table("stuck")
    op.drop_table("receipt")
    with op.batch_alter_table("reaction", schema=None) as batch_op:
        batch_op.drop_index("reaction_message")

    op.drop_table("reaction")
    op.drop_table("product")
    op.drop_table("pause")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "outbox_unsettled",
            sqlite_where=sa.text("state IN ('unknown', 'held')"),
            postgresql_where=sa.text("state IN ('unknown', 'held')"),
        )
        batch_op.drop_index(
            "outbox_ready",
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )
        batch_op.drop_index(
            "outbox_leased",
            sqlite_where=sa.text("state IN ('claimed', 'handoff')"),
            postgresql_where=sa.text("state IN ('claimed', 'handoff')"),
        )
        batch_op.drop_index("outbox_customer")

    op.drop_table("outbox")
    op.drop_table("meta")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("inbox_customer")

    op.drop_table("inbox")
    op.drop_table("event")
    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.drop_index(
            "enrollment_product",
            sqlite_where=sa.text("ended_at IS NULL AND product IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND product IS NOT NULL"),
        )
        batch_op.drop_index(
            "enrollment_open",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index(
            "enrollment_journey",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("enrollment")
    op.drop_table("due")
    op.drop_table("deployment")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index("customer_zone")

    op.drop_table("customer")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index("consent_customer")

    op.drop_table("consent")
    with op.batch_alter_table("code", schema=None) as batch_op:
        batch_op.drop_index("code_value")

    op.drop_table("code")
    op.drop_table("api_key")
    with op.batch_alter_table("alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alias_customer"))

    op.drop_table("alias")
    op.drop_table("alert")
