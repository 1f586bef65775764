"""What a product cost when, and the lowest price of the 30 days before the present one began.

That is the prior price which an announced reduction has to be measured by: Directive 98/6/EC, Article 6a (as
amended by Directive (EU) 2019/2161), "the lowest price applied by the trader during a period of time not
shorter than 30 days prior to the application of the price reduction". It is settled at the moment the present
price begins, and stays until the price changes again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from engine.values import DAY, Instant, Money, Value

LOWEST = "lowest_30_days"
"""The field of a product that the engine computes."""

REACH_BACK = 30 * DAY
"""Elapsed time, not calendar days of some zone: "not shorter than 30 days"."""

_NO_CURRENCY = ""
"""Of a price that is a plain number."""


class PriceHistory:
    """The prices of one product by the moments at which they began. None: from then on there was none."""

    __slots__ = ("_moments", "_prices")

    def __init__(self, points: Iterable[tuple[Instant, Money | None]] = ()) -> None:
        """`points`: in the order of time."""
        self._moments: list[Instant] = []
        self._prices: list[Money | None] = []
        for at, price in points:
            self.note(at, price)

    def note(self, at: Instant, price: Money | None) -> None:
        """A price begins, not before those that are known. One that lasted no time never was."""
        if self._moments and self._moments[-1] >= at:
            self._prices[-1] = price
        else:
            self._moments.append(at)
            self._prices.append(price)

    @property
    def last_at(self) -> Instant:
        """When the present price began; 0: there was none."""
        return self._moments[-1] if self._moments else Instant(0)

    def __iter__(self) -> Iterator[tuple[Instant, Money | None]]:
        """As they were given: each with the moment at which it began, in the order of time."""
        return zip(self._moments, self._prices, strict=True)

    def at(self, moment: Instant) -> Money | None:
        """The price at a moment; None: there was none, or nobody knows."""
        place = bisect_right(self._moments, moment) - 1
        return self._prices[place] if place >= 0 else None

    def lowest_before(self, began: Instant, currency: str) -> Money | None:
        """The lowest price of that currency in the 30 days before a moment; None: there was none."""
        end = bisect_left(self._moments, began)
        # The price that held when the 30 days began is one of them.
        first = max(0, bisect_right(self._moments, Instant(began - REACH_BACK)) - 1)
        held = [
            price for price in self._prices[first:end] if price is not None and price.currency == currency
        ]
        return min(held, key=lambda price: price.amount, default=None)


def price_of(fields: Mapping[str, Value]) -> Money | None:
    """The price of a product; one that is a plain number has no currency."""
    price = fields.get("price")
    if isinstance(price, Money):
        return price
    if isinstance(price, int | Decimal) and not isinstance(price, bool):
        return Money(Decimal(price), _NO_CURRENCY)
    return None


def in_currency(price: Money | None, currency: str) -> Money | None:
    """A price with the currency of the shop, where it has none of its own."""
    if price is None or price.currency != _NO_CURRENCY:
        return price
    return Money(price.amount, currency)


def with_lowest(
    before: Mapping[str, Value], after: Mapping[str, Value], prices: PriceHistory, at: Instant
) -> dict[str, Value]:
    """The fields of a product after a change at a moment, with the lowest price of the 30 days before the
    present price began. `prices`: those before the change."""
    fields = {name: value for name, value in after.items() if name != LOWEST}
    price = price_of(after)
    if price is None:
        return fields
    if price == price_of(before):
        lowest = before.get(LOWEST)
    else:
        found = prices.lowest_before(at, price.currency)
        lowest = found if found is None or found.currency else found.amount
    return fields if lowest is None else {**fields, LOWEST: lowest}
