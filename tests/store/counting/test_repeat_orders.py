"""Orders of customers, whatever comes in whatever order: who is new, who orders again and after how long,
what is taken back. The table of daily counts says what a look at every order says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.store import count_backfill, meta
from engine.store.counting import attribution, daily_counts
from engine.store.counting.daily_counts import Count, CountKey, ShopFacts, TakingBack
from engine.store.customers import events
from engine.store.database import Store
from engine.store.id_move import IdMove
from engine.values import HOUR, Instant, Money
from tools.simulation import counted_anew

BEGIN = Instant(1_772_000_000_000)
SHOP = ShopFacts(
    "Europe/Berlin", "EUR",
    less=(
        TakingBack("order_returned", "total", "order_id"), TakingBack("order_cancelled", None, "order_id"),
    ),
)  # fmt: skip
PEOPLE = ("a", "b", "c")

moments = st.one_of(st.integers(0, 100 * 24), st.sampled_from((0, 1, 24, 720, 2400)))
order = st.tuples(st.just("order"), st.sampled_from(PEOPLE), moments)
back = st.tuples(st.sampled_from(("order_returned", "order_cancelled")), st.sampled_from(PEOPLE), moments)
join = st.tuples(st.just("join"), st.sampled_from(PEOPLE), st.sampled_from((0, 1)))
histories = st.lists(st.one_of(order, order, order, order, back, join), max_size=14)


class Orders:
    """Orders and what takes them back, as they are told, in batches."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.number = 0
        for table in ("event", "credit", "order_return", "daily", "customer"):
            conn.exec_driver_sql(f"DELETE FROM {table}")
        meta.remove(conn, daily_counts.FILLING)
        daily_counts.begin(conn)
        daily_counts.describe_shop(conn, SHOP)

    def tell(self, batch: list[tuple[str, str, int]]) -> None:
        told = []
        for kind, customer, hours in batch:
            self.number += 1
            at = Instant(BEGIN + hours * HOUR)
            fields: dict[str, Any] = {
                "total": Money(Decimal(7 if kind != "order" else 10 + self.number), "EUR"),
                "order_id": f"o{self.number % 3}",
            }
            if kind == "order":
                fields["items"] = [{"category": f"kind {number}"} for number in range(self.number % 3)]
            name = "order_placed" if kind == "order" else kind
            told.append((customer, Event(self.number, f"e{self.number}", name, at, at, fields)))
        events.append(self.conn, 0, told)

    def join(self, previous: str, customer: str) -> None:
        if previous != customer:
            attribution.move(self.conn, IdMove((0, previous), (0, customer)))
            # what they did is applied once more, under the id that they have now
            again = events.of_customer(self.conn, 0, previous)
            self.conn.exec_driver_sql(f"DELETE FROM event WHERE customer = '{previous}'")
            events.append(self.conn, 0, [(customer, event) for event in again])

    def do(self, history: list[tuple[str, str, int]], size: int) -> None:
        batch: list[tuple[str, str, int]] = []
        for kind, customer, number in history:
            if kind == "join":
                self.tell(batch)
                batch = []
                self.join(customer, PEOPLE[number])
            else:
                batch.append((kind, customer, number))
                if len(batch) >= size:
                    self.tell(batch)
                    batch = []
        self.tell(batch)

    def check(self) -> None:
        daily_counts.flush(self.conn)
        assert counted_anew.counted(self.conn) == counted_anew.counted_anew(self.conn, SHOP.zone)
        assert +counted_anew.money(self.conn) == +counted_anew.money_anew(self.conn, SHOP.zone)


def counted_as_told(store: Store, history: list[tuple[str, str, int]], size: int) -> None:
    def job(conn: Connection) -> None:
        orders = Orders(conn)
        orders.do(history, size)
        orders.check()

    store.write(job)


def counted_later(
    store: Store, before: list[tuple[str, str, int]], later: list[tuple[str, str, int]], page: int,
    *, is_kept: bool,
) -> None:  # fmt: skip
    """`is_kept`: the orders are kept already, but not their keys and categories."""

    def job(conn: Connection) -> None:
        orders = Orders(conn)
        orders.do(before, 3)
        # as the migration leaves it
        daily_counts.begin(conn)
        conn.exec_driver_sql("DELETE FROM daily")
        conn.exec_driver_sql("DELETE FROM order_return")
        if is_kept:
            conn.exec_driver_sql(
                "UPDATE credit SET order_key = '', categories = '', taken = 0, is_cancelled = false"
            )
            for at, _, total, _ in counted_anew.orders(conn):
                counted = CountKey("", "", "", Count.ORDER)
                daily_counts.add(conn, Instant(at), counted, 1, total * 1_000_000)
        else:
            conn.exec_driver_sql("DELETE FROM credit")
        for name in PEOPLE:
            conn.exec_driver_sql(_CUSTOMER.replace("$", name))
        value = '{"trace":0,"until":0,"states":true,"orders":[-1,""]}'
        conn.exec_driver_sql(f"INSERT INTO meta (name, value) VALUES ('figures_filling', '{value}')")
        # an order that changes hands between the two versions keeps no category: nobody looks at its event
        rest = [one for one in later if one[0] != "join" or not is_kept]
        while count_backfill.count_page(conn, page):
            orders.do(rest[:3], 1)
            rest = rest[3:]
        orders.do(rest, 2)
        orders.check()

    store.write(job)


@given(histories, st.integers(1, 5))
@example([*(("order", "a", hours) for hours in range(7)), ("order_cancelled", "a", 9)], 1)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_orders_are_counted_as_a_look_at_all_of_them_says(
    sqlite_store: Store, history: list[tuple[str, str, int]], size: int
) -> None:
    counted_as_told(sqlite_store, history, size)


@given(histories, histories, st.integers(1, 2), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_ordered_before_it_was_counted_is_counted_once(
    sqlite_store: Store, before: list[tuple[str, str, int]], later: list[tuple[str, str, int]], page: int,
    is_kept: bool,
) -> None:  # fmt: skip
    """Customer after customer, while more orders come and ids turn out to be one person."""
    counted_later(sqlite_store, before, later, page, is_kept=is_kept)


@pytest.mark.postgres
def test_on_postgresql_too(postgres_store: Store) -> None:
    @given(histories, histories, st.booleans())
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    def test(one: list[tuple[str, str, int]], other: list[tuple[str, str, int]], is_kept: bool) -> None:
        counted_as_told(postgres_store, one, 3)
        counted_later(postgres_store, one, other, 2, is_kept=is_kept)

    test()


_CUSTOMER = (
    "INSERT INTO customer (bucket, id, applied, attributes, folded, memory, seen, segments, reach, marks,"
    " zone, zone_why, created_at) VALUES (0, '$', 0, '{}', '{}', '{}', '{}', '{}', '{}', '{}', 'UTC',"
    " 'project', 0)"
)
