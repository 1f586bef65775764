"""Who touched which product, and who bought it: kept in the transaction that receives the event, so that a
change of the catalogue finds everybody who touched the product before it and nobody who did so after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection

from engine.core.happening import Event
from engine.core.products.watched import BOUGHT, WATCH_EVENTS, TouchKind, touched_products, with_touch
from engine.store import meta
from engine.store.id_move import IdMove
from engine.store.inbox.inbox import append_rows
from engine.store.products.changes import PendingChange, is_anything_left, last_touches, pending_of
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant

Watcher: TypeAlias = tuple[str, int, str]
"""Product, bucket, customer."""

MOST_TOUCHES = 10_000
"""So many are noted of one request in full; of each further event only its first product, so that a request
full of carts holds the writer no longer than others."""

_NEWER = ", ".join(
    f"{name} = CASE WHEN excluded.{name} > watch.{name} THEN excluded.{name} ELSE watch.{name} END"
    for name in ("viewed_at", "cart_at", "wishlist_at", "bought_at", "told")
)
_UPSERT = (
    "INSERT INTO watch (product, bucket, customer, viewed_at, cart_at, wishlist_at, bought_at, told)"  # noqa: S608
    f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (product, bucket, customer) DO UPDATE SET {_NEWER}"
)


def record_touches(
    conn: Connection,
    events: Iterable[tuple[str, Event]],
    now: Instant,
    watch: Mapping[str, TouchKind] = WATCH_EVENTS,
) -> None:
    """Notes the products that these events touch. Who is not told of an earlier change yet is told first: the
    change finds them as they were before it. Who only buys is not: they need not hear of it any more."""
    touches: dict[Watcher, dict[str, Instant]] = {}
    among = meta.buckets(conn)
    for customer, event in events:
        products = touched_products(event, watch)
        for product in products if len(touches) < MOST_TOUCHES else products[:1]:
            watcher = (product, meta.bucket(customer, among), customer)
            touches[watcher] = with_touch(touches.get(watcher, {}), event, watch[event.name])
    if not touches:
        return
    looked = {watcher for watcher, last in touches.items() if last.keys() - {BOUGHT}}
    told = _tell_first(conn, looked, now) if looked and is_anything_left(conn) else {}
    change_many(
        conn,
        _UPSERT,
        [
            (
                *watcher,
                last.get("viewed", 0),
                last.get("cart", 0),
                last.get("wishlist", 0),
                last.get(BOUGHT, 0),
                told.get(watcher[0], 0) if watcher in looked else 0,
            )
            for watcher, last in sorted(touches.items())
        ],
    )


def rename(conn: Connection, move: IdMove, now: Instant) -> None:
    """What one id touched was touched by the other one. Both are told of pending changes first."""
    found = rows(
        conn,
        "SELECT product, viewed_at, cart_at, wishlist_at, bought_at FROM watch"
        " WHERE bucket = ? AND customer = ?",
        move.source,
    )
    if not found:
        return
    people = (move.source, move.target)
    told = _tell_first(conn, [(product, *person) for product, *_ in found for person in people], now)
    change_many(
        conn, _UPSERT, [(product, *move.target, *last, told.get(product, 0)) for product, *last in found]
    )
    change(conn, "DELETE FROM watch WHERE bucket = ? AND customer = ?", move.source)


def _tell_first(conn: Connection, watchers: Iterable[Watcher], now: Instant) -> dict[str, int]:
    """Tells these customers of the changes of their products that are not worked off yet, with what they
    touched until now. The newest of these changes, by product."""
    of_product: dict[str, dict[int, set[str]]] = {}
    for product, bucket, customer in watchers:
        of_product.setdefault(product, {}).setdefault(bucket, set()).add(customer)
    newest: dict[str, int] = {}
    for pending in pending_of(conn, of_product):
        newest[pending.product] = pending.number
        for bucket, customers in of_product[pending.product].items():
            _tell(conn, pending, bucket, customers, now)
    return newest


def _tell(conn: Connection, pending: PendingChange, bucket: int, customers: set[str], now: Instant) -> None:
    sql = (
        "SELECT w.customer, w.told, w.viewed_at, w.cart_at, w.wishlist_at, w.bought_at"
        " FROM {ids} CROSS JOIN watch w WHERE w.product = ? AND w.bucket = ? AND w.customer = j.value"
    )
    known = {
        customer: (told, last_touches(*last))
        for customer, told, *last in rows(conn, sql, (ids(customers), pending.product, bucket))
    }
    # Somebody who is not known here touched nothing before, but may have a run about the product.
    untold = {
        customer: known.get(customer, (0, {}))[1]
        for customer in sorted(customers)
        if known.get(customer, (0, {}))[0] < pending.number
    }
    append_rows(conn, [pending.row(bucket, customer, last, now) for customer, last in untold.items()])
