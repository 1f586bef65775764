"""Which tier a customer is in: reached at once, and left by nobody earlier than `keep` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactRule
from engine.core.points.rules import TierRules
from engine.values import DAY, Duration, Instant, Money, minus, plus, zone


class TierStanding(NamedTuple):
    """The tier now, since when, and when time alone may take it."""

    tier: str
    since: Instant | None
    next_look: Instant | None = None


def stand(
    rules: TierRules,
    before: TierStanding,
    facts: Facts,
    earned: Iterable[tuple[Instant, int]],
    computed: Mapping[str, FactRule],
    timezone: str,
    now: Instant,
) -> TierStanding:
    """The tier that follows. `earned`: the points, each with its moment; `computed`: the facts by name;
    `timezone`: of the shop."""
    points = sorted(earned)
    reached = rules.tier_of(_value(rules, facts, points, computed, timezone, now)) or ""
    kept_until = Instant(0)
    if before.since is not None and rules.keep is not None:
        kept_until = plus(before.since, rules.keep, zone(timezone))
    if rules.rank(reached) == rules.rank(before.tier):
        standing = TierStanding(before.tier or reached, before.since)
    elif rules.rank(reached) > rules.rank(before.tier) or now >= kept_until:
        standing = TierStanding(reached, now)
        kept_until = plus(now, rules.keep, zone(timezone)) if rules.keep is not None else Instant(0)
    else:
        standing = TierStanding(before.tier, before.since)
    return standing._replace(
        next_look=_next_look(rules, standing.tier, kept_until, facts, points, computed, timezone, now)
    )


def _next_look(
    rules: TierRules,
    tier: str,
    kept_until: Instant,
    facts: Facts,
    points: list[tuple[Instant, int]],
    computed: Mapping[str, FactRule],
    timezone: str,
    now: Instant,
) -> Instant | None:
    """When the tier may be lost though nothing happens; None: never by time alone."""
    rank = rules.rank(tier)
    if rank <= 0 and (rank < 0 or rules.into[0][1] <= 0):
        return None
    least = rules.into[rank][1]
    if _value(rules, facts, points, computed, timezone, now) < least:
        return max(kept_until, Instant(now + 1))
    rule = computed.get(rules.fact) if rules.fact is not None else None
    if rule is not None:
        # A fact over a stretch of time is counted when it is asked for: once a day is often enough.
        return max(kept_until, Instant(now + DAY)) if rule.last is not None else None
    if rules.fact is not None or rules.last is None:
        return None
    left = sum(number for at, number in points if at > _edge(rules.last, timezone, now))
    for at, number in points:
        if at > _edge(rules.last, timezone, now):
            left -= number
            if left < least:
                return max(kept_until, Instant(plus(at, rules.last, zone(timezone)) + 1))
    return None


def _value(
    rules: TierRules,
    facts: Facts,
    points: list[tuple[Instant, int]],
    computed: Mapping[str, FactRule],
    timezone: str,
    now: Instant,
) -> Decimal:
    if rules.fact is None:
        edge = _edge(rules.last, timezone, now) if rules.last is not None else Instant(-1)
        return Decimal(sum(number for at, number in points if at > edge))
    rule = computed.get(rules.fact)
    is_windowed = rule is not None and rule.last is not None
    value = (
        windowed_value(rule, facts, now) if rule is not None and is_windowed else facts.values.get(rules.fact)
    )
    if isinstance(value, Money):
        return value.amount
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else Decimal(0)


def _edge(last: Duration, timezone: str, now: Instant) -> Instant:
    return minus(now, last, zone(timezone))
