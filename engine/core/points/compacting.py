"""A ledger does not grow for ever: of somebody with very many lines the older half is settled for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from msgspec.structs import replace

from engine.core.points.ledger import (
    SETTLED,
    Booking,
    DatedPoints,
    EarnOffer,
    Ledger,
    SpentPoints,
)
from engine.core.points.settling import SettledLedger, settle
from engine.values import DAY, UTC, Instant, at_local, local_date

MOST_LINES = 1_000
"""Lines of one customer that can still be taken back, and of which late ones are taken."""

KEPT_DAYS = 1_100
"""What was earned earlier is kept by month: tiers count by the year or two, or all there ever was."""


def compacted(ledger: Ledger, settled: SettledLedger, now: Instant, most: int = MOST_LINES) -> Ledger:
    """The same balance from fewer lines, once there are more than `most`. `settled`: what they come to
    now."""
    if ledger.lines <= most:
        return ledger
    moments = sorted(
        line.at for lines in (ledger.earned, ledger.back, ledger.spent) for line in lines.values()
    )
    until = moments[len(moments) // 2]
    past = Ledger(
        {cause: line for cause, line in ledger.earned.items() if line.at <= until},
        {cause: line for cause, line in ledger.back.items() if line.at <= until},
        {cause: line for cause, line in ledger.spent.items() if line.at <= until},
        used_before=ledger.used_before,
    )
    played = settle(past, until)
    earned = {cause: line for cause, line in ledger.earned.items() if line.at > until}
    for lot in played.left:
        offer = EarnOffer("", lot.line.offers[0].words, lot.points)
        earned[lot.line.cause] = replace(lot.line, offers=(offer,), keys={})
    back = {cause: line for cause, line in ledger.back.items() if line.at > until}
    spent = {cause: line for cause, line in ledger.spent.items() if line.at > until}
    if played.owed:
        cause = f"{SETTLED}{until}"
        spent[cause] = SpentPoints(cause, until, "points that were owed", played.owed, firm=True)
    # Those without a period count for ever, the others as long as lines of their period are there.
    counted = {offer.place for line in earned.values() for offer in line.offers}
    used = {place: times for place, times in played.used.items() if place.endswith(" ") or place in counted}
    fewer = replace(
        ledger, earned=earned, back=back, spent=spent, closed_until=until, used_before=used,
        earned_before=_by_day(ledger, played, now),
    )  # fmt: skip
    # What takes back points of the older half is owed from now on, as it came to.
    after = settle(fewer, now)
    for cause, line in back.items():
        if missing := after.worth.get(cause, 0) - settled.worth.get(cause, 0):
            spent[cause] = SpentPoints(cause, line.at, line.about, missing, firm=True)
            del fewer.back[cause]
    after = settle(fewer, now)
    if (after.available, after.pending) != (settled.available, settled.pending):
        return ledger
    booked = {
        cause: Booking(points, ledger.booked[cause].parts if cause in ledger.booked else 0)
        for cause, points in after.worth.items()
        if points
    }
    return replace(fewer, booked=booked)


def earned_before(ledger: Ledger) -> Iterator[DatedPoints]:
    """The points of the lines that were settled, by day."""
    for day, points in ledger.earned_before.items():
        yield DatedPoints(at_local(dt.date.fromisoformat(day), dt.time.min, UTC), points)


def _by_day(ledger: Ledger, played: SettledLedger, now: Instant) -> dict[str, int]:
    oldest = local_date(Instant(max(now - KEPT_DAYS * DAY, 0)), UTC).isoformat()
    days: dict[str, int] = {}
    earned = [(local_date(at, UTC).isoformat(), points) for at, points in played.earned]
    # What is left of them stays in the ledger and is counted there.
    left = [(local_date(lot.line.at, UTC).isoformat(), -lot.points) for lot in played.left]
    for day, points in (*ledger.earned_before.items(), *earned, *left):
        kept = day if day >= oldest else f"{day[:7]}-01"
        days[kept] = days.get(kept, 0) + points
    return days
