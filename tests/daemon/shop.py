"""A shop with a daemon that may be started, killed and started again; its mail goes to a sink that outlives
it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx2
import pytest

from engine.cli.app import main
from engine.clock import SystemClock
from engine.project import load, load_config
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import ConsentGiven, CustomerItem, EventItem, Item
from engine.store.database import Store, open_store, read_only
from engine.store.keys import new_key
from engine.store.sql import rows
from engine.values import Instant, iso
from tests.daemon.files import write_project

ROOT = Path(__file__).resolve().parents[2]

PLAIN = False
"""`verify` of clients that speak no TLS: a client that reads the certificates of this machine takes longer to
make than all of its requests together."""


@dataclass
class Shop:
    """`daemon` is the process that runs now; `moment` is what its clock says, where the test sets it."""

    folder: Path
    port: int
    daemon: subprocess.Popen[bytes] | None = None
    moment: Instant | None = None
    keys: list[str] = field(default_factory=list)
    batches: int = 0

    # --- the daemon -----------------------------------------------------------------------------

    def start(self, *options: str) -> None:
        """Starts it and waits until it is ready; its clock begins at `moment`."""
        command = [sys.executable, str(ROOT / "main.py"), "--project", str(self.folder), "run", *options]
        if self.moment is not None:
            command = [sys.executable, "-m", "tests.daemon.daemon_at", str(self.folder), str(self.moment)]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        wait_until(self.is_ready, 60, self.log)

    def is_ready(self) -> bool:
        if self.daemon is None or self.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log()}")
        return answers_ready(self.port)

    def stop(self) -> int:
        """As an operator would; its exit code."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(40)

    def kill(self) -> None:
        """As a power cut would."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()

    def reload(self) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGHUP)

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def command(self, *words: str, code: int = 0) -> str:
        """Runs a command beside the daemon; what it answers (and complains about). The daemon is another
        process, so that the command need not be one: that would take two seconds of a processor each time."""
        answers, asides = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(answers), redirect_stderr(asides):
            patch.setattr(sys, "argv", ["main.py", "--project", str(self.folder), *words])
            patch.setenv("PERENNIAL_COMMAND", "./run")
            with pytest.raises(SystemExit) as left:
                main()
        answer = answers.getvalue() + asides.getvalue()
        assert left.value.code == code, answer
        return answer

    def refused(self) -> str:
        """Why a daemon does not start here: all that it says."""
        command = [sys.executable, str(ROOT / "main.py"), "--project", str(self.folder), "run"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """`./run status`."""
        found: dict[str, Any] = json.loads(self.command("status", "--format", "json"))
        return found

    # --- what comes in --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx2.Client:
        """A client that may write."""
        if not self.keys:
            with self.store() as store:
                made = store.write(lambda conn: new_key(conn, "test", "write", SystemClock().now()))
            assert made is not None
            self.keys.append(made)
        return httpx2.Client(base_url=self.url, auth=(self.keys[0], ""), timeout=60, verify=PLAIN)

    def names(self, stem: str, count: int) -> list[str]:
        """Customers whom no other test of this daemon has met, whatever the order; `stem` is for the
        reader."""
        self.batches += 1
        return [f"{stem}-{self.batches}-{number}" for number in range(count)]

    def know(self, customers: Sequence[str]) -> None:
        """Customers with addresses, who agreed to everything."""
        agreed = (ConsentGiven("email", "given"), ConsentGiven("push", "given"))
        self.receive(
            CustomerItem(
                n, id_, f"{id_}-known", {"email": f"{id_}@example.com"}, {"push": f"token-{id_}"}, agreed
            )
            for n, id_ in enumerate(customers)
        )  # fmt: skip

    def happens(self, event: str, customers: Sequence[str], at: Instant | None = None) -> None:
        """An event of each, written beside the daemon as `import` would."""
        self.receive(
            EventItem(n, id_, event, iso(at) if at else None, f"{id_}-{event}-{time.monotonic_ns()}")
            for n, id_ in enumerate(customers)
        )

    def receive(self, items: Iterator[Item]) -> None:
        project, now = load(self.folder), self.now()
        intake = Intake(project.catalogue, project.config, project.journeys)
        prepared = intake.prepare(items, "test", now)
        with self.store() as store:
            taken = store.write(lambda conn: intake.take(conn, prepared, now))
        assert not taken.refused, taken.refused

    def now(self) -> Instant:
        return self.moment or SystemClock().now()

    # --- what came of it ------------------------------------------------------------------------

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, beside the daemon."""
        opened = open_store(load_config(self.folder).store, self.folder)
        try:
            yield opened
        finally:
            opened.close()

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        """Rows of the store."""
        with read_only(load_config(self.folder).store, self.folder) as conn:
            return rows(conn, sql, parameters)

    def mails(self) -> Counter[str]:
        """How often the sink accepted each mail: `recipient subject`."""
        lines = (self.folder / "accepted").read_text(encoding="utf-8").splitlines()
        return Counter(line.replace("@example.com\t", " ") for line in lines)

    def states(self, template: str) -> dict[str, str]:
        """Customer -> state of the message."""
        return dict(self.ask("SELECT customer, state FROM outbox WHERE template = ?", template))


def answers_ready(port: int) -> bool:
    """Whether a daemon on this port says that it is ready. It is asked often while one starts; an httpx
    client each time would take more of the processor than the daemon."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def open_shop(folder: Path, answer_seconds: float = 0.0, store: str = "") -> Iterator[Shop]:
    """A new shop with its sink; whatever still runs is ended. `store`: its address, where it is not the usual
    one."""
    command = [sys.executable, "-m", "tests.daemon.sink", str(folder), str(answer_seconds)]
    sink = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_until((folder / "port").exists, 20)
        smtp = int((folder / "port").read_text())
        shop = Shop(folder, write_project(folder, smtp, store))
        try:
            yield shop
        finally:
            shop.kill()
    finally:
        sink.kill()
        sink.wait()


def wait_until(
    question: Callable[[], bool], seconds: float = 20, story: Callable[[], str] = lambda: ""
) -> None:
    """Fails, with the story, when it does not come true in time."""
    until = time.monotonic() + seconds
    while not question():
        if time.monotonic() > until:
            raise AssertionError(f"this never came true. {story()}")
        time.sleep(0.05)


def replace(path: Path, text: str) -> None:
    """Writes a file as an editor does: whole, in one step."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
