"""A shop in which so many customers sleep in a wait, at any step of the way: written as rows at once.

Three customers, one of each tier, are led into the wait by the real advancer. Everybody else is a copy of
their rows with an id, a start and a due moment of their own, so that millions take minutes and the rows are
those that the product writes.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
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


def journey(name: str, start: str, again: str = "never", wait: str = "48 hours") -> str:
    """A journey whose runs wait for so long before anything is sent."""
    return f"""
journey: {name}
start: {start}
again: {again}
goal: {{event: order_placed, within: 30 days}}
policy: service
steps:
  - wait: {wait}
    id: pause
  - send: hello
"""


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
_PRIME = 7_919_993  # scatters the wakes of neighbours over the whole time
_SUMMER = 1_774_746_000_000  # the clock of Berlin is put forward


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
    return reopened(folder, count)


def reopened(folder: Path, count: int, more: Mapping[str, str] | None = None) -> Sleepers:
    """A store that `asleep` made; `more`: files that are published beside those of the shop, or instead."""
    clock = ManualClock(Instant(START - SLEEP))
    store = open_store("sqlite:///bench.db", folder, exclusive=True)
    publication = publish(store, folder / "project", clock, more or {})
    return Sleepers(folder, count, clock, store, publication)


def publish(
    store: Store, folder: Path, clock: ManualClock, more: Mapping[str, str] = MappingProxyType({})
) -> Publication:
    """Publishes the files of the shop, and `more`."""
    for name, text in {**FILES, **more}.items():
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


_NUMBERS = f"""
WITH RECURSIVE counted (n) AS (
    SELECT 0 WHERE :count UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :count
),
moved (n, due_at) AS (
    SELECT n, {START} + (n * {_PRIME} % :count) * {SLEEP} / :count / 1000 * 1000 FROM counted
),
sleeper (n, model, name, run, due_at, started, local) AS (
    SELECT n, n % 3, printf('c%07d', n), printf('%032x', n), due_at, due_at - {SLEEP},
        strftime('%Y-%m-%dT%H:%M:%S', due_at / 1000 + iif(due_at < {_SUMMER}, 3600, 7200), 'unixepoch')
    FROM moved
)
"""
"""Everybody's name, run and moments: each moment of the wait is somebody's, neighbours lie far apart."""


def _multiply(file: Path, count: int) -> None:
    """Copies the rows of the three models for everybody, a table with one statement."""
    conn = sqlite3.connect(file, isolation_level=None)
    conn.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-262144"):
        conn.execute(f"PRAGMA {pragma}")
    runs = conn.execute("SELECT * FROM enrollment ORDER BY customer").fetchall()
    conn.execute("CREATE TEMP TABLE model (number, name, run, due_at, started, local)")
    for number, run in enumerate(runs):
        local = wall_clock(run["due_at"], zone("Europe/Berlin")).isoformat()
        model = {
            "name": run["customer"],
            "run": run["id"],
            "due_at": run["due_at"],
            "started": run["started_at"],
            "local": local,
        }
        conn.execute("INSERT INTO model VALUES (?, ?, ?, ?, ?, ?)", (number, *model.values()))
    for table, key in (("customer", "id"), ("enrollment", "customer")):
        conn.execute(f"CREATE TEMP TABLE of_model AS SELECT * FROM {table}")
        conn.execute(f"DELETE FROM {table}")
        row = conn.execute(f"SELECT * FROM of_model WHERE {key} = ?", (model["name"],)).fetchone()
        values = ", ".join(_copied(column, row[column], model) for column in row.keys())  # noqa: SIM118 - a Row has no `in`
        conn.execute(
            # In the order of the key, row by row: a sort would have to hold all of them.
            f"INSERT INTO {table} {_NUMBERS} SELECT {values} FROM sleeper s CROSS JOIN model m"
            f" ON m.number = s.model CROSS JOIN of_model o ON o.{key} = m.name",
            {"count": count},
        )
        conn.execute("DROP TABLE of_model")
    for table in ("due", "trace", "receipt"):
        conn.execute(f"DELETE FROM {table}")
    conn.execute("INSERT INTO due SELECT bucket, due_at, customer FROM enrollment ORDER BY due_at, customer")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()


def _copied(column: str, value: object, model: Mapping[str, Any]) -> str:
    """What a column of a sleeper holds: that of their model, with a name and moments of their own wherever
    those of the model stand. `value`: that of one model, `model` what is replaced there."""
    if isinstance(value, int):
        own = next((own for own in ("due_at", "started") if model[own] == value), None)
        return f"o.{column}" if own is None else f"s.{own}"
    copied = f"o.{column}"
    for own, text in model.items():
        if isinstance(value, str) and str(text) in value:
            copied = f"replace({copied}, m.{own}, s.{own})"
    return copied


if __name__ == "__main__":
    asleep(Path(sys.argv[1]), int(sys.argv[2])).store.close()
