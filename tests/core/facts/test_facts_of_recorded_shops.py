"""Facts of real shops in ../shared/data agree with counts in plain Python that were made without them."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from engine.compiler.catalogue.typed import CatalogueReaders
from engine.compiler.facts.customer_file import read_catalogue
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event, initial_values
from engine.core.happening import Event
from engine.language.yaml.source import read
from engine.values import DAY, Instant, Money, Value, instant

DATA = Path(__file__).parents[3].parent / "shared" / "data"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the recorded shops are not there: no ../shared/data"),
]

EVENTS = """
events:
  order_placed:
    fields:
      order_id: text
      total: money
      country: text
      items: {list of: {sku: text, quantity: number, price: money}}
  order_cancelled:
    fields: {order_id: text, total: money, items: {list of: {sku: text, quantity: number}}}
"""
CUSTOMER = """
facts:
  times: count of order_placed
  gross: sum of order_placed.total
  net: {is: sum of order_placed.total, less: order_cancelled.total by order_id}
  kept: {is: count of order_placed, less: order_cancelled by order_id}
  kept_at: {is: last order_placed, less: order_cancelled by order_id}
  products: number of different order_placed.items.sku
  hearts: {is: sum of order_placed.items.quantity, where: {items.sku: 85123A, items.quantity: at least 6}}
  large: {is: share of order_placed, where: {total: at least 300 EUR}}
  usual: median days between order_placed
  expected: next order_placed
"""
CATALOGUE, PROBLEMS = read_catalogue(read(CUSTOMER, "c")[0], read(EVENTS, "e")[0], None)
RULES = tuple(CATALOGUE.facts.values())
Row = dict[str, Any]


def rows_of(shop: str) -> dict[str, list[Row]]:
    """The rows by customer. A cancellation has an invoice of its own: it is given that of the latest order
    before it in which the customer bought one of its products."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    with gzip.open(DATA / shop / "events.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            row["properties"].pop("currency", None)
            found[row["customer_id"]].append(row)
    for rows in found.values():
        for number, row in enumerate(rows):
            if row["event"] == "order_cancelled":
                skus = {item["sku"] for item in row["properties"]["items"]}
                before = [
                    each for each in rows[:number]
                    if each["event"] == "order_placed"
                    and skus & {item["sku"] for item in each["properties"]["items"]}
                ]  # fmt: skip
                row["properties"]["order_id"] = before[-1]["properties"]["order_id"] if before else "none"
    return found


def at(row: Row) -> Instant:
    return instant(dt.datetime.fromisoformat(row["at"]))


def folded(customer: str, rows: list[Row]) -> Mapping[str, Value]:
    """The facts of a customer, whose rows come in an order of chance."""
    typing = CatalogueReaders(CATALOGUE, "EUR")
    events = [
        Event(
            number,
            str(number),
            row["event"],
            at(row),
            at(row),
            typing.event(row["event"], row["properties"]).values,
        )
        for number, row in enumerate(rows, 1)
    ]
    random.Random(customer).shuffle(events)
    facts = Facts(customer, values=initial_values(RULES, "EUR"))
    for event in events:
        apply_event(facts, event, RULES)
    return facts.values


def counted(rows: list[Row]) -> Iterator[tuple[str, object]]:
    """The same facts, from the rows themselves."""
    orders = sorted((row for row in rows if row["event"] == "order_placed"), key=at)
    of = [order["properties"] for order in orders]
    back: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["event"] == "order_cancelled":
            back[row["properties"]["order_id"]] += abs(Decimal(str(row["properties"]["total"])))
    totals = [(order.get("order_id"), Decimal(str(order["total"]))) for order in of]
    yield "times", len(of)
    yield "gross", sum((total for _, total in totals), Decimal(0))
    yield "net", sum((total - min(back.get(key, Decimal(0)), total) for key, total in totals), Decimal(0))
    kept = [order for order, (key, _) in zip(orders, totals, strict=True) if key not in back]
    yield "kept", len(kept)
    yield "kept_at", at(kept[-1]) if kept else None
    items = [item for order in of for item in order.get("items", ())]
    yield "products", len({item["sku"] for item in items})
    yield (
        "hearts",
        sum(item["quantity"] for item in items if item["sku"] == "85123A" and item["quantity"] >= 6),
    )
    large = sum(total >= 300 for _, total in totals)
    yield "large", round(Decimal(large) / len(of), 6) if of else None
    gaps = [at(later) - at(earlier) for earlier, later in pairwise(orders)]
    yield "usual", round(Decimal(int(median(gaps))) / DAY, 2) if len(gaps) > 1 else None
    yield "expected", at(orders[-1]) + int(median(gaps)) if len(gaps) > 2 else None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shop", ["online_retail_y1", "cdnow", "rfm_orders"])
def test_facts_agree_with_independent_counts(shop: str) -> None:
    assert PROBLEMS == []
    customers = rows_of(shop)
    # Every fifth: all of them take a minute, and agree as well.
    for customer in sorted(customers)[::5]:
        rows = customers[customer]
        facts = folded(customer, rows)
        for name, value in counted(rows):
            found = facts.get(name)
            if isinstance(found, Money):
                found = found.amount
            assert found == value, (customer, name)
