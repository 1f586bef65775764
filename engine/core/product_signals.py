"""What changes of the catalogue mean: prices that fall, stock that comes back or runs low, and who touched a
product (design/language 2.4). Values only; what they start is decided in `product_starts`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from engine.core.happening import Event
from engine.values import Instant, Money, Value

ProductKind: TypeAlias = Literal["price_drop", "back_in_stock", "low_stock"]

WatcherKind: TypeAlias = Literal["wishlist", "cart", "viewed"]

WATCH_EVENTS: Mapping[str, WatcherKind] = {
    "product_viewed": "viewed",
    "cart_updated": "cart",
    "product_added": "cart",
    "wishlist_added": "wishlist",
    "product_added_to_wishlist": "wishlist",
}
"""Which events make a watcher of which kind; the e-commerce events of Segment have the last name."""

LOW_STOCK = 10
"""Fewer than so many left, and not none, is low."""

MOST_PRODUCTS = 100
"""So many products of one event are watched; a cart has fewer lines."""


class ProductSignal(Struct, frozen=True):
    """What one change of one product may start journeys by. `by`: percent of the old price."""

    kind: ProductKind
    product: str
    by: Decimal = Decimal(0)
    old: Money | None = None
    new: Money | None = None


class Collecting(Struct, frozen=True):
    """Signals of one kind that become one start of a journey at `until`."""

    kind: ProductKind
    until: Instant
    signals: tuple[ProductSignal, ...]  # one for each product, in the order of their first change


def touched_products(event: Event) -> tuple[str, ...]:
    """The products that an event of a watcher is about; none of any other event."""
    if event.name not in WATCH_EVENTS:
        return ()
    product = event.fields.get("product_id")
    products: list[object] = list(product) if isinstance(product, tuple) else [product]
    # A cart names its products line by line, in `items`, or as the events of Segment do in `products`.
    for lines in (event.fields.get("items"), event.fields.get("products")):
        if isinstance(lines, list | tuple):
            products += [line.get("product_id") if isinstance(line, Mapping) else None for line in lines]
    known = dict.fromkeys(str(product) for product in products if product is not None and product != "")
    return tuple(known)[:MOST_PRODUCTS]


def with_touch(touches: Mapping[str, Instant], event: Event) -> dict[str, Instant]:
    """When a customer last touched a product, by kind of watcher, after one more event; one that comes late
    takes no newer touch back."""
    kind = WATCH_EVENTS[event.name]
    return {**touches, kind: max(event.occurred_at, touches.get(kind, event.occurred_at))}


def signals_of(
    product: str, before: Mapping[str, Value], after: Mapping[str, Value], currency: str
) -> tuple[ProductSignal, ...]:
    """What a change from `before` to `after` may start journeys by; at most one signal of each kind.
    `currency`: of prices that are plain numbers."""
    signals: list[ProductSignal] = []
    drop = price_drop(product, _money(before.get("price"), currency), _money(after.get("price"), currency))
    if drop is not None:
        signals.append(drop)
    stock, left = _number(before.get("stock")), _number(after.get("stock"))
    was, now = before.get("in_stock"), after.get("in_stock")
    # Shops that only count have no `in_stock`: then the count says it.
    if was is None and now is None and stock is not None and left is not None:
        was, now = stock > 0, left > 0
    if was is False and now is True:
        signals.append(ProductSignal("back_in_stock", product))
    runs_low = stock is not None and left is not None and 0 < left < LOW_STOCK <= stock
    if runs_low and now is not False:
        signals.append(ProductSignal("low_stock", product))
    return tuple(signals)


def price_drop(product: str, old: Money | None, new: Money | None) -> ProductSignal | None:
    """The signal of a price that fell; None if it did not, or the two cannot be compared."""
    if old is None or new is None or old.currency != new.currency or not 0 <= new.amount < old.amount:
        return None
    return ProductSignal("price_drop", product, (old.amount - new.amount) / old.amount * 100, old, new)


def joined_signal(first: ProductSignal, second: ProductSignal) -> ProductSignal:
    """Two changes of one product as one: from the old price of the first to the new price of the second."""
    return price_drop(first.product, first.old, second.new) or second


def united_collecting(
    ours: Mapping[str, Collecting], theirs: Mapping[str, Collecting]
) -> dict[str, Collecting]:
    """What two customers who are one person collect, by journey: one start, at the earlier end."""
    united = {**theirs, **ours}
    for journey in ours.keys() & theirs.keys():
        own, other = ours[journey], theirs[journey]
        if own.kind == other.kind:
            signals = {signal.product: signal for signal in (*other.signals, *own.signals)}
            united[journey] = Collecting(own.kind, min(own.until, other.until), tuple(signals.values()))
    return united


def largest(signals: Iterable[ProductSignal]) -> ProductSignal:
    """The one that a start is about: the largest drop, of equal ones the first."""
    return max(signals, key=lambda signal: signal.by)


def percent(signal: ProductSignal) -> int | Decimal:
    """The size of a drop as people write it, with two places at most."""
    rounded = round(signal.by, 2)
    return int(rounded) if rounded == int(rounded) else rounded.normalize()


def _money(value: Value, currency: str) -> Money | None:
    if isinstance(value, Money):
        return value
    number = _number(value)
    return Money(Decimal(number), currency) if number is not None else None


def _number(value: Value) -> Decimal | int | None:
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
