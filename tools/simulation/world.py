"""Customers and what happens to them: made-up people in many time zones, their events, late and twice, what
they agree to and take back, the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from engine.compiler.catalogue.catalogue import Catalogue
from engine.runtime.intake.items import AliasItem, ConsentGiven, CustomerItem, EventItem, Item, ProductItem
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant, iso

ZONES = (
    "Europe/Sofia", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "Africa/Cairo",
    "America/St_Johns", "Pacific/Pago_Pago", "Africa/Casablanca", "Atlantic/Azores",
)  # fmt: skip
PRODUCTS = ("p1", "p2", "p3")

EVENTS: Mapping[str, int] = {
    "subscribed": 4, "site_visited": 5, "product_viewed": 4, "wishlist_added": 2, "cart_updated": 4,
    "order_placed": 3, "points_redeemed": 1, "cart_emptied": 1,
}  # fmt: skip
"""How often each happens, beside the others."""


@dataclass(slots=True)
class Request:
    """What a source sends in one call, again and again until it is answered."""

    source: str
    items: tuple[Item, ...]


@dataclass(slots=True)
class World:
    """Everything that happens, drawn from `dice`. `catalogue`: of the project; what it does not know does
    not happen. `channels`: those that customers may have."""

    dice: Random
    catalogue: Catalogue
    channels: tuple[str, ...]
    customers: int
    counter: int = 0
    sent: list[EventItem] = field(default_factory=list)  # the last few, to be sent once more
    absorbed: list[str] = field(default_factory=list)  # ids that are another customer by now
    names: list[str] = field(default_factory=list)

    def begin(self) -> list[Request]:
        """Everybody comes in, and the catalogue."""
        self.names = [f"c{number}" for number in range(self.customers)]
        requests = [Request("shop", tuple(self._product(product) for product in PRODUCTS))]
        people = [self._newcomer(name) for name in self.names]
        requests += [Request("shop", tuple(people[at : at + 500])) for at in range(0, len(people), 500)]
        return requests

    def happen(self, now: Instant, items: int) -> Iterator[Request]:
        """So many things happen at this moment, told in requests of one or of several."""
        while items > 0:
            count = min(items, self.dice.choice((1, 1, 2, 4)) * max(1, items // 20))
            items -= count
            yield Request("shop", tuple(self._item(now) for _ in range(count)))

    def _next_id(self) -> str:
        self.counter += 1
        return f"i{self.counter}"

    def _someone(self) -> str:
        if self.absorbed and self.dice.random() < 0.05:
            return self.dice.choice(self.absorbed)
        return self.dice.choice(self.names)

    def _item(self, now: Instant) -> Item:
        chance = self.dice.random()
        if chance < 0.74:
            return self._event(now)
        if chance < 0.80 and self.sent:
            return self.dice.choice(self.sent)  # the very same once more
        if chance < 0.92:
            return self._change(self._someone())
        if chance < 0.96:
            return self._product(self.dice.choice(PRODUCTS))
        return self._alias(now)

    def _event(self, now: Instant) -> EventItem:
        dice, known = self.dice, [name for name in EVENTS if self.catalogue.event_fields(name) is not None]
        name = dice.choices(known, [EVENTS[name] for name in known])[0]
        at = iso(Instant(now - self._lateness())) if dice.random() < 0.3 else None
        fields = self._fields(name)
        item = EventItem(0, self._someone(), name, at, self._next_id(), fields, history=dice.random() < 0.02)
        self.sent = [*self.sent[-20:], item]
        return item

    def _lateness(self) -> int:
        """Most late events are late by minutes, some by days; a clock of a sender may be ahead."""
        return self.dice.choice((
            self.dice.randint(0, 10 * MINUTE), self.dice.randint(0, 5 * HOUR), self.dice.randint(0, 3 * DAY),
            -self.dice.randint(0, HOUR),
        ))  # fmt: skip

    def _fields(self, name: str) -> dict[str, Any]:
        dice = self.dice
        product = dice.choice(PRODUCTS)
        declared = self.catalogue.event_fields(name) or {}
        offered: dict[str, Any] = {
            "product_id": product, "cart_id": f"k{dice.randint(1, 3)}", "order_id": self._next_id(),
            "total": f"{dice.randint(5, 200)}.{dice.randint(0, 99):02} EUR", "points": dice.randint(1, 200),
        }  # fmt: skip
        if dice.random() < 0.3:
            offered["code"] = dice.choice(("HELLO", "nothing"))
        return {key: value for key, value in offered.items() if key in declared}

    def _newcomer(self, name: str) -> CustomerItem:
        attributes: dict[str, Any] = {}
        if self.dice.random() < 0.9:
            attributes["timezone"] = self.dice.choice(ZONES)
        for attribute in ("birthday", "tier", "points", "loyalty_member"):
            if self.dice.random() < 0.7:
                attributes |= self._attribute(attribute)
        addresses = {channel: self._address(channel, name) for channel in self.channels}
        agreed = tuple(
            ConsentGiven(channel, "given") for channel in self.channels if self.dice.random() < 0.85
        )
        return CustomerItem(0, name, self._next_id(), attributes, addresses, agreed)

    def _attribute(self, name: str) -> dict[str, Any]:
        if name not in self.catalogue.attributes:
            return {}
        dice = self.dice
        day = dt.date(2024, 1, 1) + dt.timedelta(days=dice.randint(0, 365))  # a leap year
        values: dict[str, Any] = {
            "birthday": day.isoformat(), "tier": dice.choice(("bronze", "silver", "gold")),
            "points": dice.randint(0, 2000), "loyalty_member": dice.random() < 0.7,
            "seen_on": (dt.date(2026, 1, 1) + dt.timedelta(days=dice.randint(0, 600))).isoformat(),
            "points_expire_on": (dt.date(2026, 1, 1) + dt.timedelta(days=dice.randint(0, 600))).isoformat(),
            "points_expiring": dice.randint(0, 300),
        }  # fmt: skip
        return {name: values[name]}

    def _address(self, channel: str, name: str) -> str:
        number = int(name[1:])
        match channel:
            case "email":
                return f"{name}@mail{number % 3}.example"
            case "push":
                return f"token-{name}"
            case _:
                return f"+35988{1_000_000 + number}"

    def _change(self, name: str) -> CustomerItem:
        """An attribute, a consent that is given or withdrawn, another zone, an address that goes or comes."""
        dice, id_ = self.dice, self._next_id()
        channel = dice.choice(self.channels)
        match dice.choice(("attribute", "attribute", "consent", "zone", "address")):
            case "consent":
                state = dice.choice(("given", "withdrawn", "withdrawn"))
                return CustomerItem(0, name, id_, consents=(ConsentGiven(channel, state),))
            case "zone":
                zone = dice.choice((*ZONES, "Mars/Phobos"))
                return CustomerItem(0, name, id_, {"timezone": zone})
            case "address":
                own = None if dice.random() < 0.4 else self._address(channel, name)
                return CustomerItem(0, name, id_, addresses={channel: own})
            case _:
                names = (
                    "birthday",
                    "tier",
                    "points",
                    "loyalty_member",
                    "seen_on",
                    "points_expire_on",
                    "points_expiring",
                )
                return CustomerItem(0, name, id_, self._attribute(dice.choice(names)))

    def _product(self, product: str) -> ProductItem:
        dice = self.dice
        fields = {
            "price": f"{dice.choice((5, 8, 10, 20))} EUR", "in_stock": dice.random() < 0.7,
            "stock": dice.randint(0, 30),
        }  # fmt: skip
        return ProductItem(0, product, fields)

    def _alias(self, now: Instant) -> Item:
        """Two ids turn out to be one person; the one of the two that goes may be new."""
        if len(self.names) < 3:
            return self._event(now)
        owner = self.dice.choice(self.names)
        if self.dice.random() < 0.5:
            former = f"v{self.counter}"
        else:
            former = self.dice.choice([name for name in self.names if name != owner])
            self.names.remove(former)
        self.absorbed.append(former)
        return AliasItem(0, former, owner, self._next_id())


def spread(dice: Random, seconds: float) -> float:
    """A moment within so many seconds."""
    return round(dice.random() * seconds * SECOND) / SECOND
