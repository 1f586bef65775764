"""What a shop would otherwise build on, at the same job: a step, a wait, a step.

Each of the others runs with its best documented settings in one process, and writes in each step the rows
that we write: the customer, the trace, a message. They are measured where they are installed (`./run
python -m pip install dbos`). Below them stands the whole way of a customer, from the event that
comes in over HTTP to the mail that has left, in milliseconds of the daemon's processor.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import orjson
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.deliver import CONFIG, FILES
from benchmarks.figures import Aim, Figure, figure
from benchmarks.load import request, send_all
from benchmarks.sinks import sink
from engine import project
from engine.clock import ManualClock, SystemClock
from engine.core.happening import Event
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.deploy import deploy
from engine.store.database import open_store
from engine.store.inbox import inbox
from engine.store.keys import new_key
from engine.values import HOUR, Instant

START = Instant(1_772_442_000_000)
TWO_STEPS = """
journey: two_steps
start: {event: signed_up}
again: never
goal: {event: order_placed}
policy: service
steps:
  - add: {points: 1}
  - wait: 1 hour
    id: an_hour
  - send: hello
    via: email
"""
PARCELVOY_MS = 13.0
"""Milliseconds of the processor from event to mail, measured in its own containers on two cores."""


def run(short: bool) -> list[Figure]:
    """Executions of the two steps a second, then the processor's time for a customer."""
    rounds = 1 if short else 3
    figures = []
    for name, other, count, aim in (
        ("apscheduler", _apscheduler, 50 if short else 500, Aim(at_least=100)),
        ("dbos", _dbos, 20 if short else 300, Aim(at_least=400)),
    ):
        if importlib.util.find_spec(name) is None:
            continue
        pairs = [(_ours(1_000 if short else 20_000), other(count)) for _ in range(rounds)]
        ours, theirs = zip(*pairs, strict=True)
        what, note = "step, wait, step", f"{count} of theirs a run"
        figures.append(figure("against", what, name, "/s", ours, theirs, aim, note))
    return [*figures, _whole_way(200 if short else 2_000, rounds)]


def _ours(customers: int) -> float:
    """Executions a second: everybody begins, sleeps, and goes on when the clock is moved."""
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder, clock = Path(name), ManualClock(START)
        files = {
            **FILES,
            "schemas/customer.yaml": "attributes:\n  tier: one of [silver, gold]\n  points: number\n",
        }
        del files["journeys/news.yaml"]
        _write(folder / "project", CONFIG.format(port=9), {**files, "journeys/two_steps.yaml": TWO_STEPS})
        read = project.load(folder / "project")
        assert not read.has_errors, [problem for problem in read.problems if problem.is_error]
        store = open_store("sqlite:///bench.db", folder, exclusive=True)
        deployed = store.write(lambda conn: deploy(conn, read, clock.now()))
        events = [
            inbox.Arrival(f"c{n:06}", "bench", f"e{n}", Event(0, f"e{n}", "signed_up", START, START))
            for n in range(customers)
        ]
        store.write(lambda conn: inbox.append(conn, events, START))
        advancer, publication = Advancer(store, clock), Publication(deployed.number, read.journeys)
        began = time.perf_counter()
        advancer.run(publication)
        clock.advance(2 * HOUR)
        advancer.run(publication)
        took = time.perf_counter() - began
        with store.read() as conn:
            done = conn.exec_driver_sql("SELECT count(*) FROM enrollment WHERE ended_at IS NOT NULL").scalar()
        store.close()
        assert done == customers
        return customers / took


# --- the others ---------------------------------------------------------------------------------------

_left = threading.Semaphore(0)
_shop: dict[str, sqlite3.Connection] = {}
_one_writer = threading.Lock()
_scheduler: list[BackgroundScheduler] = []


def _open_shop(folder: Path) -> None:
    conn = sqlite3.connect(folder / "shop.db", isolation_level=None, check_same_thread=False)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE customer (id TEXT PRIMARY KEY, facts TEXT NOT NULL)",
        "CREATE TABLE trace (customer TEXT NOT NULL, at INTEGER NOT NULL, entry TEXT NOT NULL)",
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY, customer TEXT NOT NULL, message TEXT NOT NULL)",
    ):
        conn.execute(statement)
    _shop["conn"] = conn


def _do(customer: str, step: int) -> None:
    """The rows of one step, durable together."""
    conn, now = _shop["conn"], time.time_ns() // 1_000_000
    facts = orjson.dumps({"points": step, "last": now}).decode()
    with _one_writer:
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("INSERT OR REPLACE INTO customer VALUES (?, ?)", (customer, facts))
        entry = orjson.dumps({"step": step, "because": "it was due"}).decode()
        conn.execute("INSERT INTO trace VALUES (?, ?, ?)", (customer, now, entry))
        if step == 2:
            conn.execute("INSERT INTO outbox (customer, message) VALUES (?, ?)", (customer, "hello"))
        conn.execute("COMMIT")


def first_step(customer: str) -> None:
    """Called by APScheduler, which finds it by its name: the first step, and a job for the second."""
    _do(customer, 1)
    _scheduler[0].add_job(
        second_step, "date", run_date=datetime.now(UTC), args=[customer], misfire_grace_time=None
    )


def second_step(customer: str) -> None:
    """As `first_step`: the second step, and the end."""
    _do(customer, 2)
    _left.release()


