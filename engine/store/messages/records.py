"""Messages as rows of the outbox: planned and cancelled by decisions, found for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection

from engine.core.effects import Send
from engine.store.meta import bucket_of
from engine.store.serialization import dump, load, pack, unpack
from engine.store.sql import change_many, rows
from engine.values import Instant, Value

Names = Mapping[str, "Value | Mapping[str, Value]"]

COLUMNS = (
    "number, bucket, customer, send_key, enrollment, journey, step, template, channel, policy, purpose, due_at,"
    " valid_until, attempts, resent, names, body, address, fence, state, handed_at, provider_id"
)

NOT_WANTED = "(e.outcome IN ('exit_if', 'stopped', 'restart', 'joined') OR (e.outcome IS NOT NULL AND e.goal_at >= o.handed_at))"
"""Of a run `e` and a message `o` that has left as far as the run knows: nobody wants another try of it any more."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message that this deliverer may work on until its lease ends. `body`: what an earlier attempt rendered."""

    number: int
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
    due_at: Instant
    valid_until: Instant
    attempts: int
    resent: int
    names: Names
    body: str | None
    address: str | None
    fence: int
    state: str
    handed_at: Instant | None
    provider_id: str | None


def cancel(conn: Connection, bucket: int, keys: Sequence[tuple[str, str]], now: Instant) -> None:
    """Takes back what was not handed over: (send key, why). What may have left already stays on the record as that."""
    change_many(
        conn,
        "UPDATE outbox SET state = CASE WHEN resent > 0 THEN 'treated_as_sent' ELSE 'cancelled' END, why = ?, owner = NULL,"
        " lease_until = NULL, body = NULL, settled_at = ?"
        " WHERE bucket = ? AND send_key = ? AND state IN ('planned', 'claimed', 'deferred')",
        [(why, now, bucket, key) for key, why in keys],
    )


def plan(conn: Connection, bucket: int, sends: Sequence[tuple[str, Send]], now: Instant) -> None:
    """Plans messages: (customer, send). A key that is known already is planned again only where its message came back
    before any hand-over; so a decision that is taken twice sends once."""
    change_many(
        conn,
        "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel, policy, purpose, state,"
        " why, fence, planned_at, due_at, valid_until, ready_at, attempts, counts, resent, names, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', '', 0, ?, ?, ?, ?, 0, ?, 0, ?, '')"
        " ON CONFLICT (bucket, send_key) DO UPDATE SET state = 'planned', why = '', journey = excluded.journey,"
        " step = excluded.step, template = excluded.template, policy = excluded.policy, purpose = excluded.purpose,"
        " planned_at = excluded.planned_at, due_at = excluded.due_at, valid_until = excluded.valid_until,"
        " ready_at = excluded.ready_at, counts = excluded.counts, names = excluded.names, body = NULL, body_hash = NULL,"
        " settled_at = NULL"
        " WHERE outbox.state IN ('expired', 'suppressed', 'cancelled') AND outbox.handed_at IS NULL",
        [
            (bucket, customer, send.key, send.enrollment, send.journey, send.step, send.template, send.channel, send.policy,
             send.purpose, now, send.due_at, send.valid_until, now, send.counts, _dump_names(send.names))
            for customer, send in sends
        ],
    )  # fmt: skip


def find(conn: Connection, send_key: str) -> OutboxMessage | None:
    """A message by its send key, whoever it is for."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE send_key = ?"  # noqa: S608
    if conn.dialect.name == "sqlite":
        sql += " AND bucket = 0"
    found = rows(conn, sql, (send_key,))
    return read(found[0]) if found else None


def by_refs(conn: Connection, refs: Sequence[str]) -> list[OutboxMessage]:
    """The messages whose Message-ID or return path holds one of these tokens."""
    marks = ", ".join("?" * len(refs))
    sql = f"SELECT {COLUMNS} FROM outbox WHERE ref IN ({marks}) AND ref IS NOT NULL ORDER BY number"  # noqa: S608
    return [read(row) for row in rows(conn, sql, tuple(refs))] if refs else []


def of_customer(conn: Connection, customer: str) -> list[OutboxMessage]:
    """Every message of a customer, oldest first."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE bucket = ? AND customer = ? ORDER BY number"  # noqa: S608
    return [read(row) for row in rows(conn, sql, (bucket_of(conn, customer), customer))]


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many messages are in each state, per channel: (channel, state) -> number."""
    sql = "SELECT channel, state, count(*) FROM outbox GROUP BY channel, state ORDER BY channel, state"
    return {(channel, state): number for channel, state, number in rows(conn, sql)}


def next_ready(conn: Connection, channel: str) -> Instant | None:
    """The moment at which the next message of a channel is ready; None: none waits."""
    sql = "SELECT min(ready_at) FROM outbox WHERE channel = ? AND state IN ('planned', 'deferred')"
    found = rows(conn, sql, (channel,))[0][0]
    return None if found is None else Instant(found)


def _dump_names(names: Names) -> str:
    plain = {name: value for name, value in names.items() if not isinstance(value, Mapping)}
    nested = {name: pack(value) for name, value in names.items() if isinstance(value, Mapping)}
    return dump([pack(cast("Mapping[str, Value]", plain)), nested])


def read(row: Any) -> OutboxMessage:
    """A row of `COLUMNS`."""
    values = list(row)
    values[15] = _names(values[15])
    return OutboxMessage(*values)


def _names(text: str) -> Names:
    plain, nested = load(text)
    return {**unpack(plain), **{name: unpack(values) for name, values in nested.items()}}
