"""What a recommendation comes to for one customer, as a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.products.event_products import products_named
from engine.core.recommendations.choose import choose
from engine.core.recommendations.rule import Recommendation
from engine.store.customers import addressees, events
from engine.store.meta import bucket_of
from engine.store.recommendations.build import built_at
from engine.store.recommendations.reading import WantedRecommendation, load
from engine.values import Instant, Value


@dataclass(frozen=True, slots=True)
class ListedProduct:
    """A product of the list. `called`: its name in the catalogue."""

    product: str
    called: str
    source: str
    score: int


@dataclass(frozen=True, slots=True)
class RejectedCandidate:
    """A candidate that is not on the list."""

    product: str
    called: str
    source: str
    score: int
    why: str


@dataclass(frozen=True, slots=True)
class RecommendationAnswer:
    """The list as of `at`. `trigger`: products that the run began with."""

    name: str
    customer: str
    at: Instant
    built_at: Instant | None
    trigger: tuple[str, ...]
    items: tuple[ListedProduct, ...]
    rejected: tuple[RejectedCandidate, ...]


def answer_for(
    conn: Connection,
    customer: str,
    rule: Recommendation,
    trigger: tuple[str, ...],
    now: Instant,
) -> RecommendationAnswer:
    """What a message to this customer would show now. Without `trigger` the run is one that began with their
    last order."""
    bucket = bucket_of(conn, customer)
    known = addressees.find(conn, bucket, [customer]).get(customer)
    if not trigger:
        orders = [
            event for event in events.of_customer(conn, bucket, customer) if event.name == "order_placed"
        ]
        trigger = products_named(orders[-1].fields) if orders else ()
    values = known.values if known is not None else {}
    loaded = load(conn, [WantedRecommendation(bucket, customer, (rule,), trigger, values)], now)
    chosen = choose(rule, loaded.asked[0], loaded.tables, now)
    products = loaded.tables.products
    return RecommendationAnswer(
        rule.name,
        customer,
        now,
        built_at(conn),
        trigger,
        tuple(
            ListedProduct(item.product, _called(products, item.product), item.source, item.score)
            for item in chosen.items
        ),
        tuple(
            RejectedCandidate(one.product, _called(products, one.product), one.source, one.score, one.why)
            for one in chosen.rejected
        ),
    )


def _called(products: Mapping[str, Mapping[str, Value]], product: str) -> str:
    name = products.get(product, {}).get("name")
    return name if isinstance(name, str) else ""
