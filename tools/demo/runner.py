"""The demo put together: shop, sinks, people and a real daemon, on a clock that runs as fast as the daemon
keeps up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2
import structlog

from engine.clock import ManualClock
from engine.daemon import Daemon
from engine.errors import WorldError
from engine.figures.period import Period
from engine.figures.reports import by_name as reports
from engine.figures.reports.by_name import OVERVIEW
from engine.figures.request import ReportRequest
from engine.store.daemon import backlog
from engine.store.incentives import code_report
from engine.store.messages import records
from engine.store.messages.records import OutboxMessage
from engine.values import DAY, MINUTE, Instant, local_date, zone
from tools.demo.actions import Action, SendEvent, Unsubscribe
from tools.demo.behaviour import ShopCustomers
from tools.demo.display import Figures, Screen
from tools.demo.mailbox import Caller, Mailbox
from tools.demo.messages import read_received
from tools.demo.project import DemoProject, copy_project, fill
from tools.demo.shop import Shop, make_shop
from tools.demo.sinks import Gateway, MailSink

START = Instant(1_774_821_600_000)
"""The beginning of Monday 30 March 2026 in Berlin: the clocks went forward the day before, and the third day
is the first of a month."""

STEP = 15 * MINUTE
"""The clock jumps so far, then everything that is due at that moment is done."""

BEAT = 30 * MINUTE
"""Clock starts and segments are looked at so often; a journey's `at:` is nearly always a full or a half
hour."""

PATIENCE = 15.0
"""Seconds of real time to wait for one step; a channel that somebody paused must not stop the demo."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to play. `days` None: until somebody stops it."""

    source: Path
    into: Path
    customers: int = 2000
    seed: int = 1
    days: int | None = None


@dataclass(slots=True)
class Demo:
    """A demo that is ready to play. `received`: how many messages each customer got. `refused`: events that
    the daemon did not take; there should be none. `vouchers`: for which points were redeemed."""

    project_copy: DemoProject
    shop: Shop
    customers: ShopCustomers
    screen: Screen
    sink: MailSink
    gateway: Gateway
    clock: ManualClock
    daemon: Daemon
    end: Instant | None
    received: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    vouchers: int = 0

    def figures(self, *, is_end: bool = False) -> Figures:
        """What the store says at this moment of the days that were played; codes and the overview are made
        for the end alone."""
        config, now = self.project_copy.project.config, self.clock.now()
        # the end of the last day is midnight, where the next one begins
        place, latest = zone(config.timezone), max(self.shop.start, Instant(now - 1))
        first, today = local_date(self.shop.start, place), local_date(latest, place)
        with self.daemon.store.read() as conn:
            found = Figures.of_days(conn, first, today, config.currency)
            if is_end:
                journeys = self.daemon.live.publication.journeys
                wanted = ReportRequest(OVERVIEW, Period(first, today), lost_after=config.reports.lost)
                found.codes = code_report.report(conn, now)
                found.overview = reports.report(conn, wanted, journeys, now)
        return found

    @property
    def outbox(self) -> Path:
        """Where messages lie that are not mail."""
        return self.project_copy.folder / "data" / "outbox"


def prepare(wishes: DemoOptions, watch: Callable[[int, int], None]) -> Demo:
    """Copies the project, makes the shop, takes its history. `watch` gets how much of it is done."""
    project, ports = copy_project(wishes.source.resolve(), wishes.into.resolve())
    shop = make_shop(wishes.seed, wishes.customers, START)
    project_copy = DemoProject(project.folder, project, ports, fill(project, shop, watch))
    dead = {person.addresses["email"] for person in shop.people.values() if person.dead}
    customers = ShopCustomers(shop)
    customers.begin()
    clock = ManualClock(START)
    end = Instant(START + wishes.days * DAY) if wishes.days else None
    return Demo(
        project_copy,
        shop,
        customers,
        Screen(zone(project.config.timezone), end, START),
        MailSink(
            project_copy.folder / "data" / "mail",
            "127.0.0.1",
            ports.get("mail", 1025),
            dead.__contains__,
            wishes.seed,
        ),
        Gateway(project_copy.folder / "data" / "webhooks.jsonl", "127.0.0.1", ports.get("gateway", 8025)),
        clock,
        Daemon(project_copy.folder, clock),
        end,
    )


async def play(
    demo: Demo,
    show: Callable[[Demo], None],
    over: Callable[[Figures], None] = lambda _figures: None,
    *,
    stay: bool = False,
) -> None:
    """Plays until the end, or until the daemon is told to stop (SIGINT, SIGTERM).

    `show` is called after every step, `over` with the last figures when the playing is over. `stay`: then the
    daemon goes on answering until it is stopped.
    """
    with _log_in(demo.project_copy.folder / "data" / "daemon.log"):
        await _played(demo, show, over, stay=stay)


