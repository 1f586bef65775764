"""A shop in which so many customers sleep in a wait, at any step of the way: written as rows at once.

Three customers, one of each tier, are led into the wait by the real advancer. Everybody else is a copy of
their rows with an id, a start and a due moment of their own, so that millions take minutes and the rows are
those that the product writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from engine import project
from engine.clock import ManualClock
from engine.core.happening import Event, Happening, ProfileChanged
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.deploy import deploy
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.values import DAY, Instant, Money, Value, wall_clock, zone

START = Instant(1_772_442_000_000)
"""2026-03-02 10:00 in Berlin; the first sleeper wakes then."""

SLEEP = 30 * DAY
"""The length of every wait, over which the wakes are spread evenly and without order."""

TIERS = ("bronze", "silver", "gold")
FILES = {
    "config.yaml": """
shop: {name: Bench, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///bench.db
channels:
  push: {via: outbox, price: 0 EUR}
policies:
  service: {consent: none}
""",
    "schemas/customer.yaml": """
attributes:
  tier: one of [bronze, silver, gold]
  points: number
  company: text
  city: text
  shirt: text
  newsletter_topic: text
facts:
  orders_count: count of order_placed
  total_spent: sum of order_placed.total
  average_order: average of order_placed.total
  first_order_at: first order_placed
  last_order_at: last order_placed
""",
    "schemas/events.yaml": """
events:
  subscribed: {fields: {source: text}}
  order_placed:
    fields: {order_id: text, total: money}
""",
    "templates/hello.push.txt": "Hello",
    "journeys/sleeper.yaml": """
journey: sleeper
start: {event: subscribed}
again: never
goal: {event: order_placed, within: 300 days}
policy: service
steps:
  - wait: 30 days
    id: first
  - if: {tier: gold, total_spent: above 100 EUR}
    id: is_gold
    then:
      - send: hello
        id: hello
  - wait: 30 days
    id: second
  - if: {tier: gold}
    id: is_gold_now
    then:
      - send: hello
        id: hello_again
""",
}
_PER_CALL = 20_000
_PRIME = 7_919_993_333  # scatters the wakes of neighbours over the whole time


@dataclass(slots=True)
class Sleepers:
    """The store in `folder`, its publication, and the clock that wakes them."""

    folder: Path
    count: int
    clock: ManualClock
    store: Store
    publication: Publication

    @property
    def file(self) -> Path:
        """The database."""
        return self.folder / "bench.db"

    def advancer(self) -> Advancer:
        """One that wakes them."""
        return Advancer(self.store, self.clock)

    def turn_to_share(self, share: float) -> None:
        """Sets the clock to the moment at which this share of them has become due."""
        self.clock.advance(START + int(SLEEP * share) - self.clock.now())

    def checkpoint(self) -> None:
        """Empties the write-ahead log into the file."""
        with self.store.read() as conn:
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def asleep(folder: Path, count: int) -> Sleepers:
    """A new store with so many customers asleep (a multiple of 3)."""
    clock = ManualClock(Instant(START - SLEEP))
    store = open_store("sqlite:///bench.db", folder, exclusive=True)
    publication = publish(store, folder / "project", clock)
    advancer = Advancer(store, clock)
    for number, tier in enumerate(TIERS):
        _receive(store, _model(number), clock.now(), *_life(number, tier, clock.now()))
    advancer.run(publication)
    store.close()
    _multiply(folder / "bench.db", count)
    return Sleepers(
        folder, count, clock, open_store("sqlite:///bench.db", folder, exclusive=True), publication
    )


def publish(store: Store, folder: Path, clock: ManualClock) -> Publication:
    """Publishes the files of the shop."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    read = project.load(folder)
    done = store.write(lambda conn: deploy(conn, read, clock.now()))
    return Publication(done.number, read.journeys)


def _receive(store: Store, customer: str, now: Instant, *happened: Happening) -> None:
    arrivals = [inbox.Arrival(customer, "bench", f"{customer}-{n}", what) for n, what in enumerate(happened)]

    def take(conn: Connection) -> None:
        inbox.append(conn, arrivals, now)

    store.write(take)


def _life(number: int, tier: str, now: Instant) -> Iterator[Happening]:
    """What a customer of the shop has behind them: a profile, some orders long ago, and a subscription."""
    yield ProfileChanged(
        0, now,
        {
            "email": f"{_model(number)}@example.com", "first_name": "Annabel", "last_name": "Example",
            "language": "en", "country": "DE", "timezone": "Europe/Berlin", "tier": tier, "points": 1200,
            "company": "Example and Daughters", "city": "Mainz", "shirt": "L", "newsletter_topic": "espresso",
        },
        {"push": f"token-of-{_model(number)}"},
    )  # fmt: skip
    for order in range(3):
        at = Instant(now - (400 - 30 * order) * DAY)
        fields: dict[str, Value] = {
            "order_id": f"o-{number}-{order}",
            "total": Money(Decimal(79 + order), "EUR"),
        }
        yield Event(0, f"order-{number}-{order}", "order_placed", at, now, fields, starts=False)
    yield Event(0, f"subscribed-{number}", "subscribed", now, now, {"source": "footer"})


def _model(number: int) -> str:
    return f"model{number}"


def name_of(number: int) -> str:
    """The id of a sleeper."""
    return f"c{number:07}"


def due_of(number: int, count: int) -> Instant:
    """When a sleeper wakes: every moment of the wait is somebody's, neighbours lie far apart."""
    return Instant(START + (number * _PRIME % count) * SLEEP // count)


def _multiply(file: Path, count: int) -> None:
    """Copies the rows of the three models for everybody, in the order of the tables."""
    conn = sqlite3.connect(file, isolation_level=None)
    conn.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-262144"):
        conn.execute(f"PRAGMA {pragma}")
    runs = conn.execute("SELECT * FROM enrollment ORDER BY customer").fetchall()
    people = conn.execute("SELECT * FROM customer ORDER BY id").fetchall()
    for table, models in (("customer", people), ("enrollment", runs)):
        copies = [_copier(tuple(model), run) for model, run in zip(models, runs, strict=True)]
        sql = f"INSERT INTO {table} VALUES ({', '.join('?' * len(models[0]))})"
        conn.execute(f"DELETE FROM {table}")
        for start in range(0, count, _PER_CALL):
            conn.execute("BEGIN")
            numbers = range(start, min(start + _PER_CALL, count))
            conn.executemany(sql, [copies[number % 3](number, due_of(number, count)) for number in numbers])
            conn.execute("COMMIT")
    for table in ("due", "trace", "receipt"):
        conn.execute(f"DELETE FROM {table}")
    conn.execute("INSERT INTO due SELECT bucket, due_at, customer FROM enrollment ORDER BY due_at, customer")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()


def _copier(row: tuple[Any, ...], run: sqlite3.Row) -> Callable[[int, Instant], tuple[Any, ...]]:
    """Makes the row of a sleeper from that of their model: a name and moments of their own, wherever those
    of the model stand."""

    def marks(name: str, id_: str, started: Instant, due_at: Instant) -> dict[str, str]:
        local = wall_clock(due_at, zone("Europe/Berlin")).isoformat()
        return {"name": name, "run": id_, "started": str(started), "due": str(due_at), "local": local}

    model = marks(run["customer"], run["id"], run["started_at"], run["due_at"])
    began, due = run["started_at"], run["due_at"]
    moments = [(place, value) for place, value in enumerate(row) if value in (began, due)]
    texts = [
        (place, value, [mark for mark, text in model.items() if text in value])
        for place, value in enumerate(row)
        if isinstance(value, str)
    ]

    def copy(number: int, due_at: Instant) -> tuple[Any, ...]:
        values, started = list(row), Instant(due_at - SLEEP)
        own = marks(name_of(number), f"{number:032x}", started, due_at)
        for place, moment in moments:
            values[place] = due_at if moment == due else started
        for place, text, stands in texts:
            for mark in stands:
                text = text.replace(model[mark], own[mark])  # noqa: PLW2901 - one after the other
            values[place] = text
        return tuple(values)

    return copy
