"""Many processes of one shop on one PostgreSQL database; their mail goes to one sink that counts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.store.sql import change
from tests import stores
from tests.daemon.files import write_project
from tests.daemon.shop import ROOT, Shop, wait_until


@dataclass
class Herd:
    """`shop` tells and asks beside the processes."""

    folder: Path
    shop: Shop
    url: str  # of the database
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str, role: str = "worker", lease: int = 3) -> None:
        """Starts processes of these names and waits until they work."""
        begun = {name: len(self.log(name)) for name in names}
        for name in names:
            words = ("run", "--role", role, "--lease", str(lease), "--logs", "json")
            command = [sys.executable, str(ROOT / "main.py"), "--project", str(self.folder), *words]
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        for name, since in begun.items():
            wait_until(partial(self._works, name, since), 300, self.story)

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """As a power cut would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """As an operator would; its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(60)

    def log(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def story(self) -> str:
        """What all of them said last."""
        return "\n".join(f"{file.name}: {self.log(file.stem)[-1500:]}" for file in self.folder.glob("*.log"))

    def workers(self) -> dict[str, int]:
        """Process id -> ms since its last beat, of all that are registered."""
        now = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
        return {str(pid): silent for pid, silent in self.shop.ask(f"SELECT pid, {now} - beat_at FROM worker")}

    def is_heard(self, pid: str) -> bool:
        """A process of this id is registered."""
        return pid in self.workers()

    def is_silent(self, pid: str) -> bool:
        """It is not: it left, or was buried."""
        return pid not in self.workers()

    def states(self) -> Counter[str]:
        """How many messages are in each state."""
        return Counter(dict(self.shop.ask("SELECT state, count(*) FROM outbox GROUP BY state")))

    def is_idle(self) -> bool:
        """Nothing is received that is not applied, and no message is on its way."""
        left = self.shop.ask(
            "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox"
            " WHERE state IN ('planned', 'claimed', 'handoff', 'deferred'))"
        )
        return bool(left[0][0] == 0)

    def settle(self, seconds: float = 60) -> None:
        """Until nothing is left to do."""
        wait_until(self.is_idle, seconds, lambda: f"{self.states()} {self.story()}")

    def hurry_deferred(self) -> None:
        """What goes again later goes now."""
        with self.shop.store() as store:
            store.write(lambda conn: change(conn, "UPDATE outbox SET ready_at = 0 WHERE state = 'deferred'"))

    def _works(self, name: str, since: int) -> bool:
        process = self.processes[name]
        assert process.poll() is None, self.story()
        return '"running"' in self.log(name)[since:]


@contextmanager
def open_herd(
    folder: Path, *, rate: str = "", answer_seconds: float = 0.0, server: str = ""
) -> Iterator[Herd]:
    """A new shop with its sink, and no process yet; whatever still runs is ended. `rate`: of its e-mail;
    `server`: the address of the database, when it is not to be one of the server of all tests."""
    url = server or stores.new_database(f"test_{uuid.uuid4().hex}", stores.empty_database())
    command = [sys.executable, "-m", "tests.daemon.sink", str(folder), str(answer_seconds)]
    sink = subprocess.Popen(command, cwd=ROOT)
    herd = None
    try:
        wait_until((folder / "port").exists, 20)
        port = write_project(folder, int((folder / "port").read_text()))
        config = folder / "config.yaml"
        text = re.sub(r"(?m)^store: .*$", f"store: {url}", config.read_text())
        # all of them write to one domain, of which each process takes its share
        options = ", per_domain: 60" + (f", rate: {rate}" if rate else "")
        config.write_text(text.replace(", rate: 60 a second", options))
        herd = Herd(folder, Shop(folder, port), url)
        yield herd
    finally:
        for process in herd.processes.values() if herd is not None else ():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        sink.kill()
        sink.wait()
