"""What customers spent, summed up by SQLite and PostgreSQL alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.facts.rfm import DEFAULT
from engine.core.facts.rule import FactRule
from engine.core.happening import Event
from engine.store.customers import events
from engine.store.database import Store
from engine.store.learning.rfm import CustomerSpending, spending
from engine.store.meta import bucket_of
from engine.store.sql import change_many
from engine.values import DAY, Instant, Money, Type, Value

NOW = Instant(400 * DAY)
GROUP = Type("one of", DEFAULT.names)


def rule(field: str = "total", last: int | None = None) -> FactRule:
    return FactRule("rfm", "rfm", "order_placed", field, GROUP, last, DEFAULT)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def fill(store: Store, orders: dict[str, list[tuple[int, dict[str, Value]]]], **groups: str) -> None:
    """Customers with their orders (day, fields); day 100 and before is imported history."""

    def job(conn: object) -> None:
        number = 0
        for customer, theirs in orders.items():
            bucket = bucket_of(conn, customer)  # type: ignore[arg-type]
            attributes = f'{{"rfm":"{groups[customer]}"}}' if customer in groups else "{}"
            row = (bucket, customer, "UTC", "project", 0, attributes, *["{}"] * 5, "[[],[],{},[]]", 0)
            change_many(conn, _CUSTOMER, [row])  # type: ignore[arg-type]
            for day, fields in theirs:
                number += 1
                at = Instant(day * DAY)
                event = Event(number, "", "order_placed", at, at, fields, starts=day > 100)
                other = Event(number, "", "order_viewed", at, at, {"total": euro("1000")})
                events.append(conn, bucket, [(customer, event), (customer, other)])  # type: ignore[arg-type]

    store.write(job)


_CUSTOMER = (
    "INSERT INTO customer (bucket, id, zone, zone_why, applied, attributes, folded, memory, seen, segments, "
    "reach,"
    " marks, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def found(store: Store, of: FactRule, page: int = 20_000) -> dict[str, CustomerSpending]:
    with store.read() as conn:
        people = list(spending(conn, of, "EUR", NOW, page))
    assert len({one.customer for one in people}) == len(people)
    return {one.customer: one for one in people}


def spent(store: Store, of: FactRule) -> dict[str, tuple[int, int, Decimal]]:
    return {name: (one.last_at // DAY, one.times, one.amount) for name, one in found(store, of).items()}


def test_last_event_number_and_sum_of_each(store: Store) -> None:
    fill(store, {
        "ann": [(10, {"total": euro("10.10")}), (12, {"total": euro("0.20")}), (11, {"total": euro("5")})],
        "bob": [(3, {"total": euro("7")})],
        "eve": [],
    })  # fmt: skip
    assert spent(store, rule()) == {"ann": (12, 3, Decimal("15.30")), "bob": (3, 1, Decimal(7))}


def test_sums_are_exact(store: Store) -> None:
    cents = [(day, {"total": euro("0.1")}) for day in range(1, 11)]
    large = [(1, {"total": euro("9007199254740993.01")}), (2, {"total": euro("0.01")})]
    fill(store, {"ann": cents, "bob": large})  # type: ignore[dict-item]
    assert spent(store, rule()) == {
        "ann": (10, 10, Decimal("1.0")),
        "bob": (2, 2, Decimal("9007199254740993.02")),
    }


def test_another_currency_counts_as_an_order_without_amount(store: Store) -> None:
    fill(store, {"ann": [(1, {"total": Money(Decimal(99), "USD")}), (2, {"total": euro("4")}), (3, {})]})
    assert spent(store, rule()) == {"ann": (3, 3, Decimal(4))}


def test_numbers_and_what_is_none(store: Store) -> None:
    fill(store, {"ann": [(1, {"points": 5}), (2, {"points": Decimal("2.5")}), (3, {"points": "9"})]})
    assert spent(store, rule("points")) == {"ann": (3, 3, Decimal("7.5"))}


def test_a_path_goes_over_the_items(store: Store) -> None:
    basket: list[dict[str, object]] = [{"price": euro("1.50")}, {"price": euro("2")}, {"sku": "gift"}]
    fill(store, {
        "ann": [(1, {"items": basket}), (2, {"items": basket})],
        "bob": [(1, {"items": ("a", "b")})],
        "eve": [(1, {"items.price": euro("8")})],
    })  # fmt: skip
    assert spent(store, rule("items.price")) == {
        "ann": (2, 2, Decimal(7)), "bob": (1, 1, Decimal(0)), "eve": (1, 1, Decimal(8)),
    }  # fmt: skip


def test_a_window_leaves_out_what_is_older(store: Store) -> None:
    one: dict[str, Value] = {"total": euro("1")}
    fill(store, {"ann": [(300, one), (370, one), (380, one)], "bob": [(370, one)]}, bob="lost")
    assert spent(store, rule(last=30 * DAY)) == {"ann": (380, 1, Decimal(1)), "bob": (0, 0, Decimal(0))}


def test_who_only_has_imported_history_is_quiet(store: Store) -> None:
    one: dict[str, Value] = {"total": euro("1")}
    fill(store, {"ann": [(50, one), (60, one)], "bob": [(50, one), (300, one)]}, ann="loyal")
    people = found(store, rule())
    assert {name: (known.group, known.quiet) for name, known in people.items()} == {
        "ann": ("loyal", True),
        "bob": (None, False),
    }


@pytest.mark.parametrize("page", [1, 2, 3, 7, 8])
def test_pages_give_everybody_once(store: Store, page: int) -> None:
    one: dict[str, Value] = {"total": euro("1")}
    names = ["Ann", "ann", "O'Reilly", "a%b", "ä", "z?", "7"]
    fill(store, {name: [(1, one)] for name in names})
    assert sorted(found(store, rule(), page)) == sorted(names)


@pytest.mark.parametrize("field", ["order total", "to'tal", "50%", "a?", ":b", "{ids}"])
def test_any_name_of_a_field_is_only_a_name(store: Store, field: str) -> None:
    fill(store, {"ann": [(1, {field: euro("3"), "total": euro("1")})]})
    assert spent(store, rule(field)) == {"ann": (1, 1, Decimal(3))}
