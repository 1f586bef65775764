"""What `show` tells of the points of a customer: what they come to, and every entry of the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.loyalty import values_of
from engine.core.points.entering import ledger_of
from engine.core.points.rules import EXPIRE_ON, TIER
from engine.core.points.settling import settle
from engine.runtime.known_customer import KnownCustomer
from engine.store.incentives import points
from engine.store.incentives.points import PointsEntry
from engine.store.meta import bucket_of
from engine.values import iso


@dataclass(frozen=True, slots=True)
class PointsLine:
    """One entry. `at`: of what happened, `entered_at`: when the engine knew; ISO 8601 in UTC."""

    at: str
    entered_at: str
    kind: str
    points: int
    about: str
    words: str
    cause: str

    @classmethod
    def of(cls, entry: PointsEntry) -> PointsLine:
        """An entry as it is shown."""
        at, entered = iso(entry.at), iso(entry.entered_at)
        return cls(at, entered, entry.kind, entry.points, entry.about, entry.words, entry.cause)

    def in_words(self) -> str:
        """`earned by order_placed (order_placed: 1 for each 1 EUR of total)`."""
        match self.kind:
            case "earned" | "taken back":
                text = f"{self.kind} by {self.about}"
            case "given":
                text = f"given by {self.about}"
            case "opening":
                text = "were there when the ledger began"
            case "spent":
                text = f"spent: {self.about}"
            case "expired":
                text = f"ended with {self.about}"
            case _:
                text = self.kind
        return f"{text} ({self.words})" if self.words else text


@dataclass(frozen=True, slots=True)
class PointsReport:
    """The ledger of a customer. `below_zero`: why the balance is, if it is."""

    points: int
    pending: int
    expiring: int
    expire_on: str | None
    tier: str | None
    tier_since: str | None
    below_zero: str | None
    entries: tuple[PointsLine, ...]

    def in_words(self) -> str:
        """`820 to spend, 39 pending, 150 end on 2027-03-31`."""
        parts = [f"{self.points:,} to spend"]
        parts += [f"{self.pending:,} pending"] if self.pending else []
        parts += [f"{self.expiring:,} end on {self.expire_on}"] if self.expire_on else []
        return ", ".join(parts)


def report(conn: Connection, person: KnownCustomer) -> PointsReport | None:
    """The ledger with its latest entries; None where there is nothing in it."""
    rules = person.journeys.loyalty
    if rules is None:
        return None
    facts = person.state.facts
    ledger = ledger_of(facts, rules.points)
    entries = points.of_customer(conn, bucket_of(conn, person.id), person.id)
    if not entries and not ledger.lines:
        return None
    settled = settle(ledger, person.now)
    tier, last_day = facts.values.get(TIER), values_of(settled)[EXPIRE_ON]
    below = None
    if settled.available < 0:
        below = (
            f"{settled.owed:,} points were taken back that had been spent: what is earned next pays for them"
        )
    return PointsReport(
        settled.available,
        settled.pending,
        settled.expiring,
        str(last_day) if last_day is not None else None,
        tier if isinstance(tier, str) else None,
        iso(ledger.tier_since) if ledger.tier_since is not None else None,
        below,
        tuple(map(PointsLine.of, entries)),
    )
