"""What reports must say, counted one by one from the rows of a store, without the tables that count and
without the code that reads them."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.figures.period import Period
from tests.figures.customers_anew import Bought
from tests.runtime.advance.test_counting import DOMAINS
from tools.simulation import counted_anew
from tools.simulation.counted_anew import Line

ZONE = "Europe/Berlin"
PRICE = Decimal("0.0079")
_GOALS = ("", "before", "after")
_EPOCH = dt.date(1970, 1, 1).toordinal()


def day_of(at: int) -> dt.date:
    return dt.datetime.fromtimestamp(at / 1000, ZoneInfo(ZONE)).date()


@dataclass
class Rows:
    """What a look at every row gives. `lines`: as of the table of daily counts; `money`: of orders, by the
    message that they belong to, and of what was taken back; `domains`: as
    `lines`, of messages, with the domain of the recipient for the step."""

    lines: Counter[Line] = field(default_factory=Counter)
    money: Counter[Line] = field(default_factory=Counter)
    domains: Counter[Line] = field(default_factory=Counter)
    bought: list[Bought] = field(default_factory=list)

    def n(self, period: Period, fits: Callable[[Line], bool]) -> int:
        return sum(n for line, n in self.lines.items() if _is_in(line, period) and fits(line))

    def amount(self, period: Period, fits: Callable[[Line], bool]) -> Decimal:
        return Decimal(sum(n for line, n in self.money.items() if _is_in(line, period) and fits(line)))

    def domain(self, period: Period, domain: str, what: str) -> int:
        """How many messages (or orders that belong to them) to a domain."""
        return sum(
            n for line, n in self.domains.items() if _is_in(line, period) and line[2::2] == (domain, what)
        )

    def of_messages(self, period: Period, fits: Callable[[Line], bool]) -> dict[str, int | Decimal]:
        """The figures that journeys, steps and channels share."""
        of_what = {
            name: self.n(period, lambda line, name=name: line[4] == name and fits(line))  # type: ignore[misc]
            for name in ("sent", "delivered", "bounced", "complained", "failed", "opened", "clicked")
        }
        revenue = self.amount(period, lambda line: line[4] == "attributed" and fits(line))
        orders = self.n(period, lambda line: line[4] == "attributed" and fits(line))
        cost = PRICE * self.n(period, lambda line: line[4] == "paid" and fits(line))
        return {**of_what, "orders": orders, "revenue": revenue, "cost": cost}

    def of_journeys(self, period: Period, fits: Callable[[Line], bool]) -> dict[str, int | Decimal]:
        """With those of runs."""
        return {
            "started": self.n(period, lambda line: line[4] == "started" and fits(line)),
            "refused": self.n(period, lambda line: line[4] == "refused" and fits(line)),
            "goals": self.n(period, lambda line: line[4] == "goal" and line[5] in _GOALS and fits(line)),
            "ended": self.n(period, lambda line: line[4] == "ended" and fits(line)),
            **self.of_messages(period, fits),
        }


def _is_in(line: Line, period: Period) -> bool:
    return dt.date.fromordinal(line[0] + _EPOCH) in period


def look(conn: Connection) -> Rows:
    """At everything that is there now."""
    lines = counted_anew.counted_anew(conn, ZONE)
    messages = "SELECT journey, step, channel, handed_at, parts FROM outbox WHERE handed_at IS NOT NULL"
    for journey, step, channel, at, parts in conn.exec_driver_sql(messages):
        lines[day_of(at).toordinal() - _EPOCH, journey, step, channel, "paid", ""] += parts
    money: Counter[Line] = Counter()
    for at, _, total, click in counted_anew.orders(conn):
        day = day_of(at).toordinal() - _EPOCH
        money[day, "", "", "", "order", ""] += total
        if click is not None:
            is_marketing, _, _, journey, step, channel, *_ = click
            money[day, journey, step, channel, "attributed" if is_marketing else "after service", ""] += total
    for (day, what, _), amount in counted_anew.money_anew(conn, ZONE).items():
        if what == "taken back":
            money[day, "", "", "", what, ""] += amount // 1_000_000
    sql = "SELECT customer, occurred_at, CAST(fields AS TEXT) FROM event WHERE name = 'order_placed'"
    bought = [
        Bought(customer, day_of(at), Decimal(json.loads(fields)["total"]["amount"]))
        for customer, at, fields in conn.exec_driver_sql(sql)
    ]
    return Rows(lines, money, counted_anew.domains_anew(conn, ZONE, DOMAINS), bought)
