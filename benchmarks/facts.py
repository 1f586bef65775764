"""Changed definitions of facts, counted from the events of everybody beside the one who writes: events per
second, the memory that it takes, and how long others wait for the writer.

Everybody ordered ten times. One fact is computed in another way, and another one is new; both are counted in
one pass, in a process of its own. The other side is the least that has to be done, written by hand for these
two facts: the events are read once in the order of their key, and each customer is written once. Rates are
by the clock and, for machines that others use too, by the time of the processor.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.bystander import Bystander
from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import START, publish
from engine.clock import ManualClock
from engine.runtime.advance.advancer import Publication
from engine.runtime.advance.backfilling import fill_page
from engine.store.connections import PRAGMAS
from engine.store.database import open_store
from engine.store.facts import definitions
from engine.values import DAY, HOUR

CUSTOMERS, EACH, LEAST_EVENTS, MOST_MEMORY = 1_000_000, 10, 20_000, 1024.0
EVENTS = {
    "schemas/events.yaml": """
events:
  subscribed: {fields: {source: text}}
  order_placed:
    fields: {order_id: text, total: money, category: text}
"""
}
BEFORE = {**EVENTS, "schemas/customer.yaml": """
attributes: {tier: text}
facts:
  total_spent: sum of order_placed.total
"""}  # fmt: skip
AFTER = {**EVENTS, "schemas/customer.yaml": """
attributes: {tier: text}
facts:
  total_spent: {is: sum of order_placed.total, where: {total: at least 20 EUR}}
  favourite: most frequent order_placed.category
"""}  # fmt: skip
_CUSTOMERS = f"""
INSERT INTO customer (bucket, id, zone, zone_why, applied, created_at, attributes, folded, memory, seen,
    segments, reach, marks)
WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?)
SELECT 0, 'c' || printf('%07d', n), 'Europe/Berlin', 'project', 0, {START},
    '{{"total_spent":{{"amount":400,"currency":"EUR"}},"tier":"gold"}}', '{{}}', '{{}}',
    json_object('order_placed', json_array({EACH}, {START} - {EACH * DAY}, {START} - {DAY}, 0)), '{{}}',
    '{{"push":{{"address":"token-' || n || '","consents":{{}}}}}}', '[[],[],{{}},[]]'
FROM n
"""
_EVENTS = f"""
INSERT INTO event
WITH RECURSIVE k(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM k WHERE k < {EACH})
SELECT bucket, id, 'order_placed', {START} - k * {DAY} - rowid % 24 * {HOUR}, rowid * {EACH} + k, {START},
    'o' || rowid || '-' || k, 0,
    json_object('order_id', 'o' || rowid || '-' || k,
        'total', json_object('amount', (rowid * 31 + k * 7) % 80, 'currency', 'EUR'),
        'category', CASE (rowid + k * k) % 4 WHEN 0 THEN 'tea' WHEN 1 THEN 'coffee' WHEN 2 THEN 'tins' ELSE 'cups' END)
FROM customer, k ORDER BY bucket, id, 3, 4
"""  # noqa: E501
_WRITE = """
UPDATE customer SET attributes = json_set(attributes, '$.total_spent', json(?), '$.favourite', ?),
    memory = json_set(memory, '$.favourite', json(?)) WHERE bucket = 0 AND id = ?
"""
_PAGE = 2_000


def run(short: bool) -> list[Figure]:
    """A million customers with ten million events (3,000 with `short`)."""
    count = 3_000 if short else CUSTOMERS
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder = Path(name)
        _build(folder, count)
        by_hand = _by_hand(folder / "bench.db", count)
        words = [sys.executable, "-m", "benchmarks.facts", str(folder)]
        said = subprocess.run(words, check=True, capture_output=True, text=True)
    took = json.loads(said.stdout)
    events, what = count * EACH, f"{count:,} customers, {count * EACH:,} events"
    note = f"others waited {took['waited']:.2f} s for the writer at most; {took['pages']:,} pages"
    ours, theirs = [events / took["seconds"]], [events / by_hand.clock]
    by_processor = ([events / took["processor"]], [events / by_hand.processor])
    hand = "written by hand for these facts"
    return [
        figure("facts", what, hand, "/s", ours, theirs, Aim(), note),
        figure("facts", "of the processor's time", hand, "/s", *by_processor, Aim()),
        figure("facts", "events per second", "the bar", "/s", ours, [LEAST_EVENTS], Aim(at_least=1.0)),
        figure("facts", "memory of its own at most", "the bar", "MB", [took["own"]], [MOST_MEMORY],
               Aim(at_most=1.0), f"with the pages of the file that are mapped {took['all']:,.0f} MB"),
    ]  # fmt: skip


def _build(folder: Path, count: int) -> None:
    clock = ManualClock(START)
    store = open_store("sqlite:///bench.db", folder, exclusive=True)
    publish(store, folder / "project", clock, BEFORE)
    store.write(lambda conn: conn.exec_driver_sql(_CUSTOMERS, (count,)))
    store.write(lambda conn: conn.exec_driver_sql(_EVENTS))
    store.close()


@dataclass(frozen=True, slots=True)
class Seconds:
    """By the clock, and of the processor."""

    clock: float
    processor: float


def _by_hand(file: Path, count: int) -> Seconds:
    """What it took; what it writes is taken back."""
    bare = sqlite3.connect(file, isolation_level=None)
    for pragma in PRAGMAS:
        bare.execute(f"PRAGMA {pragma}")
    began, processor = time.perf_counter(), time.process_time()
    bare.execute("BEGIN")
    people = 0
    for rows in _pages(bare):
        bare.executemany(_WRITE, rows)
        people += len(rows)
    took = Seconds(time.perf_counter() - began, time.process_time() - processor)
    bare.execute("ROLLBACK")
    bare.close()
    assert people == count
    return took


def _pages(bare: sqlite3.Connection) -> Iterator[list[tuple[str, str, str, str]]]:
    found = bare.execute(
        "SELECT customer, fields FROM event WHERE bucket = 0 AND name = 'order_placed' ORDER BY customer"
    )
    page: list[tuple[str, str, str, str]] = []
    for customer, own in groupby(found, key=lambda row: row[0]):
        spent, counts = 0, Counter[str]()
        for _, text in own:
            fields = json.loads(text)
            amount = fields["total"]["amount"]
            spent += amount if amount >= 20 else 0
            counts[fields["category"]] += 1
        favourite = min(counts, key=lambda word: (-counts[word], word))
        total = json.dumps({"amount": spent, "currency": "EUR"})
        page.append((total, favourite, json.dumps(counts), customer))
        if len(page) == _PAGE:
            yield page
            page = []
    yield page


def _measure(folder: Path) -> None:
    """In a process of its own: what it took, as JSON."""
    clock = ManualClock(START)
    store = open_store("sqlite:///bench.db", folder, exclusive=True)
    publication: Publication = publish(store, folder / "project", clock, AFTER)
    began, processor, pages, own = time.perf_counter(), time.process_time(), 0, 0.0
    with Bystander(store) as bystander:
        while fill_page(store, publication, clock.now()).more:
            pages, own = pages + 1, max(own, _memory("RssAnon"))
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    with store.read() as conn:
        assert not definitions.unsettled(conn)
    store.close()
    print(json.dumps({
        "seconds": seconds, "processor": processor, "waited": bystander.longest, "pages": pages,
        "own": own, "all": _memory("VmHWM"),
    }))  # fmt: skip


def _memory(name: str) -> float:
    """Megabytes of this process, by the word of /proc."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
