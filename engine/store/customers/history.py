"""What is shown of one customer: messages, reactions, other names, since when; never read on a hot path."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.meta import bucket_of
from engine.store.serialization import load
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message and what became of it. `why`: of a state in which it was not sent; `detail`: the channel's
    own words."""

    send_key: str
    enrollment: str
    journey: str
    step: str
    template: str
    channel: str
    purpose: str | None
    state: str
    why: str
    planned_at: Instant
    due_at: Instant
    valid_until: Instant
    ready_at: Instant
    handed_at: Instant | None
    settled_at: Instant | None
    settle_at: Instant | None
    attempts: int
    detail: str


@dataclass(frozen=True, slots=True)
class ReactionRecord:
    """A click, an opening or a reply as it came in; `who`: human, machine (a mail scanner) or unknown; only
    what people do counts."""

    template: str
    channel: str
    kind: str
    at: Instant
    target: str
    who: str


def messages(conn: Connection, customer: str) -> list[MessageRecord]:
    """Every message of a customer, oldest first."""
    sql = (
        "SELECT send_key, enrollment, journey, step, template, channel, purpose, state, why, planned_at, "
        "due_at, valid_until,"
        " ready_at, handed_at, settled_at, settle_at, attempts, detail FROM outbox WHERE bucket = ? AND "
        "customer = ?"
        " ORDER BY number"
    )
    return [MessageRecord(*row) for row in rows(conn, sql, (bucket_of(conn, customer), customer))]


def reactions(conn: Connection, customer: str) -> list[ReactionRecord]:
    """Every reaction of a customer, in the order they came in."""
    sql = (
        "SELECT o.template, o.channel, r.kind, r.at, r.target, r.who FROM outbox o"
        " JOIN reaction r ON r.bucket = o.bucket AND r.send_key = o.send_key"
        " WHERE o.bucket = ? AND o.customer = ? ORDER BY r.number"
    )
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    return [
        ReactionRecord(template, channel, kind, at, target, who)
        for template, channel, kind, at, target, who in found
    ]


def other_names(conn: Connection, customer: str) -> list[str]:
    """The other ids of a customer."""
    return [
        alias
        for (alias,) in rows(conn, "SELECT alias FROM alias WHERE customer = ? ORDER BY alias", (customer,))
    ]


def known_since(conn: Connection, customer: str) -> tuple[Instant, dict[str, Instant]] | None:
    """When a customer was first heard of, and since when they are in each segment; None: nothing is known."""
    sql = "SELECT created_at, CAST(segments AS TEXT) FROM customer WHERE bucket = ? AND id = ?"
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    if not found:
        return None
    return Instant(found[0][0]), {name: Instant(at) for name, at in load(found[0][1]).items()}


def waiting_in_inbox(conn: Connection, customer: str) -> int:
    """How much of what happened to a customer is not applied yet."""
    sql = "SELECT count(*) FROM inbox WHERE bucket = ? AND customer = ?"
    return int(rows(conn, sql, (bucket_of(conn, customer), customer))[0][0])
