"""Clicks that nobody but a person can have made become reactions: looked for before every batch of decisions."""

from __future__ import annotations

from engine.store.database import Store
from engine.store.messages import reactions
from engine.values import Instant


def decide_clicks(store: Store, now: Instant) -> int:
    """Tells the journeys of clicks whose seconds are over. How many; the writer is asked only if there are any."""
    with store.read() as conn:
        if not reactions.undecided(conn, now):
            return 0
    return store.write(lambda conn: reactions.decide_clicks(conn, now))
