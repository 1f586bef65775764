"""How pools of promo codes stand: given, used, given back, and what was bought with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.code_verdict import Verdict
from engine.store.amounts import amount_of
from engine.store.sql import rows
from engine.values import Instant


@dataclass(slots=True)
class CodeCounts:
    """Codes by what became of them. `reserved`: with somebody, good and not used; `orders` and `value`:
    orders in which one counted, and their totals by currency."""

    reserved: int = 0
    used: int = 0
    given_back: int = 0
    expired: int = 0
    orders: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: CodeCounts) -> None:
        """Adds up."""
        self.reserved += other.reserved
        self.used += other.used
        self.given_back += other.given_back
        self.expired += other.expired
        self.orders += other.orders
        for currency, amount in other.value.items():
            self.value[currency] = self.value.get(currency, Decimal(0)) + amount


@dataclass(slots=True)
class PoolReport:
    """One pool. `size` and `free`: of a file; `waiting`: people who wait for one of its codes; `wrong`: how
    often one was shown that did not count, by why. By journey and by the name that its step says."""

    counts: CodeCounts = field(default_factory=CodeCounts)
    size: int = 0
    free: int = 0
    waiting: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    by_journey: dict[tuple[str, str], CodeCounts] = field(default_factory=dict)


def report(conn: Connection, now: Instant) -> dict[str, PoolReport]:
    """Every pool of which the store knows anything, in four statements."""
    pools: dict[str, PoolReport] = {}

    def of(pool: str) -> PoolReport:
        return pools.setdefault(pool, PoolReport())

    counted = rows(
        conn,
        "SELECT pool, journey, asked,"
        " sum(CASE WHEN used_at IS NULL AND given_back_at IS NULL AND expires_at >= ? THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at IS NOT NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at IS NULL AND given_back_at IS NOT NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at IS NULL AND given_back_at IS NULL AND expires_at < ? THEN 1 ELSE 0 END)"
        " FROM code GROUP BY pool, journey, asked ORDER BY pool, journey, asked",
        (now, now),
    )
    for pool, journey, asked, reserved, used, back, expired in counted:
        counts = CodeCounts(int(reserved), int(used), int(back), int(expired))
        _into(of(pool), (journey, asked or pool), counts)
    # The run that a use belongs to: of a code that everybody gets, any of this customer.
    bought = rows(
        conn,
        "SELECT pool, verdict, currency, journey, asked, count(*), sum(amount) FROM (SELECT u.pool,"
        " u.verdict, u.currency, u.amount, (SELECT c.journey FROM code c WHERE c.value = u.value"
        " AND c.customer = u.customer LIMIT 1) AS journey, (SELECT c.asked FROM code c"
        " WHERE c.value = u.value AND c.customer = u.customer LIMIT 1) AS asked FROM code_use u) AS s"
        " GROUP BY pool, verdict, currency, journey, asked",
    )
    for pool, verdict, currency, journey, asked, times, amount in bought:
        one = of(pool)
        if verdict != Verdict.USED.value:
            one.wrong[verdict] = one.wrong.get(verdict, 0) + int(times)
            continue
        value = {currency: amount_of(int(amount))} if currency and amount is not None else {}
        _into(one, (journey or "", asked or pool), CodeCounts(orders=int(times), value=value))
    for pool, size, taken in rows(
        conn, "SELECT pool, count(*), count(enrollment) FROM code_stock GROUP BY pool"
    ):
        of(pool).size, of(pool).free = int(size), int(size - taken)
    for pool, waiting in rows(conn, "SELECT pool, count(*) FROM code_request GROUP BY pool"):
        of(pool).waiting = int(waiting)
    return pools


def _into(pool: PoolReport, place: tuple[str, str], counts: CodeCounts) -> None:
    pool.counts.add(counts)
    pool.by_journey.setdefault(place, CodeCounts()).add(counts)
