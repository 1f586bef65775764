"""Recommendations: how often one of ten is in the next order, beside popularity and beside `implicit`; and
what the nightly build takes.

Of everybody with two orders or more the last order is left out (by time); the build knows the others, by the
statements that a shop's nightly build runs, and the lists are those of a message. A hit is at least one of
ten in the order that was left out; what was bought before stays in. nDCG at 10 has the discount
log2(place + 1), and the best that ten could reach in the denominator.

The yardstick is the item-item recommender of `implicit` with BM25 weights (K1 100, B 0.8, K 20, idf of the
item) over the same orders, bought ones not filtered. It is no dependency:

    ./run python -m pip install implicit
"""

from __future__ import annotations

import gzip
import importlib
import json
import math
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

from benchmarks.bystander import Bystander
from benchmarks.figures import Aim, Figure, figure
from engine.core.recommendations.choose import choose
from engine.core.recommendations.rule import ProductSource, Recommendation, SeedKind, SourceKind
from engine.store.database import Store, open_store
from engine.store.recommendations.build import build
from engine.store.recommendations.reading import WantedRecommendation, load
from engine.store.sql import insert_many
from engine.values import DAY, Instant, parse_instant

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SHOPS = {
    "online_retail_y1": DATA / "online_retail_y1" / "events.jsonl.gz",
    "ga_merch_store": DATA / "ga_merch_store" / "events_2016-08.jsonl.gz",
}
TEN = 10
BATCH = 200
CUSTOMERS = 100_000
INSTALL = "for the yardstick:  ./run python -m pip install implicit"

_BESTSELLERS = ProductSource(SourceKind.BESTSELLERS)
RULES = {
    "bought together with past orders": Recommendation(
        "past", (ProductSource(SourceKind.BOUGHT_TOGETHER, SeedKind.PAST_ORDERS), _BESTSELLERS)
    ),
    "bought together with last order": Recommendation(
        "last", (ProductSource(SourceKind.BOUGHT_TOGETHER, SeedKind.LAST_ORDER), _BESTSELLERS)
    ),
}


@dataclass(frozen=True, slots=True)
class Order:
    """One order: who, when, what."""

    customer: str
    at: Instant
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """What is known, and of each customer with two orders what they bought last."""

    known: tuple[Order, ...]
    next: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Quality:
    """Of all lists: the share with a hit, and the mean nDCG at 10."""

    hits: float
    ndcg: float


def run(short: bool) -> list[Figure]:
    """The shops of `../shared/data` that are there, and the build of a made-up one."""
    figures: list[Figure] = []
    for name, path in SHOPS.items():
        if path.exists():
            figures += quality_figures(name, orders_of(path))
    return [*figures, *_build_figures(3_000 if short else CUSTOMERS)]


def orders_of(path: Path) -> list[Order]:
    """Every order of a recorded shop that names products."""
    orders: list[Order] = []
    with gzip.open(path, "rt") as file:
        for line in file:
            event = json.loads(line)
            if event["event"] != "order_placed":
                continue
            items = event["properties"].get("items") or ()
            products = dict.fromkeys(str(item["sku"]) for item in items if item.get("sku"))
            at = parse_instant(event["at"])
            if products and at is not None:
                orders.append(Order(str(event["customer_id"]), at, tuple(products)))
    return orders


def split(orders: Sequence[Order]) -> Split:
    """The last order by time of everybody with two or more is left out."""
    of_customer: dict[str, list[Order]] = {}
    for order in sorted(orders, key=lambda order: order.at):
        of_customer.setdefault(order.customer, []).append(order)
    several = {customer: own for customer, own in of_customer.items() if len(own) > 1}
    known = [
        order for customer, own in of_customer.items() for order in (own[:-1] if customer in several else own)
    ]
    return Split(tuple(known), {customer: frozenset(own[-1].products) for customer, own in several.items()})


