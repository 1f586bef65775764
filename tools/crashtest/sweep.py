"""The n-th-fault sweep: a run of thirty messages, again and again, in which the n-th statement, commit or
socket operation fails.

Store, intake, decisions and channels are the daemon's own, driven step by step on a clock that stands still
in between. What a fault brings down is closed and opened again, as a restarted daemon would; then everything
has to come out as without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, OperationalError

from engine.clock import ManualClock
from engine.errors import WorldError
from engine.http.intake.native_format import event_item
from engine.http.intake.segment_format import translate
from engine.ids import new_id
from engine.project import Project, load
from engine.runtime.advance.advancer import Advancer
from engine.runtime.delivery.channel_worker import ChannelWorker
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.intake.items import Item, RefusedItem
from engine.runtime.publish.publisher import Publisher
from engine.store.database import Store, open_store
from engine.values import MINUTE, Instant
from tools.crashtest import audit
from tools.crashtest.proxy import Count, Wire
from tools.crashtest.shop import Person, make_people, write_shop
from tools.crashtest.sinks import HttpSink, SmtpSink, talk_with
from tools.crashtest.verdict import Arrival, Evidence, Verdict, Wanted, judge

KINDS = ("statement", "commit", "socket operation")
MESSAGES = 30
START = Instant(1_774_864_800_000)
ROUNDS = 60
"""Minutes of the clock until everything has to be done: retries come again within them."""

WORDS = ("disk I/O error", "database is locked")


@dataclass(slots=True)
class SweepResult:
    """`struck`: how many of each kind were made to fail; `wrong`: a line for each run that did not come out
    right."""

    struck: dict[str, int] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    wrong: list[str] = field(default_factory=list)


class Breaker:
    """Breaks the n-th statement or commit of a store, once."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.left = number
        self.struck = False
        self._words = WORDS[number % len(WORDS)]

    def attach(self, store: Store) -> None:
        """To the connections of this store. The machine goes on, so nothing has to reach the disk at every
        commit."""
        store.engine.dispose()
        event.listen(store.engine, "connect", _hurry)
        event.listen(store.engine, "commit" if self.kind == "commit" else "before_cursor_execute", self._hit)

    def _hit(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            raise OperationalError(f"the {self.kind}", {}, Exception(self._words))


def _hurry(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@dataclass(slots=True)
class SweepSetup:
    """What all runs share: the project, a store with its deployment, the customers, sinks behind wires."""

    template: Path
    project: Project
    people: Sequence[Person]
    sinks: Sequence[SmtpSink | HttpSink]
    wires: Count
    gateway: bool


class Process:
    """What a daemon is made of, opened on a store: it can be brought down and opened again."""

    def __init__(self, folder: Path, setup: SweepSetup, clock: ManualClock) -> None:
        self._setup = setup
        self._clock = clock
        self.store = open_store("sqlite:///data/shop.db", folder, exclusive=True)
        self._folder = folder

    async def begin(self) -> None:
        """As the daemon begins."""
        publisher = Publisher(self.store, self._folder, self._clock)
        self._live, opening = publisher.first(self._setup.project)
        self._advancer = Advancer(self.store, self._clock)
        self._deliverer = Deliverer(self.store, {}, lambda: self._live.render_context, self._clock, new_id())
        self._deliverer.use(opening.channels, opening.gone)
        self._channels = [channel for channel, _ in opening.channels.values()]
        await self._deliverer.recover()

    def take(self, items: Iterable[Item], now: Instant) -> None:
        """As the endpoints take them. Raises what the store raises; a source sends them again then."""
        batch = self._live.intake.prepare(items, "test", now)
        taken = self.store.write(lambda conn: self._live.intake.take(conn, batch, now))
        if taken.refused:
            raise WorldError(f"the intake refused: {taken.refused[0]}", permanent=True)

    async def work(self) -> None:
        """Everything that is to be done at this moment."""
        while True:
            self._advancer.run(self._live.publication)
            if not await self._deliverer.once():
                break
        await self._deliverer.settle()
        self._advancer.run(self._live.publication)

    async def end(self) -> None:
        """Goes down, whatever is under way."""
        me = asyncio.current_task()
        others = [
            task
            for task in asyncio.all_tasks()
            if task is not me
            and getattr(task.get_coro(), "__qualname__", "").startswith(f"{ChannelWorker.__qualname__}.")
        ]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for channel in getattr(self, "_channels", ()):
            await channel.close()
        self.store.close()


def sweep(
    folder: Path, step: int, watch: Callable[[str, int, int], None], *, gateway: bool = True
) -> SweepResult:
    """Every `step`-th fault of each kind, in an empty folder. `watch` gets what fails, its number, and how
    many there are."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return asyncio.run(_sweep(folder, step, watch, gateway=gateway))
    finally:
        structlog.reset_defaults()


async def _sweep(
    folder: Path, step: int, watch: Callable[[str, int, int], None], *, gateway: bool
) -> SweepResult:
    swept = SweepResult()
    async with contextlib.AsyncExitStack() as stack:
        setup = await _set(folder, stack, gateway=gateway)
        counts = {kind: await _count(folder, setup, kind) for kind in KINDS}
        for kind in KINDS:
            swept.struck[kind] = 0
            for number in range(1, counts[kind] + 1, step):
                watch(f"failing one {kind}", number, counts[kind])
                here = folder / "run"
                is_struck, verdict = await _run(here, setup, kind, number)
                swept.struck[kind] += is_struck
                swept.verdict.add(verdict)
                if not verdict.is_good:
                    swept.wrong.append(f"{kind} {number}: {_first(verdict)}")
                shutil.rmtree(here)
    return swept


def _first(verdict: Verdict) -> str:
    lines = (
        *verdict.lost, *verdict.duplicated, *verdict.unexpected, *verdict.unlisted, *verdict.broken,
        f"{verdict.waiting} waiting, {verdict.failed} failed",
    )  # fmt: skip
    return lines[0]


async def _set(folder: Path, stack: contextlib.AsyncExitStack, *, gateway: bool) -> SweepSetup:
    """Sinks in this process, wires before them, and the store from which every run begins."""
    kinds: list[type[SmtpSink | HttpSink]] = [SmtpSink, HttpSink] if gateway else [SmtpSink]
    sinks, ports, count = [], [], Count()
    for kind in kinds:
        sink = kind(folder / f"{kind.__name__}.log", "sweep", slowest=0.0, busy=0.0)
        server = await asyncio.start_server(partial(talk_with, sink), "127.0.0.1", 0, limit=4_000_000)
        stack.callback(server.close)
        wire = Wire(int(server.sockets[0].getsockname()[1]), count)
        ports.append(await wire.open())
        stack.callback(wire.close)
        sinks.append(sink)
    template = folder / "template"
    write_shop(template, 9, ports[0], ports[1] if gateway else None)
    people = make_people(MESSAGES, "s", 0, random.Random("sweep"), gateway=gateway)
    setup = SweepSetup(template, load(template), people, sinks, count, gateway)
    process = Process(template, setup, ManualClock(START))
    await process.begin()
    await process.end()
    return setup


async def _count(folder: Path, setup: SweepSetup, kind: str) -> int:
    """How many there are of a kind in a run without faults."""
    here = folder / "whole"
    breaker = Breaker(kind, 0)
    _, verdict = await _run(here, setup, kind, 0, breaker)
    shutil.rmtree(here)
    if not verdict.is_good:
        raise WorldError(f"the run without any fault went wrong: {_first(verdict)}", permanent=True)
    return setup.wires.passed if kind == KINDS[2] else -breaker.left


async def _run(
    here: Path, setup: SweepSetup, kind: str, number: int, breaker: Breaker | None = None
) -> tuple[bool, Verdict]:
    """One run with one fault; whether it struck, and what came of everything."""
    shutil.copytree(setup.template, here)
    clock = ManualClock(START)
    for sink in setup.sinks:
        sink.forget()
    is_wire = kind == KINDS[2]
    setup.wires.passed, setup.wires.cut_at = 0, number if is_wire else 0
    breaker = breaker or Breaker(kind, 0 if is_wire else number)
    process = Process(here, setup, clock)
    breaker.attach(process.store)
    listed: set[Wanted] = set()
    until, is_fed = clock.now() + ROUNDS * MINUTE, False
    is_open = False
    while clock.now() < until:
        try:
            if not is_open:
                await process.begin()
                is_open = True
            if not is_fed:
                _feed(process, setup, clock.now())
                is_fed = True
            await process.work()
        except DatabaseError:
            await process.end()
            process, is_open = Process(here, setup, clock), False
            continue
        listed |= audit.unknown(here)
        if audit.waiting(here, clock.now()).is_over:
            break
        clock.advance(MINUTE)
    await process.end()
    wanted = {
        (address, f"{template} for {person.mark}"): (person.id, template)
        for person in setup.people
        for template, _, address in person.wanted(gateway=setup.gateway)
    }
    arrived = [Arrival.read(line) for sink in setup.sinks for line in sink.counted]
    booked = audit.messages(here)
    evidence = Evidence(wanted, (), {}, booked, arrived, (), listed, audit.integrity(here))
    is_struck = breaker.struck or (is_wire and setup.wires.passed >= number)
    return is_struck, judge(evidence)


def _feed(process: Process, setup: SweepSetup, now: Instant) -> None:
    """Everything that happens, in two requests of a source."""
    dice = random.Random("feed")
    known = [
        item
        for person in setup.people
        for item in _good(translate(person.known(), None, 0, START, None, False))
    ]
    events = [
        item
        for person in setup.people
        for body in person.events(START, dice, gateway=setup.gateway)
        for item in _good(event_item(body, 0))
    ]
    process.take(known, now)
    process.take(events, now)


def _good(translated: Item | Sequence[Item] | RefusedItem) -> list[Item]:
    assert not isinstance(translated, RefusedItem), translated
    return [*translated] if isinstance(translated, list) else [cast("Item", translated)]
