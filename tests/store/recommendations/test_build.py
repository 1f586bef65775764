"""What the nightly build finds, on both databases alike, and what a batch of messages reads of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.core.recommendations.choose import choose
from engine.core.recommendations.rule import (
    ExclusionKind,
    ProductExclusion,
    ProductSource,
    Recommendation,
    SeedKind,
    SourceKind,
)
from engine.store.customers import events
from engine.store.database import Store
from engine.store.meta import bucket_of
from engine.store.products import catalogue as products
from engine.store.recommendations import prices
from engine.store.recommendations.build import BuildLimits, BuildReport, build, current
from engine.store.recommendations.reading import WantedRecommendation, load
from engine.store.sql import change_many, rows
from engine.values import DAY, MINUTE, Instant, Money, Value

NOW = Instant(1000 * DAY)
_CUSTOMER = (
    "INSERT INTO customer (bucket, id, zone, zone_why, applied, attributes, folded, memory, seen, segments,"
    " reach, marks, created_at) VALUES (?, ?, 'UTC', 'project', 0, '{}', '{}', '{}', '{}', '{}', '{}',"
    " '[[],[],{},[]]', 0)"
)
_numbers = itertools.count(1)


def ago(days: float) -> Instant:
    return Instant(NOW - int(days * DAY))


def catalogue(store: Store, of: Mapping[str, str | None], price: int = 10) -> None:
    """Products by id, with their category."""
    fields: dict[str, dict[str, Value]] = {
        name: {"category": category, "price": Money(Decimal(price), "EUR"), "in_stock": True}
        for name, category in of.items()
    }
    store.write(lambda conn: products.write(conn, fields, ago(50)))


Happened = tuple[str, Instant, Mapping[str, Value]]


def order(days: float, *skus: str) -> Happened:
    return "order_placed", ago(days), {"items": [{"sku": sku} for sku in skus]}


def view(at: Instant, product: str) -> Happened:
    return "product_viewed", at, {"product_id": product}


def fill(store: Store, people: Mapping[str, Sequence[Happened]]) -> None:
    def job(conn: Connection) -> None:
        for customer, theirs in people.items():
            bucket = bucket_of(conn, customer)
            change_many(conn, _CUSTOMER, [(bucket, customer)])
            happened = [
                (customer, Event(next(_numbers), "", name, at, at, dict(fields)))
                for name, at, fields in theirs
            ]
            events.append(conn, bucket, happened)

    store.write(job)


def built(store: Store, limits: BuildLimits | None = None, now: Instant = NOW) -> BuildReport:
    return build(store, ("category",), now, limits=limits)


def pairs(store: Store, source: str) -> list[tuple[str, str, int, int]]:
    with store.read() as conn:
        found = rows(
            conn,
            "SELECT product, other, score, support FROM recommended_pair WHERE build = ? AND source = ?"
            " ORDER BY product, score DESC, other",
            (current(conn), source),
        )
    return [tuple(row) for row in found]


def listed(store: Store, source: str, value: str = "") -> list[tuple[str, int]]:
    with store.read() as conn:
        found = rows(
            conn,
            "SELECT product, score FROM recommended_list WHERE build = ? AND source = ? AND value = ?"
            " ORDER BY place",
            (current(conn), source, value),
        )
    return [tuple(row) for row in found]


def three(*happened: Happened) -> dict[str, list[Happened]]:
    """The same of three customers: as many as make a pair."""
    return {f"c{number}": list(happened) for number in range(3)}


def test_what_lies_in_one_order_is_bought_together_weighed_as_the_documents_say(store: Store) -> None:
    catalogue(store, {"bean": "coffee", "cup": "cups", "tea": "tea"})
    fill(store, three(order(180, "bean", "cup")) | {"d": [order(0, "bean"), order(0, "tea", "bean")]})
    found = built(store)
    assert (found.products, found.orders) == (3, 5)
    # Each old order weighs half, and its two products share that: 3 * 250,000 together. The bean also lies
    # alone in one of today and with the tea: 750,000 + 1,000,000 + 500,000. 1e6 * 750,000 / (sqrt(2,250,000)
    # * 750,000 ** (1/8)), and with itself one and a half times.
    together = pairs(store, "bought together with")
    assert [(product, other, support) for product, other, _, support in together] == [
        ("bean", "bean", 5), ("bean", "cup", 3), ("cup", "cup", 3), ("cup", "bean", 3),
    ]  # fmt: skip
    scores = {(product, other): score for product, other, score, _ in together}
    assert scores["bean", "cup"] == int(1e6 * 750_000 / (2_250_000**0.5 * 750_000**0.125))
    assert scores["bean", "bean"] == int(1e6 * 3_375_000 / (2_250_000**0.5 * 2_250_000**0.125))
    assert scores["cup", "bean"] == int(1e6 * 750_000 / (750_000**0.5 * 2_250_000**0.125))


def test_complements_are_pairs_of_two_categories(store: Store) -> None:
    catalogue(store, {"bean": "coffee", "roast": "coffee", "cup": "cups", "odd": None})
    fill(store, three(order(1, "bean", "roast", "cup", "odd")))
    built(store)
    assert {(product, other) for product, other, _, _ in pairs(store, "complements of")} == {
        ("bean", "cup"), ("roast", "cup"), ("cup", "bean"), ("cup", "roast"),
    }  # fmt: skip


def test_two_orders_make_no_pair_and_three_do(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x", "c": "x"})
    people = three(order(1, "a", "b"))
    people["c0"].append(order(2, "a", "c"))
    people["c1"].append(order(2, "a", "c"))
    fill(store, people)
    built(store)
    others = {other for product, other, _, _ in pairs(store, "bought together with") if product == "a"}
    assert others == {"a", "b"}


def test_what_the_catalogue_does_not_know_counts_nowhere(store: Store) -> None:
    catalogue(store, {"a": "x"})
    fill(store, three(order(1, "a", "gone")))
    built(store)
    assert [other for _, other, _, _ in pairs(store, "bought together with")] == ["a"]
    assert [product for product, _ in listed(store, "bestsellers")] == ["a"]


def test_what_is_viewed_next_has_a_direction_and_what_is_viewed_together_has_none(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x", "c": "x"})
    begun = ago(1)
    looks = [view(Instant(begun + n * MINUTE), name) for n, name in enumerate("abc")]
    later = [view(Instant(begun + 40 * MINUTE), "a")]  # more than half an hour later
    fill(store, three(*looks, *later))
    built(store)
    following = {(product, other) for product, other, _, _ in pairs(store, "viewed next after")}
    assert following == {("a", "b"), ("b", "c")}
    together = {(product, other) for product, other, _, _ in pairs(store, "viewed together with")}
    assert together == set(itertools.permutations("abc", 2))


def test_somebody_who_looks_all_day_has_one_vote(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x"})
    begun = ago(1)
    fill(store, {"c": [view(Instant(begun + n * MINUTE), "ab"[n % 2]) for n in range(60)]})
    built(store)
    assert pairs(store, "viewed together with") == []


def test_bestsellers_count_orders_and_the_newer_ones_more(store: Store) -> None:
    catalogue(store, {"old": "x", "new": "x", "tea": "tea"})
    fill(store, {"c": [order(60, "old"), order(60, "old"), order(0, "new"), order(0, "tea")]})
    built(store)
    assert listed(store, "bestsellers") == [("new", 1_000_000), ("tea", 1_000_000), ("old", 666_666)]
    assert listed(store, "bestsellers", "x") == [("new", 1_000_000), ("old", 666_666)]


def test_slices_of_any_size_find_the_same(store: Store) -> None:
    names = "abcdef"
    catalogue(store, dict.fromkeys(names, "x"))
    people = {
        f"c{n}": [
            order(n, *{names[n % 6], names[(n + 1) % 6], names[n * n % 6]}),
            view(ago(n), names[n % 6]),
            view(Instant(ago(n) + MINUTE), names[(n + 1) % 6]),
        ]
        for n in range(24)
    }
    fill(store, people)
    built(store)
    sources = ("bought together with", "viewed next after", "viewed together with")
    whole = [pairs(store, source) for source in sources]
    assert all(whole)
    built(store, BuildLimits(customers=5, products=2))
    assert [pairs(store, source) for source in sources] == whole
    with store.read() as conn:
        assert current(conn) == 2
        assert rows(conn, "SELECT DISTINCT build FROM recommended_pair") == [(2,)]
        assert rows(conn, "SELECT DISTINCT build FROM recommended_list") == [(2,)]


def test_of_too_many_orders_the_newest_are_counted(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x", "c": "x"})
    people = three(order(1, "a", "b"))
    for theirs in people.values():
        theirs.append(order(100, "a", "c"))
    fill(store, people)
    assert built(store, BuildLimits(pairs=3 * 4)).orders == 3
    assert ("a", "c") not in {
        (product, other) for product, other, _, _ in pairs(store, "bought together with")
    }


def test_a_build_that_is_cut_off_changes_nothing_and_the_next_one_clears_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(store, {"a": "x", "b": "x"})
    fill(store, three(order(1, "a", "b")))
    built(store)
    before = pairs(store, "bought together with")

    def broken(*_: object) -> Iterator[object]:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(prices, "cheaper", broken)
        with pytest.raises(RuntimeError):
            built(store)
    assert pairs(store, "bought together with") == before
    built(store)
    with store.read() as conn:
        assert rows(conn, "SELECT DISTINCT build FROM recommended_pair") == [(current(conn),)]


def test_new_is_what_came_last_into_the_catalogue(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x"})
    built(store)
    store.write(lambda conn: products.write(conn, {"c": {"category": "x"}}, ago(2)))
    built(store)
    assert [product for product, _ in listed(store, "new")] == ["c", "a", "b"]
    # what is only changed is no new product
    store.write(lambda conn: products.write(conn, {"a": {"category": "y"}}, ago(1)))
    built(store)
    assert [product for product, _ in listed(store, "new")] == ["c", "a", "b"]


def test_cheaper_now_is_what_fell_since_a_build_until_it_rises_again_or_a_month_is_over(store: Store) -> None:
    catalogue(store, {"a": "x", "b": "x", "c": "x"})
    built(store)

    def priced(of: Mapping[str, int]) -> None:
        fields: dict[str, dict[str, Value]] = {
            name: {"price": Money(Decimal(price), "EUR")} for name, price in of.items()
        }
        store.write(lambda conn: products.write(conn, fields, NOW))

    priced({"a": 9, "b": 5, "c": 11})
    built(store)
    assert listed(store, "cheaper now") == [("b", 500), ("a", 100)]
    priced({"b": 10})
    built(store, now=Instant(NOW + 10 * DAY))
    assert listed(store, "cheaper now") == [("a", 100)]
    built(store, now=Instant(NOW + 31 * DAY))
    assert listed(store, "cheaper now") == []


RULES = (
    Recommendation(
        "r",
        (
            ProductSource(SourceKind.COMPLEMENTS, SeedKind.LAST_ORDER),
            ProductSource(SourceKind.VIEWED_NEXT, SeedKind.LAST_VIEWED),
            ProductSource(SourceKind.SAME_CATEGORY, SeedKind.CART),
            ProductSource(SourceKind.BESTSELLERS, attribute="favourite_category"),
            ProductSource(SourceKind.BESTSELLERS),
        ),
        never=(ProductExclusion(ExclusionKind.BOUGHT, 90 * DAY, "bought in last 90 days"),),
    ),
)


def test_a_batch_reads_by_as_many_statements_as_one_customer(store: Store) -> None:
    catalogue(store, {"bean": "coffee", "cup": "cups", "tea": "tea"})
    people = three(
        order(5, "bean", "cup"), view(ago(1), "tea"), ("cart_updated", ago(0.5), {"product_id": "cup"})
    )
    fill(store, people | {"d": [order(1, "tea")]})
    built(store)

    def counted(customers: Sequence[str]) -> tuple[int, list[list[str]]]:
        statements: list[str] = []

        def note(*event: object) -> None:
            statements.append(str(event[2]))

        with store.read() as conn:
            buckets = {customer: bucket_of(conn, customer) for customer in customers}
            values: dict[str, Value] = {"favourite_category": "tea"}
            wanted = [WantedRecommendation(buckets[one], one, RULES, ("cup",), values) for one in customers]
            sa.event.listen(store.engine, "before_cursor_execute", note)
            try:
                loaded = load(conn, wanted, NOW)
            finally:
                sa.event.remove(store.engine, "before_cursor_execute", note)
        chosen = [choose(RULES[0], asked, loaded.tables, NOW) for asked in loaded.asked]
        return len(statements), [[item.product for item in one.items] for one in chosen]

    many, lists = counted(["c0", "c1", "c2"])
    assert lists == [["tea"]] * 3
    assert counted(["c0"]) == (many, [["tea"]])
    assert many <= 7
