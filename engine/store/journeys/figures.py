"""Figures over the whole store: what each journey did, and what became of its messages per channel."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.messages import reactions
from engine.store.messages.states import (
    HANDED_OVER,
    LEASED,
    NOT_PAUSED,
    UNSETTLED,
    WAITING,
    MessageState,
    among,
)
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class JourneyTally:
    """Runs of one journey. `goals` and `open` without the holdout."""

    journey: str
    started: int
    open: int
    goals: int
    holdout: int
    holdout_goals: int


@dataclass(frozen=True, slots=True)
class ChannelTally:
    """Messages of one journey on one channel that were handed over; `clicked` counts messages, not clicks;
    `parts`: what is paid for, several for a long text message."""

    journey: str
    channel: str
    sent: int
    bounced: int
    clicked: int
    parts: int = 0


def journeys(conn: Connection) -> list[JourneyTally]:
    """Every journey that anybody entered, by name."""
    found = rows(
        conn,
        "SELECT journey, count(*) FILTER (WHERE NOT holdout), count(*) FILTER (WHERE ended_at IS NULL AND "
        "NOT holdout),"
        " count(*) FILTER (WHERE goal_at IS NOT NULL AND NOT holdout), count(*) FILTER (WHERE holdout),"
        " count(*) FILTER (WHERE goal_at IS NOT NULL AND holdout)"
        " FROM enrollment GROUP BY journey ORDER BY journey",
    )
    return [JourneyTally(name, *map(int, counts)) for name, *counts in found]


def channels(conn: Connection) -> list[ChannelTally]:
    """Every journey and channel with messages, by name."""
    found = rows(
        conn,
        "SELECT o.journey, o.channel, count(*), count(*) FILTER (WHERE o.state = 'bounced'),"  # noqa: S608
        " count(*) FILTER (WHERE EXISTS (SELECT 1 FROM reaction r WHERE r.bucket = o.bucket AND r.send_key "
        "= o.send_key"
        " AND r.kind = 'clicked' AND r.who = 'human')), sum(o.parts)"
        f" FROM outbox o WHERE {among((*HANDED_OVER, MessageState.BOUNCED), 'o.')}"
        " GROUP BY o.journey, o.channel ORDER BY o.journey, o.channel",
    )
    return [ChannelTally(journey, channel, *map(int, counts)) for journey, channel, *counts in found]


def waiting(conn: Connection) -> dict[str, int]:
    """How much is not done yet: `inbox` rows not applied, messages `planned`, `unknown` ones, customers
    `stuck`."""
    found = rows(
        conn,
        "SELECT (SELECT count(*) FROM inbox),"  # noqa: S608
        f" (SELECT count(*) FROM outbox WHERE {among((*WAITING, *LEASED))}),"
        f" (SELECT count(*) FROM outbox WHERE {among(UNSETTLED)}),"
        " (SELECT count(*) FROM stuck)",
    )[0]
    return dict(zip(("inbox", "planned", "unknown", "stuck"), map(int, found), strict=True))


def is_settled(conn: Connection, now: Instant) -> bool:
    """Nothing is left to do at this moment: all that was received is applied, every click is decided, nobody
    is due, no message is on its way.

    Customers who are set aside, and paused channels, do not count.
    """
    found = rows(
        conn,
        "SELECT EXISTS (SELECT 1 FROM inbox i WHERE NOT EXISTS (SELECT 1 FROM stuck s WHERE s.bucket = i.bucket"  # noqa: E501, S608
        " AND s.customer = i.customer)) OR EXISTS (SELECT 1 FROM due WHERE due_at <= ?)"
        f" OR EXISTS (SELECT 1 FROM outbox o WHERE ({among(LEASED, 'o.')}"
        f" OR ({among(WAITING, 'o.')} AND o.ready_at <= ?)) AND {NOT_PAUSED})",
        (now, now),
    )
    return not found[0][0] and not reactions.undecided(conn, now)
