"""Changes of the catalogue that not everybody concerned was told of yet: worked off in slices, each in a
transaction of its own, so that a product which many people watch keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from engine.core.handlers.product_starts import may_concern
from engine.core.happening import ProductChanged
from engine.core.journey import ProductTrigger
from engine.core.products.prices import PriceHistory, price_of
from engine.core.products.signals import signals_of
from engine.core.products.watched import BOUGHT, Touches, seen_price
from engine.store.inbox.inbox import append_rows
from engine.store.inbox.inbox_codec import to_row
from engine.store.products.history import ProductChange, prices_of
from engine.store.serialization import dump_values, load_values
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant, Money, Value

SLICE = 300
"""So many customers are looked at in one transaction; each may become a row of the inbox."""

_CHANGES = 200
"""So many changes are begun in one transaction: most of them concern nobody."""

_COLUMNS = "number, product, at, before, after, bucket, customer"


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that is being worked off. The customers up to (`bucket`, `customer`) were told of it."""

    number: int
    product: str
    at: Instant
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    bucket: int
    customer: str
    prices: PriceHistory  # of the product

    def seen_by(self, touches: Touches) -> Money | None:
        """The price that somebody saw last, where it is known and not that of before the change."""
        seen = seen_price(self.prices, touches, self.at)
        return seen if seen != price_of(self.before) else None

    def row(
        self, bucket: int, customer: str, touches: Touches, now: Instant
    ) -> tuple[int, str, str, int, str]:
        """The row of the inbox that tells a customer."""
        seen = self.seen_by(touches)
        what = ProductChanged(0, self.at, self.product, self.after, self.before, touches, seen)
        kind, body = to_row(what)
        return bucket, customer, kind, now, body


def note(conn: Connection, changes: Iterable[ProductChange], now: Instant) -> None:
    """Notes changes, to be worked off."""
    change_many(
        conn,
        "INSERT INTO product_change (product, at, before, after, bucket, customer)"
        " VALUES (?, ?, ?, ?, -1, '')",
        [(product, now, dump_values(before), dump_values(after)) for product, before, after in changes],
    )


def pending_of(conn: Connection, products: Iterable[str]) -> list[PendingChange]:
    """The changes of these products that are not worked off, oldest first."""
    columns = ", ".join(f"c.{name}" for name in _COLUMNS.split(", "))
    sql = f"SELECT {columns} FROM {{ids}} CROSS JOIN product_change c WHERE c.product = j.value"  # noqa: S608
    return _pending(conn, rows(conn, f"{sql} ORDER BY c.number", (ids(products),)))


def is_anything_left(conn: Connection) -> bool:
    """Whether somebody has to be told of a change."""
    return bool(rows(conn, "SELECT 1 FROM product_change LIMIT 1"))


def tell(
    conn: Connection, triggers: Sequence[ProductTrigger], currency: str, now: Instant, limit: int = SLICE
) -> bool:
    """Works off one slice, the oldest change first. True if something is left.

    After a crash either the slice was told and the place is moved, or neither: nobody is left out or told
    twice.
    """
    sql = f"SELECT {_COLUMNS} FROM product_change ORDER BY number LIMIT ?"  # noqa: S608 - own names
    finished: list[int] = []
    for pending in _pending(conn, rows(conn, sql, (_CHANGES,))):
        looked_at = _tell_slice(conn, pending, triggers, currency, now, limit)
        if looked_at == limit:
            break
        finished.append(pending.number)
        limit -= looked_at
    change_many(conn, "DELETE FROM product_change WHERE number = ?", [(number,) for number in finished])
    return is_anything_left(conn)


_READERS = (
    "SELECT * FROM (SELECT bucket, customer, 0 AS viewed, 0 AS cart, 0 AS wishlist, 0 AS bought, 1 AS reads"
    " FROM enrollment WHERE product = ? AND ended_at IS NULL AND (bucket, customer) > (?, ?)"
    " ORDER BY bucket, customer LIMIT ?) AS readers"
)
_WATCHERS = (
    "SELECT * FROM (SELECT bucket, customer, viewed_at AS viewed, cart_at AS cart, wishlist_at AS wishlist,"
    " bought_at AS bought, 0 AS reads FROM watch WHERE product = ? AND told < ?"
    " AND (bucket, customer) > (?, ?) ORDER BY bucket, customer LIMIT ?) AS watchers"
)
_CONCERNED = (
    "SELECT bucket, customer, max(viewed), max(cart), max(wishlist), max(bought), max(reads)"
    " FROM ({}) AS people GROUP BY bucket, customer ORDER BY bucket, customer LIMIT ?"
)


def _tell_slice(
    conn: Connection,
    pending: PendingChange,
    triggers: Sequence[ProductTrigger],
    currency: str,
    now: Instant,
    limit: int,
) -> int:
    """Tells the next customers of one change; how many were looked at, `limit` if there may be more."""
    product, place = pending.product, (pending.bucket, pending.customer)
    signals = signals_of(product, pending.before, pending.after, currency)
    kinds = {signal.kind for signal in signals}
    fitting = [trigger for trigger in triggers if trigger.kind in kinds]
    tables, parameters = [_READERS], [product, *place, limit]
    if fitting:
        tables.append(_WATCHERS)
        parameters += [product, pending.number, *place, limit]
    people = rows(conn, _CONCERNED.format(" UNION ALL ".join(tables)), (*parameters, limit))
    told = []
    for bucket, customer, *last, reads in people:
        touches = last_touches(*last)
        seen = pending.seen_by(touches)
        theirs = signals
        if seen is not None:
            theirs = signals_of(product, pending.before, pending.after, currency, seen)
        if reads or may_concern(fitting, theirs, touches, pending.at):
            told.append(pending.row(bucket, customer, touches, now))
    append_rows(conn, told)
    if len(people) == limit:
        bucket, customer = people[-1][:2]
        # A touch may come while the change is being worked off: who was looked at is not told once more.
        change(
            conn,
            "UPDATE watch SET told = ? WHERE product = ? AND told < ? AND (bucket, customer) > (?, ?)"
            " AND (bucket, customer) <= (?, ?)",
            (pending.number, product, pending.number, *place, bucket, customer),
        )
        change(
            conn,
            "UPDATE product_change SET bucket = ?, customer = ? WHERE number = ?",
            (bucket, customer, pending.number),
        )
    return len(people)


def last_touches(viewed: Instant, cart: Instant, wishlist: Instant, bought: Instant) -> dict[str, Instant]:
    """The columns of a row of `watch` by kind of touch, without those that never were."""
    moments = {"viewed": viewed, "cart": cart, "wishlist": wishlist, BOUGHT: bought}
    return {kind: at for kind, at in moments.items() if at}


def _pending(conn: Connection, found: Sequence[Any]) -> list[PendingChange]:
    """Rows of changes with the prices of their products, where the price changed: where it stayed nobody asks
    what anybody saw."""
    read = [
        (number, product, at, load_values(before), load_values(after), bucket, customer)
        for number, product, at, before, after, bucket, customer in found
    ]
    prices = prices_of(conn, {row[1] for row in read if price_of(row[3]) != price_of(row[4])})
    return [PendingChange(*row, prices.get(row[1], PriceHistory())) for row in read]
