"""Reports of a large shop: all of them, on SQLite and on PostgreSQL, beside one reading of the table of daily
counts, which most of them are summed from.

Its rows follow from days, journeys, steps and channels and not from customers and messages; the counts in it
are those of a million customers who order for two years and get three million messages. Who can be written
to, codes, recommended products, experiments and the audit are counted over the customers, their runs and
their orders themselves, which lie beside it (`large_shop`).
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from sqlalchemy import Connection

from benchmarks.figures import Aim, Figure, Spent, figure, spent
from benchmarks.large_shop import fill_history
from benchmarks.workers import server
from engine import project
from engine.core.journeys import Journeys
from engine.figures.period import asked
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.runtime.publish.deploy import deploy
from engine.store import meta
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import EPOCH, Count, CountKey, GoalKind
from engine.store.customers.customer_codec import CustomerMarks, dump_marks
from engine.store.database import Store, open_store
from engine.store.sql import insert_many
from engine.values import DAY, Instant

CUSTOMERS, MESSAGES = 1_000_000, 3_000_000
DAYS, SHORT_DAYS = 731, 60
JOURNEYS, STEPS, CHANNELS = 20, 3, ("email", "push")
TODAY = dt.date(2026, 6, 30)
NOW = Instant(1_782_820_800_000)
RUNS = 5
BAR = 2.0
"""Seconds in which a report should be there."""

_OF_MESSAGES = (
    (Count.SENT, 1.0), (Count.DELIVERED, 0.97), (Count.BOUNCED, 0.01), (Count.OPENED, 0.3),
    (Count.CLICKED, 0.06), (Count.UNSUBSCRIBED, 0.002), (Count.ATTRIBUTED, 0.01),
)  # fmt: skip
_CONFIG = """
shop: {name: Bench, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: UTC
currency: EUR
languages: [en]
store: sqlite:///shop.db
holdout: 2%
channels:
  email: {via: outbox, from: hello@shop.example, price: 0.0004 EUR}
  push: {via: outbox}
policies:
  marketing: {consent: marketing, quiet: none, caps: none}
points:
  earn: [{event: order_placed, points: 1 for each 1 EUR of total}]
  pending: 14 days
  expire: 365 days after earning
"""
_SCHEMAS = {
    "schemas/customer.yaml": "facts:\n  orders_count: count of order_placed\n",
    "schemas/events.yaml": """events:
  signed_up: {}
  order_placed: {fields: {order_id: text, total: money}}
""",
}
_SEGMENT = "segment: segment_{n}\nabout: Orders.\nwho: {{orders_count: at least {n}}}\n"
_JOURNEY = """
journey: journey_{number:02}
start: {{event: signed_up}}
again: never
goal: {{event: order_placed, within: 14 days}}
holdout: 5%
steps:
  - wait: {wait}
    id: step_1
  - split: split
    into:
      50% a: [{{add: {{points: 1}}}}]
      50% b: [{{add: {{points: 2}}}}]
"""
REPORTS = (
    ("overview", "30 days"), ("overview", "1 year"), ("customers", "1 year"), ("cohorts", "1 year"),
    ("journeys", "1 year"), ("journey", "1 year"), ("channels", "1 year"), ("segments", "1 year"),
    ("codes", "1 year"), ("points", "1 year"), ("recommendations", "30 days"), ("recommendations", "1 year"),
    ("deployments", "30 days"), ("experiments", "1 year"), ("audit", "30 days"), ("year", "1 year"),
)  # fmt: skip
OF = {"journey": "journey_07", "year": "c0000001"}
"""What reports of one thing are about."""

_DOCUMENTS = ("attributes", "folded", "memory", "seen", "segments")
_CHUNK = 20_000


def run(short: bool) -> list[Figure]:
    """Both databases."""
    days, people = (SHORT_DAYS, CUSTOMERS // 100) if short else (DAYS, CUSTOMERS)
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder = Path(name)
        found += _of_store(open_store("sqlite:///shop.db", folder), "SQLite", folder, days, people)
        with server(folder) as url:
            found += _of_store(open_store(url, folder), "PostgreSQL", folder, days, people)
    return found


def _of_store(store: Store, database: str, folder: Path, days: int, people: int) -> list[Figure]:
    try:
        journeys = publish(store, folder)
        fill_customers(store, people)
        fill_counts(store, days)
        fill_history(store, NOW, days, JOURNEYS)
        counts = analyze(store)
        return [
            _figure(store, f"{name}, {length}, {database}", ReportRequest(
                name, asked(TODAY, length=length), OF.get(name, ""), is_usual=name == "experiments",
            ), journeys, counts)
            for name, length in REPORTS
        ]  # fmt: skip
    finally:
        store.close()


def publish(store: Store, folder: Path) -> Journeys:
    """Twenty journeys with a holdout and a split each, and a deployment that changes them all."""
    for days, wait in ((40, "2 days"), (20, "3 days")):
        shop = folder / f"shop{days}"
        files = (
            {"config.yaml": _CONFIG}
            | _SCHEMAS
            | {
                f"journeys/journey_{number:02}.yaml": _JOURNEY.format(number=number, wait=wait)
                for number in range(JOURNEYS)
            }
            | {f"segments/segment_{n}.yaml": _SEGMENT.format(n=n) for n in range(STEPS)}
        )
        for name, text in files.items():
            (shop / name).parent.mkdir(parents=True, exist_ok=True)
            (shop / name).write_text(text)
        read = project.load(shop)
        assert not read.has_errors, [problem for problem in read.problems if problem.is_error]
        store.write(lambda conn, read=read, days=days: deploy(conn, read, Instant(NOW - days * DAY)))  # type: ignore[misc]
    return read.journeys


def _figure(store: Store, what: str, wanted: ReportRequest, journeys: Journeys, counts: int) -> Figure:
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(_spent(store, lambda conn: reports.report(conn, wanted, journeys, NOW)))
        theirs.append(_spent(store, lambda conn: conn.exec_driver_sql(_ONCE).fetchall()))
    note = (
        f"{median(run.cpu for run in ours):.2f} s of this process's processor; the bar is {BAR:g} s; "
        f"{counts:,} rows of counts"
    )
    seconds = ([run.wall for run in ours], [run.wall for run in theirs])
    return figure("report", what, "reading the counts once", "s", *seconds, Aim(), note)


_ONCE = "SELECT what, sum(n) FROM daily GROUP BY what"


def _spent(store: Store, question: Callable[[Connection], object]) -> Spent:
    with store.read() as conn:
        return spent(lambda: question(conn))


def fill_customers(store: Store, people: int) -> None:
    """So many, of whom one in five has no consent."""
    marks, among = dump_marks(CustomerMarks(), ""), _buckets(store)
    # each of another text, as addresses are: SQLite keeps a document that it has parsed
    reach = (
        '{"email":{"address":"c%07d@shop.example","consents":{"marketing":"given"}}}',
        '{"email":{"address":"c%07d@shop.example"}}',
    )
    for begin in range(0, people, _CHUNK):
        records = [
            {"bucket": meta.bucket(f"c{number:07}", among), "id": f"c{number:07}", "zone": "UTC",
             "zone_why": "project", "applied": 0, "created_at": 0, **dict.fromkeys(_DOCUMENTS, "{}"),
             "reach": reach[number % 5 == 0] % number, "marks": marks}
            for number in range(begin, min(begin + _CHUNK, people))
        ]  # fmt: skip
        store.write(partial(insert_many, table="customer", records=records))


def fill_counts(store: Store, days: int) -> None:
    """What is counted in the last so many days."""
    dice, first = random.Random(1), TODAY.toordinal() - EPOCH - days + 1
    for begin in range(first, first + days, 20):
        some = range(begin, min(begin + 20, first + days))
        lines = [line for day in some for line in _day(day, first, dice)]
        store.write(partial(daily_counts.write, counts=lines))


def analyze(store: Store) -> int:
    """What the database does by itself before long; how many rows of counts there are."""
    if store.engine.dialect.name != "sqlite":
        store.write(lambda conn: conn.exec_driver_sql("ANALYZE"))
    with store.read() as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM daily").scalar_one())


def _buckets(store: Store) -> int:
    with store.read() as conn:
        return meta.buckets(conn)


_Line = tuple[int, CountKey, int, int]


def _day(day: int, first: int, dice: random.Random) -> Iterator[_Line]:
    """What is counted on one day."""
    yield from _orders(day, first, dice)
    for journey in range(JOURNEYS):
        name, messages = f"journey_{journey:02}", MESSAGES // DAYS // JOURNEYS
        yield day, CountKey(name, "", "", Count.STARTED), messages, 0
        for why in ("who", "again", "holdout"):
            yield day, CountKey(name, "", "", Count.REFUSED, why), messages // 5, 0
        for why in (GoalKind.COUNTED, GoalKind.BEFORE):
            yield day, CountKey(name, "", "", Count.GOAL, why), messages // 10, 0
        for why in ("goal", "finish", "exit_if"):
            yield day, CountKey(name, "", "", Count.ENDED, why), messages // 3, 0
        for step in range(STEPS):
            yield day, CountKey(name, f"step_{step}", "", Count.REACHED), messages, 0
            for channel in CHANNELS:
                for what, share in _OF_MESSAGES:
                    n = round(messages / STEPS / len(CHANNELS) * share * dice.uniform(0.5, 1.5))
                    if n:
                        yield day, CountKey(name, f"step_{step}", channel, what), n, n * 400


def _orders(day: int, first: int, dice: random.Random) -> Iterator[_Line]:
    new, since = CUSTOMERS // DAYS, day - first
    month = f"{dt.date.fromordinal(day + EPOCH):%Y-%m}"
    yield day, CountKey("", "", "", Count.ORDER), 2 * new, 2 * new * 50_000_000
    yield day, CountKey("", "", "", Count.TAKEN_BACK), new // 20, new * 2_000_000
    yield day, CountKey("", "", "", Count.NEW_CUSTOMER), new, 0
    for gap in range(1, since + 1):
        n = round(new * dice.uniform(0.5, 1.5) / (gap + 10))
        if n:
            yield day, CountKey("", "", "", Count.ORDER_AGAIN, str(gap)), n, 0
    for gap in range(1, min(DAYS - since, 365)):
        n = round(new * dice.uniform(0.5, 1.5) / (gap + 20))
        if n:
            yield day, CountKey("", "", "", Count.SECOND_ORDER, str(gap)), n, 0
    for cohort in sorted(
        {f"{dt.date.fromordinal(d + EPOCH):%Y-%m}" for d in range(first, day + 1, 28)} | {month}
    ):
        yield day, CountKey("", "", "", Count.COHORT_ORDER, cohort), new, new * 50_000_000
        yield day, CountKey("", "", "", Count.COHORT_ACTIVE, cohort), new, 0
    for category in range(25):
        yield day, CountKey("", "", "", Count.FIRST_CATEGORY, f"category {category}"), new // 10, 0
        yield day, CountKey("", "", "", Count.SECOND_CATEGORY, f"category {category}"), new // 20, 0
