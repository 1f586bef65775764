"""Planned messages until their answer is stored, beside a pool of connections that sends ready bytes.

The other side is written by hand: aiosmtplib or httpx2 over as many connections, sqlite3 with the same
durability, and per message the least rows that a hand-over needs: it is claimed, marked before it leaves
(with what its journey hears), and marked with its answer (with what its journey hears). All that wait share
a commit. It renders nothing, asks nothing and decides nothing.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx2
import orjson
import uvloop

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sinks import sink
from engine import project
from engine.clock import SystemClock
from engine.core.happening import Event, ProfileChanged
from engine.garbage_collection import freeze_long_lived
from engine.project import Project
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.delivery.channel_set import ChannelSet
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.publish.deploy import deploy
from engine.runtime.publish.published import publish_in_memory
from engine.store import meta
from engine.store.connections import PRAGMAS
from engine.store.database import open_store
from engine.store.inbox import inbox
from engine.store.messages.states import LEASED, UNSETTLED, WAITING, among

DOMAINS = 100
"""Of the recipients, so that none of them is the limit."""

CONFIG = """
shop: {{name: Bench, url: https://shop.example, address: "Main Street 1, Sofia"}}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///shop.db
egress: {{allow: [127.0.0.1:{port}]}}
channels:
  email: {{via: smtp, host: 127.0.0.1, port: {port}, tls: none, from: hello@shop.example}}
  viber:
    via: http
    url: http://127.0.0.1:{port}/messages
    idempotency: {{header: Idempotency-Key, window: 24}}
    body:
      to: "{{{{ message.address }}}}"
      text: "{{{{ message.text }}}}"
    answer: {{id: id}}
policies:
  service: {{consent: none, quiet: none, caps: none}}
"""
FILES = {
    "schemas/customer.yaml": "attributes:\n  tier: one of [silver, gold]\n",
    "schemas/events.yaml": "events:\n  signed_up: {}\n  order_placed: {}\n",
    "journeys/news.yaml": """
journey: news
start: {event: signed_up}
again: never
goal: {event: order_placed}
policy: service
steps:
  - send: hello
    via: CHANNEL
""",
    "templates/hello.email.html": """---
subject: Hello {{ customer.first_name or "there" }}, something new for you
---
<html><body><h1>Hello {{ customer.first_name or "there" }}</h1>
<p>You are a {{ customer.tier or "new" }} customer of ours. This is what came in this week:
<a href="https://shop.example/new">have a look</a>.</p>
<p>{{ shop.address }} <a href="{{ links.unsubscribe }}">No more of this</a></p></body></html>
""",
    "templates/hello.viber.txt": 'Hello {{ customer.first_name or "there" }}, here is something new',
}


def run(short: bool) -> list[Figure]:
    """2,000 messages a round (200 with `short`), by SMTP and by HTTP."""
    messages, rounds = (200, 1) if short else (2_000, 5)
    return [_compare("email", messages, rounds), _compare("viber", messages, rounds)]


def _compare(channel: str, messages: int, rounds: int) -> Figure:
    kind = "smtp" if channel == "email" else "http"
    ours: list[float] = []
    theirs: list[float] = []
    cpu: list[float] = []
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name, sink(kind) as port:
        shop = PlannedMessages(Path(name), channel, port, messages)
        freeze_long_lived()  # as a daemon does, for both sides
        for number in range(rounds + 1):
            used = time.process_time()
            took = shop.deliver(number)
            rate, used = messages / took, time.process_time() - used
            other = messages / uvloop.run(_bare(shop, number))
            if number or rounds == 1:  # the first round warms both up
                ours.append(rate)
                theirs.append(other)
                cpu.append(used / messages * 1e6)
    against = "aiosmtplib pool" if kind == "smtp" else "httpx2 pool"
    note = f"{sorted(cpu)[len(cpu) // 2]:,.0f} us CPU a message; {shop.connections} connections each"
    what = f"{messages:,} messages by {kind.upper()}"
    return figure("deliver", what, against, "/s", ours, theirs, Aim(at_least=0.5), note)


class PlannedMessages:
    """A store in which so many messages are planned on one channel; every round begins with a copy of it."""

    def __init__(self, folder: Path, channel: str, port: int, messages: int) -> None:
        self.folder, self.channel, self.port, self.messages = folder, channel, port, messages
        self.clock = SystemClock()
        self.project = self._project()
        self._plan()
        options = self.project.config.channels[channel].options
        self.connections = int(getattr(options, "connections", 20))

    def _project(self) -> Project:
        folder = self.folder / "project"
        for name, text in {"config.yaml": CONFIG.format(port=self.port), **FILES}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("CHANNEL", self.channel), encoding="utf-8")
        read = project.load(folder)
        assert not read.has_errors, [problem for problem in read.problems if problem.is_error]
        return read

    def _plan(self) -> None:
        store, now = open_store("sqlite:///planned.db", self.folder, exclusive=True), self.clock.now()
        deployed = store.write(lambda conn: deploy(conn, self.project, now))
        arrivals = []
        for number in range(self.messages):
            name = f"c{number:06}"
            address = (
                f"person{number}@mail{number % DOMAINS}.example"
                if self.channel == "email"
                else f"+38050{number:07}"
            )
            values: dict[str, Any] = {"first_name": "Ann", "tier": ("silver", "gold")[number % 2]}
            changed = ProfileChanged(0, now, values, {self.channel: address})
            arrivals += [
                inbox.Arrival(name, "bench", f"{name}-a", changed),
                inbox.Arrival(name, "bench", f"{name}-b", Event(0, f"{name}-b", "signed_up", now, now)),
            ]
        store.write(lambda conn: inbox.append(conn, arrivals, now))
        Advancer(store, self.clock).run(Publication(deployed.number, self.project.journeys))
        with store.read() as conn:
            self.secret = meta.secret(conn)
        store.close()
        assert _count(self.folder / "planned.db", "planned") == self.messages

    def deliver(self, number: int) -> float:
        """The deliverer of the daemon sends all of it. Seconds."""
        file = self.folder / f"ours{number}.db"
        shutil.copy(self.folder / "planned.db", file)
        store = open_store(f"sqlite:///ours{number}.db", self.folder, exclusive=True)
        live = publish_in_memory(1, self.project, self.folder / "project", self.secret)
        channels = ChannelSet(self.folder / "project", self.secret, self.clock).opening(self.project.config)

        async def send() -> float:
            deliverer = Deliverer(store, {}, lambda: live.render_context, self.clock, "bench")
            deliverer.use(channels.channels, channels.gone)
            began = time.perf_counter()
            running = asyncio.create_task(deliverer.run())
            with closing(_look_at(file)) as beside:
                while _is_under_way(beside):  # noqa: ASYNC110 - the store has nobody who tells
                    await asyncio.sleep(0.02)
            took = time.perf_counter() - began
            deliverer.stop()
            await running
            assert _count(file, "accepted") == self.messages
            return took

        try:
            return uvloop.run(send())
        finally:
            store.close()


def _look_at(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True)


def _is_under_way(beside: sqlite3.Connection) -> bool:
    """Anything that is not settled. The words are those of the partial indexes. Asked past the engine, since
    the other side pays for no question either."""
    return any(
        beside.execute(f"SELECT 1 FROM outbox WHERE {among(states)} LIMIT 1").fetchone()
        for states in (WAITING, LEASED, UNSETTLED)
    )


def _count(file: Path, state: str) -> int:
    with closing(_look_at(file)) as conn:
        count = conn.execute("SELECT count(*) FROM outbox WHERE state = ?", (state,)).fetchone()[0]
    return int(count)


# --- the other side -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message that only has to leave."""

    number: int
    customer: str
    key: str
    address: str
    content: bytes


class _Outbox:
    """The rows of the other side: one transaction for all that wait."""

    def __init__(self, file: Path) -> None:
        self._conn = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            self._conn.execute(f"PRAGMA {pragma}")
        self._turn = threading.Lock()  # a claim and an answer may come at the same time
        self._waiting: list[tuple[str, _Ready, str, asyncio.Future[None]]] = []
        self._busy: asyncio.Task[None] | None = None

    def claim(self, limit: int) -> list[tuple[int, str, str]]:
        """So many of them, durably somebody's."""
        sql = (
            "UPDATE outbox SET state = 'claimed', fence = fence + 1, owner = 'bare', lease_until = ?"
            " WHERE number IN"
            " (SELECT number FROM outbox WHERE state = 'planned' ORDER BY ready_at, number LIMIT ?)"
            " RETURNING number, customer, send_key"
        )
        with self._turn:
            self._conn.execute("BEGIN IMMEDIATE")
            rows = self._conn.execute(sql, (_now() + 300_000, limit)).fetchall()
            self._conn.execute("COMMIT")
        return rows

    async def note(self, state: str, ready: _Ready, answer: str = "") -> None:
        """Marks a message; over when that is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((state, ready, answer, done))
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._commit())
        await done

    async def _commit(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.to_thread(self._mark, group)
            for *_, done in group:
                done.set_result(None)

    def _mark(self, group: list[tuple[str, _Ready, str, asyncio.Future[None]]]) -> None:
        with self._turn:
            self._write(group, self._conn, _now())

    def _write(
        self, group: list[tuple[str, _Ready, str, asyncio.Future[None]]], conn: sqlite3.Connection, now: int
    ) -> None:
        handed = [ready for state, ready, _, _ in group if state == "handoff"]
        answered = [(ready, answer) for state, ready, answer, _ in group if state == "accepted"]
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany(
            "UPDATE outbox SET state = 'handoff', handed_at = ?"
            " WHERE number = ? AND state = 'claimed' AND fence = 1 AND lease_until > ?",
            [(now, ready.number, now) for ready in handed],
        )
        conn.executemany(
            "UPDATE outbox SET state = 'accepted', settled_at = ?, owner = NULL, lease_until = NULL,"
            " detail = ? WHERE number = ? AND state = 'handoff' AND fence = 1",
            [(now, answer, ready.number) for ready, answer in answered],
        )
        told = [(ready.customer, "handed", now, orjson.dumps([now, ready.key]).decode()) for ready in handed]
        told += [
            (ready.customer, "outcome", now, orjson.dumps([now, ready.key, "accepted", answer]).decode())
            for ready, answer in answered
        ]
        conn.executemany(
            "INSERT INTO inbox (bucket, customer, kind, received_at, body) VALUES (0, ?, ?, ?, ?)", told
        )
        conn.execute("COMMIT")

    def close(self) -> None:
        """Lets go of the file."""
        self._conn.close()


Send = Callable[[_Ready], Awaitable[str]]


async def _bare(shop: PlannedMessages, number: int) -> float:
    file = shop.folder / f"bare{number}.db"
    shutil.copy(shop.folder / "planned.db", file)
    outbox = _Outbox(file)
    content = _mail if shop.channel == "email" else _call
    ready: asyncio.Queue[_Ready] = asyncio.Queue()
    began = time.perf_counter()

    async def work(send: Send) -> None:
        while True:
            message = await ready.get()
            await outbox.note("handoff", message)
            await outbox.note("accepted", message, await send(message))
            ready.task_done()

    async with _pool(shop) as senders:
        workers = [asyncio.create_task(work(send)) for send in senders]
        while rows := await asyncio.to_thread(outbox.claim, 200):
            for row in rows:
                ready.put_nowait(_Ready(*row, *content(row[1])))
            while ready.qsize() > shop.connections:  # noqa: ASYNC110 - a turn more or less does not matter
                await asyncio.sleep(0.001)
        await ready.join()
        for worker in workers:
            worker.cancel()
    took = time.perf_counter() - began
    outbox.close()
    assert _count(file, "accepted") == shop.messages
    return took


class _pool:  # noqa: N801 - a context manager
    """As many senders as there are connections."""

    def __init__(self, shop: PlannedMessages) -> None:
        self._shop = shop
        self._clients: list[Any] = []

    async def __aenter__(self) -> list[Send]:
        if self._shop.channel == "email":
            return [await self._smtp() for _ in range(self._shop.connections)]
        limits = httpx2.Limits(max_connections=self._shop.connections)
        client = httpx2.AsyncClient(limits=limits, trust_env=False)
        self._clients.append(client)
        url = f"http://127.0.0.1:{self._shop.port}/messages"

        async def post(message: _Ready) -> str:
            headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
            return str((await client.post(url, content=message.content, headers=headers)).status_code)

        return [post] * self._shop.connections

    async def _smtp(self) -> Send:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self._shop.port, use_tls=False, start_tls=False)
        await client.connect()
        self._clients.append(client)

        async def mail(message: _Ready) -> str:
            return (await client.sendmail("hello@shop.example", [message.address], message.content))[1]

        return mail

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await (client.aclose() if isinstance(client, httpx2.AsyncClient) else client.quit())


def _mail(customer: str) -> tuple[str, bytes]:
    address = f"{customer}@mail.example"
    head = f"From: hello@shop.example\r\nTo: {address}\r\nMessage-ID: <{customer}@shop.example>\r\n"
    head += "Subject: Hello\r\n\r\n"
    return address, head.encode() + b"<p>This is what came in this week, for you.</p>\r\n" * 50


def _call(customer: str) -> tuple[str, bytes]:
    return customer, orjson.dumps({"to": customer, "text": "Hello Ann, there is something new for you."})


def _now() -> int:
    return time.time_ns() // 1_000_000