def _apscheduler(customers: int) -> float:
    """One job for each wait, in the store that its documentation recommends."""

    def work(folder: Path) -> float:
        stores = {"default": SQLAlchemyJobStore(url=f"sqlite:///{folder / 'jobs.db'}")}
        scheduler = BackgroundScheduler(
            jobstores=stores, executors={"default": ThreadPoolExecutor(10)}, timezone=UTC,
            job_defaults={"max_instances": 1, "misfire_grace_time": None},
        )  # fmt: skip
        _scheduler[:] = [scheduler]
        scheduler.start(paused=True)
        began = time.perf_counter()
        for n in range(customers):
            scheduler.add_job(first_step, "date", run_date=datetime.now(UTC), args=[f"c{n}"])
        scheduler.resume()
        for _ in range(customers):
            assert _left.acquire(timeout=120), "a job was lost"
        took = time.perf_counter() - began
        scheduler.shutdown()
        return customers / took

    return _in_a_shop(work)


def _dbos(customers: int) -> float:
    """One workflow for each customer, asleep between its steps, with its tables in SQLite."""
    # installed on request only
    from dbos import DBOS, SetWorkflowID  # type: ignore[import-not-found,unused-ignore]

    def work(folder: Path) -> float:
        DBOS.destroy(destroy_registry=True)
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
                "log_level": "ERROR",
            }
        )

        @DBOS.step()  # type: ignore[untyped-decorator,unused-ignore]
        def step(customer: str, number: int) -> None:
            _do(customer, number)

        @DBOS.workflow()  # type: ignore[untyped-decorator,unused-ignore]
        def two_steps(customer: str) -> None:
            step(customer, 1)
            DBOS.sleep(0.01)
            step(customer, 2)

        DBOS.launch()
        began = time.perf_counter()
        handles = []
        for n in range(customers):
            with SetWorkflowID(f"c{n}"):
                handles.append(DBOS.start_workflow(two_steps, f"c{n}"))
        for handle in handles:
            handle.get_result()
        took = time.perf_counter() - began
        DBOS.destroy()
        return customers / took

    return _in_a_shop(work)


def _in_a_shop(work: Callable[[Path], float]) -> float:
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        _open_shop(Path(name))
        try:
            return work(Path(name))
        finally:
            _shop.pop("conn").close()


# --- the whole way ------------------------------------------------------------------------------------


def _whole_way(customers: int, rounds: int) -> Figure:
    """A daemon takes an event of each customer over HTTP, decides, writes a mail and hands it over."""
    milliseconds = [_cpu_of_a_customer(customers) for _ in range(rounds)]
    note = "Parcelvoy's was measured on another day; Dittofeed's was 84 ms"
    return figure(
        "against", "event to sent mail, CPU a customer", "Parcelvoy, as measured", "ms", milliseconds,
        [PARCELVOY_MS] * rounds, Aim(at_most=0.5 / PARCELVOY_MS), note,
    )  # fmt: skip


def _cpu_of_a_customer(customers: int) -> float:
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name, sink("smtp") as port:
        folder, listen = Path(name), _free_port()
        config = CONFIG.format(port=port) + f"http: {{listen: 127.0.0.1:{listen}}}\n"
        _write(folder, config, {path: text.replace("CHANNEL", "email") for path, text in FILES.items()})
        store = open_store("sqlite:///shop.db", folder)
        now = SystemClock().now()
        key = store.write(lambda conn: new_key(conn, "bench", "write", now))
        store.close()
        assert key is not None
        main = Path(__file__).parents[1] / "main.py"
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [sys.executable, str(main), "--project", str(folder), "run"], stdout=log, stderr=log
            )
        try:
            _wait(lambda: _is_ready(listen, daemon, folder / "log"))
            before = _cpu(daemon.pid)
            send_all(listen, [_events(key, start) for start in range(0, customers, 25)], 2)
            _wait(lambda: _accepted(folder / "shop.db") == customers)
            return (_cpu(daemon.pid) - before) / customers * 1e3
        finally:
            daemon.terminate()
            daemon.wait(40)


def _events(key: str, start: int) -> bytes:
    calls: list[dict[str, object]] = []
    for n in range(start, start + 25):
        traits = {"email": f"person{n}@mail{n % 100}.example", "first_name": "Ann", "tier": "gold"}
        calls.append({"type": "identify", "messageId": f"i{n}", "userId": f"c{n}", "traits": traits})
        calls.append({"type": "track", "messageId": f"t{n}", "userId": f"c{n}", "event": "signed_up"})
    return request("/v1/batch", key, orjson.dumps({"batch": calls}))


def _is_ready(port: int, daemon: subprocess.Popen[bytes], log: Path) -> bool:
    assert daemon.poll() is None, log.read_text()
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
    except OSError:
        return False


def _accepted(file: Path) -> int:
    conn = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return int(conn.execute("SELECT count(*) FROM outbox WHERE state = 'accepted'").fetchone()[0])
    finally:
        conn.close()


def _wait(is_done: Callable[[], bool]) -> None:
    for _ in range(2_400):
        if is_done():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to an end in four minutes")


def _write(folder: Path, config: str, files: Mapping[str, str]) -> None:
    for name, text in {"config.yaml": config, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _cpu(pid: int) -> float:
    """Seconds of the processor that a process has used, with its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
