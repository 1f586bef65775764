"""A real daemon in a process of its own, on a free port, with the sample shop; one for all tests of this
folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from engine.clock import SystemClock
from engine.core.enrollment import Enrollment
from engine.http.console_access import console_token, console_url
from engine.project import load_config
from engine.store.customers import enrollments
from engine.store.database import Store, open_store
from engine.store.keys import KeyScope, new_key
from engine.store.meta import bucket_of
from tests.daemon.shop import PLAIN, answers_ready
from tests.stores import address_of

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Served:
    """A running daemon."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def client(self, scope: KeyScope = "write") -> httpx2.Client:
        """A client with a key of its own."""
        return httpx2.Client(base_url=self.url, auth=(self.key(scope), ""), timeout=30, verify=PLAIN)

    @contextmanager
    def console(self) -> Iterator[httpx2.Client]:
        """A browser at this machine that has opened the address which the daemon printed."""
        with httpx2.Client(base_url=self.url, timeout=30, verify=PLAIN, follow_redirects=True) as client:
            assert client.get(console_url("", "/outbox", console_token(self.folder))).status_code == 200
            yield client

    def key(self, scope: KeyScope = "write") -> str:
        """A new API key."""
        with self.store() as store:
            now = SystemClock().now()
            made = store.write(lambda conn: new_key(conn, f"test-{time.monotonic_ns()}", scope, now))
        assert made is not None
        return made

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, beside the daemon."""
        opened = open_store(load_config(self.folder).store, self.folder)
        try:
            yield opened
        finally:
            opened.close()

    def runs_of(self, customer: str) -> list[Enrollment]:
        """The runs of a customer."""
        with self.store() as store, store.read() as conn:
            return enrollments.of_customer(conn, bucket_of(conn, customer), customer)

    def wait_for_run(self, customer: str, journey: str) -> Enrollment:
        """The run of a journey; fails when none begins within a few seconds."""
        for _ in range(200):
            found = [run for run in self.runs_of(customer) if run.journey == journey]
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"{customer} never entered {journey}")

    def end(self) -> int:
        """Stops it as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def make_shop(folder: Path) -> int:
    """A copy of the sample shop that writes all messages as files; its free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    for name in ("journeys", "schemas", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    config = (ROOT / "config.yaml").read_text(encoding="utf-8").replace("8080", str(port))
    config = config.replace("via: smtp, host: 127.0.0.1, port: 1025, tls: none", "via: outbox").replace(
        "sqlite:///data/shop.db", address_of(folder)
    )
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    return port


def start(folder: Path, port: int, *options: str) -> Served:
    """Starts the daemon and waits until it is ready."""
    command = [sys.executable, str(ROOT / "main.py"), "--project", str(folder), "run", *options]
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(1200):
        if process.poll() is not None:
            raise AssertionError(f"the daemon ended: {(folder / 'daemon.log').read_text()}")
        if answers_ready(port):
            return Served(url, folder, process)
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the daemon never became ready: {(folder / 'daemon.log').read_text()}")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The daemon that all tests here talk to."""
    folder = tmp_path_factory.mktemp("served")
    found = start(folder, make_shop(folder))
    yield found
    if found.process.poll() is None:
        assert found.end() == 0
