"""What was learned from reactions: of everybody, once a night; and of one customer, with every message and reaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import add

from msgspec import Struct

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
