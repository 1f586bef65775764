"""How long people took to click, read from the messages and reactions that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.serialization import dump
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ReactionTime:
    """A message of `step` that a person clicked: when it was handed over, and the milliseconds from then to
    the first click."""

    step: str
    handed_at: Instant
    took: int


def between(conn: Connection, journeys: Sequence[str], begin: Instant, end: Instant) -> list[ReactionTime]:
    """Of messages of these journeys that were handed over from a moment until before another one. It begins
    at the clicks, which are few: no index finds the messages of a journey."""
    found = rows(
        conn,
        "SELECT o.step, min(o.handed_at), min(r.at) - min(o.handed_at) FROM reaction r CROSS JOIN outbox o"
        " WHERE r.at >= ? AND r.kind = 'clicked' AND r.who = 'human' AND o.bucket = r.bucket"
        " AND o.send_key = r.send_key AND o.handed_at >= ? AND o.handed_at < ?"
        " AND o.journey IN (SELECT {cell0} FROM {lines}) GROUP BY o.bucket, o.send_key, o.step",
        (begin, begin, end, dump([[name] for name in journeys])),
    )
    return [ReactionTime(step, Instant(handed_at), int(took)) for step, handed_at, took in found]
