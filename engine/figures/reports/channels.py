"""`report channels`: what became of the messages on each channel, and what they cost."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection

from engine.figures import metrics as m
from engine.figures.metrics import SumMetric, Totals
from engine.figures.period import Granularity, Period
from engine.figures.report import Table, row
from engine.figures.sums import Sums, added, by_granularity
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import date_of, sums

CHANNELS: tuple[SumMetric, ...] = (
    m.SENT, m.DELIVERED, m.BOUNCED, m.BOUNCE_RATE, m.COMPLAINED, m.FAILED, m.UNKNOWN, m.OPENED, m.CLICKED,
    m.CLICK_RATE, m.UNSUBSCRIBED, m.ORDERS, m.REVENUE, m.CONVERSION, m.COST, m.COST_PER_ORDER,
)  # fmt: skip


def channels(conn: Connection, period: Period, before: Period, by: Granularity | None) -> tuple[Table, ...]:
    """A line for each channel, and one for all of them."""
    now, then = _by_channel(conn, period), _by_channel(conn, before)
    days: dict[str, Counter[int]] = {}
    for (channel, day), total in sums(
        conn, period.first, period.last, ("channel", "day"), what=Count.SENT
    ).items():
        days.setdefault(str(channel), Counter())[(date_of(int(day)) - period.first).days] += total.n
    lines = [
        row(
            channel, CHANNELS, Totals(now.get(channel, {})), Totals(then.get(channel, {})),
            tuple(days.get(channel, Counter())[day] for day in range(period.days)),
        )
        for channel in sorted({*now, *then})
    ]  # fmt: skip
    whole_now, whole_then = Totals(added(now.values())), Totals(added(then.values()))
    trend = tuple(sum(each[day] for each in days.values()) for day in range(period.days))
    whole = row("all channels", CHANNELS, whole_now, whole_then, trend)
    table = Table("channels", "Channels", "channel", CHANNELS, (*lines, whole), m.SENT.title)
    return (table, *by_granularity(conn, period, by, CHANNELS))


def _by_channel(conn: Connection, period: Period) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for (channel, what, why), total in sums(
        conn, period.first, period.last, ("channel", "what", "why"), of_journeys=True
    ).items():
        if channel:
            found.setdefault(str(channel), {})[str(what), str(why)] = total
    return found
