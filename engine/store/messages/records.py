"""Messages as rows of the outbox: planned and cancelled by decisions, found for whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from sqlalchemy import Connection

from engine.core.decision.effects import Send
from engine.store.messages.states import (
    TRANSITIONS,
    WAITING,
    MessageState,
    Mover,
    Selection,
    among,
    transition,
)
from engine.store.meta import bucket_of
from engine.store.serialization import dump, load, pack, unpack
from engine.store.sql import change_many, columns_of, ids, rows
from engine.values import Instant, Value

_AT_ONCE = 500
"""Parameters of one statement."""

Names = Mapping[str, "Value | Mapping[str, Value]"]


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message that this deliverer may work on until its lease ends. `body`: what an earlier attempt
    rendered."""

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
    state: MessageState
    handed_at: Instant | None
    provider_id: str | None


_NAMES = tuple(field.name for field in fields(OutboxMessage))
COLUMNS = columns_of(OutboxMessage)
"""What a statement selects or returns that `read` reads."""


def read(row: Sequence[Any]) -> OutboxMessage:
    """A row of `COLUMNS`."""
    values = dict(zip(_NAMES, row, strict=True))
    plain, nested = load(values["names"])
    values["names"] = {**unpack(plain), **{name: unpack(fields) for name, fields in nested.items()}}
    values["state"] = MessageState(values["state"])
    return OutboxMessage(**values)


def cancel(conn: Connection, bucket: int, whys: Mapping[str, str], now: Instant) -> None:
    """Takes back what was not handed over: send key -> why. What may have left already stays on the record as
    that."""
    keys_by_why: dict[str, list[str]] = {}
    for key, why in whys.items():
        keys_by_why.setdefault(why, []).append(key)
    for why, keys in keys_by_why.items():
        selected = Selection(
            "o.bucket = ? AND o.send_key IN (SELECT j.value FROM {ids})", (bucket, ids(keys))
        )
        transition(
            conn, Mover.JOURNEY, MessageState.CANCELLED, selected.also("o.resent = 0"), now, "why = ?", (why,)
        )
        copied = selected.also("o.resent > 0")
        transition(conn, Mover.JOURNEY, MessageState.TREATED_AS_SENT, copied, now, "why = ?", (why,))


def handed_among(conn: Connection, bucket: int, keys: Iterable[str]) -> set[str]:
    """Those of these send keys whose messages were handed over, whatever became of them."""
    sql = (
        "SELECT o.send_key FROM {ids} CROSS JOIN outbox o WHERE o.bucket = ? AND o.send_key = j.value"
        " AND o.handed_at IS NOT NULL"
    )
    return {key for (key,) in rows(conn, sql, (ids(keys), bucket))}


def plan(conn: Connection, bucket: int, sends: Sequence[tuple[str, Send]], now: Instant) -> None:
    """Plans messages: (customer, send). A key that is known already is planned again only where its message
    came back before any hand-over; so a decision that is taken twice sends once."""
    change_many(
        conn,
        _PLAN,
        [
            (
                bucket, customer, send.key, send.enrollment, send.journey, send.step, send.template,
                send.channel, send.policy, send.purpose, now, send.due_at, send.valid_until, now, send.counts,
                names_text(send.names),
            )
            for customer, send in sends
        ],
    )  # fmt: skip


# The fence goes on counting: whoever still holds an old claim of this key must not move the message
# that is new.
_PLAN_AGAIN = (
    "ON CONFLICT (bucket, send_key) DO UPDATE SET state = 'planned', body = NULL, body_hash = NULL, "
    "settled_at = NULL, "
    + ", ".join(
        f"{column} = excluded.{column}"
        for column in (
            "why", "journey", "step", "template", "policy", "purpose", "planned_at", "due_at", "valid_until",
            "ready_at", "counts", "names",
        )
    )
    + (
        f" WHERE {among(TRANSITIONS[Mover.JOURNEY][MessageState.PLANNED], 'outbox.')} AND "
        f"outbox.handed_at IS NULL"
    )
)  # fmt: skip
_PLAN = (
    "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel, policy, "  # noqa: S608
    "purpose, planned_at, due_at, valid_until, ready_at, counts, names, state, why, fence, attempts, resent, "
    f"detail, domain) VALUES ({', '.join('?' * 16)}, 'planned', '', 0, 0, 0, '', '') {_PLAN_AGAIN}"
)


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


def by_keys(conn: Connection, send_keys: Sequence[str]) -> dict[str, OutboxMessage]:
    """Messages by their send keys; those that are not known are left out."""
    found: dict[str, OutboxMessage] = {}
    first = "bucket = 0 AND " if conn.dialect.name == "sqlite" else ""
    for start in range(0, len(send_keys), _AT_ONCE):
        keys = tuple(send_keys[start : start + _AT_ONCE])
        marks = ", ".join("?" * len(keys))
        sql = f"SELECT {COLUMNS} FROM outbox WHERE {first}send_key IN ({marks})"  # noqa: S608
        found |= {message.send_key: message for message in map(read, rows(conn, sql, keys))}
    return found


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
    sql = f"SELECT min(ready_at) FROM outbox WHERE channel = ? AND {among(WAITING)}"  # noqa: S608
    found = rows(conn, sql, (channel,))[0][0]
    return None if found is None else Instant(found)


def names_text(names: Names) -> str:
    """What a template may read beside customer and shop, as it is stored."""
    plain = {name: value for name, value in names.items() if not isinstance(value, Mapping)}
    nested = {name: pack(value) for name, value in names.items() if isinstance(value, Mapping)}
    return dump([pack(cast("Mapping[str, Value]", plain)), nested])


def has_been_taken(conn: Connection, customer: str, channel: str, address: str) -> bool:
    """A message to this address of a customer was once taken by its server."""
    sql = (
        "SELECT 1 FROM outbox WHERE bucket = ? AND customer = ? AND channel = ? AND address = ?"
        " AND state IN ('accepted', 'delivered') LIMIT 1"
    )
    return bool(rows(conn, sql, (bucket_of(conn, customer), customer, channel, address)))
