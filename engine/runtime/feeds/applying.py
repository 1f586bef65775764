"""A feed that was read becomes the catalogue, slice by slice, through the same door as `PUT /products/ID`.

Each slice is one transaction: the products, whom their change concerns, and that they came by the feed. A
product that is as it was changes nothing, so whoever dies in the middle begins anew: what was written before
is not told twice, and the rest is not lost. Only the last transaction says that the feed was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from engine.runtime.feeds.reading import FeedReading, Product, StoppedError
from engine.store.database import Store
from engine.store.feeds import membership
from engine.store.products import catalogue as products
from engine.values import Instant, Value

SLICE = 300
"""Products of one transaction."""


@dataclass(frozen=True, slots=True)
class AppliedFeed:
    """What a feed came to. `changed`: products of it that are new or not as before. Of those that came by
    an earlier feed and are not in it: `missing` went out of stock, `left` are as they were."""

    changed: int = 0
    missing: int = 0
    left: int = 0


def apply(
    store: Store,
    reading: FeedReading,
    fields: Collection[str],
    now: Instant,
    *,
    takes_out: bool,
    is_stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _done: None,
) -> AppliedFeed:
    """Writes all of it. `fields`: what the feed has ever given, so that what it gives no more goes;
    `takes_out`: what is missing goes out of stock. Raises StoppedError between two slices, and what the store
    raises."""
    given = sorted({*fields, *reading.fields})
    changed = done = 0
    for chunk in reading.slices(SLICE):
        if is_stopped():
            raise StoppedError
        changed += store.write(partial(_write, chunk=chunk, given=given, now=now))
        done += len(chunk)
        progress(done)
    missing = left = 0
    last = ""
    while True:
        with store.read() as conn:
            page = membership.page(conn, last)
        if not page:
            return AppliedFeed(changed, missing, left)
        last = page[-1]
        gone = [product for product in page if product not in reading.seen]
        if not takes_out:
            left += len(gone)
        elif gone:
            if is_stopped():
                raise StoppedError
            missing += store.write(partial(_take_out, gone=gone, with_stock="stock" in given, now=now))


def _write(conn: Connection, chunk: Sequence[Product], given: Sequence[str], now: Instant) -> int:
    back = membership.note(conn, [id_ for id_, _ in chunk])
    blank: dict[str, Value] = dict.fromkeys(given)
    changes: dict[str, Mapping[str, Value]] = {}
    for id_, fields in chunk:
        # it was we who took it out of stock: a feed that says nothing of stock brings it back by naming it
        returns: dict[str, Value] = (
            {"in_stock": True} if id_ in back and fields.get("in_stock") is None else {}
        )
        changes[id_] = {**blank, **fields, **returns}
    return products.write(conn, changes, now)


def _take_out(conn: Connection, gone: Sequence[str], with_stock: bool, now: Instant) -> int:
    out: dict[str, Value] = {"in_stock": False, **({"stock": 0} if with_stock else {})}
    membership.miss(conn, gone, now)
    return products.write(conn, dict.fromkeys(gone, out), now)
