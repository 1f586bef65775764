"""The rows of two customers who are one person: whose runs go on, and everything that carries the other
id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.core.enrollment import awaited_keys
from engine.core.handlers.joining import behind, merge_enrollments
from engine.core.journeys import Journeys
from engine.store.counting import attribution, daily_counts
from engine.store.counting.daily_counts import CountKey
from engine.store.counting.decision_counts import count_ends
from engine.store.customers import enrollments
from engine.store.id_move import IdMove
from engine.store.inbox import due_queue
from engine.store.messages import records
from engine.store.messages.states import MessageState, Mover, Selection, transition
from engine.store.sql import change
from engine.values import Instant

_RENAMED = (
    "enrollment", "outbox", "trace", "consent", "reaction", "webhook_call", "report", "code", "code_request",
    "shown_product",
)  # fmt: skip


def move(
    conn: Connection,
    ids: IdMove,
    journeys: Journeys,
    zone: ZoneInfo,
    now: Instant,
    *,
    last_number: int,
    shared: Collection[Instant],
) -> tuple[list[str], list[str]]:
    """Moves everything of one id but facts and history to the other one. A message that was claimed is
    planned again, so that nobody hands it over under an id that is no more. `last_number`: the highest of
    the events of the former that are received again, 0 where none are; `shared`: moments of all others of
    the two. The ids of the runs of the former, and the keys of messages that were taken back."""
    cancelled: list[str] = []
    theirs = enrollments.of_customer(conn, *ids.source)
    if theirs:
        ours = enrollments.of_customer(conn, *ids.target)
        # whatever became of them meanwhile: of each its run may not have heard yet that it left
        under_way = {
            key
            for bucket, half in ((ids.source[0], theirs), (ids.target[0], ours))
            for key in records.handed_among(conn, bucket, awaited_keys(half))
        }
        again = {
            name: subscription.journey.again for name, subscription in journeys.index.subscriptions.items()
        }
        united, cancelled = merge_enrollments(ours, theirs, under_way, again, zone, now)
        if last_number:
            # After they are united: of two runs of one moment, the first numbers say which is the older
            moved = {run.id for run in theirs}
            united = [behind(run, last_number, shared) if run.id in moved else run for run in united]
        for bucket in {ids.source[0], ids.target[0]}:
            records.cancel(conn, bucket, dict.fromkeys(cancelled, "joined"), now)
        # The fence grows without a claim: the worker that holds one knows the message under the id that
        # is no more.
        selected = Selection("o.bucket = ? AND o.customer = ?", ids.source)
        transition(conn, Mover.CLAIM_END, MessageState.PLANNED, selected, now, "fence = fence + 1")
        # No decision ends these runs, so nothing else counts their ends
        counts: Counter[CountKey] = Counter()
        count_ends(counts, {run.id: run for run in (*ours, *theirs)}, united)
        daily_counts.add_all(conn, now, counts)
        change(conn, "DELETE FROM enrollment WHERE bucket = ? AND customer = ?", ids.source)
        bucket, customer = ids.target
        enrollments.save(conn, bucket, [(customer, run, False) for run in united])
        due_queue.put(
            conn, bucket, [(run.due.at, customer) for run in united if run.is_open and run.due is not None]
        )
    # After the states have changed: what selects their messages goes by the old id
    for table in _RENAMED:
        sql = f"UPDATE {table} SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?"  # noqa: S608
        change(conn, sql, ids.parameters)
    # Last: the message that an order belongs to is looked for among the reactions of both
    attribution.move(conn, ids)
    return [run.id for run in theirs], cancelled
