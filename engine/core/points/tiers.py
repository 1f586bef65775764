"""Which tier a customer is in: reached at once, and left by nobody earlier than `keep` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactRule
from engine.core.points.ledger import DatedPoints
from engine.core.points.rules import TierRules
from engine.values import DAY, Duration, Instant, Money, minus, plus, zone


class TierStanding(NamedTuple):
    """The tier now, since when, and when time alone may take it."""

    tier: str
    since: Instant | None
    next_look: Instant | None = None


@dataclass(frozen=True, slots=True)
class TierCount:
    """What the tier of a customer is counted from. `computed`: facts by name; `timezone`: of the shop;
    `earned`: points, whatever became of them, without what was taken back."""

    rules: TierRules
    facts: Facts
    computed: Mapping[str, FactRule]
    timezone: str
    earned: Sequence[DatedPoints]

    def stand(self, before: TierStanding, now: Instant) -> TierStanding:
        """The tier that follows."""
        rules, value = self.rules, self._value(now)
        reached = rules.tier_of(value) or ""
        kept_until = self._kept_until(before.since)
        if rules.rank(reached) == rules.rank(before.tier):
            standing = TierStanding(before.tier or reached, before.since)
        elif rules.rank(reached) > rules.rank(before.tier) or now >= kept_until:
            standing = TierStanding(reached, now)
            kept_until = self._kept_until(now)
        else:
            standing = TierStanding(before.tier, before.since)
        lost_at = self._lost_at(rules.rank(standing.tier), value, now)
        return standing._replace(next_look=max(kept_until, lost_at) if lost_at is not None else None)

    def _kept_until(self, since: Instant | None) -> Instant:
        if since is None or self.rules.keep is None:
            return Instant(0)
        return plus(since, self.rules.keep, zone(self.timezone))

    def _lost_at(self, rank: int, value: Decimal, now: Instant) -> Instant | None:
        """When the count may be too small for a tier though nothing happens; None: never by time alone."""
        rules = self.rules
        if rank <= 0 and (rank < 0 or rules.into[0].least <= 0):
            return None
        least = rules.into[rank].least
        if value < least:
            return Instant(now + 1)
        if rules.fact is not None:
            # A fact over a stretch of time is counted when it is asked for: once a day is often enough.
            rule = self.computed.get(rules.fact)
            return Instant(now + DAY) if rule is not None and rule.last is not None else None
        if rules.last is not None:
            for at, points in sorted(self._earned_in(rules.last, now)):
                value -= points
                if value < least:
                    return Instant(plus(at, rules.last, zone(self.timezone)) + 1)
        return None

    def _value(self, now: Instant) -> Decimal:
        rules = self.rules
        if rules.fact is None:
            earned = self._earned_in(rules.last, now) if rules.last is not None else self.earned
            return Decimal(sum(points for _, points in earned))
        rule, value = self.computed.get(rules.fact), self.facts.values.get(rules.fact)
        if rule is not None and rule.last is not None:
            value = windowed_value(rule, self.facts, now)
        if isinstance(value, Money):
            return value.amount
        return (
            Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else Decimal(0)
        )

    def _earned_in(self, last: Duration, now: Instant) -> list[DatedPoints]:
        edge = minus(now, last, zone(self.timezone))
        return [dated for dated in self.earned if dated.at > edge]
