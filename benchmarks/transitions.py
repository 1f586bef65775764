"""Durable transitions per second of the real advancer, beside the least that has to be done for them.

A transition: a customer wakes in a wait, an `if` asks about facts, and a third get a message while the
others begin the next wait. What is written is the run, its next due moment, the lines of the trace and the
row of the outbox. The other side is a loop over plain sqlite3 with as few statements as there can be and no
knowledge but of this one journey; it works on a copy of the same file, with the same durability, and at the
end both files hold the same rows.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Aim, Figure, figure, peak_memory
from benchmarks.sleepers import asleep
from engine.store.connections import PRAGMAS
from engine.values import DAY, Instant, zone

ROUNDS = 9
QUESTION = "tier: gold and total_spent: more than 100 EUR"
NAMES = '[{},{"trigger":{"source":"footer"}}]'
BERLIN = zone("Europe/Berlin")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MILLISECOND = dt.timedelta(milliseconds=1)
MONTH = dt.timedelta(days=30)

PER_COMMIT = 2000
"""Transitions that the bare loop commits at once; more brought it nothing."""


def run(short: bool) -> list[Figure]:
    """100,000 and 1,000,000 customers asleep (9,000 with `short`)."""
    figures = []
    for count, woken in ((9_000, 240),) if short else ((99_999, 3000), (999_999, 8000)):
        with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
            figures += measure(Path(folder), count, woken, 3 if short else ROUNDS)
    return figures


def measure(folder: Path, count: int, woken: int, rounds: int) -> list[Figure]:
    """Rates of ours and of the bare loop, in turns; the first round warms both up."""
    sleepers = asleep(folder, count)
    sleepers.checkpoint()
    shutil.copy(sleepers.file, folder / "bare.db")
    bare, advancer = Bare(folder / "bare.db"), sleepers.advancer()
    walls: tuple[list[float], list[float]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        sleepers.turn_to_share(woken * (number + 1) / count)
        sides = (lambda: advancer.run(sleepers.publication).decided, lambda: bare.run(sleepers.clock.now()))
        for side in (0, 1) if number % 2 else (1, 0):
            began, cpu_began = time.perf_counter(), time.process_time()
            done = sides[side]()
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            if number:
                walls[side].append(done / wall)
                seconds[side].append(cpu / done * 1e6)
    sleepers.store.close()
    bare.conn.close()
    difference = _difference(folder)
    assert not difference, f"the bare loop did something else: {difference}"
    what, against = f"{count:,} asleep", "plain sqlite3, the same rows"
    return [
        figure(
            "transitions", what, against, "/s", *walls, Aim(at_least=0.5),
            f"{woken:,} at a time, peak memory {peak_memory()} MB",
        ),
        figure("transitions", f"CPU each, {what}", against, "us", *seconds, Aim(at_most=2)),
    ]  # fmt: skip


class Bare:
    """The bare loop on a copy of the file."""

    def __init__(self, file: Path) -> None:
        self.conn = sqlite3.connect(file, isolation_level=None)
        for pragma in PRAGMAS:
            self.conn.execute(f"PRAGMA {pragma}")

    def run(self, now: Instant) -> int:
        """Wakes everybody who is due; how many."""
        total = 0
        while moved := self._batch(now):
            total += moved
        return total

    def _batch(self, now: Instant) -> int:
        conn = self.conn
        conn.execute("BEGIN IMMEDIATE")
        due = conn.execute(
            "SELECT due_at, customer FROM due WHERE bucket = 0 AND due_at <= ?"
            " ORDER BY due_at, customer LIMIT ?",
            (now, PER_COMMIT),
        ).fetchall()
        if not due:
            conn.execute("COMMIT")
            return 0
        conn.execute("DELETE FROM due WHERE bucket = 0 AND (due_at, customer) <= (?, ?)", due[-1])
        found = conn.execute(
            "SELECT c.id, c.attributes, e.id, e.seq, e.state FROM json_each(?) j"
            " CROSS JOIN customer c ON c.bucket = 0 AND c.id = j.value"
            " CROSS JOIN enrollment e ON e.bucket = 0 AND e.customer = j.value AND e.ended_at IS NULL",
            (orjson.dumps(sorted(customer for _, customer in due)),),
        ).fetchall()
        moved: list[tuple[Any, ...]] = []
        asleep_again, traces, messages = [], [], []
        for customer, attributes, run, seq, text in found:
            facts, state = orjson.loads(attributes), orjson.loads(text)
            lines: list[list[Any]] = []
            amount = facts["total_spent"]["amount"]
            gold = facts["tier"] == "gold" and amount > 100
            read = [["tier", facts["tier"]], ["total_spent", f"{amount} EUR"]]
            lines.append([
                now, "asked", "sleeper", run, "is_gold", 10, QUESTION, "then" if gold else "else", read,
            ])  # fmt: skip
            clock = max(state[6], state[13][0])
            state[6], state[11], state[14] = clock, seq + 1, clock
            if gold:
                key = _derive(run, "hello", "push")
                state[12], state[13] = ["s", "hello", "push", key, clock, [], False], None
                lines.append([now, "plan", "sleeper", run, "hello", 13, "hello", "push", []])
                messages.append((
                    customer, key, run, "sleeper", "hello", "hello", "push", "service", "planned", "", 0, now,
                    clock, clock + DAY + 1, now, 0, False, 0, NAMES, "",
                ))  # fmt: skip
                moved.append((seq + 1, "hello", None, _text(state), customer, run))
            else:
                later = (EPOCH + dt.timedelta(milliseconds=clock)).astimezone(BERLIN) + MONTH
                at = (later - EPOCH) // MILLISECOND
                local, said = later.replace(tzinfo=None).isoformat(), _said(at)
                state[12], state[13] = ["w", "second", clock, state[15]], [at, local, "Europe/Berlin"]
                lines.append([now, "wait", "sleeper", run, "second", 15, "", said, []])
                moved.append((seq + 1, "second", at, _text(state), customer, run))
                asleep_again.append((at, customer))
            traces.append((customer, now, _text(lines)))
        conn.executemany(
            "UPDATE enrollment SET seq = ?, step = ?, due_at = ?, state = ?"
            " WHERE bucket = 0 AND customer = ? AND id = ?",
            moved,
        )
        conn.executemany("INSERT INTO due VALUES (0, ?, ?)", asleep_again)
        conn.executemany(
            "INSERT INTO trace (bucket, customer, at, \"commit\", lines) VALUES (0, ?, ?, '', ?)", traces
        )
        conn.executemany(
            "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel,"
            " policy, state, why, fence, planned_at, due_at, valid_until, ready_at, attempts, counts, resent,"
            f" names, detail, domain) VALUES (0{', ?' * 20}, '')",
            messages,
        )
        conn.execute("COMMIT")
        return len(found)


def _text(document: Any) -> str:
    return orjson.dumps(document).decode()


def _derive(*parts: str) -> str:
    message = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(message.encode()).hexdigest()[:32]


def _said(at: int) -> str:
    moment = EPOCH + dt.timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")


def _difference(folder: Path) -> dict[str, int]:
    """How many rows of our file are not in the other one, by table; `number` is the order of writing."""
    conn = sqlite3.connect(folder / "bench.db")
    conn.execute("ATTACH ? AS bare", (str(folder / "bare.db"),))
    found = {}
    for table in ("enrollment", "due", "trace", "outbox"):
        columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})") if row[1] != "number"]
        listed = ", ".join(f'"{column}"' for column in columns)
        sql = f"SELECT {listed} FROM main.{table} EXCEPT SELECT {listed} FROM bare.{table}"
        missing = conn.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
        counts = [
            conn.execute(f"SELECT count(*) FROM {side}.{table}").fetchone()[0] for side in ("main", "bare")
        ]
        if missing or counts[0] != counts[1]:
            found[table] = missing or counts[0] - counts[1]
    conn.close()
    return found
