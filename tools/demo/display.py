"""What the demo shows: a live picture while it plays, and the table at its end."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from engine.core.reasons import IgnoredReason
from engine.figures import metrics as m
from engine.figures.metrics import SumMetric, Totals, Value, ratio
from engine.figures.number_format import shown
from engine.figures.report import FiguresReport
from engine.figures.sums import Sums, added
from engine.store.counting.daily_counts import Count, GoalKind
from engine.store.counting.period_sums import Column, sums
from engine.store.customers import enrollments
from engine.store.daemon import backlog
from engine.store.incentives.code_report import PoolReport
from engine.values import Instant, to_datetime

LINES = 9


@dataclass(slots=True)
class Figures:
    """Everything that is counted at one moment, from the table that every report is summed from. `parts`: by
    journey and channel (""; what belongs to none); `inside`: runs that are open now. `overview`: of the
    days that were played, at the end alone."""

    parts: Mapping[tuple[str, str], Totals]
    inside: Mapping[str, int]
    currency: str
    waiting: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, PoolReport] = field(default_factory=dict)
    overview: FiguresReport | None = None

    @classmethod
    def of_days(cls, conn: Connection, first: dt.date, last: dt.date, currency: str) -> Figures:
        """Those of these days."""
        found: defaultdict[tuple[str, str], Sums] = defaultdict(dict)
        columns: tuple[Column, ...] = ("journey", "channel", "what", "why")
        for (journey, channel, what, why), total in sums(
            conn, first, last, columns, of_journeys=True
        ).items():
            found[str(journey), str(channel)][str(what), str(why)] = total
        inside = enrollments.taking_part(conn)
        parts = {place: Totals(each) for place, each in sorted(found.items())}
        return cls(parts, inside, currency, backlog.waiting(conn))

    @property
    def journeys(self) -> list[str]:
        """Those that did anything."""
        return list(dict.fromkeys(journey for journey, _ in self.parts))

    def channels(self, journey: str) -> list[str]:
        """Those on which a journey wrote to anybody."""
        return [channel for (name, channel) in self.parts if name == journey and channel]

    def total(self, metric: SumMetric, journey: str = "", channel: str = "") -> Value:
        """A figure of one journey or of all, on one channel or on all."""
        return metric.value(self._totals(journey, channel))

    def count(self, what: Count, why: str, journey: str = "") -> int:
        """How many for one reason."""
        return self._totals(journey, "").n(what, why)

    def _totals(self, journey: str, channel: str) -> Totals:
        return Totals(
            added(
                dict(totals.sums)
                for (name, via), totals in self.parts.items()
                if journey in ("", name) and channel in ("", via)
            )
        )


@dataclass(slots=True)
class Screen:
    """The picture of this moment."""

    zone: ZoneInfo
    end: Instant | None
    start: Instant
    news: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))

    def draw(self, now: Instant, figures: Figures, counts: Mapping[str, int]) -> RenderableType:
        """Clock, journeys, and the latest news."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("journey", min_width=18)
        for name in ("entered", "inside", "messages", "clicked", "goals", "cost"):
            table.add_column(name, justify="right", min_width=8)
        for journey in figures.journeys:
            counts_of = [figures.total(metric, journey) for metric in (m.STARTED, m.SENT, m.CLICKED, m.GOALS)]
            started, sent, clicked, goals = (shown(count, "count") for count in counts_of)
            cost = shown(figures.total(m.COST, journey), "money")
            table.add_row(journey, started, f"{figures.inside.get(journey, 0):,}", sent, clicked, goals, cost)
        return Group(self._head(now, figures, counts), table, self._news())

    def line(self, now: Instant, figures: Figures, counts: Mapping[str, int]) -> str:
        """The same in one line, where there is no terminal."""
        sent, goals = figures.total(m.SENT), figures.total(m.GOALS)
        return f"{self._clock(now)}  {sent:,} messages, {counts.get('orders', 0)} orders, {goals} goals"

    def tell(self, now: Instant, words: str) -> None:
        """One more piece of news."""
        self.news.append(f"{to_datetime(now, self.zone):%a %H:%M}  {words}")

    def _head(self, now: Instant, figures: Figures, counts: Mapping[str, int]) -> RenderableType:
        text = Text(self._clock(now), style="bold")
        for name in ("signed up", "orders", "orders with a code", "unsubscribed"):
            text.append(f"   {name} {counts.get(name, 0):,}", style="dim")
        for name in ("unknown", "stuck"):
            if figures.waiting.get(name):
                text.append(f"   {name} {figures.waiting[name]}", style="bold red")
        return text

    def _clock(self, now: Instant) -> str:
        local = to_datetime(now, self.zone)
        day = (local.date() - to_datetime(self.start, self.zone).date()).days + 1
        return f"day {day}  {local:%a %d %b %H:%M}"

    def _news(self) -> RenderableType:
        lines = [*self.news, *[""] * (LINES - len(self.news))]
        return Panel(
            Text("\n".join(lines), no_wrap=True, overflow="ellipsis"),
            title="now",
            title_align="left",
            border_style="dim",
        )


def final_table(figures: Figures) -> Table:
    """Per journey and channel: messages, reactions, goals against those who were held out, cost; each figure
    as `docs/metrics.md` defines it."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("journey", no_wrap=True)
    for name in (
        "entered",
        "goal",
        "held out",
        "goal",
        "channel",
        "sent",
        "bounced",
        "click rate",
        figures.currency,
    ):
        table.add_column(name, justify="left" if name == "via" else "right", no_wrap=True)
    for journey in figures.journeys:
        head = _head(figures, journey)
        for channel in figures.channels(journey) or ["-"]:
            table.add_row(*head, channel, *_messages(figures, journey, channel))
            head = [""] * 5
    table.add_row()
    table.add_row("together", *_head(figures, "")[1:], "", *_messages(figures, "", ""), style="bold")
    return table


def _head(figures: Figures, journey: str) -> list[str]:
    """The people of a journey, beside those who were held out."""
    held = figures.count(Count.REFUSED, IgnoredReason.HOLDOUT, journey)
    held_goals = figures.count(Count.GOAL, GoalKind.HOLDOUT, journey)
    return [
        journey,
        shown(figures.total(m.STARTED, journey), "count"),
        shown(figures.total(m.GOAL_RATE, journey), "share"),
        f"{held:,}",
        shown(ratio(held_goals, held), "share"),
    ]


def _messages(figures: Figures, journey: str, channel: str) -> list[str]:
    metrics = (m.SENT, m.BOUNCED, m.CLICK_RATE, m.COST)
    return [shown(figures.total(metric, journey, channel), metric.unit) for metric in metrics]


def code_table(figures: Figures) -> Table:
    """Per pool of promo codes: how many were given to somebody, and the orders that were placed with them."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("codes", no_wrap=True)
    for name in ("given", "used", "", "orders", figures.currency):
        table.add_column(name, justify="right", no_wrap=True)
    for pool, told in sorted(figures.codes.items()):
        counts = told.counts
        given = counts.reserved + counts.used + counts.expired + counts.given_back
        value = counts.value.get(figures.currency, Decimal(0))
        table.add_row(
            pool, f"{given:,}", f"{counts.used:,}", _rate(counts.used, given), f"{counts.orders:,}",
            f"{value:,.2f}",
        )  # fmt: skip
    return table


def _rate(part: int, total: int) -> str:
    return f"{100 * part / total:.0f}%" if total else "-"
