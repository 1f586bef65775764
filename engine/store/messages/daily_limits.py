"""How many messages each journey has handed over on each day: what ceilings are asked of, and what sudden
volume shows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.effects import Alert
from engine.store.alerting.alerts import raise_alerts
from engine.store.sql import change, change_many, rows
from engine.values import Instant

WHY = "the ceiling of the day is reached"
"""Stands on messages that wait for the next day, or for a higher ceiling."""

NO_CEILING = 2**62
FEWEST = 100
"""Fewer messages on a day are never sudden."""

USUAL_DAYS = 7


@dataclass(frozen=True, slots=True)
class DailyQuota:
    """What one journey may hand over on `day` (ISO, the project's calendar), which ends at `midnight`. `most`
    None: as much as it likes; it is counted all the same. `owner` is told."""

    day: str
    midnight: Instant
    most: int | None = None
    owner: str = ""


def asked(quota: DailyQuota | None) -> tuple[str, int]:
    """What the hand-over statement asks the table `volume`: the day, and how many are too many."""
    if quota is None:
        return "", NO_CEILING
    return quota.day, NO_CEILING if quota.most is None else quota.most


def hold(conn: Connection, quotas: Iterable[tuple[str, DailyQuota | None]]) -> None:
    """Lets no other hand-over of journeys with a ceiling ask before the present one has ended: two that ask
    at the same time would both find room for one. SQLite has one writer anyway."""
    if conn.dialect.name != "postgresql":
        return
    for journey in sorted(
        {journey for journey, quota in quotas if quota is not None and quota.most is not None}
    ):
        rows(conn, "SELECT pg_advisory_xact_lock(hashtextextended(?, 1))", (journey,))


def count(conn: Connection, handed: Iterable[tuple[str, DailyQuota]]) -> None:
    """So many more were handed over, one for each journey that is named, in the transaction of the
    hand-over."""
    more = Counter((journey, quota.day) for journey, quota in handed)
    change_many(
        conn,
        "INSERT INTO volume (journey, day, handed) VALUES (?, ?, ?)"
        " ON CONFLICT (journey, day) DO UPDATE SET handed = volume.handed + excluded.handed",
        sorted((journey, day, number) for (journey, day), number in more.items()),
    )


def is_reached(conn: Connection, journey: str, quota: DailyQuota | None) -> bool:
    """Whether the ceiling stands in the way of another message."""
    if quota is None or quota.most is None:
        return False
    return handed(conn, journey, quota.day) >= quota.most


def handed(conn: Connection, journey: str, day: str) -> int:
    """How many a journey has handed over on a day."""
    found = rows(conn, "SELECT handed FROM volume WHERE journey = ? AND day = ?", (journey, day))
    return int(found[0][0]) if found else 0


def of_day(conn: Connection, day: str) -> dict[str, int]:
    """How many every journey has handed over on a day."""
    return dict(rows(conn, "SELECT journey, handed FROM volume WHERE day = ? ORDER BY journey", (day,)))


def postpone(conn: Connection, journey: str, quota: DailyQuota, now: Instant) -> None:
    """What this journey has ready waits for the next day (or until it is too late, whichever comes first),
    and the owner hears of it once a day."""
    change(
        conn,
        "UPDATE outbox SET why = ?, ready_at = CASE WHEN valid_until < ? THEN valid_until ELSE ? END"
        " WHERE state = 'planned' AND ready_at <= ? AND journey = ? AND handed_at IS NULL AND valid_until "
        "> ?",
        (WHY, quota.midnight, quota.midnight, now, journey, now),
    )
    why = (
        f"the ceiling of {quota.most:,} messages was reached on {quota.day}; the others wait for "
        f"midnight or a higher ceiling"
    )
    _tell_once(conn, Alert(journey, quota.owner, why), why, now)


def release(conn: Connection, now: Instant) -> int:
    """Asks again at once: the ceilings may have been raised. How many messages."""
    return change(
        conn, "UPDATE outbox SET ready_at = ?, why = '' WHERE state = 'planned' AND why = ?", (now, WHY)
    )


def tell_of_sudden_volume(
    conn: Connection, today: dt.date, times: float, owners: Mapping[str, str], now: Instant
) -> list[str]:
    """Alerts about journeys that have sent far more today than on an average day of the week before, once a
    day and journey. The journeys."""
    begin = (today - dt.timedelta(days=USUAL_DAYS)).isoformat()
    found = rows(
        conn,
        "SELECT t.journey, t.handed, (SELECT coalesce(sum(p.handed), 0) FROM volume p WHERE p.journey = "
        "t.journey"
        " AND p.day >= ? AND p.day < ?) FROM volume t WHERE t.day = ? AND t.handed >= ? ORDER BY t.journey",
        (begin, today.isoformat(), today.isoformat(), FEWEST),
    )
    told = []
    for journey, sent, before in found:
        usual = before / USUAL_DAYS
        if sent <= times * usual:
            continue
        head = f"sudden volume on {today.isoformat()}: "
        why = f"{head}{sent:,} messages so far, {usual:,.0f} on an average day of the week before"
        if _tell_once(conn, Alert(journey, owners.get(journey, ""), why), head, now):
            told.append(journey)
    return told


def _tell_once(conn: Connection, alert: Alert, head: str, now: Instant) -> bool:
    """Raises an alert unless one that begins like this stands already."""
    known = rows(
        conn,
        "SELECT 1 FROM alert WHERE journey = ? AND substr(why, 1, ?) = ?",
        (alert.journey, len(head), head),
    )
    if not known:
        raise_alerts(conn, [alert], now)
    return not known
