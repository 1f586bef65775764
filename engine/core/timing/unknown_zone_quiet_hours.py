"""Quiet hours where nobody knows in which of several time zones a customer lives: it must not be quiet in any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from engine.core.facts.customer import Facts
from engine.core.journeys import Journeys
from engine.core.policy import Quiet
from engine.core.timing.quiet_hours import quiet_end, quiet_start
from engine.values import DAY, Instant, calm_offset, zone


def plausible_zones(facts: Facts, channel: str, journeys: Journeys) -> tuple[ZoneInfo, ...]:
    """The zones whose quiet hours count for a message: the customer's own where it is known. On a channel that is reached
    by phone (it rings at night) else all those of the number, with the one of the customer's country."""
    if facts.timezone_why == "customer" or channel not in journeys.by_phone:
        return (facts.zone,)
    reach = facts.reach.get(channel)
    names = journeys.zones_of_phone(reach.address) if reach is not None and reach.address else ()
    if not names:
        return (facts.zone,)
    if facts.timezone_why == "country" and facts.timezone not in names:
        names = (*names, facts.timezone)
    return tuple(zone(name) for name in names)


def quiet_end_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant | None:
    """When it is quiet in none of the zones any more; None: it is so now. Where that does not happen within 24 hours (the
    zones lie too far apart), the first moment at which it is quiet in as few of them as ever."""
    if len(zones) == 1:
        return quiet_end(quiet, at, zones[0])
    clocks = _different(at, zones)
    if all(quiet_end(quiet, at, each) is None for each in clocks):
        return None
    moments = [at, *sorted(_ends_within_a_day(quiet, at, clocks))]
    found = min(moments, key=lambda moment: (_quiet_in(quiet, moment, clocks), moment))
    return found if found > at else None


def quiet_start_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant:
    """The next moment after `at` at which it gets quiet in one of the zones."""
    if len(zones) == 1:
        return quiet_start(quiet, at, zones[0])
    return min(quiet_start(quiet, at, each) for each in _different(at, zones))


def _different(at: Instant, zones: Sequence[ZoneInfo]) -> dict[ZoneInfo, int]:
    """One of those whose clocks show the same for more than a day, and how many it stands for; whose clock changes
    meanwhile is kept."""
    found: dict[object, tuple[ZoneInfo, int]] = {}
    for each in zones:
        offset = calm_offset(at // DAY, each)
        following = calm_offset(at // DAY + 1, each)
        key = offset if offset is not None and offset == following else each.key
        first, times = found.get(key, (each, 0))
        found[key] = (first, times + 1)
    return dict(found.values())


def _ends_within_a_day(quiet: Quiet, at: Instant, zones: Iterable[ZoneInfo]) -> set[Instant]:
    """Every end of quiet hours in the next 24 hours: it can get less quiet only there."""
    found: set[Instant] = set()
    for each in zones:
        end = quiet_end(quiet, at, each)
        if end is None:
            end = quiet_end(quiet, quiet_start(quiet, at, each), each)
        if end is not None and end - at <= DAY:
            found.add(end)
    return found


def _quiet_in(quiet: Quiet, at: Instant, clocks: Mapping[ZoneInfo, int]) -> int:
    return sum(times for each, times in clocks.items() if quiet_end(quiet, at, each) is not None)
