"""Events over HTTP, 100 a request and one a request: durable, validated, deduplicated; beside a raw handler
under the same web server that writes the same rows (`raw_ingest`).

`python -m benchmarks.ingest FOLDER intake|daemon` is our side: intake alone, as a worker for HTTP only does
it, or the whole daemon, which decides about the same customers meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from signal import SIGTERM
from statistics import median
from urllib.request import urlopen

import orjson

from benchmarks.figures import Aim, Figure, figure
from benchmarks.load import request, send_all
from engine import project
from engine.clock import SystemClock
from engine.daemon import Daemon
from engine.garbage_collection import freeze_long_lived
from engine.http.app import create_app
from engine.http.context import Context, LiveProject
from engine.http.metrics import Metrics
from engine.http.server import HttpServer
from engine.runtime.process import event_loop
from engine.runtime.publish.publisher import Publisher
from engine.store.database import open_store
from engine.store.keys import new_key

CONNECTIONS = 4
CUSTOMERS = 2_000
CONFIG = """
shop: {{name: Bench, url: https://shop.example, address: "Main Street 1, Sofia"}}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///bench.db
http: {{listen: 127.0.0.1:{port}}}
channels:
  push: {{via: outbox, price: 0 EUR}}
policies:
  service: {{consent: none}}
"""
FILES = {
    "schemas/customer.yaml": """
attributes:
  tier: text
facts:
  orders_count: count of order_placed
  total_spent: sum of order_placed.total
""",
    "schemas/events.yaml": """
events:
  subscribed: {}
  order_placed:
    also: [order_completed]
    fields: {order_id: text, total: money, coupon: text, lines: number}
""",
    "journeys/welcome.yaml": """
journey: welcome
start: {event: subscribed}
again: never
goal: {event: order_placed, within: 60 days}
policy: service
steps:
  - wait: 1 day
    id: a_day
  - send: hello
""",
    "templates/hello.push.txt": "Hello",
}


SEND = {True: (3, 20, 100), False: (7, 150, 1_000)}
"""Rounds, requests of 100 events and requests of one event in each, by `short`."""


def run(short: bool) -> list[Figure]:
    """Rates on four connections, then the time of one event on a daemon that has nothing else to do."""
    rounds, *numbers = SEND[short]
    cases = list(zip(("100 events a request", "one event a request"), (100, 1), numbers, strict=True))
    figures = []
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        raw = stack.enter_context(_raw(folder / "raw"))
        with _ours(folder / "intake", "intake") as intake:
            for what, size, number in cases:
                runs = [(intake.rate(size, number), raw.rate(size, number)) for _ in range(rounds + 1)]
                figures.append(_rates(f"{what}, intake alone", runs[1:], Aim(at_least=0.5)))
        with _ours(folder / "all", "daemon") as daemon:
            daemon.rate(1, 10)
            daemon.settle()
            figures.append(_latency(daemon, raw, 20 if short else 100))
            for what, size, number in cases:
                runs = [
                    (daemon.rate(size, number), raw.rate(size, number, before=daemon.settle))
                    for _ in range(rounds)
                ]
                figures.append(_rates(f"{what}, deciding meanwhile", runs, Aim()))
    return figures


@dataclass(frozen=True, slots=True)
class Rate:
    """Events a second on the clock, and microseconds of the server's processor for one event."""

    events: float
    cpu: float


class Side:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, key: str) -> None:
        self.process, self.port, self.key = process, port, key
        self._calls = count()

    def rate(self, size: int, number: int, before: Callable[[], None] = lambda: None) -> Rate:
        """Sends so many requests of `size` events on four connections."""
        before()
        requests = [self.request(size) for _ in range(number)]
        cpu, began = _cpu(self.process.pid), time.perf_counter()
        send_all(self.port, requests, CONNECTIONS)
        took, events = time.perf_counter() - began, size * number
        return Rate(events / took, (_cpu(self.process.pid) - cpu) / events * 1e6)

    def request(self, size: int) -> bytes:
        """A request with events that were never sent before."""
        calls = [self._call(next(self._calls)) for _ in range(size)]
        path, body = ("/v1/batch", {"batch": calls}) if size > 1 else ("/v1/track", calls[0])
        return request(path, self.key, orjson.dumps(body))

    def _call(self, number: int) -> dict[str, object]:
        return {
            "type": "track", "event": "order_placed", "messageId": f"message-{number:012}",
            "userId": f"customer-{number * 7 % CUSTOMERS:06}", "timestamp": "2026-03-02T09:00:00.000Z",
            "properties": {
                "order_id": f"o-{number:09}", "total": 19.99, "coupon": "SPRING", "lines": 3,
            },
        }  # fmt: skip

    def settle(self) -> None:
        """Waits until everything is applied."""
        while b"perennial_inbox_rows 0.0" not in urlopen(f"http://127.0.0.1:{self.port}/metrics").read():
            time.sleep(0.2)


def _rates(what: str, runs: Sequence[tuple[Rate, Rate]], aim: Aim) -> Figure:
    ours, theirs = zip(*runs, strict=True)
    cpu = [median(rate.cpu for rate in side) for side in (ours, theirs)]
    note = f"{cpu[0]:.0f} against {cpu[1]:.0f} us of the server's processor an event"
    events = [[rate.events for rate in side] for side in (ours, theirs)]
    return figure("ingest", what, "a raw ASGI handler, same rows", "/s", events[0], events[1], aim, note)


def _latency(daemon: Side, raw: Side, number: int) -> Figure:
    """One event now and then, on one connection."""
    ours, theirs = (
        send_all(side.port, [side.request(1) for _ in range(number)], 1, rest=0.03) for side in (daemon, raw)
    )
    middle, slowest = median(ours) * 1e3, max(ours) * 1e3
    note = f"median {middle:.1f} ms, slowest of {number} {slowest:.0f} ms; aim: median < 5 ms"
    return figure(
        "ingest", "one event, nothing else to do", "a raw ASGI handler", "s", ours, theirs, Aim(), note
    )


def _cpu(pid: int) -> float:
    """Seconds of the processor that a process has used, with its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _ours(folder: Path, mode: str) -> Iterator[Side]:
    port = _free_port()
    for path, content in {"config.yaml": CONFIG.format(port=port), **FILES}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    store = open_store("sqlite:///bench.db", folder)
    now = SystemClock().now()
    key = store.write(lambda conn: new_key(conn, "bench", "write", now))
    store.close()
    assert key is not None
    with _running(["benchmarks.ingest", str(folder), mode], folder, port) as process:
        yield Side(process, port, key)


@contextmanager
def _raw(folder: Path) -> Iterator[Side]:
    folder.mkdir()
    port = _free_port()
    arguments = ["benchmarks.raw_ingest", str(folder / "raw.db"), str(port), "key"]
    with _running(arguments, folder, port) as process:
        yield Side(process, port, "key")


@contextmanager
def _running(arguments: list[str], folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_until_open(port, process, folder / "log")
        yield process
    finally:
        process.terminate()
        process.wait(40)


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("it never listened")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _serve(folder: Path) -> None:
    """Intake alone: what a worker for HTTP does."""
    clock, loaded = SystemClock(), project.load(folder)
    store = open_store(loaded.config.store, folder, exclusive=True)
    published, _ = Publisher(store, folder, clock).first(loaded)
    live = LiveProject(loaded.config, published.intake, published.links, folder)
    context = Context(store, clock, lambda: live, lambda: None, lambda: "", Metrics())
    server = HttpServer(loaded.config.http.host, loaded.config.http.port)
    freeze_long_lived()
    asyncio.get_running_loop().add_signal_handler(SIGTERM, server.stop)
    await server.run(create_app(context))
    store.close()


if __name__ == "__main__":
    if sys.argv[2] == "daemon":
        event_loop.run(Daemon(Path(sys.argv[1])).run())
    else:
        event_loop.run(_serve(Path(sys.argv[1])))
