"""The make-believe shop: customers, products and a year of history, all from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.values import DAY, Instant, iso
from tools.demo.customers import ShopCustomer, make_customer
from tools.demo.history import Row, year_of
from tools.demo.products import Product, make_products

YEAR = 365 * DAY


@dataclass(slots=True)
class Shop:
    """`start`: the moment at which the demo begins; everything of `history` lies before it."""

    seed: int
    start: Instant
    products: dict[str, Product]
    people: dict[str, ShopCustomer] = field(default_factory=dict)
    orders: dict[str, list[Row]] = field(default_factory=dict)  # of each person, oldest first
    coming: list[Row] = field(default_factory=list)  # parcels that are on their way when the demo begins
    watchers: dict[str, set[str]] = field(default_factory=dict)  # product -> who looked at it lately

    def history(self) -> Iterator[Row]:
        """Every event of the year, person by person, oldest first. Fills `orders`, `coming` and
        `watchers`."""
        start = iso(self.start)
        for person in self.people.values():
            dice = random.Random(f"{self.seed}/year/{person.id}")
            for row in sorted(
                year_of(person, self.products, dice, self.start), key=lambda row: str(row["at"])
            ):
                if str(row["at"]) >= start:
                    self.coming.append(row)
                    continue
                if row["event"] == "order_placed":
                    self.orders.setdefault(person.id, []).append(row)
                if row["event"] == "product_viewed":
                    self.watch(str(_fields(row)["product_id"]), person.id)
                yield row

    def customers(self) -> Iterator[Row]:
        """Every customer as the shop knows them; points and tier follow from what they did."""
        for person in self.people.values():
            yield {"customer_id": person.id, **person.traits(), **self._membership(person)}

    def watch(self, product: str, customer: str) -> None:
        """Somebody looked at a product."""
        self.watchers.setdefault(product, set()).add(customer)

    def newcomer(self) -> ShopCustomer:
        """Somebody who signs up now: no consent yet, no order yet."""
        number = len(self.people) + 1
        person = make_customer(number, random.Random(f"{self.seed}/person/{number}"), self.start)
        person.consents = dict.fromkeys(person.addresses, "none")
        self.people[person.id] = person
        return person

    def _membership(self, customer: ShopCustomer) -> Row:
        if not customer.member:
            return {}
        return {"customer_since": customer.today(customer.joined).isoformat()}


def make_shop(seed: int, customers: int, start: Instant) -> Shop:
    """A shop with so many customers; the same seed, number and start make the same shop."""
    shop = Shop(seed, start, make_products(seed))
    for number in range(1, customers + 1):
        dice = random.Random(f"{seed}/person/{number}")
        joined = Instant(start - int(YEAR * dice.random() ** 0.7))
        person = make_customer(number, dice, joined)
        if dice.random() < 0.45:  # some stop buying; where the year ends they are 0 to 300 days away
            person.quits = Instant(start - int((20 + 280 * dice.random()) * DAY))
        shop.people[person.id] = person
    return shop


def _fields(row: Row) -> Row:
    fields = row["properties"]
    assert isinstance(fields, dict)
    return fields