async def _played(
    demo: Demo, show: Callable[[Demo], None], over: Callable[[Figures], None], *, stay: bool
) -> None:
    async with _open(demo) as running:
        caller = Caller(demo.project_copy.url, demo.project_copy.key, demo.customers)
        mailbox = Mailbox(demo.sink, demo.outbox, partial(_row_of, demo))
        try:
            while not demo.daemon.is_stopping and (demo.end is None or demo.clock.now() < demo.end):
                await _step(demo, caller, mailbox, running)
                show(demo)
            demo.refused, demo.vouchers = caller.refused, caller.redeemed
            over(demo.figures(is_end=True))
            if stay and not demo.daemon.is_stopping:
                await demo.daemon.until_stopping()
        finally:
            await caller.close()


def _row_of(demo: Demo, token: str) -> OutboxMessage | None:
    with demo.daemon.store.read() as conn:
        return next(iter(records.by_refs(conn, [token])), None)


async def _step(demo: Demo, caller: Caller, mailbox: Mailbox, running: asyncio.Task[None]) -> None:
    now = demo.clock.advance(STEP)
    actions = list(demo.customers.until(now))
    try:
        await caller.do(actions, now)
    except httpx2.HTTPError as wrong:
        if demo.daemon.is_stopping:  # Ctrl-C in the middle of a step
            return
        raise WorldError(f"the daemon does not answer: {wrong}", permanent=False) from wrong
    if (now - demo.shop.start) % BEAT == 0:
        await demo.daemon.run_scheduled()
    # The clock stands still while the daemon works: no step ends before all that is due in it is done
    demo.daemon.wake()
    await _settled(demo, now, running)
    for action in actions:
        _tell(demo, action, now)
    for message in mailbox.empty(now):
        received = read_received(message)
        person = demo.customers.receive(received, now)
        if person is not None:
            demo.received[person.id] += 1
            demo.screen.tell(
                now, f"{received.channel:<5}  {person.first_name} ({person.home}) gets: {received.about}"
            )


async def _settled(demo: Demo, now: Instant, running: asyncio.Task[None]) -> None:
    """Until everything that is due is done. In real time a step takes some hundredths of a second."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while not demo.daemon.is_stopping and not running.done() and loop.time() < until:
        if await asyncio.to_thread(_is_settled, demo, now):
            return
        demo.daemon.wake()
        await asyncio.sleep(0.02)


def _is_settled(demo: Demo, now: Instant) -> bool:
    with demo.daemon.store.read() as conn:
        return backlog.is_settled(conn, now)


def _tell(demo: Demo, action: Action, now: Instant) -> None:
    if isinstance(action, SendEvent) and action.event == "order_placed":
        person = demo.shop.people[action.customer]
        code = f" with {action.properties['code']}" if "code" in action.properties else ""
        demo.screen.tell(
            now,
            f"order  {person.first_name} ({person.home}) buys for {action.properties['total']:.2f} EUR{code}",
        )
    elif isinstance(action, Unsubscribe):
        demo.screen.tell(now, "leave  somebody unsubscribes with one click")


@contextlib.asynccontextmanager
async def _open(demo: Demo) -> AsyncIterator[asyncio.Task[None]]:
    """Sinks and daemon, started and stopped in order."""
    # Before the daemon, which may send at once, and stopped after it
    demo.sink.start()
    demo.gateway.start()
    running = asyncio.create_task(demo.daemon.run())
    started = asyncio.create_task(demo.daemon.started.wait())
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            raise WorldError("the daemon stopped before it began", permanent=False)
        yield running
    finally:
        started.cancel()
        demo.daemon.stop()
        await asyncio.wait({running})
        demo.gateway.stop()
        demo.sink.stop()
    running.result()


def most_written_to(demo: Demo) -> str:
    """A customer of whom there is something to see."""
    if demo.received:
        return demo.received.most_common(1)[0][0]
    return random.Random(demo.shop.seed).choice(sorted(demo.shop.people))


@contextlib.contextmanager
def _log_in(file: Path) -> Iterator[None]:
    """The daemon's log goes into a file: the terminal belongs to the demo."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names = ("apscheduler", "uvicorn", "uvicorn.error", "httpx2", "mail.log", "asyncio")
    loggers = [(logger := logging.getLogger(name), logger.level) for name in names]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    with file.open("a", encoding="utf-8") as out:
        structlog.configure(
            processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(out),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.reset_defaults()
            for logger, level in loggers:
                logger.setLevel(level)
