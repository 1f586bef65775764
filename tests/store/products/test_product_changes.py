"""Changes of the catalogue reach everybody concerned, in slices, each once; on both databases."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from engine.core.enrollment import Enrollment
from engine.core.happening import Event, ProductChanged
from engine.core.journey import ProductTrigger
from engine.core.journeys import Journeys
from engine.store.customers import enrollments
from engine.store.database import Store
from engine.store.inbox.inbox_codec import from_row
from engine.store.meta import bucket_of
from engine.store.persons import aliases
from engine.store.products import catalogue as products
from engine.store.products import changes as product_changes
from engine.store.products import watching
from engine.store.sql import change, rows
from engine.values import DAY, Duration, Instant, Money, Value

NOW = Instant(1_800_000_000_000)
DROP = ProductTrigger("price_drop", 10, ("wishlist", "cart", "viewed"), Duration(days=30), None, None, 1)


def euros(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


def touch(
    store: Store, customer: str, product: str = "p1", at: int = NOW, name: str = "product_viewed"
) -> None:
    event = Event(0, "", name, Instant(at), Instant(at), {"product_id": product})
    store.write(lambda conn: watching.record_touches(conn, [(customer, event)], Instant(at)))


def put(store: Store, product: str = "p1", at: int = NOW, **fields: Value) -> int:
    return store.write(lambda conn: products.write(conn, {product: fields}, Instant(at)))


def tell(store: Store, limit: int = 500, triggers: tuple[ProductTrigger, ...] = (DROP,)) -> bool:
    return store.write(lambda conn: product_changes.tell(conn, triggers, "EUR", NOW, limit))


def told(store: Store) -> list[tuple[str, ProductChanged]]:
    """Who was told of what, in order."""
    with store.read() as conn:
        found = rows(conn, "SELECT number, customer, kind, body FROM inbox ORDER BY number")
    return [(customer, from_row(number, kind, body)) for number, customer, kind, body in found]  # type: ignore[misc]


def run_about(store: Store, customer: str, product: str) -> None:
    """An open run that looks at a product."""
    run = Enrollment(customer, "journey", "", NOW, 1, NOW, NOW, product_id=product)

    def save(conn: Connection) -> None:
        enrollments.save(conn, bucket_of(conn, customer), [(customer, run, False)])

    store.write(save)


def test_a_change_reaches_those_who_touched_the_product_in_slices(store: Store) -> None:
    customers = {f"c{n}" for n in range(25)}
    for customer in sorted(customers):
        touch(store, customer)
    touch(store, "other", "p2")
    put(store, price=euros(20))
    put(store, price=euros(10))
    slices = 1
    while tell(store, limit=4):
        slices += 1
        assert len(told(store)) <= 4 * slices
    assert Counter(customer for customer, _ in told(store)) == Counter(customers)
    assert slices >= 7
    _, what = told(store)[0]
    assert (what.before, what.fields) == ({"price": euros(20)}, {"price": euros(10)})
    assert what.touches == {"viewed": NOW}
    assert not tell(store)
    assert len(told(store)) == 25


@pytest.mark.parametrize(
    ("at", "price"), [(NOW - 40 * DAY, 10), (NOW, 19), (NOW, 21)], ids=["long ago", "too little", "dearer"]
)
def test_nobody_is_told_of_what_cannot_start_anybody(store: Store, at: int, price: int) -> None:
    touch(store, "ada", at=at)
    put(store, price=euros(20))
    put(store, price=euros(price))
    assert not tell(store)
    assert told(store) == []


def test_an_open_run_is_told_of_every_change_once(store: Store) -> None:
    run_about(store, "ada", "p1")
    touch(store, "ada")
    put(store, price=euros(20), in_stock=True)
    put(store, in_stock=False)
    tell(store)
    assert [(customer, what.fields) for customer, what in told(store)] == [
        ("ada", {"price": euros(20), "in_stock": True}),
        ("ada", {"price": euros(20), "in_stock": False}),
    ]


def test_who_touches_it_after_the_change_is_no_watcher(store: Store) -> None:
    put(store, price=euros(20))
    tell(store)
    put(store, at=NOW + 10, price=euros(10))
    touch(store, "late", at=NOW + 10)
    tell(store)
    assert [what.touches for _, what in told(store)] == [{}]  # told, for a run may look at it: no touch yet


def test_who_touches_it_again_while_it_is_worked_off_is_told_once_with_the_touch_before(store: Store) -> None:
    for customer in ("a", "b", "c", "d"):
        touch(store, customer)
    put(store, price=euros(20))
    tell(store)
    put(store, at=NOW + 5, price=euros(10))
    assert tell(store, limit=2)
    early = {customer for customer, _ in told(store)}
    for customer in ("a", "b", "c", "d"):
        touch(store, customer, at=NOW + 50, name="wishlist_added")
    while tell(store, limit=2):
        pass
    assert Counter(customer for customer, _ in told(store)) == Counter("abcd")
    assert len(early) == 2
    assert all(what.touches == {"viewed": NOW} for _, what in told(store))


def test_several_changes_of_a_product_are_told_in_their_order(store: Store) -> None:
    for customer in ("a", "b", "c"):
        touch(store, customer)
    for price in (40, 30, 20):
        put(store, price=euros(price))
    touch(store, "b", at=NOW + 5)  # told of both at once, before its own touch
    while tell(store, limit=1):
        pass
    prices: dict[str, list[Value]] = {}
    for customer, what in told(store):
        if what.touches and what.before:
            prices.setdefault(customer, []).append(what.fields["price"])
    assert prices == {customer: [euros(30), euros(20)] for customer in "abc"}


def test_an_older_touch_takes_no_newer_one_back(store: Store) -> None:
    touch(store, "ada", at=NOW)
    touch(store, "ada", at=NOW - 5 * DAY)
    touch(store, "ada", at=NOW - 3 * DAY, name="wishlist_added")
    put(store, price=euros(20))
    put(store, price=euros(10))
    tell(store)
    ((_, what),) = told(store)
    assert what.touches == {"viewed": NOW, "wishlist": NOW - 3 * DAY}


def test_a_field_that_is_left_out_stays_and_none_takes_it_away(store: Store) -> None:
    put(store, price=euros(20), in_stock=False, stock=0)
    put(store, price=euros(10))
    put(store, in_stock=True, stock=None)
    with store.read() as conn:
        assert products.find(conn, ["p1"]) == {"p1": {"price": euros(10), "in_stock": True}}
    assert put(store, price=euros(10)) == 0


def test_a_catalogue_that_nobody_watches_is_worked_off_in_few_transactions(store: Store) -> None:
    many: Mapping[str, Mapping[str, Value]] = {f"p{n}": {"price": euros(n)} for n in range(500)}
    store.write(lambda conn: products.write(conn, many, NOW))
    assert (tell(store), tell(store), tell(store)) == (True, True, False)
    assert told(store) == []


def test_what_an_anonymous_visitor_touched_is_watched_by_the_person(store: Store) -> None:
    touch(store, "visitor", at=NOW - DAY)
    touch(store, "visitor", "p2")
    touch(store, "ada", at=NOW - 2 * DAY, name="wishlist_added")
    store.write(lambda conn: aliases.join(conn, "visitor", "ada", Journeys({}), NOW))
    for product in ("p1", "p2"):
        put(store, product, price=euros(20))
        put(store, product, price=euros(10))
    tell(store)
    assert [(customer, what.product_id, what.touches) for customer, what in told(store)] == [
        ("ada", "p1", {"viewed": NOW - DAY, "wishlist": NOW - 2 * DAY}),
        ("ada", "p2", {"viewed": NOW}),
    ]


def test_a_visitor_who_turns_out_to_be_somebody_while_a_change_is_worked_off_loses_none(store: Store) -> None:
    for customer in ("a", "visitor", "z"):
        touch(store, customer)
    put(store, price=euros(20))
    tell(store)
    put(store, price=euros(10))
    assert tell(store, limit=1)
    store.write(lambda conn: aliases.join(conn, "visitor", "a", Journeys({}), NOW))
    while tell(store, limit=1):
        pass
    reached = Counter(customer for customer, what in told(store) if what.touches)
    assert reached["z"] == 1
    assert reached["a"] >= 1


@pytest.mark.parametrize("number", range(1, 8))
def test_a_slice_that_fails_at_any_statement_leaves_nobody_out_and_tells_nobody_twice(
    store: Store, number: int
) -> None:
    for customer in "abcdef":
        touch(store, customer)
    put(store, price=euros(20))
    tell(store)
    put(store, price=euros(10))
    left = number

    def fail(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise ConnectionError("the power went")

    sa.event.listen(sa.Engine, "before_cursor_execute", fail)
    try:
        with contextlib.suppress(ConnectionError):
            while tell(store, limit=2):
                pass
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", fail)
    assert left <= 0
    while tell(store, limit=2):
        pass
    assert Counter(customer for customer, _ in told(store)) == Counter("abcdef")


def test_a_request_full_of_carts_is_noted_up_to_a_limit(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_TOUCHES", 6)
    carts = [
        (f"c{n}", Event(0, "", "cart_updated", NOW, NOW, {"product_id": tuple(f"p{m}" for m in range(4))}))
        for n in range(4)
    ]
    sqlite_store.write(lambda conn: watching.record_touches(conn, carts, NOW))
    with sqlite_store.read() as conn:
        found = rows(conn, "SELECT customer, count(*) FROM watch GROUP BY customer ORDER BY customer")
    assert found == [("c0", 4), ("c1", 4), ("c2", 1), ("c3", 1)]


@pytest.fixture
def crowd(sqlite_store: Store) -> Store:
    """A product that many watch, among others."""

    def fill(conn: Connection) -> None:
        for product in range(40):
            events = [
                (f"c{n}", Event(0, "", "product_viewed", NOW, NOW, {"product_id": f"p{product}"}))
                for n in range(2000 if product == 1 else 50)
            ]
            watching.record_touches(conn, events, NOW)
        change(conn, "ANALYZE")

    sqlite_store.write(fill)
    return sqlite_store


def test_the_watchers_of_a_product_are_found_by_an_index(crowd: Store) -> None:
    sql = product_changes._CONCERNED.format(
        f"{product_changes._READERS} UNION ALL {product_changes._WATCHERS}"
    )
    with crowd.read() as conn:
        parameters = ("p2", -1, "", 500, "p2", 9, -1, "", 500, 500)
        if conn.dialect.name == "postgresql":
            change(conn, "SET LOCAL enable_seqscan = off")  # of so few rows a scan costs less
            plan = [line for (line,) in rows(conn, f"EXPLAIN {sql}", parameters)]
            assert len([line for line in plan if "Index Cond" in line and "'p2'" in line]) == 2, plan
            assert not [line for line in plan if "Seq Scan" in line]
            return
        steps = [row[-1].split() for row in rows(conn, f"EXPLAIN QUERY PLAN {sql}", parameters)]
    assert ["SEARCH", "watch", "USING", "PRIMARY", "KEY"] in [words[:5] for words in steps]
    assert ["SEARCH", "enrollment", "USING"] in [words[:3] for words in steps]
    assert not [words for words in steps if words[0] == "SCAN" and words[1] in ("watch", "enrollment")]