def quality_figures(name: str, orders: Sequence[Order]) -> list[Figure]:
    """Ours beside both others, by both measures."""
    parts = split(orders)
    popular = quality(popularity(parts), parts)
    yardstick = bm25(parts)
    theirs = quality(yardstick, parts) if yardstick is not None else None
    figures: list[Figure] = []
    for what, found in ours(parts).items():
        own = quality(found, parts)
        note = f"{len(parts.next):,} next orders"
        for measure in ("hits", "ndcg"):
            label = f"{name}: {measure} at 10, {what}"
            mine = getattr(own, measure)
            others = [("popularity", popular, Aim(at_least=1.0))]
            if theirs is not None:
                others.append(("implicit, BM25 item-item", theirs, Aim(at_least=0.95)))
            for against, other, aim in others:
                missing = note if theirs is not None else f"{note}; {INSTALL}"
                figures.append(
                    figure("recommend", label, against, "", [mine], [getattr(other, measure)], aim, missing)
                )
    return figures


def ours(parts: Split) -> dict[str, dict[str, list[str]]]:
    """What the engine would show, by the rule: customer -> ten products."""
    now = Instant(max(order.at for order in parts.known) + 1)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        store = open_store("sqlite:///shop.db", Path(folder))
        _fill(store, parts.known)
        build(store, ("category",), now)
        found: dict[str, dict[str, list[str]]] = {}
        people = sorted(parts.next)
        for what, rule in RULES.items():
            lists = found[what] = {}
            for begin in range(0, len(people), BATCH):
                some = people[begin : begin + BATCH]
                with store.read() as conn:
                    loaded = load(
                        conn, [WantedRecommendation(0, customer, (rule,)) for customer in some], now
                    )
                for customer, asked in zip(some, loaded.asked, strict=True):
                    chosen = choose(rule, asked, loaded.tables, now, TEN)
                    lists[customer] = [item.product for item in chosen.items]
        store.close()
    return found


def popularity(parts: Split) -> dict[str, list[str]]:
    """The ten products that most orders hold, for everybody."""
    counts = Counter(product for order in parts.known for product in order.products)
    most = sorted(counts, key=lambda product: (-counts[product], product))[:TEN]
    return dict.fromkeys(parts.next, most)


