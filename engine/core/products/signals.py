"""What changes of the catalogue mean: prices that fall, stock that comes back or runs low
(design/language 2.4). Values only; what they start is decided in `starts`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from engine.core.products.prices import in_currency, price_of
from engine.core.reasons import SkipReason
from engine.values import Instant, Money, Value

ProductKind: TypeAlias = Literal["price_drop", "back_in_stock", "low_stock"]

LOW_STOCK = 10
"""Fewer than so many left, and not none, is low."""


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


def signals_of(
    product: str,
    before: Mapping[str, Value],
    after: Mapping[str, Value],
    currency: str,
    seen: Money | None = None,
) -> tuple[ProductSignal, ...]:
    """What a change from `before` to `after` may start journeys by; at most one signal of each kind.
    `currency`: of prices that are plain numbers; `seen`: the price that the customer saw last, where it is
    known: then a drop is one from there."""
    signals: list[ProductSignal] = []
    old, new = in_currency(price_of(before), currency), in_currency(price_of(after), currency)
    drop = price_drop(product, old, new)
    seen = in_currency(seen, currency)
    if drop is not None and new is not None and seen is not None and seen.currency == new.currency:
        drop = price_drop(product, seen, new)
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


def present_signal(signal: ProductSignal, product: Mapping[str, Value], currency: str) -> ProductSignal:
    """A signal that still holds, with the price that the product has now."""
    if signal.kind != "price_drop":
        return signal
    return price_drop(signal.product, signal.old, in_currency(price_of(product), currency)) or signal


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


def why_over(
    signal: ProductSignal, least: int | None, product: Mapping[str, Value], currency: str
) -> SkipReason | None:
    """Why what a signal said of a product does not hold any more; None: it does. `least`: the smallest drop
    that counts, in percent."""
    left = _number(product.get("stock"))
    if not is_in_stock(product):
        return SkipReason.SOLD_OUT
    price = in_currency(price_of(product), currency)
    # Of a product without a price nobody can say that it costs more.
    if signal.kind == "price_drop" and signal.old is not None and price is not None:
        now = price_drop(signal.product, signal.old, price)
        if now is None or now.by < (least or 0):
            return SkipReason.DEARER
    if signal.kind == "low_stock" and left is not None and left >= LOW_STOCK:
        return SkipReason.RESTOCKED
    return None


def is_in_stock(product: Mapping[str, Value]) -> bool:
    """Whether a product can be bought: unless the catalogue says that there is none left, by `in_stock` where
    it has that field, else by `stock`."""
    in_stock, left = product.get("in_stock"), _number(product.get("stock"))
    return in_stock if isinstance(in_stock, bool) else left is None or left > 0


def _number(value: Value) -> Decimal | int | None:
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
