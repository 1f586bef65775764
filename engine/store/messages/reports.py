"""What providers said, in their own words, each thing once; and whom an address belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from engine.core.facts.customer import Reach
from engine.store.customers.customer_codec import load_reach
from engine.store.customers.suppressions import hash_of
from engine.store.messages.records import COLUMNS, OutboxMessage, read
from engine.store.meta import bucket_of
from engine.store.sql import change, ids, insert_many, rows
from engine.values import DAY, Instant

SOFT_MEMORY = 60
"""Days after which a day on which an address was full is forgotten."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One thing that a provider said, as it is kept. `send_key` "": it was about no message that we knew
    then."""

    channel: str
    event_id: str
    provider_id: str
    kind: str
    fault: str
    at: Instant
    detail: str
    raw: str
    customer: str = ""
    send_key: str = ""


def is_known(conn: Connection, channel: str, event_id: str) -> bool:
    """Whether it was taken before."""
    return bool(rows(conn, "SELECT 1 FROM report WHERE channel = ? AND event_id = ?", (channel, event_id)))


def keep(conn: Connection, report: StoredReport, now: Instant) -> bool:
    """Keeps it. False: somebody else was faster with the same event."""
    kept = insert_many(
        conn,
        "report",
        [
            {
                **asdict(report),
                "bucket": bucket_of(conn, report.customer),
                "received_at": now,
                "detail": report.detail[:500],
                "raw": report.raw[:4000],
            }
        ],
        "ON CONFLICT (channel, event_id) DO NOTHING",
    )
    return kept == 1


def with_early(conn: Connection, channel: str, provider_ids: Iterable[str]) -> set[str]:
    """Those of these messages of which a provider has spoken before we knew what it calls them."""
    wanted = {provider_id for provider_id in provider_ids if provider_id}
    if not wanted:
        return set()
    sql = (
        "SELECT DISTINCT r.provider_id FROM {ids} CROSS JOIN report r WHERE r.channel = ?"
        " AND r.provider_id = j.value AND r.send_key = '' AND r.provider_id <> ''"
    )
    return {provider_id for (provider_id,) in rows(conn, sql, (ids(wanted), channel))}


def take_early(conn: Connection, message: OutboxMessage, provider_id: str) -> list[StoredReport]:
    """What was said of a message before we knew what its provider calls it; from now on it belongs to the
    message."""
    found = rows(
        conn,
        "UPDATE report SET bucket = ?, customer = ?, send_key = ?"
        " WHERE channel = ? AND provider_id = ? AND send_key = '' AND provider_id <> ''"
        " RETURNING number, event_id, kind, fault, at, detail, raw",
        (message.bucket, message.customer, message.send_key, message.channel, provider_id),
    )
    return [
        StoredReport(message.channel, event_id, provider_id, kind, fault, at, detail, raw, message.customer,
        message.send_key)
        for _, event_id, kind, fault, at, detail, raw in sorted(found)
    ]  # fmt: skip


def by_provider_id(conn: Connection, channel: str, provider_id: str) -> OutboxMessage | None:
    """The message that the provider of a channel calls so; the newest if it uses an id twice."""
    sql = (
        f"SELECT {COLUMNS} FROM outbox WHERE channel = ? AND provider_id = ?"  # noqa: S608
        " ORDER BY number DESC LIMIT 1"
    )
    found = rows(conn, sql, (channel, provider_id))
    return read(found[0]) if found else None


def last_to(
    conn: Connection, customer: str, channel: str, fits: Callable[[str], bool], limit: int = 20
) -> OutboxMessage | None:
    """The newest message that was handed over to an address of a customer: what a reply answers."""
    sql = (
        f"SELECT {COLUMNS} FROM outbox WHERE bucket = ? AND customer = ? AND channel = ?"  # noqa: S608
        " AND handed_at IS NOT NULL ORDER BY handed_at DESC, number DESC LIMIT ?"
    )
    for row in rows(conn, sql, (bucket_of(conn, customer), customer, channel, limit)):
        message = read(row)
        if any(fits(each) for each in (message.address or "").split("\n")):
            return message
    return None


def reach_of(conn: Connection, customer: str) -> Mapping[str, Reach]:
    """Channel -> what is applied of a customer's addresses and consents; empty for one we do not know."""
    sql = "SELECT CAST(reach AS TEXT) FROM customer WHERE bucket = ? AND id = ?"
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    return load_reach(found[0][0]) if found else {}


def note_soft_bounce(conn: Connection, channel: str, address: str, at: Instant) -> list[int]:
    """An address could take nothing for now. The days (UTC, since 1970) on which that was so, oldest
    first."""
    hashed, today = hash_of(conn, channel, address), at // DAY
    change(conn, "DELETE FROM soft_bounce WHERE address_hash = ? AND channel = ? AND day < ?",
           (hashed, channel, today - SOFT_MEMORY))  # fmt: skip
    change(
        conn,
        "INSERT INTO soft_bounce (address_hash, channel, day) VALUES (?, ?, ?) ON CONFLICT (address_hash, "
        "channel, day) DO NOTHING",
        (hashed, channel, today),
    )
    sql = "SELECT day FROM soft_bounce WHERE address_hash = ? AND channel = ? ORDER BY day"
    return [day for (day,) in rows(conn, sql, (hashed, channel))]


def forget_soft_bounces(conn: Connection, channel: str, address: str) -> None:
    """The address takes mail again: it is counted anew from the next time on."""
    change(conn, "DELETE FROM soft_bounce WHERE address_hash = ? AND channel = ?",
           (hash_of(conn, channel, address), channel))  # fmt: skip
