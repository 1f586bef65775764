"""What was learned from reactions: of everybody, once a night; of one customer, with every message and
reaction; and what follows from it, the hour of a customer and the order of channels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import add

from msgspec import Struct

from engine.core.facts.rule import TypicalGaps
from engine.core.policy import Quiet
from engine.values import DAY, HOUR, MINUTE, Duration, Instant

HOURS = 24

LEAST = 50
"""So many reactions make an interval, or the hours of everybody."""

SHORTEST, LONGEST = 30 * MINUTE, 3 * DAY
"""An interval that is learned lies between these."""

FALLBACK = Duration(elapsed=4 * HOUR)
"""The interval of `auto` as long as too little is known and the file does not say another."""


class Interval(Struct, frozen=True, array_like=True):
    """How fast people react to a template on a channel."""

    minutes: int  # after so many 90 % of the reactions that came had come
    seen: int  # reactions that it was learned from

    @property
    def length(self) -> Duration:
        """Inside the bounds: a cascade neither hurries nor waits for ever because of what a few people
        did."""
        return Duration(elapsed=min(max(self.minutes * MINUTE, SHORTEST), LONGEST))


class ReactionRate(Struct, frozen=True, array_like=True):
    """How many people react."""

    sent: int = 0  # messages that were handed over and not returned
    reacted: int = 0  # those of them that somebody clicked or replied to


@dataclass(frozen=True, slots=True)
class Learned:
    """What everybody's reactions say."""

    # by (template, channel, what was waited for: `clicked`, `opened` or an event)
    intervals: Mapping[tuple[str, str, str], Interval] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], ReactionRate] = field(default_factory=dict)  # by (template, channel)
    hours: tuple[int, ...] = ()  # reactions by hour of the customers' local day: 24 numbers or none
    at: Instant = Instant(0)  # when it was learned
    gaps: Mapping[str, TypicalGaps] = field(default_factory=dict)  # by `next` fact
    by_channel: Mapping[str, ReactionRate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Adds up the templates of every channel."""
        by_channel: dict[str, ReactionRate] = {}
        for (_, channel), rate in self.rates.items():
            total = by_channel.get(channel, ReactionRate())
            by_channel[channel] = ReactionRate(total.sent + rate.sent, total.reacted + rate.reacted)
        object.__setattr__(self, "by_channel", by_channel)

    def interval(self, template: str, channel: str, until: str) -> Interval | None:
        """The interval, if enough reactions were seen."""
        interval = self.intervals.get((template, channel, until))
        return interval if interval is not None and interval.seen >= LEAST else None


class EngagementStats(Struct, frozen=True):
    """What one customer did."""

    channels: Mapping[str, Sequence[int]] = {}  # by channel: sent, reacted
    hours: Sequence[int] = ()  # reactions by hour of their local day: 24 numbers or none

    def with_sent(self, channel: str, more: int = 1) -> EngagementStats:
        """One more message on a channel, or one less that turned out never to have arrived."""
        sent, reacted = self.channels.get(channel, (0, 0))
        # Never below none: a message that was handed over before these were counted may be taken away.
        return EngagementStats({**self.channels, channel: (max(sent + more, 0), reacted)}, self.hours)

    def with_reaction(self, channel: str | None, hour: int | None) -> EngagementStats:
        """A reaction; `channel` None: it does not count for one (an opening); `hour` None: it has been
        counted."""
        channels, hours = self.channels, self.hours
        if channel is not None:
            sent, reacted = channels.get(channel, (0, 0))
            channels = {**channels, channel: (sent, reacted + 1)}
        if hour is not None:
            counts = list(hours) or [0] * HOURS
            counts[hour] += 1
            hours = tuple(counts)
        return EngagementStats(channels, hours)

    def united(self, other: EngagementStats) -> EngagementStats:
        """Those of two customers who turned out to be one."""
        channels = dict(self.channels)
        for channel, (sent, reacted) in other.channels.items():
            own_sent, own_reacted = channels.get(channel, (0, 0))
            channels[channel] = (own_sent + sent, own_reacted + reacted)
        if not self.hours or not other.hours:
            return EngagementStats(channels, self.hours or other.hours)
        return EngagementStats(channels, tuple(map(add, self.hours, other.hours)))


NO_ENGAGEMENT = EngagementStats()


LEAST_OWN = 5
"""So many reactions of one customer make their own hour."""

OTHERWISE = 10
"""The hour of a customer of whom nothing is known, in a shop of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Hour:
    """The time that was found, and why, in words."""

    time: dt.time
    why: str


def their_hour(engagement: EngagementStats, learned: Learned, quiet: Quiet | None) -> Hour:
    """The fullest hour of the customer's own reactions, else of everybody's, else 10:00. One that is quiet
    gives way to the nearest that is not, of two as near the later."""
    if sum(engagement.hours) >= LEAST_OWN:
        wanted = _fullest(engagement.hours)
        why = _around(engagement.hours, wanted, "reactions")
    elif sum(learned.hours) >= LEAST:
        wanted = _fullest(learned.hours)
        own = sum(engagement.hours)
        too_few = f"; too few of their own: {own}" if own else ""
        why = _around(learned.hours, wanted, "reactions of all customers") + too_few
    else:
        wanted, why = OTHERWISE, "too few reactions are known yet"
    hour = wanted
    if quiet is not None:
        by_distance = ((wanted + away * sign) % HOURS for away in range(HOURS // 2 + 1) for sign in (1, -1))
        # Where it is always quiet the hour stays: the rule of quiet hours holds the message back anyway.
        hour = next((hour for hour in by_distance if not quiet.covers(dt.time(hour))), wanted)
    if hour != wanted:
        why = f"{wanted:02}:00 is quiet; {why}"
    return Hour(dt.time(hour), why)


def _fullest(hours: Sequence[int]) -> int:
    """Each hour counts with its neighbours (1, 2, 1), so that a habit around the full hour is not cut in
    two; of equal ones the earliest."""

    def weight(hour: int) -> int:
        return hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % HOURS]

    return max(range(HOURS), key=lambda hour: (weight(hour), -hour))


def _around(hours: Sequence[int], hour: int, what: str) -> str:
    """`7 of 12 reactions between 18:00 and 21:00`: the hour with the neighbours that it was chosen with."""
    around = hours[hour - 1] + hours[hour] + hours[(hour + 1) % HOURS]
    begin, end = (hour - 1) % HOURS, (hour + 2) % HOURS
    return f"{around} of {sum(hours)} {what} between {begin:02}:00 and {end:02}:00"


FIRST_GUESS = 0.02
"""The share of people who react on a channel of which nothing is known."""

WEIGHT_OF_CHANNEL, WEIGHT_OF_ALL, WEIGHT_OF_GUESS = 100, 20, 50
"""How many messages of its own outweigh: a template the rate of its channel, a customer that of everybody, a
channel the first guess."""


def likelihood(learned: Learned, engagement: EngagementStats, template: str, channel: str) -> float:
    """The probability, 0 to 1, that this customer reacts: their own rate, drawn towards everybody's for
    this template on this channel, which is drawn towards that of the channel, which is drawn towards a
    first guess."""
    on_channel = _drawn(learned.by_channel.get(channel, ReactionRate()), FIRST_GUESS, WEIGHT_OF_GUESS)
    of_template = _drawn(
        learned.rates.get((template, channel), ReactionRate()), on_channel, WEIGHT_OF_CHANNEL
    )
    sent, reacted = engagement.channels.get(channel, (0, 0))
    return _drawn(ReactionRate(sent, reacted), of_template, WEIGHT_OF_ALL)


def channel_order(
    channels: Sequence[str],
    template: str,
    prices: Mapping[str, Decimal],
    learned: Learned,
    engagement: EngagementStats,
) -> tuple[str, ...]:
    """The cheapest expected reaction first; channels that cost nothing stand before all others, the likeliest
    first. Of two that are equal, the one that stands first in config.yaml: the order of `channels`."""

    def cost(channel: str) -> tuple[bool, float]:
        price, likely = prices.get(channel, Decimal(0)), likelihood(learned, engagement, template, channel)
        return (True, float(price) / likely) if price else (False, -likely)

    return tuple(sorted(channels, key=cost))


def explanation(
    channels: Sequence[str],
    template: str,
    prices: Mapping[str, Decimal],
    learned: Learned,
    engagement: EngagementStats,
    currency: str,
) -> str:
    """The reason of an order in words: `email: 0.0004 EUR / 3.1 % = 0.0129 EUR per reaction, then sms:
    ...`."""
    phrases = []
    for channel in channels:
        price, likely = prices.get(channel, Decimal(0)), likelihood(learned, engagement, template, channel)
        share = f"{likely * 100:.1f} %" if likely >= 0.001 else f"{likely * 100:.2g} %"
        if price:
            per_reaction = f"{float(price) / likely:.4f}".rstrip("0").rstrip(".")
            quotient = f"{price.normalize():f} {currency} / {share} = {per_reaction} {currency}"
            phrases.append(f"{channel}: {quotient} per reaction")
        else:
            phrases.append(f"{channel}: free, {share} react")
    return ", then ".join(phrases)


def _drawn(own: ReactionRate, towards: float, weight: int) -> float:
    """Shrinkage: the fewer messages of its own, the closer a rate stays to the one that is known better."""
    # At most 1: a reply and then a click on the same message are two reactions.
    return min((own.reacted + weight * towards) / (own.sent + weight), 1.0)
