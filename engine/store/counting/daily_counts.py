"""What is counted in a transaction, gathered in memory and written as one statement before the commit.

The writer calls `flush` last of all: the rows of the table, which many transactions change, are then held for
the commit alone, and always in the same order. On PostgreSQL every process adds to rows of its own (`shard`),
which the night brings together; they are summed when read.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from engine.store import meta
from engine.store.serialization import dump
from engine.store.sql import change, rows
from engine.values import DAY, MINUTE, Instant, local_date, zone

SHARDS = 16
"""So many processes add to different rows."""

EPOCH = dt.date(1970, 1, 1).toordinal()
"""A day of the table is so many days behind this one."""

_SHOP = "figures"
FILLING = "figures_filling"
"""The row of `meta` that says how far what happened before this version is counted; without it all is."""

_PENDING = "counted"
_MOMENT = 15 * MINUTE
"""What is counted within so long falls on one day in every time zone."""


class Count(StrEnum):
    """What is counted, as it is stored in `daily.what`."""

    STARTED = "started"  # runs that began, without the holdout
    REFUSED = "refused"  # starts that came to nothing; why: `IgnoredReason`
    REACHED = "reached"  # runs that came to a step
    SKIPPED = "skipped"  # messages that were not sent; why: `SkipReason`
    GOAL = "goal"  # runs that reached their goal; why: `GoalKind`
    ENDED = "ended"  # runs; why: their outcome
    SENT = "sent"  # messages that were handed over; money: what they cost
    DELIVERED = "delivered"  # messages that were taken by who was to get them, and have not come back
    BOUNCED = "bounced"
    COMPLAINED = "complained"  # delivered ones that were called spam
    FAILED = "failed"  # refused by the provider, or taken back after a first try
    UNKNOWN = "unknown"  # messages of which nobody knows whether they left
    ASSUMED = "assumed"  # such that count as sent
    OPENED = "opened"  # messages that a person opened, clicked or answered
    CLICKED = "clicked"  # messages in which a person clicked
    REPLIED = "replied"  # messages that a person answered
    UNSUBSCRIBED = "unsubscribed"  # messages by which somebody left
    ORDER = "order"  # all of them; money: what they came to; why: their currency, if it is another one
    ATTRIBUTED = "attributed"  # orders that belong to a message; money and why as of `ORDER`
    SERVICE_ORDER = "after service"  # such that belong to a message that needs no consent
    TAKEN_BACK = "taken back"  # orders that another event took back altogether; money: what was taken back
    NEW_CUSTOMER = "new customer"  # first orders
    ORDER_AGAIN = "order again"  # all others; why: days since the order before
    SECOND_ORDER = "second order"  # on the day of the first; why: days between the two
    COHORT_ORDER = "cohort order"  # orders and money; why: month of the first order of that customer
    COHORT_ACTIVE = "cohort active"  # customers, once in a calendar month; why as of `COHORT_ORDER`
    FIRST_CATEGORY = "first category"  # first orders that hold a category; why: which
    SECOND_CATEGORY = "second category"  # such second orders
    POINTS = "points"  # of ledgers, below zero where they went; why: the kind of their entry
    ENTERED = "entered"  # customers who came into a segment; why: which
    LEFT = "left"  # customers who left it


class GoalKind(StrEnum):
    """What `why` says of a goal."""

    COUNTED = ""
    BEFORE = "before"  # before the first message: the journey had no part in it
    AFTER = "after"  # after the run had ended otherwise than by its last step
    LATE = "late"  # after `within`: it ended the run, and is not counted
    HOLDOUT = "holdout"  # of those who are only compared with


class CountKey(NamedTuple):
    """What one count is about; "" where there is none. `domain`: of the recipient of a message
    (`engine.recipient_domains`), "" where its address is not known; None: it counts by no domain."""

    journey: str
    step: str
    channel: str
    what: str
    why: str = ""
    domain: str | None = None


class TakingBack(msgspec.Struct, frozen=True):
    """An event that takes back the order with the same `key`: the whole of it, or the amount in `field`."""

    event: str
    field: str | None
    key: str


class ShopFacts(msgspec.Struct, frozen=True):
    """What counting has to know of the shop, from its config.yaml: the calendar, what one part of a message
    costs on each channel in millionths of `currency`, which event is an order and which of its fields the
    amount, and for how many milliseconds before it a click (or an opening) makes it belong to a message.
    `less`: what takes orders back, as the sum of them in schemas/customer.yaml says. `domains`: those of
    recipients that are named beside mailbox providers."""

    zone: str = "UTC"
    currency: str = ""
    prices: dict[str, int] = msgspec.field(default_factory=dict)
    order: str = "order_placed"
    total: str = "total"
    click: int = 5 * DAY
    open: int = 0
    less: tuple[TakingBack, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sum:
    n: int = 0
    money: int = 0


_Pending = dict[tuple[int, CountKey], _Sum]


def add(conn: Connection, at: Instant, counted: CountKey, n: int = 1, money: int = 0) -> None:
    """Counts so many more on the day of `at`, with this transaction. `money`: in millionths; of `SENT` the
    parts that are paid for, which `flush` multiplies by the price of one."""
    pending: _Pending = conn.info.setdefault(_PENDING, {})
    key = (at // _MOMENT, counted)
    found = pending.get(key)
    if found is None:
        found = pending[key] = _Sum()
    found.n += n
    found.money += money


def add_all(conn: Connection, at: Instant, many: Mapping[CountKey, int]) -> None:
    """As `add`, for several at one moment."""
    for counted, n in many.items():
        add(conn, at, counted, n)


def begin(conn: Connection) -> None:
    """Nothing is counted yet in this transaction: what one that failed had gathered is forgotten."""
    conn.info.pop(_PENDING, None)


def mark(conn: Connection) -> _Pending:
    """What is counted so far, for `back_to`."""
    pending: _Pending = conn.info.get(_PENDING, {})
    return {key: _Sum(found.n, found.money) for key, found in pending.items()}


def back_to(conn: Connection, marked: _Pending) -> None:
    """Forgets what was counted since `mark`, whose savepoint is rolled back."""
    conn.info[_PENDING] = marked


def flush(conn: Connection) -> None:
    """Writes what was counted; the last statement of a transaction."""
    pending: _Pending | None = conn.info.pop(_PENDING, None)
    if not pending:
        return
    facts, are_states_counted = _facts(conn)
    lines: dict[tuple[int, CountKey], _Sum] = {}
    for (moment, counted), found in pending.items():
        # what is yet to be counted by its present state is not counted twice
        if not are_states_counted and counted.what in _OF_STATES:
            continue
        money = found.money
        if counted.what == Count.SENT:
            money *= facts.prices.get(counted.channel, 0)
        line = lines.setdefault((_day(Instant(moment * _MOMENT), facts.zone), counted), _Sum())
        line.n += found.n
        line.money += money
    write(conn, ((day, counted, line.n, line.money) for (day, counted), line in lines.items()))


def write(conn: Connection, counts: Iterable[tuple[int, CountKey, int, int]]) -> None:
    """Adds to the tables: (day, what, how many, money), in one statement each."""
    by_table: dict[CountTable, list[tuple[object, ...]]] = {DAILY: [], DAILY_DOMAIN: []}
    for day, counted, n, money in counts:
        if n or money:
            journey, step, channel, what, why, domain = counted
            by_table[DAILY].append((day, journey, step, channel, what, why, n, money))
            if domain is not None:
                by_table[DAILY_DOMAIN].append((day, channel, domain, what, why, n, money))
    shard = 0 if conn.dialect.name == "sqlite" else os.getpid() % SHARDS
    for table, lines in by_table.items():
        table.add(conn, lines, shard)


def write_domains(conn: Connection, counts: Iterable[tuple[int, CountKey, int, int]]) -> None:
    """As `write`, for what is counted already, but not by domain."""
    lines = [
        (day, counted.channel, counted.domain, counted.what, counted.why, n, money)
        for day, counted, n, money in counts
    ]
    DAILY_DOMAIN.add(conn, lines, 0)


@dataclass(frozen=True, slots=True)
class CountTable:
    """One of the tables of counts: its name, and the columns beside the day that it counts by."""

    name: str
    columns: tuple[str, ...]

    def add(self, conn: Connection, lines: Iterable[Sequence[object]], shard: int) -> None:
        """Adds sums: the day, the columns, how many, money. Several for one row become one."""
        sums: dict[tuple[object, ...], _Sum] = {}
        for *key, n, money in lines:
            found = sums.setdefault(tuple(key), _Sum())
            found.n += n  # type: ignore[operator]
            found.money += money  # type: ignore[operator]
        told = sorted([*key, found.n, found.money] for key, found in sums.items() if found.n or found.money)
        if not told:
            return
        width = len(self.columns) + 1
        cells = ", ".join(f"{{cell{place}}}" for place in range(1, width))
        key_columns = ", ".join(("day", *self.columns, "shard"))
        change(
            conn,
            f"INSERT INTO {self.name} ({key_columns}, n, money)"  # noqa: S608 - words of our own
            f" SELECT CAST({{cell0}} AS BIGINT), {cells}, CAST(? AS INTEGER),"
            f" CAST({{cell{width}}} AS BIGINT), CAST({{cell{width + 1}}} AS BIGINT) FROM {{lines}}"
            f" WHERE 1 = 1 ON CONFLICT ({key_columns})"
            f" DO UPDATE SET n = {self.name}.n + excluded.n, money = {self.name}.money + excluded.money",
            (shard, dump(told)),
        )

    def bring_together(self, conn: Connection, day: int, most: int) -> int:
        """Sums the shards of some rows of days before this one into one row each. How many rows went."""
        key_columns = ", ".join(("day", *self.columns))
        found = rows(
            conn,
            f"SELECT {key_columns}, n, money, shard FROM {self.name} WHERE shard > 0 AND day < ?"  # noqa: S608
            " ORDER BY day LIMIT ?",
            (day, most),
        )
        if not found:
            return 0
        width = len(self.columns) + 1
        cells = ", ".join(f"{{cell{place}}}" for place in range(1, width))
        change(
            conn,
            f"DELETE FROM {self.name} WHERE ({key_columns}, shard) IN (SELECT"  # noqa: S608
            f" CAST({{cell0}} AS BIGINT), {cells}, CAST({{cell{width}}} AS INTEGER) FROM {{lines}})",
            (dump([[*row[:width], row[-1]] for row in found]),),
        )
        self.add(conn, [row[:-1] for row in found], 0)
        return len(found)


DAILY = CountTable("daily", ("journey", "step", "channel", "what", "why"))
DAILY_DOMAIN = CountTable("daily_domain", ("channel", "domain", "what", "why"))
"""What became of messages by the domain of their recipients, beside `DAILY`, where domains would make many
rows of each: of a day as many rows as there are channels and domains, whatever the journeys."""


def bring_together(conn: Connection, before: Instant, most: int = 5_000) -> int:
    """Sums the shards of some rows of days before that of `before` into one row each. How many rows went.
    Alone among the writers."""
    day = day_of(conn, before)
    return sum(table.bring_together(conn, day, most) for table in (DAILY, DAILY_DOMAIN))


# --- the shop ------------------------------------------------------------------------------------


def describe_shop(conn: Connection, facts: ShopFacts) -> None:
    """Writes down what counting has to know; days that were counted before stay as they are."""
    text = msgspec.json.encode(facts, order="sorted").decode()
    if meta.get(conn, _SHOP) != text:
        meta.put(conn, _SHOP, text)


def shop(conn: Connection) -> ShopFacts:
    """What was described last."""
    return _facts(conn)[0]


def counted_customers(conn: Connection) -> tuple[int, str] | None:
    """The last customer (bucket, id) whose orders before this version are counted; None: everybody's are."""
    filling = meta.get(conn, FILLING)
    found = msgspec.json.decode(filling).get("orders") if filling is not None else None
    return (int(found[0]), str(found[1])) if found is not None else None


