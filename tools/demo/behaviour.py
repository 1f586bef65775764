"""How the make-believe customers live: they visit and buy by themselves, and they answer what they get.

Nothing here talks to anybody: `until` says what people do, the caller does it over HTTP and reports back
with `receive` (a message came) and `landed` (a link was followed).
"""

from __future__ import annotations

import datetime as dt
import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from engine.values import DAY, HOUR, MINUTE, Instant, iso
from tools.demo.actions import (
    Action,
    FollowLink,
    OpenMail,
    PutCustomer,
    PutProduct,
    RedeemPoints,
    SendEvent,
    Unsubscribe,
)
from tools.demo.customers import ShopCustomer
from tools.demo.history import Row, next_order, order_of, total_of, view_of, waking_hour
from tools.demo.messages import ReceivedMessage
from tools.demo.products import choose_product
from tools.demo.shop import Shop

SIGN_UPS_A_DAY = 0.015
"""Newcomers for every customer that the shop had at the start."""

DAYS_BETWEEN_LOOKS = 7.0
"""Of people who still buy; the others look in six times as seldom."""

VOUCHER = 100
"""Points that a voucher takes."""

_Act = Callable[[Instant], Iterator[Action]]


@dataclass(slots=True)
class ShopCustomers:
    """Everybody of a shop. `until` has to be called with moments that never go back."""

    shop: Shop
    carts: dict[str, list[Row]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)  # the newest code that somebody got and has not used
    counts: dict[str, int] = field(default_factory=dict)
    _plans: list[tuple[int, int, _Act]] = field(default_factory=list)
    _by_address: dict[str, ShopCustomer] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _number: int = 0
    _at_start: int = 1

    def begin(self) -> None:
        """Plans everybody's next days. Needs the shop's history."""
        self._at_start = len(self.shop.people)
        for person in self.shop.people.values():
            self._knows(person)
            dice = self._dice("life", person.id)
            last = self.shop.orders.get(person.id)
            if last and person.quits is None:
                self._plan_order(person, dice, dt.datetime.fromisoformat(str(last[-1]["at"])))
            self._plan_look(person, dice, self.shop.start)
        for row in self.shop.coming:
            at = Instant(int(dt.datetime.fromisoformat(str(row["at"])).timestamp() * 1000))
            self._plan(at, self._report(row))
        self._plan(Instant(self.shop.start + 3 * MINUTE), self._sign_up)
        self._plan(Instant(self.shop.start + 14 * HOUR), self._price_drop)

    def until(self, now: Instant) -> Iterator[Action]:
        """What people do up to `now`, in the order of time."""
        while self._plans and self._plans[0][0] <= now:
            at, _, act = heapq.heappop(self._plans)
            yield from act(Instant(at))

    def receive(self, received: ReceivedMessage, now: Instant) -> ShopCustomer | None:
        """A message came: perhaps it is opened, clicked, or the last one. Whose it was; None: nobody knows
        the address."""
        person = self._by_address.get(received.address.lower())
        if person is None:
            return None
        self._count(f"received {received.channel}")
        dice = self._dice("letter", person.id, now)
        if received.code:
            self._keeps_code(person, received.code, dice, now)
        attention = person.attention.get(received.channel, 0.1)
        clicks = 0.62 if person.id in self._asked else min(0.7, attention)
        reads = min(0.95, 3 * attention + 0.15)
        delay = dice.lognormvariate(0, 0.9) * (2.0 * HOUR if received.channel == "email" else 0.3 * HOUR)
        at = Instant(now + int(delay * (0.1 if person.id in self._asked else 1)))
        chance = dice.random()
        if received.pixel and chance < max(reads, clicks):
            self._plan(at, lambda _: iter((OpenMail(received.pixel),)))
        if received.links and chance < clicks:
            link = dice.choice(received.links)
            self._plan(Instant(at + MINUTE), lambda _: iter((FollowLink(person, link, received),)))
        elif received.leave and dice.random() < 0.006:
            self._plan(Instant(at + MINUTE), lambda _: self._leaves(received))
        return person

    def landed(self, customer: ShopCustomer, url: str, received: ReceivedMessage, now: Instant) -> None:
        """A link led to a page of the shop: what somebody does there."""
        self._count(f"clicked {received.channel}")
        dice = self._dice("landed", customer.id, now)
        path = urlsplit(url).path
        soon = Instant(now + dice.randrange(1, 6) * MINUTE)
        if received.confirm and url == received.confirm:
            self._plan(Instant(now + MINUTE // 2), lambda at: self._confirms(customer, at))
        elif path.startswith("/review") and dice.random() < 0.8:
            fields: Row = {"order_id": path.rpartition("/")[2], "stars": dice.choice((3, 4, 5, 5, 5))}
            self._plan(soon, lambda at: iter((self._tell(customer, "review_written", at, fields),)))
        elif path.startswith("/points") and dice.random() < 0.35:
            self._plan(soon, lambda at: self._redeems(customer, at))
        elif path.startswith("/cart") and customer.id in self.carts:
            if dice.random() < 0.45 + (0.3 * customer.thrift if received.code else 0):
                self._plan(soon, lambda at: self._buys(customer, dice, at, received.code))
        elif path.startswith("/product/") and path.rpartition("/")[2] in self.shop.products:
            self._plan(soon, lambda at: self._looks_at(customer, path.rpartition("/")[2], dice, at))
        elif path.startswith("/stay"):
            self._plan(soon, lambda at: iter((self._tell(customer, "site_visited", at, {"page": "/stay"}),)))
        else:
            self._plan(soon, lambda at: self._looks(customer, dice, at, received.code))

    def _redeems(self, customer: ShopCustomer, at: Instant) -> Iterator[Action]:
        fields: Row = {"points": VOUCHER, "reward": "voucher"}
        yield RedeemPoints(VOUCHER, self._tell(customer, "points_redeemed", at, fields))

    def _looks(
        self, customer: ShopCustomer, dice: random.Random, at: Instant, code: str = ""
    ) -> Iterator[Action]:
        """A visit: some products, perhaps a cart, perhaps an order."""
        yield self._tell(customer, "site_visited", at, {"page": "/"})
        for number in range(dice.choice((1, 1, 2, 3))):
            product = choose_product(self.shop.products, customer.taste, customer.brew, dice)
            self.shop.watch(product.id, customer.id)
            yield self._tell(
                customer, "product_viewed", Instant(at + (number + 1) * MINUTE), view_of(product)
            )
        if code and dice.random() < 0.15 + 0.4 * customer.thrift:
            self._plan(Instant(at + 9 * MINUTE), lambda now: self._buys(customer, dice, now, code))
        elif dice.random() < 0.38:
            self._plan(Instant(at + 5 * MINUTE), lambda now: self._fills_cart(customer, dice, now))

    def _looks_at(
        self, customer: ShopCustomer, product: str, dice: random.Random, at: Instant
    ) -> Iterator[Action]:
        """A product that a message showed: looked at, and perhaps bought."""
        self._count("shown products followed")
        self.shop.watch(product, customer.id)
        yield self._tell(customer, "product_viewed", at, view_of(self.shop.products[product]))
        if self.shop.products[product].stock > 0 and dice.random() < 0.3:
            self.carts[customer.id] = [self.shop.products[product].item()]
            self._count("shown products bought")
            self._plan(Instant(at + 8 * MINUTE), lambda now: self._buys(customer, dice, now, ""))

    def _keeps_code(self, customer: ShopCustomer, code: str, dice: random.Random, at: Instant) -> None:
        """Somebody has a code now. Whoever looks for bargains comes within two days because of it; the others
        may type it in when they order anyway."""
        if self.codes.get(customer.id) == code:  # the same one in a reminder
            return
        self.codes[customer.id] = code
        if dice.random() < 0.5 * customer.thrift:
            day = customer.today(at) + dt.timedelta(days=dice.randrange(1, 3))
            comes = customer.moment(day, waking_hour(dice))
            self._plan(comes, lambda now: self._looks_and_buys(customer, dice, now))

    def _fills_cart(self, customer: ShopCustomer, dice: random.Random, at: Instant) -> Iterator[Action]:
        order = order_of(customer, self.shop.products, dice, "", at)
        items = order["items"]
        assert isinstance(items, list)
        if (
            customer.id not in self.shop.orders and dice.random() < 0.4
        ):  # whoever begins often needs a machine too
            items.append(choose_product(self.shop.products, "machines", customer.brew, dice).item())
        self.carts[customer.id] = items
        fields: Row = {
            "cart_id": f"cart-{customer.id}", "items": items,
            "product_id": [item["product_id"] for item in items],
            "total": total_of(items), "currency": "EUR",
        }  # fmt: skip
        yield self._tell(customer, "cart_updated", at, fields)
        chance = dice.random()
        if chance < 0.3:
            self._plan(
                Instant(at + dice.randrange(4, 30) * MINUTE), lambda now: self._buys(customer, dice, now, "")
            )
        elif chance < 0.36:
            self._plan(
                Instant(at + dice.randrange(20, 200) * MINUTE), lambda now: self._empties(customer, now)
            )

    def _empties(self, customer: ShopCustomer, at: Instant) -> Iterator[Action]:
        if self.carts.pop(customer.id, None) is not None:
            yield self._tell(customer, "cart_emptied", at, {"cart_id": f"cart-{customer.id}"})

    def _buys(self, customer: ShopCustomer, dice: random.Random, at: Instant, code: str) -> Iterator[Action]:
        self._number += 1
        fields = order_of(customer, self.shop.products, dice, f"{customer.id}-d{self._number}", at)
        cart = self.carts.pop(customer.id, None)
        if cart:
            fields |= {
                "items": cart,
                "product_id": [item["product_id"] for item in cart],
                "total": total_of(cart),
            }
        kept = self.codes.pop(customer.id, "")
        code = code or (kept if dice.random() < 0.4 + 0.6 * customer.thrift else "")
        if code:
            fields["code"] = code
            self._count("orders with a code")
        self._count("orders")
        yield self._tell(customer, "order_placed", at, fields)
        arrives = Instant(at + dice.randrange(20, 60) * HOUR)
        self._plan(
            arrives,
            lambda now: iter(
                (self._tell(customer, "order_delivered", now, {"order_id": fields["order_id"]}),)
            ),
        )
        if customer.quits is None:
            self._plan_order(customer, dice, dt.datetime.fromtimestamp(at / 1000, dt.UTC))

    def _confirms(self, customer: ShopCustomer, at: Instant) -> Iterator[Action]:
        if customer.id in self._asked:
            self._asked.discard(customer.id)
            yield self._tell(customer, "subscribed", Instant(at + 1000), {"source": "site"})

    def _leaves(self, received: ReceivedMessage) -> Iterator[Action]:
        self._count("unsubscribed")
        yield Unsubscribe(received.leave)

    def _sign_up(self, at: Instant) -> Iterator[Action]:
        """Somebody new types an address into the form on the site."""
        person = self.shop.newcomer()
        dice = self._dice("new", person.id)
        self._knows(person)
        self._asked.add(person.id)
        self._count("signed up")
        yield PutCustomer(person.id, person.traits())
        yield self._tell(person, "site_visited", at, {"page": "/"})
        yield self._tell(
            person, "optin_requested", at, {"source": "site", "token": f"t{dice.randrange(10**12):012d}"}
        )
        self._plan_look(person, dice, at)
        self._plan(Instant(at + int(dice.expovariate(SIGN_UPS_A_DAY * self._at_start) * DAY)), self._sign_up)

    def _price_drop(self, at: Instant) -> Iterator[Action]:
        """Once a day something becomes cheaper; the shop tells those who looked at it."""
        dice = self._dice("drop", at)
        product = max(
            dice.sample(list(self.shop.products.values()), 8),
            key=lambda one: len(self.shop.watchers.get(one.id, ())),
        )
        old, product.price = product.price, round(product.price * dice.choice((0.75, 0.8, 0.85)), 2)
        product.stock = dice.randint(3, 40)
        yield PutProduct(product.id, product.fields())
        fields: Row = {
            "product_id": product.id,
            "old_price": old,
            "new_price": product.price,
            "currency": "EUR",
        }
        for customer in sorted(self.shop.watchers.get(product.id, ())):
            yield self._tell(self.shop.people[customer], "price_drop", at, fields)
        self._plan(Instant(at + DAY), self._price_drop)

    # --- plans ----------------------------------------------------------------------------------

    def _plan(self, at: Instant, act: _Act) -> None:
        self._number += 1
        heapq.heappush(self._plans, (at, self._number, act))

    def _plan_order(self, customer: ShopCustomer, dice: random.Random, last: dt.datetime) -> None:
        at = Instant(int(last.timestamp() * 1000))
        while at <= self.shop.start or at <= int(last.timestamp() * 1000):
            at = next_order(customer, dice, at)
        self._plan(at, lambda now: self._looks_and_buys(customer, dice, now))

    def _looks_and_buys(self, customer: ShopCustomer, dice: random.Random, at: Instant) -> Iterator[Action]:
        yield self._tell(customer, "site_visited", Instant(at - 10 * MINUTE), {"page": "/"})
        yield from self._buys(customer, dice, at, "")

    def _plan_look(self, customer: ShopCustomer, dice: random.Random, after: Instant) -> None:
        days = dice.expovariate(1 / (DAYS_BETWEEN_LOOKS * (6 if customer.quits else 1)))
        day = customer.today(after) + dt.timedelta(days=int(days))
        at = customer.moment(day, waking_hour(dice))
        if at <= after:
            at = Instant(at + DAY)
        self._plan(at, lambda now: self._comes_by(customer, dice, now))

    def _comes_by(self, customer: ShopCustomer, dice: random.Random, at: Instant) -> Iterator[Action]:
        yield from self._looks(customer, dice, at)
        self._plan_look(customer, dice, at)

    # --- small things ---------------------------------------------------------------------------

    def _knows(self, customer: ShopCustomer) -> None:
        for address in customer.addresses.values():
            self._by_address[address.lower()] = customer

    def _tell(self, customer: ShopCustomer, event: str, at: Instant, fields: Row) -> SendEvent:
        self._number += 1
        return SendEvent(customer.id, f"d{self._number}-{customer.id}", event, iso(at), fields)

    def _report(self, row: Row) -> _Act:
        fields = row["properties"]
        assert isinstance(fields, dict)
        event = SendEvent(str(row["customer_id"]), str(row["id"]), str(row["event"]), str(row["at"]), fields)
        return lambda _: iter((event,))

    def _dice(self, *about: object) -> random.Random:
        return random.Random("/".join(str(one) for one in (self.shop.seed, *about)))

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
