"""The figures of customers are what a count over every order says: over random histories, and over recorded
shops beside the repository."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.core.journeys import Journeys
from engine.figures.period import Granularity, Period
from engine.figures.report import FiguresReport
from engine.figures.report_query import ReportQuery, understood
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.customers import events
from engine.store.database import Store
from engine.values import DAY, Instant, instant, local_date, zone
from tests.figures.customers_anew import Bought, cohorts_anew, figures_anew
from tests.stores import new_store

DATA = Path(__file__).parents[3] / "shared" / "data"
BEGIN = dt.date(2024, 2, 27)
ZONE = "Europe/London"
BATCH = 5_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(new_store(tmp_path_factory.mktemp("figures"))) as opened:
        yield opened


def fill(store: Store, orders: Iterable[Event], customers: Iterable[str]) -> None:
    """Puts these orders into a store instead of those of before, in batches as they come."""
    told = list(zip(customers, orders, strict=True))

    def empty(conn: Connection) -> None:
        for table in ("event", "credit", "daily"):
            conn.exec_driver_sql(f"DELETE FROM {table}")
        daily_counts.describe_shop(conn, ShopFacts(ZONE, "GBP"))

    def job(conn: Connection, some: list[tuple[str, Event]]) -> None:
        events.append(conn, 0, some)

    store.write(empty)
    for at in range(0, len(told), BATCH):
        store.write(lambda conn, at=at: job(conn, told[at : at + BATCH]))  # type: ignore[misc]


def order(number: int, at: Instant, total: Decimal) -> Event:
    return Event(number, f"o{number}", "order_placed", at, at, {"total": total})


def asked(
    store: Store, name: str, period: Period, today: dt.date, lost: int, by: Granularity | None = None
) -> FiguresReport:
    journeys = Journeys({}, currency="GBP", timezone=ZONE)
    now = instant(dt.datetime.combine(today, dt.time(12), dt.UTC))
    with store.read() as conn:
        return reports.report(conn, ReportRequest(name, period, by=by, lost_after=lost), journeys, now)


def check(store: Store, bought: list[Bought], period: Period, today: dt.date, lost: int) -> None:
    """`report customers`, its two earlier periods, and `report cohorts` against a count over the orders."""
    table = asked(store, "customers", period, today, lost).tables[0]
    whole = asked(store, "overview", period, today, lost).tables[0]
    for place, each in enumerate((period, period.before(), period.year_before())):
        expected = figures_anew(bought, each.first, each.last, today, lost)
        for shown in (table, whole):
            row = shown.rows[0]
            values = (row.now, row.before, row.year_before)[place]
            for metric, value in zip(shown.metrics, values, strict=True):
                if metric.name in expected:
                    known = expected[metric.name]
                    said = float(value) if value is not None else None
                    assert said == (pytest.approx(known) if known is not None else None), metric.name
    cells = cohorts_anew(bought, period.last)
    tables = {each.name: each for each in asked(store, "cohorts", period, today, lost).tables}
    months = {row.label for row in tables["cohort_active"].rows} if tables else set()
    within = {f"{period.first:%Y-%m}", f"{period.last:%Y-%m}"}
    assert months == {cohort for cohort, _ in cells if min(within) <= cohort <= max(within)}
    for name, place in (("cohort_active", 0), ("cohort_orders", 1), ("cohort_revenue", 2)):
        for row in tables[name].rows if tables else ():
            for since, value in enumerate(row.now[1:]):
                if value is not None:
                    assert float(value) == pytest.approx(cells.get((row.label, since), (0, 0, 0.0))[place])


histories = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 800 * 24), st.integers(1, 90)), max_size=25
)


@given(
    histories,
    st.integers(0, 700),
    st.integers(0, 400),
    st.integers(0, 100),
    st.sampled_from((1, 30, 90, 365)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_figures_are_what_a_count_over_all_orders_says(
    store: Store, history: list[tuple[str, int, int]], first: int, length: int, later: int, lost: int
) -> None:
    tz = zone(ZONE)
    begin = instant(dt.datetime.combine(BEGIN, dt.time(0), dt.UTC))
    made = [
        order(number, Instant(begin + hours * 3_600_000), Decimal(total))
        for number, (_, hours, total) in enumerate(history, 1)
    ]
    period = Period(BEGIN + dt.timedelta(days=first), BEGIN + dt.timedelta(days=first + length))
    bought = [
        Bought(name, local_date(one.occurred_at, tz), Decimal(total))
        for one, (name, _, total) in zip(made, history, strict=True)
    ]
    today = max([period.last, *(each.day for each in bought)]) + dt.timedelta(days=later)
    fill(store, made, [name for name, _, _ in history])
    check(store, bought, period, today, lost)


@pytest.mark.parametrize(("name", "first"), [("cohorts", "2025-06-01"), ("overview", "2026-04-08")])
def test_with_a_last_day_alone_a_report_is_as_long_as_without(store: Store, name: str, first: str) -> None:
    now = instant(dt.datetime(2026, 7, 15, 12, tzinfo=dt.UTC))
    with store.read() as conn:
        asked_for = ReportQuery(name, last="2026-05-07")
        wanted = understood(conn, asked_for, Journeys({}, timezone=ZONE), now, 365)
    assert wanted.period == Period(dt.date.fromisoformat(first), dt.date(2026, 5, 7))


def test_parts_are_counted_however_many_they_are(store: Store) -> None:
    """Each day of two years: more parts than a statement may have columns."""
    begin, days = instant(dt.datetime.combine(BEGIN, dt.time(12), dt.UTC)), 730
    bought = [
        Bought(name, BEGIN + dt.timedelta(days=day), Decimal(10))
        for name, every in (("a", 3), ("b", 50), ("c", 400)) for day in range(0, days, every)
    ]  # fmt: skip
    made = [
        order(number, Instant(begin + (each.day - BEGIN).days * DAY), each.amount)
        for number, each in enumerate(bought, 1)
    ]
    fill(store, made, [each.customer for each in bought])
    period = Period(BEGIN, BEGIN + dt.timedelta(days=days - 1))
    for by, count in ((Granularity.day, days), (Granularity.month, 24)):
        table = asked(store, "customers", period, period.last, 90, by).tables[-1]
        parts = list(period.parts(by))
        assert len(table.rows) == len(parts) >= count
        for part, row in zip(parts, table.rows, strict=True):
            expected = figures_anew(bought, part.first, part.last, period.last, 90)
            for metric, value in zip(table.metrics, row.now, strict=True):
                if metric.name in expected:
                    known = expected[metric.name]
                    assert (value is None and known is None) or float(value or 0) == known, metric.name


@pytest.mark.data
@pytest.mark.timeout(300)
@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded shops are not there: no ../shared/data")
@pytest.mark.parametrize("one_in", [10, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    ("name", "periods"),
    [
        ("online_retail_y1", [("2009-12-01", "2010-12-31"), ("2010-09-01", "2010-09-30"),
                              ("2010-05-11", "2010-11-20")]),
        ("cdnow", [("1997-01-01", "1998-06-30")]),
    ],
)  # fmt: skip
def test_figures_of_a_recorded_shop(
    store: Store, name: str, periods: list[tuple[str, str]], one_in: int
) -> None:
    """Of every customer, or of one in so many with all of their orders."""
    tz = zone(ZONE)
    made, people, bought = [], [], []
    with gzip.open(DATA / name / "events.jsonl.gz", "rt") as lines:
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            if event["event"] != "order_placed" or crc32(event["customer_id"].encode()) % one_in:
                continue
            at = instant(dt.datetime.fromisoformat(event["at"]))
            total = Decimal(str(event["properties"]["total"]))
            made.append(order(number, at, total))
            people.append(event["customer_id"])
            bought.append(Bought(event["customer_id"], local_date(at, tz), total))
    fill(store, made, people)
    for first, last in periods:
        period = Period(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
        check(store, bought, period, period.last + dt.timedelta(days=20), 90)
