"""What a change does to how many start, to messages and to cost, for each day, from recorded events that were
played with both versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.reasons import SkipReason
from engine.simulate.replay.comparison import (
    ComparedCount,
    JourneyComparison,
    PlayedInside,
    ReplayComparison,
    SegmentComparison,
)
from engine.simulate.replay.competition import CapCompetition


@dataclass(frozen=True, slots=True)
class DailyCount:
    """So many on a day, on average, with either version. `margin`: with a sample, how far the difference may
    be off, in 95 of 100 samples; None: everybody was played."""

    before: float
    after: float
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class DailyCost:
    """The price of a day's messages with either version, in the currency of the project."""

    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class JourneyTraffic:
    """One journey for which anything differs. `enter`: customers who come into it with the second version
    alone; `enter_no_more`: with the first alone. `messages`: by channel; `capped`: those that find no place
    under a cap."""

    journey: str
    starts: DailyCount
    enter: int
    enter_no_more: int
    messages: dict[str, DailyCount]
    capped: DailyCount
    cost: DailyCost

    @property
    def sent(self) -> DailyCount:
        """On all channels."""
        return _sum(self.messages.values())


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counted over `days` days (`first_at` to `last_at`, ISO 8601 in UTC) and so many customers, of whom one
    in `one_in` was played; to `changed` of them something happens differently. `journeys`: those for which
    anything differs, first those that the change is `about`; `messages` (by channel) and `cost`: of all
    journeys together. `competition`: of those that the change is about. `learned`: facts that go by what all
    customers do, and here by those of the sample alone. `segments`: those that become other ones; `inside`:
    people who are inside at the end, where the store itself is not asked."""

    days: int
    first_at: str | None
    last_at: str | None
    customers: int
    one_in: int
    changed: int
    about: tuple[str, ...]
    journeys: tuple[JourneyTraffic, ...]
    messages: dict[str, DailyCount]
    cost: DailyCost
    competition: tuple[CapCompetition, ...]
    learned: tuple[str, ...] = ()
    segments: tuple[SegmentComparison, ...] = ()
    inside: tuple[PlayedInside, ...] = ()

    @property
    def jumps(self) -> tuple[JourneyTraffic, ...]:
        """Journeys that send at least twice or at most half as much as before: looked at first."""
        return tuple(each for each in self.journeys if _is_jump(each.sent))


def traffic(comparison: ReplayComparison, about: Collection[str]) -> Traffic:
    """The same for each day. `about`: the journeys that the change is about."""
    days = comparison.days
    compared = about_first(comparison, about)
    every = [_journey(each, days) for each in compared]
    channels = dict.fromkeys(channel for each in every for channel in each.messages)
    return Traffic(
        days=days, first_at=comparison.first_at, last_at=comparison.last_at,
        customers=comparison.customers, one_in=comparison.one_in, changed=comparison.changed,
        about=tuple(about),
        journeys=tuple(each for each, whole in zip(every, compared, strict=True) if not whole.is_same),
        messages={
            channel: _sum(each.messages[channel] for each in every if channel in each.messages)
            for channel in sorted(channels)
        },
        cost=DailyCost(
            _cost((each.cost_before for each in compared), days),
            _cost((each.cost_after for each in compared), days),
        ),
        competition=tuple(comparison.competition),
        learned=tuple(comparison.learned),
        segments=tuple(comparison.segments),
        inside=tuple(comparison.inside),
    )  # fmt: skip


def about_first(comparison: ReplayComparison, about: Collection[str]) -> list[JourneyComparison]:
    """All journeys, first those that the change is about; what happens to others comes of it."""
    return sorted(comparison.journeys, key=lambda each: each.journey not in about)


def _journey(journey: JourneyComparison, days: int) -> JourneyTraffic:
    by_channel: dict[str, list[ComparedCount]] = {}
    for each in journey.messages:
        by_channel.setdefault(each.channel, []).append(each.messages)
    capped = journey.skipped.get(SkipReason.CAPPED)
    return JourneyTraffic(
        journey=journey.journey,
        starts=_daily([journey.starts], days),
        enter=journey.enter,
        enter_no_more=journey.enter_no_more,
        messages={channel: _daily(counts, days) for channel, counts in sorted(by_channel.items())},
        capped=_daily([capped] if capped is not None else [], days),
        cost=DailyCost(_cost([journey.cost_before], days), _cost([journey.cost_after], days)),
    )


def _daily(counts: Sequence[ComparedCount], days: int) -> DailyCount:
    """Margins are added: who gets less of one message may get more of another, so that is the most."""
    margins = [each.margin for each in counts if each.margin is not None]
    return DailyCount(
        round(sum(each.before for each in counts) / days, 2),
        round(sum(each.after for each in counts) / days, 2),
        round(sum(margins) / days, 2) if margins else None,
    )


def _sum(counts: Iterable[DailyCount]) -> DailyCount:
    found = list(counts)
    margins = [each.margin for each in found if each.margin is not None]
    return DailyCount(
        round(sum(each.before for each in found), 2), round(sum(each.after for each in found), 2),
        round(sum(margins), 2) if margins else None,
    )  # fmt: skip


def _cost(totals: Iterable[str], days: int) -> Decimal:
    """Rounded once, behind what one mail a month costs: sums of rounded ones lose small differences."""
    return round(sum(map(Decimal, totals), Decimal()) / days, 6)


def _is_jump(sent: DailyCount) -> bool:
    low, high = sorted((sent.before, sent.after))
    return high >= 2 * low and high - low >= 1 + (sent.margin or 0)