def day_in(at: Instant, facts: ShopFacts) -> int:
    """As `day_of`, for a shop that is known."""
    return _day(at, facts.zone)


def day_of(conn: Connection, at: Instant) -> int:
    """The day of a moment in the shop's calendar, in days since 1970."""
    return _day(at, shop(conn).zone)


def _facts(conn: Connection) -> tuple[ShopFacts, bool]:
    found = dict(rows(conn, "SELECT name, value FROM meta WHERE name IN (?, ?)", (_SHOP, FILLING)))
    filling = found.get(FILLING)
    are_states_counted = filling is None or bool(msgspec.json.decode(filling)["states"])
    return _read(found.get(_SHOP, "{}")), are_states_counted


@lru_cache(maxsize=16)
def _read(text: str) -> ShopFacts:
    return msgspec.json.decode(text, type=ShopFacts)


@lru_cache(maxsize=4096)
def _day(at: Instant, place: str) -> int:
    return local_date(at, zone(place)).toordinal() - EPOCH


_OF_STATES = frozenset({
    Count.ENDED, Count.SENT, Count.DELIVERED, Count.BOUNCED, Count.COMPLAINED, Count.FAILED, Count.UNKNOWN,
    Count.ASSUMED, Count.OPENED, Count.CLICKED, Count.REPLIED,
})  # fmt: skip
"""Counted from the rows as they are when what happened before this version is counted (`counting_past`); all
else from the history, which ends for it where this version began."""
