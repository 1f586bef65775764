"""What was learned from reactions: of everybody, once a night; of one customer, with every message and reaction; and
what follows: the hour of a customer and the order of channels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import add

from msgspec import Struct

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
    """How fast people react to a template on a channel: after `minutes` 90 % of the `seen` reactions that came had come."""

    minutes: int
    seen: int

    @property
    def length(self) -> Duration:
        """Inside the bounds."""
        return Duration(elapsed=min(max(self.minutes * MINUTE, SHORTEST), LONGEST))


class Rate(Struct, frozen=True, array_like=True):
    """Messages that were handed over and not returned, and those of them that somebody clicked or replied to."""

    sent: int = 0
    reacted: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """What everybody's reactions say. `intervals`: by (template, channel, what was waited for: `clicked`, `opened` or an
    event); `rates`: by (template, channel); `hours`: reactions by hour of the customers' local day, 24 numbers or none."""

    intervals: Mapping[tuple[str, str, str], Interval] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], Rate] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    at: Instant = Instant(0)
    by_channel: Mapping[str, Rate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Adds up the templates of every channel."""
        found: dict[str, Rate] = {}
        for (_, channel), rate in self.rates.items():
            known = found.get(channel, Rate())
            found[channel] = Rate(known.sent + rate.sent, known.reacted + rate.reacted)
        object.__setattr__(self, "by_channel", found)

    def interval(self, template: str, channel: str, until: str) -> Interval | None:
        """The interval, if enough reactions were seen."""
        known = self.intervals.get((template, channel, until))
        return known if known is not None and known.seen >= LEAST else None


class EngagementStats(Struct, frozen=True):
    """What one customer did: per channel (sent, reacted), and reactions by hour of their local day (24 numbers or none)."""

    channels: Mapping[str, Sequence[int]] = {}
    hours: Sequence[int] = ()

    def with_sent(self, channel: str, more: int = 1) -> EngagementStats:
        """One more message on a channel, or one less that turned out never to have arrived."""
        sent, reacted = self.channels.get(channel, (0, 0))
        return EngagementStats({**self.channels, channel: (max(sent + more, 0), reacted)}, self.hours)

    def with_reaction(self, channel: str | None, hour: int | None) -> EngagementStats:
        """A reaction; `channel` None: it does not count for one (an opening); `hour` None: it has been counted."""
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
            known = channels.get(channel, (0, 0))
            channels[channel] = (known[0] + sent, known[1] + reacted)
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
    """The fullest hour of the customer's own reactions, else of everybody's, else 10:00. Each hour is looked at with its
    neighbours (1, 2, 1); of equal ones the earliest. One that is quiet gives way to the nearest that is not, of two as
    near the later."""
    if sum(engagement.hours) >= LEAST_OWN:
        wanted = _fullest(engagement.hours)
        why = _spoken(engagement.hours, wanted, "reactions")
    elif sum(learned.hours) >= LEAST:
        wanted = _fullest(learned.hours)
        own = sum(engagement.hours)
        too_few = f"; too few of their own: {own}" if own else ""
        why = _spoken(learned.hours, wanted, "reactions of all customers") + too_few
    else:
        wanted, why = OTHERWISE, "too few reactions are known yet"
    found = _allowed(wanted, quiet)
    if found != wanted:
        why = f"{wanted:02}:00 is quiet; {why}"
    return Hour(dt.time(found), why)


def _fullest(hours: Sequence[int]) -> int:
    def weight(hour: int) -> int:
        return hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % HOURS]

    return max(range(HOURS), key=lambda hour: (weight(hour), -hour))


def _spoken(hours: Sequence[int], hour: int, what: str) -> str:
    around = hours[hour - 1] + hours[hour] + hours[(hour + 1) % HOURS]
    begin, end = (hour - 1) % HOURS, (hour + 2) % HOURS
    return f"{around} of {sum(hours)} {what} between {begin:02}:00 and {end:02}:00"


def _allowed(wanted: int, quiet: Quiet | None) -> int:
    if quiet is None:
        return wanted
    for away in range(HOURS // 2 + 1):
        for hour in ((wanted + away) % HOURS, (wanted - away) % HOURS):
            if not _is_quiet(dt.time(hour), quiet):
                return hour
    return wanted


def _is_quiet(time: dt.time, quiet: Quiet) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= time < quiet.end
    return time >= quiet.start or time < quiet.end


FIRST_GUESS = 0.02
"""The share of people who react on a channel of which nothing is known."""

WEIGHT_OF_CHANNEL, WEIGHT_OF_ALL, WEIGHT_OF_GUESS = 100, 20, 50
"""How many messages of its own outweigh: a template the habits of its channel, a customer those of everybody, a channel
the first guess."""


def likelihood(learned: Learned, engagement: EngagementStats, template: str, channel: str) -> float:
    """The probability, 0 to 1, that this customer reacts: their own rate, drawn towards everybody's for this template on
    this channel, which is drawn towards that of the channel, which is drawn towards a first guess (shrinkage: the fewer
    messages, the stronger)."""
    on_channel = _drawn(learned.by_channel.get(channel, Rate()), FIRST_GUESS, WEIGHT_OF_GUESS)
    of_template = _drawn(learned.rates.get((template, channel), Rate()), on_channel, WEIGHT_OF_CHANNEL)
    sent, reacted = engagement.channels.get(channel, (0, 0))
    return _drawn(Rate(sent, reacted), of_template, WEIGHT_OF_ALL)


def channel_order(
    channels: Sequence[str],
    template: str,
    prices: Mapping[str, Decimal],
    learned: Learned,
    engagement: EngagementStats,
) -> tuple[str, ...]:
    """The cheapest expected reaction first; channels that cost nothing stand before all others, the likeliest first. Of
    two that are equal, the one that stands first in config.yaml: the order of `channels`."""

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
    """The reason of an order in words: `email: 0.0004 EUR / 3.1 % = 0.0129 EUR per reaction, then sms: ...`."""
    phrases = []
    for channel in channels:
        price, likely = prices.get(channel, Decimal(0)), likelihood(learned, engagement, template, channel)
        share = f"{likely * 100:.1f} %" if likely >= 0.001 else f"{likely * 100:.2g} %"
        if price:
            each = f"{float(price) / likely:.4f}".rstrip("0").rstrip(".")
            phrases.append(
                f"{channel}: {price.normalize():f} {currency} / {share} = {each} {currency} per reaction"
            )
        else:
            phrases.append(f"{channel}: free, {share} react")
    return ", then ".join(phrases)


def _drawn(own: Rate, towards: float, weight: int) -> float:
    return min((own.reacted + weight * towards) / (own.sent + weight), 1.0)
