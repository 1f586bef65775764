"""What `points:` and `tiers:` of config.yaml say, compiled: for what points are given, how long they are
good, and which tier somebody reaches by them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from engine.core.facts.fields import field_values
from engine.core.facts.rule import CounterEvent
from engine.core.journey import Question
from engine.values import Duration, Instant, Money, Value, at_local, local_date, plus, zone

POINTS, PENDING, EXPIRING, EXPIRE_ON, TIER = (
    "points", "points_pending", "points_expiring", "points_expire_on", "tier",
)  # fmt: skip
"""The facts that the ledger computes."""

Period: TypeAlias = Literal["ever", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class PointsYield:
    """How many points a line gives: a fixed number, or so many for each whole `unit` of a field. `currency`:
    "" where the field is a number."""

    points: int
    field: str | None = None
    unit: Decimal = Decimal(1)
    currency: str = ""

    def amount(self, fields: Mapping[str, Value]) -> Decimal:
        """What the field comes to, over all items; amounts of another currency are left out."""
        total = Decimal(0)
        for value in field_values(fields, self.field) if self.field is not None else ():
            if isinstance(value, Money):
                total += value.amount if value.currency == self.currency else 0
            elif isinstance(value, int | Decimal) and not isinstance(value, bool) and not self.currency:
                total += value
        return total


@dataclass(frozen=True, slots=True)
class EarnLimit:
    """`once: ever` and `at_most: 5 a month`: so often by the shop's calendar."""

    times: int
    per: Period

    def period(self, day: dt.date) -> str:
        """The stretch of time that a day belongs to, as text."""
        match self.per:
            case "ever":
                return ""
            case "day":
                return day.isoformat()
            case "week":
                year, week, _ = day.isocalendar()
                return f"{year}-W{week:02}"
            case "month":
                return f"{day:%Y-%m}"
            case "year":
                return f"{day:%Y}"


@dataclass(frozen=True, slots=True)
class EarnLine:
    """One line of `earn`. `key`: the same as long as the line asks for the same, however many points it
    gives. `words`: the line as people read it. `also`: it counts beside the first line that fits."""

    event: str
    gives: PointsYield
    key: str
    words: str
    also: bool = False
    limit: EarnLimit | None = None
    where: Question | None = None
    who: Question | None = None


@dataclass(frozen=True, slots=True)
class PointsExpiry:
    """When points end: so long after they were earned, or with the year that is so many behind it."""

    after: Duration | None = None
    years: int = 0

    def last_day(self, earned: Instant, timezone: str) -> dt.date:
        """The last day, by the shop's calendar, on which the points can be spent."""
        tz = zone(timezone)
        if self.after is None:
            return dt.date(local_date(earned, tz).year + self.years, 12, 31)
        return local_date(plus(earned, self.after, tz), tz)


class SpendingEvent(NamedTuple):
    """`points_redeemed.points`: an event that spends points, and its field that says how many."""

    event: str
    field: str


@dataclass(frozen=True, slots=True)
class PointsRules:
    """`points:`. `zone`: whose calendar counts. `worth`: of one point, for the figures."""

    earn: tuple[EarnLine, ...]
    zone: str = "UTC"
    pending: Duration | None = None
    less: tuple[CounterEvent, ...] = ()
    spent_by: tuple[SpendingEvent, ...] = ()
    expire: PointsExpiry | None = None
    warn: Duration | None = None
    worth: Money | None = None

    def end_of(self, day: dt.date) -> Instant:
        """The first moment at which points of this last day are gone."""
        return at_local(day + dt.timedelta(days=1), dt.time.min, zone(self.zone))

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields by which something can be taken back."""
        return tuple(dict.fromkeys(counter.key for counter in self.less))


class Tier(NamedTuple):
    """A tier, and the least that it takes."""

    name: str
    least: Decimal


@dataclass(frozen=True, slots=True)
class TierRules:
    """`tiers:`. `into`: from the lowest to the highest. `fact`: what is compared; None: points earned, all of
    them or those of the `last` stretch. `keep`: nobody falls earlier."""

    into: tuple[Tier, ...]
    fact: str | None = None
    last: Duration | None = None
    keep: Duration | None = None

    def tier_of(self, value: Decimal) -> str | None:
        """The highest tier that a value is enough for; None: for none."""
        reached = [name for name, least in self.into if value >= least]
        return reached[-1] if reached else None

    def rank(self, tier: str | None) -> int:
        """The place of a tier; -1 for none, and for one that the shop no longer has."""
        return next((place for place, (name, _) in enumerate(self.into) if name == tier), -1)


@dataclass(frozen=True, slots=True)
class LoyaltyRules:
    """Points and tiers of a shop; one of the two may be missing."""

    points: PointsRules | None = None
    tiers: TierRules | None = None

    @property
    def events(self) -> frozenset[str]:
        """The events that change the ledger."""
        if self.points is None:
            return frozenset()
        return frozenset((
            *(line.event for line in self.points.earn),
            *(counter.event for counter in self.points.less),
            *(event for event, _ in self.points.spent_by),
        ))  # fmt: skip

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of what they compute."""
        names = (POINTS, PENDING, EXPIRING, EXPIRE_ON) if self.points is not None else ()
        return (*names, TIER) if self.tiers is not None else names

    @property
    def fingerprint(self) -> str:
        """The same text as long as what is known of customers follows from the tables in the same way.
        Lines keep what they were earned with, so that what they give does not belong to it."""
        points = (self.points.zone, self.points.warn) if self.points is not None else None
        return hashlib.sha256(repr((points, self.tiers)).encode()).hexdigest()[:16]

    def first_values(self) -> dict[str, Value]:
        """What a customer has of whom nothing happened."""
        values: dict[str, Value] = {}
        if self.points is not None:
            values |= {POINTS: 0, PENDING: 0, EXPIRING: 0}
        if self.tiers is not None and (lowest := self.tiers.tier_of(Decimal(0))) is not None:
            values[TIER] = lowest
        return values
