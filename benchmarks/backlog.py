"""What a backlog costs: rows applied per second with many waiting, how long what happens now waits behind
history, and history from a file to facts beside a pass written by hand."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Aim, Figure, figure, spent
from engine import project
from engine.cli.app import main
from engine.clock import ManualClock
from engine.core.happening import Event, ProfileChanged
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.deploy import deploy
from engine.store.customers import events
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.values import DAY, SECOND, Instant, Money, Value, iso

START = Instant(1_772_442_000_000)
YEAR = 365 * DAY
FILES = {
    "config.yaml": """
shop: {name: Bench, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///data/bench.db
channels:
  push: {via: outbox, price: 0 EUR}
policies:
  service: {consent: none}
""",
    "schemas/customer.yaml": """
attributes:
  tier: one of [bronze, silver, gold]
facts:
  orders_count: count of order_placed
  total_spent: sum of order_placed.total
  last_order_at: last order_placed
""",
    "schemas/events.yaml": """
events:
  subscribed: {}
  product_viewed:
    fields: {product_id: text}
  order_placed:
    fields: {order_id: text, total: money}
""",
    "journeys/segments/buyers.yaml": """
segment: buyers
who: {orders_count: at least 3}
""",
    "journeys/first_order.yaml": """
journey: first_order
start: {event: subscribed}
again: never
goal: {event: order_placed, within: 60 days}
policy: service
steps:
  - wait: 30 days
    id: before_hello
  - send: hello
""",
    "templates/hello.push.txt": "Hello",
}


def run(short: bool) -> list[Figure]:
    """300,000 rows wait, and 60,000 events and 20,000 customers are imported (much less with `short`)."""
    people, waiting, rounds = (500, 6_000, 3) if short else (20_000, 300_000, 7)
    history = (1_500, 500) if short else (60_000, 20_000)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        return [
            *_backlog(Path(folder) / "backlog", people, waiting, rounds),
            *_history(Path(folder) / "history", *history, 1 if short else 3),
        ]


class Shop:
    """A project with its store, published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.clock = ManualClock(START)
        read = project.load(folder)
        assert not read.has_errors, read.problems
        self.store: Store = open_store("sqlite:///data/bench.db", folder)
        number = self.store.write(lambda conn: deploy(conn, read, START)).number
        self.publication = Publication(number, read.journeys)
        self.advancer = Advancer(self.store, self.clock)

    def receive(self, arrivals: Iterable[inbox.Arrival]) -> None:
        """Puts these into the inbox."""
        taken = list(arrivals)
        self.store.write(lambda conn: inbox.append(conn, taken, self.clock.now()))

    def applied(self) -> int:
        """Events that facts have learned of."""
        with self.store.read() as conn:
            return sum(events.count(conn).values())


# --- rows that wait --------------------------------------------------------------------------------------


def _backlog(folder: Path, people: int, waiting: int, rounds: int) -> list[Figure]:
    few = Shop(folder / "few")
    for start in range(0, people, 5_000):
        few.receive(_welcome(f"c{n}") for n in range(start, min(start + 5_000, people)))
    few.advancer.run(few.publication)
    few.store.close()
    shutil.copytree(folder / "few", folder / "many")
    few, many = Shop(folder / "few"), Shop(folder / "many")
    source = _orders(people)
    for _ in range(0, waiting, 5_000):
        many.receive(next(source) for _ in range(5_000))
    each = waiting // (rounds + 1) // 10 // 1_000 * 1_000 or 1_000
    ours, theirs, cpu_ours, cpu_theirs = [], [], 0.0, 0.0
    for number in range(rounds + 1):
        applied, took = 0, [0.0, 0.0]
        while applied < each:
            before = many.applied()
            done = spent(lambda: many.advancer.advance(many.publication))
            applied, took = applied + many.applied() - before, [took[0] + done.wall, took[1] + done.cpu]
        fewer = [0.0, 0.0]
        for _ in range(each // 1_000):
            few.receive(next(source) for _ in range(1_000))
            done = spent(lambda: few.advancer.run(few.publication))
            fewer = [fewer[0] + done.wall, fewer[1] + done.cpu]
        if number:  # the first round warms both up
            ours.append(applied / took[0])
            theirs.append(each / fewer[0])
            cpu_ours, cpu_theirs = cpu_ours + took[1] / applied, cpu_theirs + fewer[1] / each
    note = f"CPU {cpu_ours / rounds * 1e6:.0f} against {cpu_theirs / rounds * 1e6:.0f} us a row"
    what = f"rows applied, {waiting:,} waiting"
    figures = [figure("backlog", what, "1,000 waiting", "/s", ours, theirs, Aim(at_least=0.8), note)]
    figures.append(_waits(few, many, people, rounds))
    few.store.close()
    many.store.close()
    return figures


def _waits(few: Shop, many: Shop, people: int, rounds: int) -> Figure:
    """How long an event of now waits until it is applied, when history waits before it."""
    old = _orders(people, live=False)
    many.advancer.run(many.publication)
    for _ in range(10):
        many.receive(next(old) for _ in range(3_000))
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        for shop, waits in ((many, ours), (few, theirs)):
            began = time.perf_counter()
            shop.receive([inbox.Arrival(f"live{number}", "bench", f"live{number}", _subscribed(number))])
            while not _is_known(shop, f"live{number}"):
                shop.advancer.advance(shop.publication)
            waits.append(time.perf_counter() - began)
    worst = f"the longest {max(ours):.2f} s; the aim is 2 s, whatever waits"
    against = "nothing waiting"
    what = "an event of now until it is applied, 30,000 rows of history waiting"
    return figure("backlog", what, against, "s", ours, theirs, Aim(), worst)


def _is_known(shop: Shop, customer: str) -> bool:
    with shop.store.read() as conn:
        sql = "SELECT 1 FROM customer WHERE bucket = 0 AND id = ?"
        return conn.exec_driver_sql(sql, (customer,)).first() is not None


def _welcome(name: str) -> inbox.Arrival:
    values = {"email": f"{name}@example.com", "first_name": "Ann", "language": "de", "country": "DE"}
    return inbox.Arrival(name, "bench", name, ProfileChanged(0, START, values, {"push": f"token-{name}"}))


def _subscribed(number: int) -> Event:
    return Event(0, f"live{number}", "subscribed", START, START)


def _orders(people: int, *, live: bool = True) -> Iterator[inbox.Arrival]:
    """Views and orders of people, in no order, without end."""
    dice, number = random.Random(7), 0
    while True:
        number += 1
        name, id_ = f"c{dice.randrange(people)}", f"{'e' if live else 'h'}{number}"
        at = Instant(START - number % 1_000 * SECOND)
        kind, fields = "product_viewed", dict[str, Value](product_id=f"p{number % 500}")
        if number % 10 == 0:
            kind, fields = "order_placed", {"order_id": id_, "total": Money(Decimal("19.90"), "EUR")}
        what = Event(0, id_, kind, at, START, fields, live)
        yield inbox.Arrival(name, "bench", id_, what)


# --- history from a file ---------------------------------------------------------------------------------


def _history(folder: Path, events_: int, customers: int, rounds: int) -> list[Figure]:
    folder.mkdir(parents=True)
    orders, people = folder / "orders.jsonl", folder / "people.csv"
    orders.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in _order_rows(events_, customers)))
    with people.open("w", newline="") as sheet:
        csv.writer(sheet).writerows(_people_rows(customers))
    figures: list[tuple[str, Path, int, list[float], list[float], list[float]]] = [
        ("events (JSON Lines)", orders, events_, [], [], []),
        ("customers (CSV)", people, customers, [], [], []),
    ]
    for number in range(rounds):
        shop = Shop(folder / f"shop{number}")
        raw = Raw(folder / f"raw{number}.db")
        for _, file, rows, ours, theirs, cpu in figures:
            took = spent(lambda shop=shop, file=file: _import(shop, file))  # type: ignore[misc]
            ours.append(rows / took.wall)
            bare = spent(lambda raw=raw, file=file: raw.read(file))  # type: ignore[misc]
            theirs.append(rows / bare.wall)
            cpu.append(took.cpu / bare.cpu)
        assert shop.applied() == events_ + customers, "not everything was applied"
        assert raw.counted() == (events_, customers), "the bare pass did something else"
        shop.store.close()
        raw.close()
    return [
        figure(
            "backlog", f"history from file to facts, {rows:,} {what}", "a pass written by hand, row by row",
            "/s", ours, theirs, Aim(at_least=0.5), f"{sorted(cpu)[len(cpu) // 2]:.1f} times its CPU",
        )
        for what, _, rows, ours, theirs, cpu in figures
    ]  # fmt: skip


