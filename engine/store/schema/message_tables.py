"""The tables of what leaves and what comes back: messages, reports, reactions, consent, suppression,
calls."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from engine.store.schema.types import INSTANT, NUMBER

WAITING = text("state IN ('planned', 'deferred')")
LEASED = text("state IN ('claimed', 'handoff')")
UNSETTLED = text("state IN ('unknown', 'held')")
NAMED = text("provider_id IS NOT NULL")
REFERRED = text("ref IS NOT NULL")
UNDECIDED = text("who = 'unknown' AND kind = 'clicked'")
EARLY = text("send_key = ''")

OUTBOX_STATES = (
    "planned", "claimed", "deferred", "handoff", "accepted", "delivered", "bounced", "complained", "unknown",
    "held", "treated_as_sent", "suppressed", "cancelled", "expired", "failed",
)  # fmt: skip
"""What the database takes; what they mean and who moves a message is `engine.store.messages.states`, whose
words a test holds equal to these."""


def one_of(column: str, choices: tuple[str, ...], name: str) -> CheckConstraint:
    """Only these words may stand in the column."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(choice) for choice in choices)})", name=name)


class OutboxRow(SQLModel, table=True):
    """One message, from the decision to what became of it. `fence` grows with every claim; `body` is what was
    rendered, kept until the outcome is settled, then only its hash. `parts`: how many the provider charges
    for. `ref`: the token in Message-ID and return path by which a bounce finds the message. `was`: the state
    before the last move that is counted, "" while it had not left. `domain`: of its recipient, as it counts
    (`engine.recipient_domains`); None: not counted by domain yet, since it is from before that was."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("bucket", "send_key", name="outbox_send_key"),
        Index("outbox_customer", "bucket", "customer"),
        Index("outbox_provider", "channel", "provider_id", sqlite_where=NAMED, postgresql_where=NAMED),
        Index("outbox_ref", "ref", sqlite_where=REFERRED, postgresql_where=REFERRED),
        Index("outbox_ready", "channel", "ready_at", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("outbox_leased", "lease_until", sqlite_where=LEASED, postgresql_where=LEASED),
        Index("outbox_unsettled", "settle_at", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED),
        one_of("state", OUTBOX_STATES, "outbox_state"),
        CheckConstraint(
            "handed_at IS NOT NULL OR state NOT IN ('handoff', 'accepted', 'delivered', 'complained', "
            "'unknown',"
            " 'held', 'treated_as_sent')",
            name="sent_was_handed_over",
        ),
        CheckConstraint("(state IN ('claimed', 'handoff')) = (lease_until IS NOT NULL)",
        name="leased_has_a_lease"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    send_key: str
    enrollment: str
    journey: str
    step: str
    template: str
    channel: str
    policy: str
    purpose: str | None
    state: str
    why: str = ""
    fence: int = 0
    owner: str | None = None
    lease_until: int | None = Field(default=None, sa_type=INSTANT)
    planned_at: int = Field(sa_type=INSTANT)
    due_at: int = Field(sa_type=INSTANT)
    valid_until: int = Field(sa_type=INSTANT)
    ready_at: int = Field(sa_type=INSTANT)
    attempts: int = 0
    handed_at: int | None = Field(default=None, sa_type=INSTANT)
    settled_at: int | None = Field(default=None, sa_type=INSTANT)
    settle_at: int | None = Field(default=None, sa_type=INSTANT)
    counts: bool
    resent: int = 0
    names: str
    body: str | None = None
    body_hash: str | None = None
    address: str | None = None
    provider_id: str | None = None
    parts: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    ref: str | None = None
    detail: str = ""
    was: str | None = None
    domain: str | None = None


class ReactionRow(SQLModel, table=True):
    """A click, an opening or a reply to a message; those of a `machine` are kept for the record, and of
    `unknown` ones (a mail proxy that opens everything) nobody can tell: only what people do counts."""

    __tablename__ = "reaction"
    __table_args__ = (
        Index("reaction_message", "bucket", "send_key"),
        Index("reaction_customer", "bucket", "customer", "at"),
        Index("reaction_undecided", "at", sqlite_where=UNDECIDED, postgresql_where=UNDECIDED),
        one_of("kind", ("clicked", "opened", "replied"), "reaction_kind"),
        one_of("who", ("human", "machine", "unknown"), "reaction_who"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    send_key: str
    kind: str
    at: int = Field(sa_type=INSTANT)
    target: str
    who: str


class ConsentRow(SQLModel, table=True):
    """The ledger of consent: who agreed to what, when, where, in which words. Only grows."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("consent_customer", "bucket", "customer"),
        one_of("state", ("none", "asked", "given", "withdrawn"), "consent_state"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    channel: str
    purpose: str
    state: str
    at: int = Field(sa_type=INSTANT)
    source: str
    wording: str


class SuppressionRow(SQLModel, table=True):
    """An address that gets nothing more, by keyed hash, so that it survives the erasure of its owner."""

    __tablename__ = "suppression"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address_hash: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)
    why: str  # the reason and the words of who said so
    reason: str = Field(default="", sa_column_kwargs={"server_default": ""})


