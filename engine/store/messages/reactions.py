"""Clicks, openings and replies, as they came in: what counts for decisions is the happening in the inbox.

A click waits some seconds as `unknown`: with a second link of the same message inside that time both were a
scanner's, else it was a person's, and its journey hears of it. It waits in the store, so that a restart
changes nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from sqlalchemy import Connection

from engine.core.happening import Reaction
from engine.store.counting import attribution
from engine.store.inbox.inbox import append_one
from engine.store.messages import message_counts
from engine.store.messages.records import OutboxMessage
from engine.store.meta import bucket_of
from engine.store.sql import change, rows
from engine.values import HOUR, SECOND, Instant

ReactionKind = Literal["clicked", "opened", "replied"]
Who = Literal["human", "machine", "unknown"]
"""machine: a scanner. unknown: a mail proxy that opens everything, or a click that is not decided yet."""

TOGETHER = 5 * SECOND
"""Two different links of one message within so long were followed by a machine."""

_UNDECIDED = "who = 'unknown' AND kind = 'clicked'"


def record(
    conn: Connection,
    customer: str,
    send_key: str,
    kind: ReactionKind,
    at: Instant,
    target: str,
    *,
    who: Who = "human",
) -> None:
    """Keeps one; `target` is where a click led."""
    change(
        conn,
        "INSERT INTO reaction (bucket, customer, send_key, kind, at, target, who) VALUES (?, ?, ?, ?, ?, "
        "?, ?)",
        (bucket_of(conn, customer), customer, send_key, kind, at, target[:2000], who),
    )
    if who == "human":
        message_counts.count_reaction(conn, customer, send_key, kind)
        # an order may have been heard of before the click that led to it
        attribution.settle(conn, bucket_of(conn, customer), [customer], at)


def take_click(conn: Connection, message: OutboxMessage, target: str, who: Who, now: Instant) -> None:
    """A click on a link of a message. `who`: `machine`, or `unknown` until its seconds are over."""
    target = target[:2000]
    near = (message.bucket, message.send_key, now - TOGETHER, now + TOGETHER, target)
    where = "bucket = ? AND send_key = ? AND kind = 'clicked' AND at > ? AND at < ? AND target <> ?"
    if rows(conn, f"SELECT 1 FROM reaction WHERE {where} LIMIT 1", near):  # noqa: S608 - our own words
        who = "machine"
        change(conn, f"UPDATE reaction SET who = 'machine' WHERE {where} AND who = 'unknown'", near)  # noqa: S608
    record(conn, message.customer, message.send_key, "clicked", now, target, who=who)


def take_open(conn: Connection, message: OutboxMessage, who: Who, now: Instant) -> bool:
    """An opening; the picture is loaded again and again, so it is kept once an hour. True: the journey hears
    of it."""
    known = rows(
        conn,
        "SELECT 1 FROM reaction WHERE bucket = ? AND send_key = ? AND kind = 'opened' AND who = ? AND at > "
        "? LIMIT 1",
        (message.bucket, message.send_key, who, now - HOUR),
    )
    if known:
        return False
    record(conn, message.customer, message.send_key, "opened", now, "", who=who)
    if who == "human":
        _tell(conn, message.customer, message.send_key, message.enrollment, "opened", now, now)
    return who == "human"


def undecided(conn: Connection, now: Instant) -> bool:
    """Is there a click whose seconds are over?"""
    sql = f"SELECT 1 FROM reaction WHERE {_UNDECIDED} AND at <= ? LIMIT 1"  # noqa: S608
    return bool(rows(conn, sql, (now - TOGETHER,)))


def decide_clicks(conn: Connection, now: Instant) -> int:
    """Clicks that stayed alone were a person's: their journeys hear of them, with the moment of the click.
    How many."""
    found = rows(
        conn,
        f"UPDATE reaction SET who = 'human' WHERE {_UNDECIDED} AND at <= ? RETURNING number, bucket, send_key, at",  # noqa: E501, S608
        (now - TOGETHER,),
    )
    new: dict[int, dict[str, Counter[str]]] = {}
    people: dict[int, set[str]] = {}
    for _, bucket, send_key, at in sorted(found):
        new.setdefault(bucket, {}).setdefault(send_key, Counter())["clicked"] += 1
        sql = "SELECT customer, enrollment FROM outbox WHERE bucket = ? AND send_key = ?"
        for customer, enrollment in rows(conn, sql, (bucket, send_key)):
            people.setdefault(bucket, set()).add(customer)
            _tell(conn, customer, send_key, enrollment, "clicked", Instant(at), now)
    for bucket, keys in new.items():
        message_counts.count_reactions(conn, bucket, keys)
        attribution.settle(conn, bucket, people.get(bucket, ()), Instant(min(at for _, _, _, at in found)))
    return len(found)


def _tell(
    conn: Connection, customer: str, key: str, enrollment: str, kind: ReactionKind, at: Instant, now: Instant
) -> None:
    append_one(conn, customer, Reaction(0, at, key, enrollment, kind), now)
