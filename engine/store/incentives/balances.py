"""What a customer can spend at this moment, with what was spent and is not applied yet: whoever asks in a
transaction that is alone may rely on it until its end."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.facts.customer import Facts
from engine.core.happening import PointsSpent
from engine.core.points.entering import ledger_of, with_spending
from engine.core.points.ledger import Ledger
from engine.core.points.rules import TIER, LoyaltyRules
from engine.core.points.settling import SettledLedger, settle
from engine.store.customers.customer_codec import load_attributes, load_fact_state
from engine.store.inbox.inbox_codec import from_row
from engine.store.meta import bucket_of
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class Balance:
    """A ledger, and what it comes to now."""

    ledger: Ledger
    settled: SettledLedger
    tier: str | None

    def after(self, spent: PointsSpent, now: Instant) -> Balance:
        """With what is spent now."""
        ledger = with_spending(self.ledger, spent)
        return Balance(ledger, settle(ledger, now), self.tier)


def balance(conn: Connection, customer: str, rules: LoyaltyRules, now: Instant) -> Balance:
    """The balance of a customer, by their own id."""
    bucket = bucket_of(conn, customer)
    found = rows(
        conn,
        "SELECT CAST(attributes AS TEXT), CAST(memory AS TEXT) FROM customer WHERE bucket = ? AND id = ?",
        (bucket, customer),
    )
    facts = Facts(customer, values=rules.first_values())
    if found:
        attributes, memory = found[0]
        facts.values.update(load_attributes(attributes))
        facts.fact_state = load_fact_state(memory)
    ledger = ledger_of(facts, rules.points)
    waiting = rows(
        conn,
        "SELECT number, kind, body FROM inbox WHERE bucket = ? AND customer = ? AND kind = 'points'"
        " ORDER BY number",
        (bucket, customer),
    )
    for row in waiting:
        spent = from_row(*row)
        if isinstance(spent, PointsSpent):
            ledger = with_spending(ledger, spent)
    tier = facts.values.get(TIER)
    return Balance(ledger, settle(ledger, now), tier if isinstance(tier, str) else None)
