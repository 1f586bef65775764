"""Memory of the daemon with 100,000 customers asleep and events coming in, beside a daemon that knows nobody.

`python -m benchmarks.daemon FOLDER` is that daemon; its clock begins where the customers fell asleep.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import START, asleep
from engine.clock import FastClock
from engine.daemon import Daemon
from engine.store.database import open_store
from engine.store.keys import new_key

EVENTS = 10_000
CALL = 500


def run(short: bool) -> list[Figure]:
    """100,000 customers asleep (10,000 with `short`); 10,000 events come in over HTTP."""
    customers = 10_000 if short else 100_000
    full, empty = _peak(customers), _peak(0)
    note = (
        f"after {EVENTS:,} events over HTTP; with the pages of the file that the system maps, "
        f"{full[0]:,.0f} MB at the most"
    )
    what = f"memory of its own, {customers:,} asleep"
    return [figure("daemon", what, "nobody known", "MB", [full[1]], [empty[1]], Aim(at_most=2), note)]


def _peak(customers: int) -> tuple[float, float]:
    """Peak of all resident memory, and what of it is no file, in MB."""
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        project, url, key = _prepare(Path(folder), customers)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with (project / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.daemon", str(project)],
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_until_ready(url, daemon)
            _send(url, key, max(customers, 1))
            return _memory(daemon.pid, "VmHWM"), _memory(daemon.pid, "RssAnon")
        finally:
            daemon.terminate()
            daemon.wait(40)


def _prepare(folder: Path, customers: int) -> tuple[Path, str, str]:
    asleep(folder, customers).store.close()
    project = folder / "project"
    shutil.move(folder / "bench.db", project / "bench.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (project / "config.yaml").open("a") as config:
        config.write(f"http: {{listen: 127.0.0.1:{port}}}\n")
    store = open_store("sqlite:///bench.db", project)
    key = store.write(lambda conn: new_key(conn, "bench", "write", START))
    store.close()
    assert key is not None
    return project, f"http://127.0.0.1:{port}", key


def _wait_until_ready(url: str, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert daemon.poll() is None, "the daemon ended"
        time.sleep(0.1)
    raise AssertionError("the daemon never became ready")


def _send(url: str, key: str, customers: int) -> None:
    """Every event meets another customer; over when all are applied."""
    with httpx2.Client(base_url=url, auth=(key, ""), timeout=60) as client:
        for start in range(0, EVENTS, CALL):
            body = [
                {"id": f"e{n}", "event": "subscribed", "customer_id": f"c{n % customers:07}"}
                for n in range(start, start + CALL)
            ]
            assert client.post("/events", json=body).status_code == 200
    # Without the key: it may write, and figures are for whoever is on this machine.
    while "perennial_inbox_rows 0.0" not in (figures := httpx2.get(f"{url}/metrics", timeout=60)).text:
        figures.raise_for_status()
        time.sleep(0.1)


def _memory(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    asyncio.run(Daemon(Path(sys.argv[1]), FastClock(START, 1.0)).run())