class WebhookCallRow(SQLModel, table=True):
    """A call that a journey asked for: made at least once, with `call_key` as idempotency key."""

    __tablename__ = "webhook_call"
    __table_args__ = (
        UniqueConstraint("bucket", "call_key", name="webhook_call_key"),
        Index("webhook_customer", "bucket", "customer"),
        Index("webhook_ready", "ready_at", sqlite_where=text("state = 'planned'"),
        postgresql_where=text("state = 'planned'")),
        one_of("state", ("planned", "done", "failed"), "webhook_state"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    call_key: str
    enrollment: str
    webhook: str
    body: str
    state: str
    planned_at: int = Field(sa_type=INSTANT)
    ready_at: int = Field(sa_type=INSTANT)
    attempts: int = 0
    detail: str = ""


class ReportRow(SQLModel, table=True):
    """What a provider said of a message or an address, in its own words (`raw`) and in ours (`kind`). Taken
    once. One without a `send_key` may be about a message whose `provider_id` is not written down yet."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("channel", "event_id", name="report_once"),
        Index("report_message", "bucket", "send_key"),
        Index("report_early", "channel", "provider_id", sqlite_where=EARLY, postgresql_where=EARLY),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    bucket: int
    customer: str
    send_key: str
    channel: str
    event_id: str
    provider_id: str
    kind: str
    fault: str
    at: int = Field(sa_type=INSTANT)
    received_at: int = Field(sa_type=INSTANT)
    detail: str
    raw: str


class VolumeRow(SQLModel, table=True):
    """How many messages of a journey were handed over on a day (the project's calendar, ISO): what ceilings
    look at."""

    __tablename__ = "volume"
    __table_args__ = ({"sqlite_with_rowid": False},)

    journey: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    handed: int


class DailyRow(SQLModel, table=True):
    """How often what happened on a day (of the shop's calendar, days since 1970), which every figure is
    summed from. `why`: the reason or the kind of `what`. `money`: in millionths of a currency. `shard`: of
    the process that counted, so that several do not wait for each other."""

    __tablename__ = "daily"
    __table_args__ = (Index("daily_what", "what", "day"), {"sqlite_with_rowid": False})

    day: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    journey: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    why: str = Field(primary_key=True)
    shard: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    n: int = Field(sa_type=INSTANT)
    money: int = Field(sa_type=INSTANT)


class DailyDomainRow(SQLModel, table=True):
    """As `DailyRow`, what became of messages by the domain of their recipients, of all journeys together."""

    __tablename__ = "daily_domain"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str = Field(primary_key=True)
    domain: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    why: str = Field(primary_key=True)
    shard: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    n: int = Field(sa_type=INSTANT)
    money: int = Field(sa_type=INSTANT)


class CreditRow(SQLModel, table=True):
    """An order, and the message that it belongs to ("": to none). `event`: its id. `amount`: in
    millionths of its currency; `taken`: so much of it was taken back. `is_service`: the message needs no
    consent. `order_key`: by which other events take it back. `categories`: of its products, one a line.
    `domain`: as it is counted of the message."""

    __tablename__ = "credit"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    occurred_at: int = Field(primary_key=True, sa_type=INSTANT)
    event: str = Field(primary_key=True)
    amount: int = Field(sa_type=INSTANT)
    currency: str
    send_key: str
    journey: str
    step: str
    channel: str
    is_service: bool
    order_key: str = Field(default="", sa_column_kwargs={"server_default": ""})
    categories: str = Field(default="", sa_column_kwargs={"server_default": ""})
    taken: int = Field(default=0, sa_type=INSTANT, sa_column_kwargs={"server_default": text("0")})
    is_cancelled: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    domain: str | None = None


class OrderReturnRow(SQLModel, table=True):
    """An event that takes an order back, also one that has not come yet: the amount in millionths, or the
    whole (None)."""

    __tablename__ = "order_return"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    order_key: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    occurred_at: int = Field(sa_type=INSTANT)
    amount: int | None = Field(default=None, sa_type=INSTANT)
    currency: str


class ConversationRow(SQLModel, table=True):
    """When an address last wrote to us on a channel, by keyed hash: the session window of messengers."""

    __tablename__ = "conversation"
    __table_args__ = ({"sqlite_with_rowid": False},)

    channel: str = Field(primary_key=True)
    address_hash: str = Field(primary_key=True)
    last_at: int = Field(sa_type=INSTANT)


class DestinationRow(SQLModel, table=True):
    """Which customer got a message of a journey at an address last: whoever shares the address is spared the
    same one for a day. `variant`: of the words, where only the same words are the same message."""

    __tablename__ = "destination"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address_hash: str = Field(primary_key=True)
    journey: str = Field(primary_key=True)
    template: str = Field(primary_key=True)
    variant: str = Field(primary_key=True)
    customer: str
    at: int = Field(sa_type=INSTANT)


class SoftBounceRow(SQLModel, table=True):
    """A day (UTC, days since 1970) on which an address could not take mail for now: many of them close it."""

    __tablename__ = "soft_bounce"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address_hash: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    day: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class AllowanceRow(SQLModel, table=True):
    """How often something was asked for in a stretch of time: sign-ups by address, by network, altogether."""

    __tablename__ = "allowance"
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: str = Field(primary_key=True)
    who: str = Field(primary_key=True)
    since: int = Field(primary_key=True, sa_type=INSTANT)
    used: int


class LearnedRow(SQLModel, table=True):
    """What was learned from all reactions, as one document: how long they take, what they cost, at what hour
    they come."""

    __tablename__ = "learned"

    name: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)
    value: str


class OneOffRow(SQLModel, table=True):
    """A single message to a segment that an operator sent from the command line: the journey it is, word by
    word."""

    __tablename__ = "one_off"

    name: str = Field(primary_key=True)
    at: int = Field(sa_type=INSTANT)
    whom: str
    source: str
    ended_at: int | None = Field(default=None, sa_type=INSTANT)