def _import(shop: Shop, file: Path) -> None:
    """The command as a person types it, and what it leaves to a daemon."""
    sys.argv = ["perennial", "--project", str(shop.folder), "import", str(file), "--format", "json"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(shop.clock)
    shop.advancer.run(shop.publication)


def _order_rows(count: int, customers: int) -> Iterable[dict[str, Any]]:
    """Of a shop's year, in the order of time: views, and one order in ten."""
    dice = random.Random(11)
    for number in range(count):
        at = iso(Instant(START - YEAR + YEAR // count * number))
        row = {"customer_id": f"c{dice.randrange(customers)}", "id": f"e{number}", "at": at}
        if number % 10:
            yield row | {"event": "product_viewed", "properties": {"product_id": f"p{number % 500}"}}
        else:
            order = {"order_id": f"o{number}", "total": 19.9}
            yield row | {"event": "order_placed", "properties": order}


def _people_rows(count: int) -> Iterable[Sequence[str]]:
    yield "customer_id", "email", "first_name", "country", "tier", "consent.push"
    for number in range(count):
        tier = ("bronze", "silver", "gold")[number % 3]
        yield f"c{number}", f"customer{number}@example.com", "Ann", "DE", tier, "given"


class Raw:
    """The least that has to be done, by hand: each row read, checked, taken once, kept and counted."""

    def __init__(self, path: Path) -> None:
        self.base = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-131072"):
            self.base.execute(f"PRAGMA {pragma}")
        self.base.executescript(
            "CREATE TABLE customer (id TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE receipt (source TEXT, id TEXT, digest TEXT, PRIMARY KEY (source, id))"
            " WITHOUT ROWID;"
            "CREATE TABLE event (customer TEXT, name TEXT, at INTEGER, number INTEGER, fields TEXT,"
            " PRIMARY KEY (customer, name, at, number)) WITHOUT ROWID;"
            "CREATE TABLE address (hash TEXT, customer TEXT, PRIMARY KEY (hash, customer)) WITHOUT ROWID;"
            "CREATE TABLE watch (product TEXT, customer TEXT, at INTEGER, PRIMARY KEY (product, customer))"
            " WITHOUT ROWID;"
            "CREATE TABLE consent (customer TEXT, channel TEXT, state TEXT, at INTEGER);"
            "CREATE TABLE done (line INTEGER)"
        )
        self.number = 0

    def read(self, file: Path) -> None:
        """One file, a thousand rows in a transaction."""
        take: Callable[[Any], None] = self._event if file.suffix == ".jsonl" else self._customer
        with file.open(newline="") as lines:
            rows: Iterable[Any] = (
                map(orjson.loads, lines) if file.suffix == ".jsonl" else csv.DictReader(lines)
            )
            for number, row in enumerate(rows):
                if number % 1_000 == 0:
                    if number:
                        self._commit(number)
                    self.base.execute("BEGIN IMMEDIATE")
                take(row)
        self._commit(number)

    def counted(self) -> tuple[int, int]:
        """Events and changes of customers."""
        counted = dict(self.base.execute("SELECT name <> '$changed', count(*) FROM event GROUP BY 1"))
        return counted[1], counted[0]

    def close(self) -> None:
        """It is over."""
        self.base.close()

    def _commit(self, line: int) -> None:
        self.base.execute("INSERT INTO done VALUES (?)", (line,))
        self.base.execute("COMMIT")

    def _event(self, row: dict[str, Any]) -> None:
        name, who, fields = row["event"], row["customer_id"], row["properties"]
        at = int(_moment(row["at"]))
        amount = 0.0
        if name == "order_placed":
            amount = float(fields["total"])
            if amount < 0 or type(fields["order_id"]) is not str:
                raise ValueError(row)
        elif name != "product_viewed" or type(fields["product_id"]) is not str:
            raise ValueError(row)
        if not self._is_new("events", row["id"], who, row):
            return
        if name == "product_viewed":
            sql = "INSERT INTO watch VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            self.base.execute(sql, (fields["product_id"], who, at))
        facts = self._facts(who)
        seen = facts["seen"].get(name) or [0, at, at]
        facts["seen"][name] = [seen[0] + 1, min(seen[1], at), max(seen[2], at)]
        if name == "order_placed":
            facts["values"]["orders_count"] = facts["values"].get("orders_count", 0) + 1
            facts["values"]["total_spent"] = facts["values"].get("total_spent", 0) + amount
            facts["values"]["last_order_at"] = facts["seen"][name][2]
        self._keep(who, name, at, fields, facts)

    def _customer(self, row: dict[str, str]) -> None:
        who, mail = row["customer_id"], row["email"].lower()
        if "@" not in mail or row["tier"] not in ("bronze", "silver", "gold"):
            raise ValueError(row)
        if not self._is_new("people", who, who, row):
            return
        facts = self._facts(who)
        values = {
            "email": mail,
            "first_name": row["first_name"],
            "country": row["country"],
            "tier": row["tier"],
        }
        facts["values"].update(values)
        facts["reach"] = {"email": mail, "push": row["consent.push"]}
        key = hashlib.sha256(mail.encode()).hexdigest()
        self.base.execute("INSERT OR IGNORE INTO address VALUES (?, ?)", (key, who))
        self.base.execute("INSERT INTO consent VALUES (?, 'push', ?, ?)", (who, row["consent.push"], START))
        self._keep(who, "$changed", START, values, facts)

    def _is_new(self, source: str, id_: str, who: str, row: object) -> bool:
        digest = hashlib.sha256(orjson.dumps([who, row])).hexdigest()[:32]
        sql = "INSERT OR IGNORE INTO receipt VALUES (?, ?, ?)"
        return self.base.execute(sql, (source, id_, digest)).rowcount == 1

    def _facts(self, who: str) -> dict[str, Any]:
        found = self.base.execute("SELECT facts FROM customer WHERE id = ?", (who,)).fetchone()
        return orjson.loads(found[0]) if found else {"seen": {}, "values": {}, "reach": {}}

    def _keep(self, who: str, name: str, at: int, fields: object, facts: object) -> None:
        self.number += 1
        row = (who, name, at, self.number, orjson.dumps(fields).decode())
        self.base.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)
        sql = "INSERT INTO customer VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET facts = excluded.facts"
        self.base.execute(sql, (who, orjson.dumps(facts).decode()))


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp() * 1_000