def bm25(parts: Split) -> dict[str, list[str]] | None:
    """The yardstick; None where `implicit` is not installed."""
    try:
        neighbours: Any = importlib.import_module("implicit.nearest_neighbours")
        sparse: Any = importlib.import_module("scipy.sparse")
    except ImportError:
        return None
    people = {customer: row for row, customer in enumerate(dict.fromkeys(o.customer for o in parts.known))}
    items = sorted({product for order in parts.known for product in order.products})
    columns = {product: column for column, product in enumerate(items)}
    counts = Counter((people[o.customer], columns[p]) for o in parts.known for p in o.products)
    at = ([row for row, _ in counts], [column for _, column in counts])
    matrix = sparse.csr_matrix((list(map(float, counts.values())), at), shape=(len(people), len(items)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = neighbours.ItemItemRecommender(K=20)
        model.fit(neighbours.bm25_weight(matrix, K1=100, B=0.8).tocsr(), show_progress=False)
        rows = [people[customer] for customer in parts.next]
        found, _ = model.recommend(rows, matrix[rows], N=TEN, filter_already_liked_items=False)
    return {
        customer: [items[column] for column in row if column >= 0]
        for customer, row in zip(parts.next, found.tolist(), strict=True)
    }


def quality(lists: Mapping[str, Sequence[str]], parts: Split) -> Quality:
    """How often one of ten was in the next order, and how far above."""
    hits, gains = 0, 0.0
    for customer, wanted in parts.next.items():
        places = [place for place, product in enumerate(lists[customer][:TEN], 1) if product in wanted]
        hits += bool(places)
        best = sum(1 / math.log2(place + 1) for place in range(1, min(TEN, len(wanted)) + 1))
        gains += sum(1 / math.log2(place + 1) for place in places) / best
    return Quality(hits / len(parts.next), gains / len(parts.next))


def _fill(store: Store, orders: Sequence[Order]) -> None:
    """The orders as they lie in a store, and a catalogue of everything that was ever ordered."""
    products = sorted({product for order in orders for product in order.products})
    people = sorted({order.customer for order in orders})
    catalogue = [{"id": product, "fields": '{"in_stock":true}', "changed_at": 0} for product in products]
    customers = [
        {
            "bucket": 0, "id": customer, "zone": "UTC", "zone_why": "project", "applied": 0, "created_at": 0,
            **dict.fromkeys(("attributes", "folded", "memory", "seen", "segments", "reach", "marks"), "{}"),
        }
        for customer in people
    ]  # fmt: skip
    events = [
        {
            "bucket": 0, "customer": order.customer, "name": "order_placed", "occurred_at": order.at,
            "number": number, "received_at": order.at, "id": "", "starts": False,
            "fields": json.dumps({"items": [{"sku": product} for product in order.products]}),
        }
        for number, order in enumerate(orders, 1)
    ]  # fmt: skip
    for table, records in (("product", catalogue), ("customer", customers), ("event", events)):
        store.write(partial(insert_many, table=table, records=records))


# --- what a build takes ----------------------------------------------------------------------------

_PRODUCTS = 20_000
_ANY = "'p' || (abs(random() % {products}) * abs(random() % 1000) / 1000 + 1)"
"""A product; low numbers are bought most."""

_MADE_UP = (
    """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {products})
    INSERT INTO product (id, fields, changed_at)
    SELECT 'p' || i, json_object('in_stock', json('true'), 'category', 'c' || (i % 40),
        'price', json_object('amount', i % 90 + 1, 'currency', 'EUR')), 0 FROM n
    """,
    """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {customers})
    INSERT INTO customer (bucket, id, zone, zone_why, applied, attributes, folded, memory, seen, segments,
        reach, marks, created_at)
    SELECT 0, printf('c%07d', i), 'UTC', 'project', 0, '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',
        '{{}}', 0 FROM n
    """,
    f"""
    WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 2)
    INSERT INTO event
    SELECT 0, c.id, 'order_placed', {{now}} - ((c.rowid * 7919 + k.i * 104729) % 365) * {{day}} - 1,
        c.rowid * 100 + k.i, 0, '', 0, json_object('items', json_array(json_object('product_id', {_ANY}),
        json_object('product_id', {_ANY}), json_object('product_id', {_ANY})))
    FROM customer c, k
    """,
    f"""
    WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 8)
    INSERT INTO event
    SELECT 0, c.id, 'product_viewed', {{now}} - ((c.rowid * 31 + k.i / 4) % 120) * {{day}} - k.i * 60000,
        c.rowid * 100 + 10 + k.i, 0, '', 0, json_object('product_id', {_ANY})
    FROM customer c, k
    """,
)
"""A catalogue, customers, two orders of three products for each over a year, and eight views in two
sittings."""


def _build_figures(customers: int) -> list[Figure]:
    """Seconds of a build over a made-up shop, and how long others waited for the writer meanwhile."""
    now = Instant(1_780_000_000_000)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        store = open_store("sqlite:///shop.db", Path(folder))
        names = {"products": _PRODUCTS, "customers": customers, "now": now, "day": DAY}
        for sql in _MADE_UP:
            store.write(methodcaller("exec_driver_sql", sql.format(**names)))
        with Bystander(store) as bystander:
            began = time.perf_counter()
            built = build(store, ("category",), now)
            seconds = time.perf_counter() - began
        with store.read() as conn:
            began = time.perf_counter()
            conn.exec_driver_sql("SELECT sum(length(CAST(fields AS TEXT))) FROM event").fetchall()
            bare = time.perf_counter() - began
        store.close()
    events = customers * 10
    note = (
        f"{built.orders:,} orders, {sum(built.pairs.values()):,} pairs kept; others waited"
        f" {bystander.longest:.2f} s for the writer at most"
    )
    what = f"build of {customers:,} customers, {events:,} events"
    return [figure("recommend", what, "reading all events once", "s", [seconds], [bare], Aim(), note)]
