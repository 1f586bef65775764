"""A look at everybody after `points:` or `tiers:` of config.yaml changed: whoever did nothing since has the
right facts, tier and moments, too."""

from __future__ import annotations

from functools import partial

from engine.core.journeys import Journeys
from engine.store import watermarks
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.incentives import points
from engine.values import Instant

SWEEP = "points"
"""The kind of these looks in the table of sweeps."""

CHUNK = 2_000
"""Customers who are asked for in one transaction: between two chunks others may write."""


def review_points(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> int:
    """Has the ledger of everybody looked at once for every version of the tables. How many customers.

    They wait behind what happens now. Nobody hears of a tier that they have by a changed table; of points
    that end soon they do. After a crash between two chunks the look is made again.
    """
    rules = journeys.loyalty
    with store.read() as conn:
        last = watermarks.get(conn, SWEEP, "")
        written = rules.fingerprint if rules is not None else ""
        if written == (last.hash if last is not None else ""):
            return 0
    asked, place = 0, (-1, "")
    while rules is not None:
        with store.read() as conn:
            found = next(batches.chunks(conn, chunk, place), None)
        if found is None:
            break
        bucket, customers = found
        store.write(partial(points.look_again, bucket=bucket, customers=customers, now=now))
        asked, place = asked + len(customers), (bucket, customers[-1])
    # last: a crash before it only makes the next look once more
    store.write(partial(watermarks.put, kind=SWEEP, name="", until=now, hash_=written))
    return asked
