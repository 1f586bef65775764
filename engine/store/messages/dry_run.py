"""A dry run decides and hands nothing over: its messages and calls end where they were planned, so that none
is left to flood anybody when the daemon runs for real."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.happening import MessageReturned
from engine.core.reasons import ReturnReason
from engine.store import meta
from engine.store.inbox.inbox import append_one
from engine.store.messages.states import MessageState, Mover, Selection, transition
from engine.store.sql import change
from engine.values import Instant

_ROW = "dry_since"
MOST = 1000


def begin(conn: Connection, now: Instant) -> None:
    """From now on what is planned belongs to a dry run."""
    if since(conn) is None:
        meta.put(conn, _ROW, str(now))


def since(conn: Connection) -> Instant | None:
    """When the dry run began that goes on now, or that was cut off; None: there is none."""
    found = meta.get(conn, _ROW)
    return Instant(int(found)) if found else None


def skip(conn: Connection, now: Instant, most: int = MOST) -> int:
    """Ends what was planned in the dry run: nobody gets it, and the journeys go on behind it. How many."""
    began = since(conn)
    if began is None:
        return 0
    planned = (
        "SELECT number FROM outbox WHERE state IN ('planned', 'claimed') AND planned_at >= ? AND handed_at "
        "IS NULL"
        " ORDER BY number LIMIT ?"
    )
    ended = transition(
        conn, Mover.DRY_RUN, MessageState.EXPIRED, Selection(f"o.number IN ({planned})", (began, most)), now,
        "why = ?", (ReturnReason.DRY_RUN.value,), returning="customer, send_key, enrollment",
    )  # fmt: skip
    for customer, send_key, enrollment in sorted(ended):
        append_one(conn, customer, MessageReturned(0, now, send_key, enrollment, ReturnReason.DRY_RUN), now)
    calls = change(
        conn,
        "UPDATE webhook_call SET state = 'failed', detail = ? WHERE state = 'planned' AND planned_at >= ?",
        (ReturnReason.DRY_RUN.value, began),
    )
    return len(ended) + calls


def end(conn: Connection, now: Instant) -> int:
    """The dry run is over: what it planned last ends as well. How many."""
    ended = 0
    while more := skip(conn, now):
        ended += more
    if since(conn) is not None:
        meta.put(conn, _ROW, "")
    return ended
