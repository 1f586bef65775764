"""Who watches which product: what events touch products, and whom a change of one concerns
(design/language 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from engine.core.happening import Event
from engine.core.products.event_products import products_named
from engine.core.products.prices import PriceHistory
from engine.values import Instant, Money

WatcherKind: TypeAlias = Literal["wishlist", "cart", "viewed"]

TouchKind: TypeAlias = Literal["wishlist", "cart", "viewed", "bought"]

WATCHERS: tuple[WatcherKind, ...] = ("wishlist", "cart", "viewed")
BOUGHT: TouchKind = "bought"

Touches: TypeAlias = Mapping[str, Instant]
"""When a customer last touched a product, by `TouchKind`."""

WATCH_EVENTS: Mapping[str, TouchKind] = MappingProxyType(
    {
        "product_viewed": "viewed",
        "cart_updated": "cart",
        "product_added": "cart",
        "wishlist_added": "wishlist",
        "product_added_to_wishlist": "wishlist",
        "order_placed": "bought",
        "order_completed": "bought",
    }
)
"""Which events touch products in which way, where `watch:` of schemas/events.yaml names no others; the
e-commerce events of Segment have the last name."""


def touched_products(event: Event, watch: Mapping[str, TouchKind] = WATCH_EVENTS) -> tuple[str, ...]:
    """The products that an event is about; none of an event that `watch` does not name."""
    return products_named(event.fields) if event.name in watch else ()


def with_touch(touches: Touches, event: Event, kind: TouchKind) -> dict[str, Instant]:
    """The touches after one more event; one that comes late takes no newer touch back."""
    return {**touches, kind: max(event.occurred_at, touches.get(kind, event.occurred_at))}


def is_watcher(kinds: Iterable[WatcherKind], touches: Touches, since: Instant) -> bool:
    """Whether somebody touched a product in one of these ways after `since`, and did not buy it then or
    later."""
    since = max(since, touches.get(BOUGHT, since))
    return any(touches.get(kind, since) > since for kind in kinds)


def last_seen(touches: Touches) -> Instant | None:
    """When somebody last looked at a product, in whatever way."""
    return max((touches[kind] for kind in WATCHERS if kind in touches), default=None)


def seen_price(prices: PriceHistory, touches: Touches, changed_at: Instant) -> Money | None:
    """The price that somebody saw last before the change of that moment; None: nobody knows."""
    seen = last_seen(touches)
    return prices.at(seen) if seen is not None and seen < changed_at else None
