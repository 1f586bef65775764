"""Segments and `rfm` over the whole base: seconds, and how long others wait for the writer meanwhile.

One in fifteen customers has come to belong to a segment, and nobody was told. The other side of the segment
is the same question as one statement written by hand, whose answer is read. The other side of the score is
one statement that reads the orders of everybody: whoever scores has to read them.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bystander import Bystander
from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import FILES, START, Sleepers, asleep, reopened
from engine.runtime.advance.maintenance import sweep_segments_in_slices
from engine.runtime.advance.scoring import score_rfm
from engine.store.connections import PRAGMAS
from engine.values import DAY

CUSTOMERS, ROUNDS = 999_999, 3
RICH = "segment: rich\nwho:\n  points: at least 5000\n  tier: [silver, gold]\n"
SCORED = {
    "schemas/customer.yaml": FILES["schemas/customer.yaml"] + "  rfm: rfm of order_placed.total\n",
    "journeys/segments/rich.yaml": RICH,
}
_ORDERS = f"""
INSERT INTO event SELECT bucket, id, 'order_placed', {START} - (rowid * 7919 % 700 + 40) * {DAY}, rowid,
    {START}, 'o' || rowid, 0, json_object('total', json_object('amount', rowid * 31 % 400, 'currency', 'EUR'))
FROM customer
"""
_MORE_POINTS = """
UPDATE customer SET attributes = json_set(attributes, '$.points', 5000) WHERE rowid % 10 = 0
"""
_SEGMENT_BY_HAND = """
SELECT id, belongs FROM (
    SELECT id,
        coalesce(attributes ->> '$.points' >= 5000 AND attributes ->> '$.tier' IN ('silver', 'gold'), 0)
        AS belongs, segments ->> '$.rich' IS NOT NULL AS marked
    FROM customer WHERE bucket = 0
) WHERE belongs <> marked
"""
_ORDERS_BY_HAND = """
SELECT customer, count(*), max(occurred_at), sum(fields ->> '$.total.amount') FROM event
WHERE bucket = 0 AND name = 'order_placed' GROUP BY customer
"""


def run(short: bool) -> list[Figure]:
    """A million customers (9,000 with `short`)."""
    count, rounds = (9_000, 1) if short else (CUSTOMERS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder = Path(name)
        asleep(folder, count).store.close()
        base = reopened(folder, count, SCORED)
        base.store.write(lambda conn: conn.exec_driver_sql(_ORDERS))
        base.store.write(lambda conn: conn.exec_driver_sql(_MORE_POINTS))
        figures = [
            _measured(base, "segment", rounds, _sweep, _SEGMENT_BY_HAND),
            _measured(base, "rfm", rounds, _score, _ORDERS_BY_HAND),
        ]
        base.store.close()
    return figures


def _sweep(base: Sleepers) -> int:
    return sum(sweep_segments_in_slices(base.store, base.publication.journeys, base.clock.now()).values())


def _score(base: Sleepers) -> int:
    return sum(score_rfm(base.store, base.publication.journeys, base.clock.now()).values())


def _measured(
    base: Sleepers, name: str, rounds: int, look: Callable[[Sleepers], int], by_hand: str
) -> Figure:
    """Seconds of a look and of the statement by hand, in turns; a night lies between two looks. What a look
    finds is thrown away, so that the next one finds it again."""
    bare = sqlite3.connect(base.file)
    for pragma in PRAGMAS:
        bare.execute(f"PRAGMA {pragma}")
    ours, theirs, waited, found = [], [], [], 0
    for _ in range(rounds):
        base.clock.advance(2 * DAY)
        began = time.perf_counter()
        with Bystander(base.store) as bystander:
            found = look(base)
        ours.append(time.perf_counter() - began)
        waited.append(bystander.longest)
        base.store.write(lambda conn: conn.exec_driver_sql("DELETE FROM inbox"))
        began = time.perf_counter()
        bare.execute(by_hand).fetchall()
        theirs.append(time.perf_counter() - began)
    bare.close()
    note = f"{found:,} found; others waited {max(waited):.2f} s for the writer at most"
    what = f"{name} over {base.count:,}"
    return figure("sweep", what, "one statement that reads as much", "s", ours, theirs, Aim(), note)
