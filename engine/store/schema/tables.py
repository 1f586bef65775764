"""The tables: what survives a restart. Rows never leave this package.

`bucket` leads the key of every table that grows: it is a hash of the customer, SQLite has one bucket, so that
partitions and cells can take the same tables further (docs/decisions/0004-sqlite-first.md). Why the customer,
the enrollment and the due moment are laid out as they are: docs/decisions/0003-layout-c.md.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from engine.store.schema import (
    alert_tables,
    fact_tables,
    feed_tables,
    product_tables,
    recommendation_tables,
)
from engine.store.schema.message_tables import one_of
from engine.store.schema.types import DOCUMENT, INSTANT, NUMBER

assert alert_tables.AlertRow.metadata is SQLModel.metadata
assert fact_tables.FactDefinitionRow.metadata is SQLModel.metadata
assert recommendation_tables.ShownProductRow.metadata is SQLModel.metadata
assert product_tables.ProductRow.metadata is SQLModel.metadata
assert feed_tables.FeedProductRow.metadata is SQLModel.metadata

OPEN = text("ended_at IS NULL")
MEMBER = text("left_at IS NULL")
FORMER = text("left_at IS NOT NULL")
HELD = text("kind <> 'shared' AND given_back_at IS NULL")
FREE = text("enrollment IS NULL")


class MetaRow(SQLModel, table=True):
    """Facts about this database: its instance id, the number of buckets, the key of links and hashes."""

    __tablename__ = "meta"

    name: str = Field(primary_key=True)
    value: str


class CustomerRow(SQLModel, table=True):
    """One customer with everything small that a decision reads, so that a batch reads it with one seek each.

    `attributes`: attributes and all-time facts. `folded`: those of its texts that case folding changes.
    `seen`: {event: [times, first_at, last_at, last_number]}. `segments`: {segment: member since}. `reach`:
    {channel: {address, consents: {purpose: state}, suppressed, bounced}}. `memory`: what facts need to go on.
    `marks`: last starts, fired dates, crossings, places. `applied`: number of the last applied inbox row.
    """

    __tablename__ = "customer"
    __table_args__ = (Index("customer_zone", "bucket", "zone"),)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    zone: str
    zone_why: str
    applied: int = Field(sa_type=NUMBER)
    attributes: dict[str, Any] = Field(sa_type=DOCUMENT)
    folded: dict[str, Any] = Field(sa_type=DOCUMENT)
    memory: dict[str, Any] = Field(sa_type=DOCUMENT)
    seen: dict[str, Any] = Field(sa_type=DOCUMENT)
    segments: dict[str, Any] = Field(sa_type=DOCUMENT)
    reach: dict[str, Any] = Field(sa_type=DOCUMENT)
    marks: dict[str, Any] = Field(sa_type=DOCUMENT)
    created_at: int = Field(sa_type=INSTANT)


class MembershipRow(SQLModel, table=True):
    """That a customer entered a segment, and when they left it (NULL: a member now). Those who left are kept
    for some weeks."""

    __tablename__ = "membership"
    __table_args__ = (
        Index("membership_now", "segment", "bucket", "customer",
              sqlite_where=MEMBER, postgresql_where=MEMBER),
        Index("membership_entered", "segment", "entered_at"),
        Index("membership_left", "segment", "left_at", sqlite_where=FORMER, postgresql_where=FORMER),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    segment: str = Field(primary_key=True)
    entered_at: int = Field(primary_key=True, sa_type=INSTANT, sa_column_kwargs={"autoincrement": False})
    left_at: int | None = Field(default=None, sa_type=INSTANT)


class AddressRow(SQLModel, table=True):
    """Who has an address, by keyed hash; of one number a row for each channel that has it."""

    __tablename__ = "address"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address_hash: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)


class AliasRow(SQLModel, table=True):
    """Another id of a customer, for example the anonymous id of a browser."""

    __tablename__ = "alias"

    alias: str = Field(primary_key=True)
    customer: str = Field(index=True)
    at: int = Field(sa_type=INSTANT)


class AnonymousRow(SQLModel, table=True):
    """A visitor who has not signed in, and of whom something was said: who joins them takes no customer
    away."""

    __tablename__ = "anonymous"

    id: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)


class InboxRow(SQLModel, table=True):
    """What happened to a customer and is not applied yet, in the order of receipt. Applying deletes the row.
    `lane`: 0 what happens now, 1 history, which waits for the former. `inbox_customer` holds the number too,
    so that the rows of one customer behind another one are a step in it; `inbox_order` is what a claim goes
    along."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("inbox_customer", "bucket", "customer", "number"),
        Index("inbox_order", "bucket", "lane", "number"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    lane: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    customer: str
    kind: str
    received_at: int = Field(sa_type=INSTANT)
    body: str


class ReceiptRow(SQLModel, table=True):
    """That something was received: (source, id) is taken once. `digest` tells the same body from another
    one."""

    __tablename__ = "receipt"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    source: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    digest: str
    at: int = Field(sa_type=INSTANT)


class QuarantineRow(SQLModel, table=True):
    """A customer who is set aside because applying failed; nothing of theirs moves until `retry_at`."""

    __tablename__ = "stuck"

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    since: int = Field(sa_type=INSTANT)
    tries: int
    retry_at: int = Field(sa_type=INSTANT)
    why: str


class RefusalRow(SQLModel, table=True):
    """How often something was wrong in the same way on one day (UTC): which source said it of what, which
    field, why. `kept`: items of it wait to be taken again."""

    __tablename__ = "refusal"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    source: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    why: str = Field(primary_key=True)
    kept: bool
    times: int
    last_at: int = Field(sa_type=INSTANT)


class RefusedItemRow(SQLModel, table=True):
    """An item that could not be taken, or was taken without `fields` (`partial`), as it was sent: `way` says
    how it came in, `body` is its JSON, `id` tells it from others of its source."""

    __tablename__ = "refused_item"
    __table_args__ = (
        UniqueConstraint("source", "id", name="refused_item_once"),
        Index("refused_item_kind", "source", "name", "number"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    source: str
    way: str
    name: str
    customer: str
    id: str
    body: str
    fields: str
    why: str
    partial: bool
    received_at: int = Field(sa_type=INSTANT)
    tries: int


class EventRow(SQLModel, table=True):
    """The history of a customer: events, and under names with a leading `$` other things that happened."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    occurred_at: int = Field(primary_key=True, sa_type=INSTANT)
    number: int = Field(primary_key=True, sa_type=NUMBER)
    received_at: int = Field(sa_type=INSTANT)
    id: str
    starts: bool
    fields: dict[str, Any] = Field(sa_type=DOCUMENT)


class EnrollmentRow(SQLModel, table=True):
    """One enrollment. `state` is the whole of it; the columns beside it are what is searched and counted."""

    __tablename__ = "enrollment"
    __table_args__ = (
        Index("enrollment_open", "bucket", "customer", "journey", "key", unique=True,
              sqlite_where=OPEN, postgresql_where=OPEN),
        # everything that a count of those inside asks for; `ended_at`, of which nothing is left here, since
        # SQLite looks at the row for what a condition names
        Index("enrollment_journey", "journey", "bucket", "customer", "holdout", "ended_at",
              sqlite_where=OPEN, postgresql_where=OPEN),
        Index("enrollment_product", "product", "bucket", "customer",
              sqlite_where=text("ended_at IS NULL AND product IS NOT NULL"),
              postgresql_where=text("ended_at IS NULL AND product IS NOT NULL")),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="finished_has_an_end"),
        CheckConstraint("ended_at IS NULL OR due_at IS NULL", name="ended_is_never_due"),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    journey: str
    key: str
    seq: int
    step: str | None
    started_at: int = Field(sa_type=INSTANT)
    due_at: int | None = Field(sa_type=INSTANT)
    watch_until: int | None = Field(sa_type=INSTANT)
    ended_at: int | None = Field(sa_type=INSTANT)
    outcome: str | None
    goal_at: int | None = Field(sa_type=INSTANT)
    holdout: bool
    product: str | None
    state: str


class DueRow(SQLModel, table=True):
    """When a customer has to be looked at: a queue that is filled anywhere and emptied at its left edge.

    A row says "not later than"; waking somebody for whom nothing is due does nothing.
    """

    __tablename__ = "due"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    due_at: int = Field(primary_key=True, sa_type=INSTANT)
    customer: str = Field(primary_key=True)


class CodeRow(SQLModel, table=True):
    """A promo code that was given to an enrollment; of shared codes one row per enrollment. `asked`: the name
    that the `code` step said, where it is a choice between pools; `text`: what it was worth when it was
    given, None: by a version that did not note it."""

    __tablename__ = "code"
    __table_args__ = (
        Index("code_value", "value", "customer"),
        Index("code_held", "value", unique=True, sqlite_where=HELD, postgresql_where=HELD),
        {"sqlite_with_rowid": False},
    )

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    pool: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    enrollment: str = Field(primary_key=True)
    customer: str
    taken_at: int = Field(sa_type=INSTANT)
    expires_at: int = Field(sa_type=INSTANT)
    used_at: int | None = Field(default=None, sa_type=INSTANT)
    given_back_at: int | None = Field(default=None, sa_type=INSTANT)
    kind: str | None = None
    journey: str = Field(default="", sa_column_kwargs={"server_default": ""})
    asked: str = Field(default="", sa_column_kwargs={"server_default": ""})
    text: str | None = None


class IdempotentRow(SQLModel, table=True):
    """An answer under the key of its request, for whoever asks again."""

    __tablename__ = "idempotent"
    __table_args__ = (Index("idempotent_at", "at"),)

    request_key: str = Field(primary_key=True)
    request: str
    status: int
    body: str
    at: int = Field(sa_type=INSTANT)


class CodeStockRow(SQLModel, table=True):
    """A code of a file. `enrollment`: who has it; None: it is free."""

    __tablename__ = "code_stock"
    __table_args__ = (
        UniqueConstraint("value", name="code_stock_value"),
        Index("code_free", "pool", "number", sqlite_where=FREE, postgresql_where=FREE),
        Index("code_pool", "pool"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    pool: str
    value: str
    enrollment: str | None = None
    imported_at: int = Field(sa_type=INSTANT)


class CodeRequestRow(SQLModel, table=True):
    """Somebody who waits for a code of an empty pool; the longest waiting is served first."""

    __tablename__ = "code_request"
    __table_args__ = (
        UniqueConstraint("enrollment", "pool", name="code_request_once"),
        Index("code_request_customer", "bucket", "customer"),
        Index("code_request_pool", "pool", "number"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    pool: str
    enrollment: str
    bucket: int
    customer: str
    asked_at: int = Field(sa_type=INSTANT)


class CodeUseRow(SQLModel, table=True):
    """Somebody showed a code: in an order (an event) or at the till. `verdict`: `used`, or why it does not
    count. `amount`: of the order, in millionths of its currency."""

    __tablename__ = "code_use"
    __table_args__ = (Index("code_use_value", "value", "order_id"), Index("code_use_customer", "customer"))

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    value: str
    pool: str
    customer: str
    at: int = Field(sa_type=INSTANT)
    source: str
    order_id: str = ""
    amount: int | None = Field(default=None, sa_type=INSTANT)
    currency: str = ""
    verdict: str


class PointsEntryRow(SQLModel, table=True):
    """One entry of the ledger of points: what a cause came to, or came to anew (`part`). `at`: of what
    happened."""

    __tablename__ = "points_entry"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    cause: str = Field(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    points: int = Field(sa_type=INSTANT)
    at: int = Field(sa_type=INSTANT)
    entered_at: int = Field(sa_type=INSTANT)
    about: str
    words: str


class DeploymentRow(SQLModel, table=True):
    """What was published, when, by whom: the files themselves, so that people in flight can be matched to the
    next one."""

    __tablename__ = "deployment"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    at: int = Field(sa_type=INSTANT)
    whom: str
    commit: str
    hash: str
    journeys: dict[str, Any] = Field(sa_type=DOCUMENT)
    files: dict[str, Any] = Field(sa_type=DOCUMENT)
    plan: dict[str, Any] = Field(sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    happened: dict[str, Any] = Field(sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})


class PauseRow(SQLModel, table=True):
    """Nothing is handed over while it stands: everything, one channel, one journey, or mail to one domain."""

    __tablename__ = "pause"
    __table_args__ = (
        one_of("scope", ("all", "channel", "journey", "domain"), "pause_scope"),
        CheckConstraint("(scope = 'all') = (name = '')", name="pause_name"),
    )

    scope: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)
    whom: str
    why: str


class ApiKeyRow(SQLModel, table=True):
    """A key for the HTTP endpoints; only its hash is kept."""

    __tablename__ = "api_key"
    __table_args__ = (one_of("scope", ("write", "read", "admin", "browser", "till"), "api_key_scope"),)

    name: str = Field(primary_key=True)
    hash: str = Field(unique=True)
    scope: str
    created_at: int = Field(sa_type=INSTANT)
    revoked_at: int | None = Field(default=None, sa_type=INSTANT)


class TraceRow(SQLModel, table=True):
    """The history of decisions, append-only: one row per customer and batch, its lines as JSON."""

    __tablename__ = "trace"
    __table_args__ = (Index("trace_customer", "bucket", "customer"), {"sqlite_autoincrement": True})

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    at: int = Field(sa_type=INSTANT)
    commit: str
    lines: str


class WatermarkRow(SQLModel, table=True):
    """How far a recurring look at the whole base has come: clock and date starts per journey, and segments
    (whose `hash` tells a changed definition)."""

    __tablename__ = "sweep"

    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    until: int = Field(sa_type=INSTANT)
    hash: str


class AdmissionRow(SQLModel, table=True):
    """A journey that takes who was in a segment when it first went live: how far that has come
    (`engine.store.audience.admissions.Admission` says what each column means). It stays when all are in:
    nobody is taken a second time."""

    __tablename__ = "admission"

    journey: str = Field(primary_key=True)
    segment: str = Field(primary_key=True)
    live_at: int = Field(sa_type=INSTANT)
    begins_at: int = Field(sa_type=INSTANT)
    looked_at: int = Field(sa_type=INSTANT)
    at_bucket: int
    at_customer: str
    members: int
    listed_at: int | None = Field(default=None, sa_type=INSTANT)
    ended_at: int | None = Field(default=None, sa_type=INSTANT)


class AdmissionMemberRow(SQLModel, table=True):
    """Somebody whom an admission has still to take, so many milliseconds after it has begun."""

    __tablename__ = "admission_member"
    __table_args__ = (
        Index("admission_member_delay", "journey", "segment", "delay"),
        {"sqlite_with_rowid": False},
    )

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    journey: str = Field(primary_key=True)
    segment: str = Field(primary_key=True)
    delay: int


class WorkerRow(SQLModel, table=True):
    """A process that works on this PostgreSQL database, and when it last said so, by the clock of the
    database. On SQLite this table and the next two stay empty."""

    __tablename__ = "worker"

    id: str = Field(primary_key=True)
    role: str
    host: str
    pid: int
    version: str
    started_at: int = Field(sa_type=INSTANT)
    beat_at: int = Field(sa_type=INSTANT)
    lease: int  # ms of silence after which others take it for dead


class LeadershipRow(SQLModel, table=True):
    """The one worker that does what is to be done once for all: `name` is always the same. `term` grows with
    every change of the leader."""

    __tablename__ = "leadership"

    name: str = Field(primary_key=True)
    worker: str
    term: int


class RateRow(SQLModel, table=True):
    """How fast all workers together may send on a channel: until `free_at` (microseconds since 1970) every
    place is taken."""

    __tablename__ = "rate"

    name: str = Field(primary_key=True)
    free_at: int = Field(sa_type=INSTANT)


class ErasureRow(SQLModel, table=True):
    """That somebody was erased, by the keyed hash of their id, and the keyed hashes of the addresses that
    they had: [[channel, hash]]."""

    __tablename__ = "erasure"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id_hash: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)
    addresses: str
