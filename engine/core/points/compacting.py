"""A ledger does not grow for ever: of somebody with very many lines the older half is settled for good."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from engine.core.points.ledger import (
    SETTLED,
    Booking,
    DatedPoints,
    EarnedPoints,
    EarnOffer,
    Ledger,
    SpentPoints,
)
from engine.core.points.settling import PointsLot, SettledLedger, settle, takers_of
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
    older: set[str] = set()
    newer: set[str] = set()
    for cause, takers in takers_of(ledger).items():
        (older if ledger.earned[cause].at <= until else newer).update(taker.cause for taker in takers)
    # What takes back points of the older half alone is settled with them.
    settles = {
        cause: replace(line, at=min(line.at, until))
        for cause, line in ledger.back.items()
        if cause not in newer and (line.at <= until or cause in older)
    }
    past = Ledger(
        {cause: line for cause, line in ledger.earned.items() if line.at <= until},
        settles,
        {cause: line for cause, line in ledger.spent.items() if line.at <= until},
        used_before=ledger.used_before,
    )
    played = settle(past, until)
    earned = {cause: line for cause, line in ledger.earned.items() if line.at > until}
    earned |= _carried(played.left, until)
    back = {cause: line for cause, line in ledger.back.items() if cause not in settles}
    spent = {cause: line for cause, line in ledger.spent.items() if line.at > until}
    if played.owed:
        cause = f"{SETTLED}{until}"
        spent[cause] = SpentPoints(cause, until, "points that were owed", played.owed, firm=True)
    # Those without a period count for ever, the others as long as lines of their period are there.
    counted = {offer.place for line in earned.values() for offer in line.offers}
    used = {place: times for place, times in played.used.items() if place.endswith(" ") or place in counted}
    fewer = replace(
        ledger, earned=earned, back=back, spent=spent, closed_until=until, used_before=used,
        earned_before=_by_day(ledger, [dated for dated in settled.earned if dated.at <= until], now),
    )  # fmt: skip
    # What takes back points of the older half is owed from now on, as it came to.
    after = settle(fewer, now)
    for cause, line in tuple(back.items()):
        if missing := after.worth.get(cause, 0) - settled.worth.get(cause, 0):
            spent[cause] = SpentPoints(cause, line.at, line.about, missing, firm=True)
            del back[cause]
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


def _carried(left: Iterable[PointsLot], until: Instant) -> dict[str, EarnedPoints]:
    """What is left of the older half: one line for all points that can be spent from and until the same
    moment."""
    points: defaultdict[tuple[Instant, Instant | None, str], int] = defaultdict(int)
    for lot in left:
        points[max(lot.line.ready_at, until), lot.line.gone_at, lot.line.last_day] += lot.points
    lines = (
        EarnedPoints(
            f"{SETTLED}{until} {ready_at} {last_day}", until, "settled", (EarnOffer("", "", number),),
            ready_at, gone_at, last_day,
        )
        for (ready_at, gone_at, last_day), number in points.items()
    )  # fmt: skip
    return {line.cause: line for line in lines}


def _by_day(ledger: Ledger, earned: Iterable[DatedPoints], now: Instant) -> dict[str, int]:
    oldest = local_date(Instant(max(now - KEPT_DAYS * DAY, 0)), UTC).isoformat()
    days: dict[str, int] = {}
    dated = ((local_date(at, UTC).isoformat(), points) for at, points in earned)
    for day, points in (*ledger.earned_before.items(), *dated):
        kept = day if day >= oldest else f"{day[:7]}-01"
        days[kept] = days.get(kept, 0) + points
    return days
