"""A year in the life of the make-believe shop, before the demo begins."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from engine.values import DAY, HOUR, MINUTE, Instant, iso
from tools.demo.customers import ShopCustomer
from tools.demo.products import Product, choose_product

_SEASON = (0.9, 0.95, 1.0, 1.0, 0.95, 0.9, 0.8, 0.75, 1.0, 1.05, 1.35, 1.6)
"""How much is bought in each month, January first."""

DENSE = 30 * DAY
"""Page views older than this are not worth telling."""

Row = dict[str, object]


def year_of(
    customer: ShopCustomer, products: dict[str, Product], dice: random.Random, start: Instant
) -> Iterator[Row]:
    """What this person did until `start`; the ids of the rows are the same every time.

    A parcel that is on its way at `start` arrives after it.
    """
    number = 0
    at = _first_order(customer, dice)
    end = min(start, customer.quits or start)
    while at < end:
        for name, moment, fields in _visit(customer, products, dice, at, start, number, buys=True):
            yield _row(customer, f"h{number}-{name}-{moment}", name, moment, fields)
        number += 1
        at = next_order(customer, dice, at)
    for moment in _looks(customer, dice, start):
        for name, when, fields in _visit(customer, products, dice, moment, start, number, buys=False):
            yield _row(customer, f"h{number}-{name}-{when}", name, when, fields)
        number += 1


def next_order(customer: ShopCustomer, dice: random.Random, after: Instant) -> Instant:
    """When the next order would come by itself: the own rhythm, the season, an hour of the evening or the
    noon."""
    month = customer.today(after).month
    days = customer.rhythm * dice.lognormvariate(0, 0.3) / _SEASON[month - 1]
    day = customer.today(after) + dt.timedelta(days=max(1, round(days)))
    return customer.moment(day, waking_hour(dice))


def waking_hour(dice: random.Random) -> float:
    """An hour at which people shop: around noon, mostly in the evening."""
    return min(23.4, max(7.0, dice.gauss(*((12.5, 1.5) if dice.random() < 0.4 else (19.5, 1.8)))))


def order_of(
    customer: ShopCustomer, products: dict[str, Product], dice: random.Random, order_id: str, at: Instant
) -> Row:
    """The fields of an order: one to three things, and when the coffee will be used up."""
    picked = {
        product.id: product
        for product in (
            choose_product(products, customer.taste, customer.brew, dice)
            for _ in range(dice.choice((1, 1, 2, 3)))
        )
    }
    items = [product.item(dice.choice((1, 1, 1, 2))) for product in picked.values()]
    fields: Row = {
        "order_id": order_id, "product_id": list(picked), "items": items, "currency": "EUR",
        "total": total_of(items),
    }  # fmt: skip
    lasts = max((product.days for product in picked.values()), default=0)
    if lasts and dice.random() < 0.7:
        fields["runs_out_on"] = (customer.today(at) + dt.timedelta(days=lasts)).isoformat()
    return fields


def total_of(items: list[dict[str, object]]) -> float:
    """The sum of a cart."""
    return round(sum(float(str(item["price"])) * int(str(item["quantity"])) for item in items), 2)


def view_of(product: Product) -> Row:
    """The fields of a look at a product."""
    return {
        "product_id": product.id,
        "name": product.name,
        "category": product.category,
        "price": product.price,
        "currency": "EUR",
    }


def _first_order(customer: ShopCustomer, dice: random.Random) -> Instant:
    if dice.random() < 0.18:  # subscribed, never bought
        return Instant(customer.joined + 10_000 * DAY)
    day = customer.today(customer.joined) + dt.timedelta(days=dice.randrange(0, 25))
    return customer.moment(day, waking_hour(dice))


def _visit(
    customer: ShopCustomer,
    products: dict[str, Product],
    dice: random.Random,
    at: Instant,
    start: Instant,
    number: int,
    *,
    buys: bool,
) -> Iterator[tuple[str, Instant, Row]]:
    if at >= start - DENSE:
        yield "site_visited", Instant(at - 12 * MINUTE), {"page": "/"}
        for place in range(dice.choice((1, 1, 2))):
            moment = Instant(at - (10 - 3 * place - dice.randrange(3)) * MINUTE)
            yield (
                "product_viewed",
                moment,
                view_of(choose_product(products, customer.taste, customer.brew, dice)),
            )
    if not buys:
        return
    fields = order_of(customer, products, dice, f"{customer.id}-{number}", at)
    yield "order_placed", at, fields
    arrives = Instant(at + dice.randrange(40, 110) * HOUR)
    yield "order_delivered", arrives, {"order_id": fields["order_id"]}
    if arrives < start:
        written = Instant(arrives + dice.randrange(3, 9) * DAY)
        if dice.random() < 0.08 and written < start:
            yield (
                "review_written",
                written,
                {"order_id": fields["order_id"], "stars": dice.choice((3, 4, 4, 5, 5, 5))},
            )


def _looks(customer: ShopCustomer, dice: random.Random, start: Instant) -> list[Instant]:
    """Visits of the last weeks that ended without an order."""
    if customer.quits or dice.random() < 0.4:
        return []
    days = sorted(dice.sample(range(1, 28), dice.choice((1, 1, 2, 3))))
    moments = [
        customer.moment(customer.today(start) - dt.timedelta(days=day), waking_hour(dice)) for day in days
    ]
    return [moment for moment in moments if customer.joined < moment < start - HOUR]


def _row(customer: ShopCustomer, key: str, event: str, at: Instant, fields: Row) -> Row:
    return {
        "id": f"{customer.id}-{key}",
        "event": event,
        "customer_id": customer.id,
        "at": iso(at),
        "properties": fields,
    }
