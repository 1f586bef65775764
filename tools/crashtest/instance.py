"""One instance of the shop: a store, a daemon that lives and dies, and a source of events that never gives
up."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from engine.clock import Clock
from engine.errors import WorldError
from engine.store.database import open_store
from engine.store.keys import new_key
from tools.crashtest import audit
from tools.crashtest.processes import Process, Processes
from tools.crashtest.shop import SQLITE, Person, write_shop
from tools.crashtest.verdict import Wanted

RUN = ("run", "--logs", "json")
BATCH = 5
"""Customers in one request of the source."""

PAUSE = 0.05
LONGEST_START = 90.0
LONGEST_STOP = 40.0
HANGS, HANGS_SECONDS = 0.25, 7.0
"""So many strikes at a process beside the daemon stop it for so long and let it go on: twice its lease."""

MOST_TROUBLES = 3
"""A daemon that cannot even start is told at once, not after all kills."""


@dataclass(slots=True)
class Ports:
    """Where the sinks listen."""

    smtp: int
    http: int | None


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that the system gives to nobody else, also while no daemon listens there: a restart must never
    find it taken."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Death:
    """What a dead process had in its hands, as send keys. `point`: where it was struck; empty: at any
    moment."""

    point: str
    claimed: frozenset[str]
    handed: frozenset[str]


@dataclass(slots=True)
class Instance:
    """`fed`: customers of whom every event was answered with 2xx. `backlog`: how much waited when the last
    one died. `troubles`: what a daemon must not do, such as ending by itself. `helpers`: processes beside the
    daemon that decide and send, too, on PostgreSQL."""

    folder: Path
    port: int
    people: Sequence[Person]
    has_gateway: bool
    clock: Clock
    dice: random.Random
    processes: Processes
    store: str = SQLITE
    helpers: int = 0
    key: str = ""
    fed: int = 0
    starts: int = 0
    backlog: int = 0
    deaths: list[Death] = field(default_factory=list)
    listed: set[Wanted] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)
    process: Process | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    helping: dict[int, Process] = field(default_factory=dict)
    _read: int = 0

    def found(self, ports: Ports) -> None:
        """Writes the project, makes the store and a key."""
        self.folder.mkdir(parents=True)
        write_shop(self.folder, self.port, ports.smtp, ports.http, self.store)
        with closing(open_store(self.store, self.folder)) as store:
            self.key = store.write(lambda conn: new_key(conn, "crash test", "write", self.clock.now())) or ""

    # --- the daemon -----------------------------------------------------------------------------

    def start(self, fault: str = "", ahead: int = 0) -> Process:
        """A daemon begins to start."""
        # The log is that of all daemons: what the one before said must not count as ready
        self._read = self._log_size()
        self.starts += 1
        self.process = self.processes.start(self.folder, RUN, "daemon.log", fault, ahead)
        if not ahead:  # the last ones, whose clock is ahead, work alone
            for number in range(self.helpers):
                if number not in self.helping or self.helping[number].is_over:
                    self._help(number)
        return self.process

    def _help(self, number: int) -> None:
        log = f"helper{number}.log"
        words = (*RUN, "--role", "worker", "--lease", "3")
        self.helping[number] = self.processes.start(self.folder, words, log, log=log)

    async def strike_helper(self) -> bool:
        """kill -9 of one process beside the daemon, or SIGSTOP for longer than its lease. False: there is
        none."""
        if not self.helping:
            return False
        number = self.dice.choice(sorted(self.helping))
        helper = self.helping[number]
        if helper.is_over:
            return False
        if self.dice.random() < HANGS:
            helper.signal(signal.SIGSTOP)
            await asyncio.sleep(HANGS_SECONDS)
            helper.signal(signal.SIGCONT)
            return True
        await helper.kill()
        claimed, handed, self.backlog = audit.caught(self.folder)
        self.deaths.append(Death("", frozenset(claimed), frozenset(handed)))
        self._help(number)
        return True

    async def ready(self) -> bool:
        """Waits until the daemon works. False: it has ended before."""
        assert self.process is not None
        until = asyncio.get_running_loop().time() + LONGEST_START
        while not self.process.is_over:
            if b"running" in self.log(self._read):
                return True
            if asyncio.get_running_loop().time() > until:
                raise WorldError(
                    f"a daemon was not ready within {LONGEST_START:.0f} seconds", permanent=False
                )
            await asyncio.sleep(0.02)
        return False

    async def kill(self) -> None:
        """kill -9, and a look at what the dead process had in its hands."""
        assert self.process is not None
        self._note_death(await self.process.kill(), "")

    async def died(self, point: str, seconds: float) -> bool:
        """Waits for a daemon that ends itself at a fault point. False: it still runs."""
        assert self.process is not None
        code = await self.process.wait(seconds)
        if code is not None:
            self._note_death(code, point)
        return code is not None

    def _note_death(self, code: int, point: str) -> None:
        # -9 is ours; anything else is a mistake of the daemon
        if code != -9:
            log = self.log(self._read).decode("utf-8", "replace").strip().splitlines()
            self.troubles.append(f"a daemon ended by itself with {code}: {log[-1] if log else ''}"[:500])
            if len(self.troubles) >= MOST_TROUBLES:
                raise WorldError("; ".join(self.troubles), permanent=True)
        claimed, handed, self.backlog = audit.caught(self.folder)
        self.deaths.append(Death(point, frozenset(claimed), frozenset(handed)))

    @property
    def caught(self) -> frozenset[str]:
        """Send keys that any dead process had claimed or handed over."""
        return frozenset().union(*(death.claimed | death.handed for death in self.deaths))

    async def stop(self) -> None:
        """SIGTERM to all, as an operator would."""
        assert self.process is not None
        ending = [self.process, *self.helping.values()]
        self.helping = {}
        for process in ending:
            process.signal(signal.SIGTERM)
        for process in ending:
            code = await process.wait(LONGEST_STOP)
            if code != 0:
                self.troubles.append(
                    f"a daemon did not stop within {LONGEST_STOP:.0f} seconds"
                    if code is None
                    else f"a stop ended with {code}"
                )

    def log(self, since: int = 0) -> bytes:
        """What the daemons have said."""
        file = self.folder / "daemon.log"
        if not file.exists():
            return b""
        with file.open("rb") as lines:
            lines.seek(since)
            return lines.read()

    def _log_size(self) -> int:
        file = self.folder / "daemon.log"
        return file.stat().st_size if file.exists() else 0

    # --- what comes in --------------------------------------------------------------------------

    async def feed(self, may_feed: Callable[[int], bool]) -> None:
        """Tells the daemon of every customer and what they do; each request until it is answered with 2xx.
        `may_feed` says whether it is time for the customer of this number; `news` wakes it to ask again."""
        limits = httpx2.Limits(max_keepalive_connections=1)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", auth=(self.key, ""), timeout=20, limits=limits
        ) as client:
            for start in range(0, len(self.people), BATCH):
                while not may_feed(start):
                    self.news.clear()
                    await self.news.wait()
                batch = self.people[start : start + BATCH]
                known = [person.known() for person in batch]
                await self._tell(client, "/v1/batch", {"batch": known})
                now = self.clock.now()
                events = [
                    event
                    for person in batch
                    for event in person.events(now, self.dice, gateway=self.has_gateway)
                ]
                await self._tell(client, "/events", events)
                self.fed = start + len(batch)

    async def _tell(self, client: httpx2.AsyncClient, path: str, body: Any) -> None:
        while True:
            try:
                answer = await client.post(path, json=body)
            # Killed while it read or answered: nobody knows, so the same is told again, as a shop would
            except httpx2.TransportError:
                await asyncio.sleep(PAUSE)
                continue
            if answer.status_code < 300:
                if answer.json().get("refused"):
                    raise WorldError(f"the daemon refused events: {answer.text[:300]}", permanent=True)
                return
            if answer.status_code < 500 and answer.status_code != 429:
                raise WorldError(
                    f"the daemon answered {answer.status_code}: {answer.text[:300]}", permanent=True
                )
            await asyncio.sleep(PAUSE)

    # --- what came of it ------------------------------------------------------------------------

    async def list_unknown(self) -> None:
        """Asks `main.py status` as an operator would, and keeps whom it lists."""
        file = f"status{self.starts}.json"
        code = await self.processes.start(self.folder, ("status", "--format", "json"), file).ended
        if code:
            self.troubles.append(f"status ended with {code}: {self.log()[-300:].decode()}")
            return
        status = json.loads((self.folder / file).read_bytes())
        self.listed |= {(each["customer"], each["template"]) for each in status["unknown"]}
