"""All customers in groups: how often they have ordered, how long ago, for how much, whether a channel reaches
them, and whether anything was sent to them lately; counted by the database in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.audience import reach_counts
from engine.store.audience.reach_counts import ChannelPurpose
from engine.store.counting.period_sums import PeriodSum
from engine.store.sql import rows
from engine.values import DAY, Instant

MOST_TIMES = 3
"""So many orders and more are one group."""

QUIET_DAYS = (30, 90, 180, 365)
"""The last order lies at most so many days back: the ends of the groups but the last."""

WRITTEN = 30 * DAY
"""Whoever got nothing for so long has been left alone."""


@dataclass(frozen=True, slots=True)
class BaseGroup:
    """`times`: orders, up to `MOST_TIMES`; `quiet`: place in `QUIET_DAYS`, behind its last for longer, None
    of those who never ordered; `value`: 0: all orders together up to one average order, 1: up to three, 2:
    more. Of its `people` all `orders`, and their `money` in millionths of the currency asked for."""

    times: int
    quiet: int | None
    value: int
    is_reachable: bool
    is_written: bool
    people: int
    orders: int
    money: int


def orders(conn: Connection) -> dict[str, PeriodSum]:
    """Of everybody, ever, by currency."""
    found = rows(conn, "SELECT currency, count(*), sum(amount) FROM credit GROUP BY currency")
    return {currency: PeriodSum(int(n), int(money)) for currency, n, money in found}


def groups(
    conn: Connection, channels: Sequence[str], purpose: str, currency: str, average: int, now: Instant
) -> list[BaseGroup]:
    """`average`: of an order, in millionths. `channels`: by one of these somebody is reachable for the
    purpose."""
    quiet = " ".join(
        f"WHEN b.last_at >= {now - days * DAY} THEN {place}" for place, days in enumerate(QUIET_DAYS)
    )
    states = [reach_counts.state_sql(conn, ChannelPurpose(channel, purpose)) for channel in channels]
    is_reachable = " OR ".join(state.is_open for state in states) or "1 = 0"
    found = rows(
        conn,
        "WITH bought AS MATERIALIZED (SELECT bucket, customer, count(*) AS times,"  # noqa: S608 - our own words
        " max(occurred_at) AS last_at,"
        " sum(CASE WHEN currency = ? THEN amount ELSE 0 END) AS money FROM credit GROUP BY bucket, customer)"
        " SELECT often, quiet, value, is_reachable, is_written, count(*), sum(times), sum(money) FROM (SELECT"
        f" CASE WHEN b.times IS NULL THEN 0 WHEN b.times > {MOST_TIMES} THEN {MOST_TIMES} ELSE b.times END"
        " AS often,"
        f" CASE WHEN b.times IS NULL THEN -1 {quiet} ELSE {len(QUIET_DAYS)} END AS quiet,"
        f" CASE WHEN coalesce(b.money, 0) <= {average} THEN 0 WHEN b.money <= {3 * average} THEN 1 ELSE 2 END"
        " AS value,"
        f" CASE WHEN {is_reachable} THEN 1 ELSE 0 END AS is_reachable,"
        " CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.bucket = c.bucket AND o.customer = c.id"
        " AND o.handed_at >= ?) THEN 1 ELSE 0 END AS is_written,"
        " coalesce(b.times, 0) AS times, coalesce(b.money, 0) AS money"
        " FROM customer c LEFT JOIN bought b ON b.bucket = c.bucket AND b.customer = c.id) g"
        " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
        (currency, *(each for state in states for each in state.parameters), now - WRITTEN),
    )
    return [
        BaseGroup(
            int(often), int(quiet) if quiet >= 0 else None, int(value), bool(reachable), bool(written),
            int(people), int(times), int(money),
        )
        for often, quiet, value, reachable, written, people, times, money in found
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often an event is in the history, of how many customers, from when to when; `lately`: since the
    moment asked for; `lately_monthly`: people who had one since then, once in each month."""

    name: str
    n: int
    people: int
    first_at: Instant
    last_at: Instant
    lately: int
    lately_monthly: int


def event_counts(conn: Connection, since: Instant, now: Instant, month: int) -> list[EventCount]:
    """Every event that is known of anybody, by name; it looks at all of them. `month`: so many milliseconds.
    Events are stored by customer and name, so that those of one customer are counted where they stand."""
    # Months are cut backward from now: of a shop that sends events since a week, nobody counts in two
    found = rows(
        conn,
        "SELECT name, sum(n), count(*), min(first_at), max(last_at), sum(lately), sum(months) FROM ("
        "SELECT bucket, customer, name, count(*) AS n, min(occurred_at) AS first_at,"
        " max(occurred_at) AS last_at, sum(CASE WHEN occurred_at >= ? THEN 1 ELSE 0 END) AS lately,"
        " count(DISTINCT CASE WHEN occurred_at >= ? THEN (? - occurred_at) / ? END) AS months"
        " FROM event WHERE substr(name, 1, 1) <> '$' GROUP BY bucket, customer, name) AS e"
        " GROUP BY name ORDER BY name",
        (since, since, now, month),
    )
    return [
        EventCount(name, int(n), int(people), Instant(first), Instant(last), int(lately), int(months))
        for name, n, people, first, last, lately, months in found
    ]
