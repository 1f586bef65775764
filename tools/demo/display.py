"""What the demo shows: a live picture while it plays, and the table at its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.store.customers.code_report import PoolReport
from engine.store.journeys.figures import ChannelTally, JourneyTally
from engine.values import Instant, to_datetime

LINES = 9


@dataclass(slots=True)
class Figures:
    """Everything that is counted at one moment. `prices` per message and channel, in `currency`."""

    journeys: Sequence[JourneyTally]
    channels: Sequence[ChannelTally]
    prices: Mapping[str, Decimal]
    currency: str
    waiting: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, PoolReport] = field(default_factory=dict)

    def sent(self, journey: str, channel: str = "") -> int:
        """Messages of a journey that were handed over."""
        return sum(
            channel_tally.sent
            for channel_tally in self.channels
            if channel_tally.journey == journey and channel in ("", channel_tally.channel)
        )

    def clicked(self, journey: str) -> int:
        """Messages of a journey that were answered by a click."""
        return sum(one.clicked for one in self.channels if one.journey == journey)

    def cost(self, journey: str) -> Decimal:
        """What its messages cost."""
        return sum(
            (
                self.prices.get(tally.channel, Decimal(0)) * tally.parts
                for tally in self.channels
                if tally.journey == journey
            ),
            Decimal(0),
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
            table.add_row(
                journey.journey, f"{journey.started:,}", f"{journey.open:,}",
                f"{figures.sent(journey.journey):,}",
                f"{figures.clicked(journey.journey):,}", f"{journey.goals:,}",
                f"{figures.cost(journey.journey):,.2f}",
            )  # fmt: skip
        return Group(self._head(now, figures, counts), table, self._news())

    def line(self, now: Instant, figures: Figures, counts: Mapping[str, int]) -> str:
        """The same in one line, where there is no terminal."""
        sent = sum(one.sent for one in figures.channels)
        goals = sum(one.goals for one in figures.journeys)
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
    """Per journey and channel: messages, reactions, goals against the holdout (`held`, and its own `goal`),
    cost."""
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
        "clicked",
        figures.currency,
    ):
        table.add_column(name, justify="left" if name == "via" else "right", no_wrap=True)
    for journey in figures.journeys:
        rows = [row for row in figures.channels if row.journey == journey.journey]
        head = [
            journey.journey,
            f"{journey.started:,}",
            _rate(journey.goals, journey.started),
            f"{journey.holdout:,}",
            _rate(journey.holdout_goals, journey.holdout),
        ]
        for row in rows or [ChannelTally(journey.journey, "-", 0, 0, 0)]:
            cost = figures.prices.get(row.channel, Decimal(0)) * row.parts
            table.add_row(
                *head,
                row.channel,
                f"{row.sent:,}",
                f"{row.bounced:,}",
                _rate(row.clicked, row.sent),
                f"{cost:,.2f}",
            )
            head = [""] * 5
    table.add_row()
    started, goals, held = (
        sum(getattr(journey, name) for journey in figures.journeys)
        for name in ("started", "goals", "holdout")
    )
    sent, clicked = sum(row.sent for row in figures.channels), sum(row.clicked for row in figures.channels)
    cost = sum((figures.cost(journey.journey) for journey in figures.journeys), Decimal(0))
    table.add_row(
        "together", f"{started:,}", _rate(goals, started), f"{held:,}",
        _rate(sum(journey.holdout_goals for journey in figures.journeys), held), "", f"{sent:,}",
        f"{sum(row.bounced for row in figures.channels):,}", _rate(clicked, sent), f"{cost:,.2f}",
        style="bold",
    )  # fmt: skip
    return table


def code_table(figures: Figures) -> Table:
    """Per pool of promo codes: how many were given to somebody, and the orders that were placed with them."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("codes", no_wrap=True)
    for name in ("given", "used", "", "orders", figures.currency):
        table.add_column(name, justify="right", no_wrap=True)
    for pool, told in sorted(figures.codes.items()):
        counts = told.counts
        given = counts.reserved + counts.used + counts.expired
        value = counts.value.get(figures.currency, Decimal(0))
        table.add_row(
            pool, f"{given:,}", f"{counts.used:,}", _rate(counts.used, given), f"{counts.orders:,}",
            f"{value:,.2f}",
        )  # fmt: skip
    return table


def _rate(part: int, total: int) -> str:
    return f"{100 * part / total:.0f}%" if total else "-"
