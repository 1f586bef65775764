"""What is counted of messages, all of it on the day of their hand-over: a message counts as what it is at
present, and once for each thing that people did with it. What was refused before any hand-over, as mail is in
the dialogue with the server of its recipient, counts on the day of the refusal.

So the counts of a day are what a look at its messages would count, and each is a part of those that were
sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey
from engine.store.meta import bucket_of
from engine.store.sql import ids, rows
from engine.values import Instant

CLASSES: Mapping[str, tuple[Count, ...]] = {
    "accepted": (Count.DELIVERED,),
    "delivered": (Count.DELIVERED,),
    "complained": (Count.DELIVERED, Count.COMPLAINED),
    "bounced": (Count.BOUNCED,),
    "failed": (Count.FAILED,),
    "cancelled": (Count.FAILED,),
    "expired": (Count.FAILED,),
    "suppressed": (Count.FAILED,),
    "unknown": (Count.UNKNOWN,),
    "held": (Count.UNKNOWN,),
    "treated_as_sent": (Count.ASSUMED,),
}
"""State of a message that was handed over -> what it counts as; in all others it is on its way."""

REFUSED = ("bounced", "failed")
"""States in which a message counts although it was never handed over: it was to leave, and was not taken.
Nothing leads out of them."""

KEEPS = "was = CASE WHEN o.handed_at IS NULL THEN '' ELSE o.state END"
"""What a move sets, so that its own answer can say what it changed."""

COLUMNS = "handed_at, was, journey, step, channel, domain, parts"
"""What a move answers for `count_moves`."""

WIDTH = 7


def count_moves(conn: Connection, state: str, moved: Iterable[Sequence[Any]], now: Instant) -> None:
    """Counts messages that are in `state` since `now`, from their `COLUMNS`."""
    sums: Counter[tuple[Instant, str, str, str, str, str | None, int]] = Counter()
    for handed_at, was, *place, parts in moved:
        if handed_at is not None:
            sums[handed_at, was or "", *place, parts] += 1
        elif state in REFUSED:  # nobody charges for what was not taken
            sums[now, "", *place, 0] += 1
        # all else that has not left is counted by its journey
    now_is = CLASSES.get(state, ())
    for (handed_at, was, journey, step, channel, domain, parts), n in sums.items():
        message = CountKey(journey, step, channel, Count.SENT, domain=domain)
        if not was:
            daily_counts.add(conn, handed_at, message, n, n * parts)
        was_one = CLASSES.get(was, ())
        for what in was_one:
            if what not in now_is:
                daily_counts.add(conn, handed_at, message._replace(what=what), -n)
        for what in now_is:
            if what not in was_one:
                daily_counts.add(conn, handed_at, message._replace(what=what), n)


def count_reactions(conn: Connection, bucket: int, new: Mapping[str, Counter[str]]) -> None:
    """Counts reactions of people that were written a moment ago in this transaction: send key -> how many of
    each kind. Each message counts once: as opened with its first reaction, as clicked or answered with the
    first of that kind."""
    found = rows(conn, _REACTIONS, (ids(new), bucket))
    for key, handed_at, journey, step, channel, domain, *numbers in found:
        before = {kind: number - new[key][kind] for kind, number in zip(_KINDS, numbers, strict=True)}
        first = [
            _COUNTED[kind] for kind in _KINDS if new[key][kind] and not before[kind] and kind in _COUNTED
        ]
        if not any(before.values()):
            first.append(Count.OPENED)
        for what in first:
            daily_counts.add(conn, handed_at, CountKey(journey, step, channel, what, domain=domain))


def count_reaction(conn: Connection, customer: str, send_key: str, kind: str) -> None:
    """As `count_reactions`, for one."""
    count_reactions(conn, bucket_of(conn, customer), {send_key: Counter((kind,))})


def count_leaving(conn: Connection, customer: str, send_key: str) -> None:
    """Somebody left by a message: its link, or an answer to it."""
    sql = "SELECT handed_at, journey, step, channel, domain FROM outbox WHERE bucket = ? AND send_key = ?"
    for handed_at, journey, step, channel, domain in rows(conn, sql, (bucket_of(conn, customer), send_key)):
        if handed_at is not None:
            left = CountKey(journey, step, channel, Count.UNSUBSCRIBED, domain=domain)
            daily_counts.add(conn, handed_at, left)


_KINDS = ("clicked", "opened", "replied")
_COUNTED = {"clicked": Count.CLICKED, "replied": Count.REPLIED}
_REACTIONS = (
    "SELECT o.send_key, o.handed_at, o.journey, o.step, o.channel, o.domain,"  # noqa: S608 - words of our own
    + ", ".join(
        " (SELECT count(*) FROM reaction r WHERE r.bucket = o.bucket AND r.send_key = o.send_key"  # noqa: S608
        f" AND r.who = 'human' AND r.kind = '{kind}')"
        for kind in _KINDS
    )
    + " FROM {ids} CROSS JOIN outbox o WHERE o.bucket = ? AND o.send_key = j.value"
    " AND o.handed_at IS NOT NULL"
)
