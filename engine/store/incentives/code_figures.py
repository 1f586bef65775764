"""What became of promo codes in a stretch of time: given, used, given back, run out, and what was bought with
them, by pool and by the journey that gave them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.code_verdict import Verdict
from engine.store.counting.period_sums import PeriodSum
from engine.store.sql import rows
from engine.values import Instant


@dataclass(slots=True)
class CodeSums:
    """Of one pool, or of the codes of it that one journey gave. `orders`: in which a code counted; `money`:
    what those came to whose amount is known in the currency of the shop, in millionths, and `priced` how many
    these are; `others`: those in another currency, by currency; `refused`: codes that were shown and did not
    count, by why."""

    given: int = 0
    used: int = 0
    given_back: int = 0
    expired: int = 0
    orders: int = 0
    money: int = 0
    priced: int = 0
    others: dict[str, PeriodSum] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, other: CodeSums) -> None:
        """Adds up."""
        self.given += other.given
        self.used += other.used
        self.given_back += other.given_back
        self.expired += other.expired
        self.orders += other.orders
        self.money += other.money
        self.priced += other.priced
        for currency, total in other.others.items():
            known = self.others.get(currency, PeriodSum(0, 0))
            self.others[currency] = PeriodSum(known.n + total.n, known.money + total.money)
        for why, times in other.refused.items():
            self.refused[why] = self.refused.get(why, 0) + times


@dataclass(frozen=True, slots=True)
class CodeOrigin:
    """Where a code is from. `journey`: "" where nobody knows who gave it."""

    pool: str
    journey: str


def between(
    conn: Connection, begin: Instant, end: Instant, now: Instant, currency: str
) -> dict[CodeOrigin, CodeSums]:
    """From a moment until before another one. A code has run out when its time was over by `now` and it was
    neither used nor given back. Who was erased is no longer in it."""
    found: dict[CodeOrigin, CodeSums] = {}
    given = rows(
        conn,
        "SELECT pool, journey, sum(CASE WHEN taken_at >= ? AND taken_at < ? THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at >= ? AND used_at < ? THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at IS NULL AND given_back_at >= ? AND given_back_at < ? THEN 1 ELSE 0 END),"
        " sum(CASE WHEN used_at IS NULL AND given_back_at IS NULL AND expires_at >= ? AND expires_at < ?"
        " THEN 1 ELSE 0 END) FROM code GROUP BY pool, journey",
        (begin, end, begin, end, begin, end, begin, min(end, now)),
    )
    for pool, journey, *counts in given:
        taken, used, back, expired = map(int, counts)
        found[CodeOrigin(pool, journey)] = CodeSums(taken, used, back, expired)
    shown = rows(
        conn,
        "SELECT pool, journey, verdict, currency, count(*), count(amount), sum(amount) FROM"
        " (SELECT u.pool, u.verdict, u.currency, u.amount, (SELECT c.journey FROM code c"
        " WHERE c.value = u.value AND c.customer = u.customer ORDER BY c.taken_at DESC LIMIT 1) AS journey"
        " FROM code_use u WHERE u.at >= ? AND u.at < ?) AS s GROUP BY pool, journey, verdict, currency",
        (begin, end),
    )
    for pool, journey, verdict, told, times, priced, money in shown:
        one = found.setdefault(CodeOrigin(pool, journey or ""), CodeSums())
        if verdict == Verdict.USED.value:
            one.orders += int(times)
            if told == currency:
                one.priced += int(priced)
                one.money += int(money or 0)
            elif told and priced:
                one.others[told] = PeriodSum(int(priced), int(money))
        else:
            one.refused[verdict] = one.refused.get(verdict, 0) + int(times)
    return found
