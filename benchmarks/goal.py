"""Events that wait become facts, reach the goal of a run and end it: by the advancer, beside a plain loop.

Every event is an order of another customer who sleeps in a wait. What is written is the event, the facts
(five of them change), the end of the run and its trace, the order among those that reports are made of, and
the counts of the day; the row of the inbox goes. The other side is a loop over plain sqlite3 that knows these
facts, these counts and this one goal, on a copy of the same file and with the same durability. At the end
both files hold the same.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import START, Sleepers, asleep
from engine.store.connections import PRAGMAS
from engine.values import Instant, zone

ROUNDS, SLEEPERS, EVENTS = 7, 99_999, 3000
PER_COMMIT = 2000
TOTAL = 60
MILLION = 1_000_000
BERLIN, EPOCH = zone("Europe/Berlin"), dt.date(1970, 1, 1)

_Sides = tuple[list[float], list[float]]
"""Figures of ours and of the other side."""


def run(short: bool) -> list[Figure]:
    """100,000 customers asleep, 3,000 orders at a time (9,000 and 250 with `short`)."""
    count, events, rounds = (9_000, 250, 2) if short else (SLEEPERS, EVENTS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder = Path(name)
        sleepers = asleep(folder, count)
        sleepers.checkpoint()
        shutil.copy(sleepers.file, folder / "bare.db")
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in PRAGMAS:
            bare.execute(f"PRAGMA {pragma}")
        walls, seconds = _measure(sleepers, bare, events, rounds)
        sleepers.store.close()
        bare.close()
        difference = _difference(folder)
        assert not difference, f"the plain loop did something else: {difference}"
    what, against = "event to facts to goal to end", "plain sqlite3, the same rows"
    return [
        figure("goal", what, against, "/s", *walls, Aim(at_least=0.5)),
        figure("goal", f"CPU each, {what}", against, "us", *seconds, Aim(at_most=2)),
    ]


def _measure(sleepers: Sleepers, bare: sqlite3.Connection, events: int, rounds: int) -> tuple[_Sides, _Sides]:
    advancer = sleepers.advancer()
    walls: _Sides = ([], [])
    seconds: _Sides = ([], [])
    # All have begun and nobody wakes yet.
    now = sleepers.clock.advance_to(Instant(START - 1))
    for number in range(rounds + 1):
        arrived = [
            (f"c{n * 31 % sleepers.count:07}", now, _body(n, now))
            for n in range(number * events, (number + 1) * events)
        ]
        sleepers.store.write(lambda conn: _append(conn.connection.driver_connection, arrived))  # noqa: B023
        bare.execute("BEGIN")
        _append(bare, arrived)
        bare.execute("COMMIT")
        sides = (lambda: advancer.run(sleepers.publication).applied, lambda: _apply_all(bare, now))
        for side in (0, 1) if number % 2 else (1, 0):
            wall, cpu = time.perf_counter(), time.process_time()
            done = sides[side]()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert done == events
            if number:
                walls[side].append(done / wall)
                seconds[side].append(cpu / done * 1e6)
    return walls, seconds


def _append(conn: Any, arrived: list[tuple[str, Instant, str]]) -> None:
    sql = "INSERT INTO inbox (bucket, customer, kind, received_at, body) VALUES (0, ?, 'event', ?, ?)"
    conn.executemany(sql, arrived)


def _body(number: int, now: Instant) -> str:
    fields = {"order_id": f"order-{number}", "total": {"amount": TOTAL, "currency": "EUR"}}
    return orjson.dumps([f"event-{number}", "order_placed", now, now, fields, True]).decode()


def _apply_all(conn: sqlite3.Connection, now: Instant) -> int:
    total = 0
    while applied := _apply(conn, now):
        total += applied
    return total


def _apply(conn: sqlite3.Connection, now: Instant) -> int:
    conn.execute("BEGIN IMMEDIATE")
    waiting = conn.execute(
        "SELECT number, customer, body FROM inbox WHERE bucket = 0 AND lane = 0 ORDER BY number LIMIT ?",
        (PER_COMMIT,),
    ).fetchall()
    numbers = {customer: (number, orjson.loads(body)) for number, customer, body in waiting}
    found = conn.execute(
        "SELECT c.id, c.attributes, c.memory, c.seen, e.id, e.seq, e.state FROM json_each(?) j"
        " CROSS JOIN customer c ON c.bucket = 0 AND c.id = j.value"
        " CROSS JOIN enrollment e ON e.bucket = 0 AND e.customer = j.value AND e.ended_at IS NULL",
        (orjson.dumps(sorted(numbers)),),
    ).fetchall()
    known = conn.execute(
        "SELECT 1 FROM json_each(?) j CROSS JOIN credit c ON c.bucket = 0 AND c.customer = j.value LIMIT 1",
        (orjson.dumps(sorted(numbers)),),
    ).fetchone()
    assert known is None, "here everybody orders for the first time"
    events, facts, ended, traces, orders = [], [], [], [], []
    day = dt.datetime.fromtimestamp(now / 1000, BERLIN).date()
    for customer, attributes, memory, seen, run, seq, state in found:
        number, (id_, name, at, received, fields, starts) = numbers[customer]
        values, kept, counters = orjson.loads(attributes), orjson.loads(memory), orjson.loads(seen)
        amount = fields["total"]["amount"]
        values["orders_count"] += 1
        values["total_spent"]["amount"] += amount
        kept["average_order"][0]["amount"] += amount
        kept["average_order"][1] += 1
        values["average_order"]["amount"] = kept["average_order"][0]["amount"] / kept["average_order"][1]
        values["last_order_at"], kept["last_order_at"] = at, [at, number]
        counter = counters["order_placed"]
        counters["order_placed"] = [counter[0] + 1, counter[1], at, number]
        row = orjson.loads(state)
        row[11], row[12], row[13], row[21], row[22], row[23] = seq + 1, None, None, at, "goal", now
        events.append((customer, name, at, number, received, id_, starts, _text(fields)))
        orders.append((customer, at, id_, amount * MILLION))
        facts.append((number, _text(values), _text(kept), _text(counters), customer))
        ended.append((seq + 1, now, at, _text(row), customer, run))
        line = [now, "goal", "sleeper", run, "", 0, "", "before the first message", []]
        traces.append((customer, now, _text([line])))
    conn.executemany("INSERT INTO event VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?)", events)
    conn.executemany(
        "UPDATE customer SET applied = ?, attributes = ?, memory = ?, seen = ? WHERE bucket = 0 AND id = ?",
        facts,
    )
    conn.executemany(
        "UPDATE enrollment SET seq = ?, step = NULL, due_at = NULL, ended_at = ?, outcome = 'goal',"
        " goal_at = ?, state = ? WHERE bucket = 0 AND customer = ? AND id = ?",
        ended,
    )
    conn.executemany(
        "INSERT INTO trace (bucket, customer, at, \"commit\", lines) VALUES (0, ?, ?, '', ?)", traces
    )
    _count(conn, orders, day)
    conn.executemany("DELETE FROM inbox WHERE number = ?", [row[:1] for row in waiting])
    conn.execute("COMMIT")
    return len(waiting)


def _count(conn: sqlite3.Connection, orders: list[tuple[str, Instant, str, int]], day: dt.date) -> None:
    """The orders among those that reports are made of, and what they add to the counts of their day."""
    conn.executemany(
        "INSERT INTO credit VALUES (0, ?, ?, ?, ?, 'EUR', '', '', '', '', 0, '', '', 0, 0, NULL)", orders
    )
    n, money, month = len(orders), sum(order[3] for order in orders), f"{day:%Y-%m}"
    lines = [
        ("", "order", "", n, money), ("", "new customer", "", n, 0), ("", "cohort order", month, n, money),
        ("", "cohort active", month, n, 0), ("sleeper", "goal", "before", n, 0),
        ("sleeper", "ended", "goal", n, 0),
    ]  # fmt: skip
    conn.executemany(
        "INSERT INTO daily VALUES (?, ?, '', '', ?, ?, 0, ?, ?) ON CONFLICT DO UPDATE SET"
        " n = n + excluded.n, money = money + excluded.money",
        [((day - EPOCH).days, *line) for line in lines],
    )


def _text(document: Any) -> str:
    return orjson.dumps(document).decode()


_COMPARED = {
    "event": "customer, name, occurred_at, number, received_at, id, starts, fields",
    "customer": "id, applied, attributes, memory, seen, marks",
    "enrollment": "customer, id, seq, step, due_at, ended_at, outcome, goal_at, state",
    "trace": "customer, at, lines",
    "inbox": "customer, number",
    "credit": "customer, event, *",
    "daily": "day, what, *",
}


def _difference(folder: Path) -> dict[str, int]:
    """In how many rows the files differ, by table; documents are compared as what they say."""
    different = {}
    for table, columns in _COMPARED.items():
        sides = []
        for file in ("bench.db", "bare.db"):
            conn = sqlite3.connect(folder / file)
            rows = conn.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
            sides.append([tuple(map(_said, row)) for row in rows])
            conn.close()
        count = sum(left != right for left, right in zip(*sides, strict=False))
        count += abs(len(sides[0]) - len(sides[1]))
        if count:
            different[table] = count
    return different


def _said(value: object) -> object:
    is_document = isinstance(value, str) and value[:1] in ("{", "[")
    return json.loads(value) if is_document else value  # type: ignore[arg-type]
