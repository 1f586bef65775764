"""The whole customer base in slices, and whose date is near, on both databases."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engine.core.conditions.condition import Ref
from engine.core.facts.customer import CustomerState, Facts
from engine.core.journeys import Journeys
from engine.store.audience import whole_base
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.meta import bucket_of
from engine.values import DAY, Birthday, Instant, Type, Value, instant

JOURNEYS = Journeys({}, timezone="UTC")


def keep(store: Store, **customers: dict[str, Value]) -> None:
    def write(conn: sa.Connection) -> None:
        for name, values in customers.items():
            batch = batches.load_batch(conn, bucket_of(conn, name), [name], JOURNEYS, Instant(0))
            facts = Facts(name, "UTC", values=dict(values))
            batches.save_batch(conn, batch, {name: CustomerState(facts, applied=1)}, Instant(0))

    store.write(write)


def test_what_is_appended_for_all_says_for_how_many(store: Store) -> None:
    keep(store, **{f"appended{number}": dict[str, Value](city="x") for number in range(3)})
    here = whole_base.CUSTOMER.c.id.like("appended%")

    def append(conn: sa.Connection) -> int:
        return whole_base.append_for_all(conn, here, sa.true(), "clock", "[]", Instant(0))

    assert store.write(append) == 3
    with store.read() as conn:
        sql = "SELECT count(*) FROM inbox WHERE customer IN ('appended0', 'appended1', 'appended2')"
        assert conn.exec_driver_sql(sql).scalar_one() == 3


def test_slices_hold_everybody_once(store: Store) -> None:
    keep(store, **{f"slice{number}": dict[str, Value](city="x") for number in range(7)})
    here = whole_base.in_zone("UTC") & whole_base.CUSTOMER.c.id.like("slice%")
    for size in (1, 3, 7, 100):
        with store.read() as conn:
            found = [
                [row.id for row in conn.execute(sa.select(whole_base.CUSTOMER.c.id).where(here, part))]
                for part in whole_base.slices(conn, here, size)
            ]
        assert all(len(part) <= size for part in found)
        assert sorted(name for part in found for name in part) == [f"slice{number}" for number in range(7)]


@pytest.mark.parametrize("year", [1901, 1969, 1970, 2024, 2026, 2099])
@pytest.mark.parametrize("kind", ["date", "time", "birthday"])
def test_a_date_that_returns_is_near_whatever_its_year(store: Store, kind: str, year: int) -> None:
    day = dt.date(year, 3, 3)
    for hour in (0, 23):
        moment = instant(dt.datetime.combine(day, dt.time(hour), dt.UTC))
        values: dict[str, tuple[Value, Value]] = {
            "date": (day, day + dt.timedelta(days=150)),
            "time": (moment, moment + 150 * DAY),
            "birthday": (Birthday(3, 3, year), Birthday(7, 31, year)),
        }
        here, there = values[kind]
        keep(store, near={"it": here}, far={"it": there}, none={}, odd={"it": "soon"})
        ref = Ref("customer", "it", Type(kind))  # type: ignore[arg-type]
        near = whole_base.date_near(ref, {dt.date(2026, 3, 3)}, yearly=True)
        some = whole_base.CUSTOMER.c.id.in_(["near", "far", "none", "odd"])
        with store.read() as conn:
            assert [row[1] for row in whole_base.values_of(conn, near, some, "it")] == ["near"]
