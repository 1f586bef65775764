"""Durable transitions per second of the real advancer, beside a bare sqlite3 loop that does the same reads
and writes.

The bare loop replays, on a copy of the same file and with the same durability, the very statements with
the very parameters that the advancer has just run, and decodes and encodes the same JSON. What we need
beyond it is deciding, and turning rows into what decisions are made from.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, event

from benchmarks.figures import Aim, Figure, figure, peak_memory
from engine import project
from engine.clock import ManualClock
from engine.core.happening import Event, ProfileChanged
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.deploy import deploy
from engine.store.connections import PRAGMAS
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.values import DAY, HOUR, Instant

START = Instant(1_772_442_000_000)
DAYS = 8
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
facts:
  orders_count: count of order_placed
  total_spent: sum of order_placed.total
  last_order_at: last order_placed
""",
    "schemas/events.yaml": """
events:
  subscribed: {}
  order_placed:
    fields: {order_id: text, total: money}
""",
    "templates/hello.push.txt": "Hello",
}
JOURNEY = """
journey: sleeper
start: {event: subscribed}
again: never
goal: {event: order_placed, within: 60 days}
policy: service
steps:
"""
WAIT = """
  - wait: 1 day
    id: day_{n}
  - if: {{orders_count: 0, tier: gold}}
    then:
      - add: {{points: {n}}}
"""

Recorded = list[tuple[str, Any, bool]]


def run(short: bool) -> list[Figure]:
    """100,000 customers asleep (10,000 with `short`), an hour of wakes at a time."""
    customers, rounds = (10_000, 5) if short else (100_000, 9)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        shop = Sleepers(Path(folder), customers)
        ours, bare = shop.measure(rounds)
        shop.store.close()
    note = f"{shop.transitions:,} transitions, peak memory {peak_memory()} MB"
    what = f"transitions, {customers:,} asleep"
    return [
        figure(
            "advance",
            what,
            "the same reads, writes and JSON, bare sqlite3",
            "/s",
            ours,
            bare,
            Aim(at_least=0.5),
            note,
        )
    ]


class Sleepers:
    """A store in `folder` with so many customers asleep, and the advancer that wakes them."""

    def __init__(self, folder: Path, customers: int) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.store: Store = open_store("sqlite:///bench.db", folder, exclusive=True)
        self.transitions = 0
        self.publication = self._publish()
        self.advancer = Advancer(self.store, self.clock)
        self._fill(customers)

    def measure(self, rounds: int) -> tuple[list[float], list[float]]:
        """Rates of ours and of the bare loop, in turns; the first round warms both up."""
        with self.store.read() as conn:
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.folder / "bench.db", self.folder / "bare.db")
        bare = sqlite3.connect(self.folder / "bare.db", isolation_level=None)
        for pragma in PRAGMAS:
            bare.execute(f"PRAGMA {pragma}")
        ours, theirs = [], []
        for number in range(rounds + 1):
            self.clock.advance(2 * HOUR if number else DAY - 23 * HOUR)
            recorded: Recorded = []
            stop = _record(self.store, recorded)
            began = time.perf_counter()
            woken = self.advancer.run(self.publication).decided
            took = time.perf_counter() - began
            stop()
            again = _replay(bare, recorded)
            if number:
                ours.append(woken / took)
                theirs.append(woken / again)
                self.transitions += woken
        _compare(self.store, bare)
        bare.close()
        return ours, theirs

    def _publish(self) -> Publication:
        days = "".join(WAIT.format(n=n) for n in range(1, DAYS + 1))
        files = {**FILES, "journeys/sleeper.yaml": JOURNEY + days + "  - send: hello\n"}
        for name, text in files.items():
            path = self.folder / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        read = project.load(self.folder / "project")
        done = self.store.write(lambda conn: deploy(conn, read, self.clock.now()))
        return Publication(done.number, read.journeys)

    def _fill(self, customers: int) -> None:
        """Customers who subscribed at some moment of the last day, in no order, and sleep now."""
        for start in range(0, customers, 5000):
            arrivals = []
            for number in range(start, min(start + 5000, customers)):
                name = f"c{number:07}"
                at = Instant(START - (number * 7_919_993) % (DAY - HOUR))
                arrivals.append(inbox.Arrival(name, "bench", f"{name}-a", _profile(number)))
                subscribed = Event(0, f"{name}-b", "subscribed", at, START)
                arrivals.append(inbox.Arrival(name, "bench", f"{name}-b", subscribed))

            def take(conn: Connection, arrivals: list[inbox.Arrival] = arrivals) -> None:
                inbox.append(conn, arrivals, START)

            self.store.write(take)
            self.advancer.run(self.publication)


def _profile(number: int) -> ProfileChanged:
    values: dict[str, Any] = {
        "email": f"customer{number}@example.com", "first_name": "Ann", "last_name": "Example",
        "language": "de",
        "country": "DE", "timezone": "Europe/Berlin", "tier": ("bronze", "silver", "gold")[number % 3],
    }  # fmt: skip
    return ProfileChanged(0, START, values, {"push": f"token-{number}"})


def _record(store: Store, recorded: Recorded) -> Any:
    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        recorded.append((statement, parameters, many))

    def commit(_conn: Any) -> None:
        recorded.append(("COMMIT", (), False))

    event.listen(store.engine, "before_cursor_execute", note)
    event.listen(store.engine, "commit", commit)

    def stop() -> None:
        event.remove(store.engine, "before_cursor_execute", note)
        event.remove(store.engine, "commit", commit)

    return stop


def _replay(bare: sqlite3.Connection, recorded: Recorded) -> float:
    """Seconds that the statements take by themselves, with the JSON decoded that they read and encoded that
    they write."""
    prepared = [
        (statement, [_parsed(row) for row in parameters] if many else parameters, many)
        for statement, parameters, many in recorded
        if statement != "BEGIN"  # readers of our own that look before a batch
    ]
    began = time.perf_counter()
    for statement, parameters, many in prepared:
        if many:
            bare.executemany(statement, [_encoded(row) for row in parameters])
            continue
        for row in bare.execute(statement, parameters).fetchall():
            for value in row:
                if type(value) is str and value[:1] in ("{", "["):
                    orjson.loads(value)
    return time.perf_counter() - began


def _parsed(row: tuple[Any, ...]) -> list[Any]:
    return [orjson.loads(each) if type(each) is str and each[:1] in ("{", "[") else each for each in row]


def _encoded(row: list[Any]) -> list[Any]:
    return [orjson.dumps(each).decode() if type(each) in (dict, list) else each for each in row]


def _compare(store: Store, bare: sqlite3.Connection) -> None:
    """Both files say the same at the end, or the comparison is worth nothing."""
    sql = "SELECT count(*), sum(seq), count(ended_at), sum(due_at) FROM enrollment"
    with store.read() as conn:
        ours = tuple(conn.exec_driver_sql(sql).one())
    assert ours == bare.execute(sql).fetchone(), "the bare loop did something else"
