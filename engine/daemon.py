"""The long-running process: store, advancer, deliverer, heartbeat and HTTP put together, started and stopped.

One event loop holds HTTP and delivery; decisions run in a thread beside it, batch after batch, through
the one writer of the store. APScheduler beats the heart; no job is about a customer.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError
from watchfiles import awatch

from engine.channels.egress import Egress
from engine.channels.mime import self_test
from engine.channels.registry import open_channels
from engine.clock import Clock, FastClock, SystemClock
from engine.errors import CallerError, UsageError, WorldError
from engine.http.app import create_app
from engine.http.context import Context, Live
from engine.http.metrics import Metrics
from engine.ids import new_id
from engine.project import Project, load
from engine.runtime import maintenance
from engine.runtime.advancer import Advancer
from engine.runtime.deliverer import Deliverer, Pace
from engine.runtime.deploy import deploy, published_project
from engine.runtime.occurrences import append_occurrences
from engine.runtime.published import Published, publish_in_memory
from engine.runtime.webhooks import WebhookCaller
from engine.store import deployments, meta
from engine.store.database import open_store, sqlite_advice

log = structlog.get_logger("daemon")

IDLE = 0.2
"""Seconds of rest when nothing is left to do."""

STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `dry`: decide and record, hand nothing over. `watch`: reload when a file changes."""

    dry: bool = False
    watch: bool = False
    serve: bool = True


class Daemon:
    """One daemon on one project folder. `run` ends after `stop`, SIGTERM or SIGINT."""

    def __init__(self, folder: Path, clock: Clock | None = None, options: Options | None = None) -> None:
        self.folder = folder.resolve()
        self.clock: Clock = clock or SystemClock()
        self.options = options or Options()
        self.started = asyncio.Event()
        self.metrics = Metrics()
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._beaten = 0.0
        self._trouble = "it is starting"

    @property
    def speed(self) -> float:
        """Milliseconds of the engine per real millisecond: 1, or more in the demo."""
        return self.clock.speed if isinstance(self.clock, FastClock) else 1.0

    def stop(self) -> None:
        """Ends `run`: what is being handed over finishes, at most 30 seconds. From the loop's own thread."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Everything. Raises UsageError or WorldError when it cannot start."""
        self_test()  # a mail library that breaks headers must not send a single message (RELIABILITY T5)
        project = load(self.folder)
        self.store = open_store(project.config.store, self.folder, exclusive=True)
        try:
            self.live = self._first(project)
            await self._work()
        finally:
            self.store.close()
            log.info("stopped")

    # --- what is published ----------------------------------------------------------------------

    def _first(self, project: Project) -> Published:
        """What counts at the start: the folder, or what was published last when the folder is broken."""
        try:
            return self._deploy(project)
        except CallerError as refusal:
            found = self._in_store()
            if found is None:
                raise
            log.error("folder_not_deployed", why=str(refusal), running=found.project.commit)
            return found

    def _deploy(self, project: Project) -> Published:
        done = self.store.write(lambda conn: deploy(conn, project, self.clock.now(), "daemon"))
        log.info(
            "published",
            number=done.number,
            changed=done.changed,
            commit=project.commit,
            moved=dict(done.moved),
        )
        return self._published(done.number, project)

    def _in_store(self) -> Published | None:
        with self.store.read() as conn:
            found = published_project(conn)
        return self._published(*found) if found else None

    def _published(self, number: int, project: Project) -> Published:
        with self.store.read() as conn:
            secret = meta.secret(conn)
        return publish_in_memory(number, project, self.folder, secret)

    async def reload(self) -> None:
        """Publishes the folder as it is now; a broken one keeps the old version running and says so."""
        try:
            self.live = await asyncio.to_thread(lambda: self._deploy(load(self.folder)))
        except (CallerError, WorldError) as wrong:
            log.error("reload_refused", why=str(wrong), running=self.live.project.commit)
        self._news.set()

    async def _follow(self) -> None:
        """Takes what another process has published (`main.py deploy`)."""
        if await asyncio.to_thread(self._current_number) != self.live.number:
            found = await asyncio.to_thread(self._in_store)
            if found is not None:
                self.live = found
                log.info("published", number=found.number, commit=found.project.commit)
                self._news.set()

    def _current_number(self) -> int:
        with self.store.read() as conn:
            return deployments.current_number(conn)

    # --- work -----------------------------------------------------------------------------------

    async def _work(self) -> None:
        for advice in filter(None, [sqlite_advice()]):
            log.warning("advice", what=advice)
        deliverer = self._deliverer()
        webhooks = WebhookCaller(
            self.store,
            lambda: self.live.project.config.webhooks,
            Egress(self.live.project.config.egress),
            self.clock,
        )
        if deliverer is not None:
            planned, unknown = await deliverer.recover()
            log.info("recovered", planned_again=planned, unknown=unknown)
        tasks = [asyncio.create_task(self._advance(deliverer))]
        if deliverer is not None:
            tasks += [asyncio.create_task(deliverer.run()), asyncio.create_task(self._call(webhooks))]
        if self.options.watch:
            tasks.append(asyncio.create_task(self._watch()))
        scheduler = self._heart()
        with self._signals():
            server = await self._serve(tasks)
            self.started.set()
            await self._until_stopped(tasks)
            self._trouble = "it is stopping"
            scheduler.shutdown(wait=False)
            await self._end(server, deliverer, tasks)
            await webhooks.close()

    def _deliverer(self) -> Deliverer | None:
        if self.options.dry:
            log.info("dry_run", what="nothing is handed over")
            return None
        with self.store.read() as conn:
            secret = meta.secret(conn)
        config = self.live.project.config
        channels = open_channels(config, self.folder, secret, self.clock)
        rates = {name: channel.rate for name, channel in config.channels.items()}
        pace = Pace(speed=self.speed, idle_seconds=IDLE, drain_seconds=STOP_SECONDS - 5)
        return Deliverer(self.store, channels, lambda: self.live.stock, self.clock, new_id(), rates, pace)

    async def _advance(self, deliverer: Deliverer | None) -> None:
        """Batch after batch while there is something to do; a database that refuses is asked again, nothing is lost."""
        advancer = Advancer(self.store, self.clock)
        while not self._stopping.is_set():
            self._news.clear()
            live = self.live
            try:
                progress = await asyncio.to_thread(advancer.advance, live.publication)
            except DatabaseError as wrong:
                self._trouble = "the store cannot be written"
                log.error("store_refused", why=str(wrong.orig))
                await asyncio.sleep(1.0)
                continue
            self._trouble = ""
            self._beaten = asyncio.get_running_loop().time()
            self.metrics.batches.inc()
            self.metrics.decided.inc(progress.decided)
            if progress.stale:
                await self._follow()
            if progress.decided and deliverer is not None:
                deliverer.wake()
            if not progress.more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), IDLE)

    async def _call(self, webhooks: WebhookCaller) -> None:
        """Webhooks that journeys asked for."""
        while not self._stopping.is_set():
            try:
                called = await webhooks.once()
            except DatabaseError as wrong:
                log.error("store_refused", why=str(wrong.orig))
                called = 0
            if not called:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), 1.0)

    def _heart(self) -> AsyncIOScheduler:
        """The recurring looks. A beat only starts work that the engine owns, since a scheduler cancels what it runs."""
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=defaults)

        def every(seconds: float, job: Callable[[], Awaitable[None]], *, engine_time: bool = True) -> None:
            real = max(0.25, seconds / self.speed) if engine_time else seconds
            scheduler.add_job(self._guarded(job), "interval", seconds=real, id=job.__name__)

        every(1, self._follow, engine_time=False)
        every(60, self._clock_starts)
        every(900, self._sweep)
        every(3600, self._tidy)
        scheduler.start()
        return scheduler

    def _guarded(self, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def beat() -> None:
            try:
                await job()
            except DatabaseError as wrong:
                log.error("beat_failed", beat=job.__name__, why=str(wrong.orig))

        beat.__name__ = job.__name__
        return beat

    @property
    def is_stopping(self) -> bool:
        """Somebody told it to stop."""
        return self._stopping.is_set()

    async def until_stopping(self) -> None:
        """Ends when somebody tells it to stop."""
        await self._stopping.wait()

    def wake(self) -> None:
        """Something may have to be done: look now rather than at the next rest. From the loop's own thread."""
        self._news.set()

    async def beat(self) -> None:
        """Every recurring look at once, and what is due: for a clock that jumps, as in the demo."""
        await self._clock_starts()
        await self._sweep()

    async def _clock_starts(self) -> None:
        await self._write(
            lambda conn: append_occurrences(conn, self.live.publication.journeys, self.clock.now())
        )
        self._news.set()

    async def _sweep(self) -> None:
        await self._write(
            lambda conn: maintenance.sweep_segments(conn, self.live.publication.journeys, self.clock.now())
        )
        self._news.set()

    async def _tidy(self) -> None:
        await self._write(lambda conn: maintenance.forget_old(conn, self.clock.now()))

    async def _write(self, job: Callable[[Connection], object]) -> None:
        await asyncio.wrap_future(self.store.writer.submit(job))

    async def _watch(self) -> None:
        data = self.folder / "data"
        async for changes in awatch(self.folder, stop_event=self._stopping, debounce=200):
            if any(
                not Path(path).is_relative_to(data) and Path(path).suffix in _AUTHORED for _, path in changes
            ):
                await self.reload()

    # --- start and stop -------------------------------------------------------------------------

    async def _serve(self, tasks: list[asyncio.Task[None]]) -> uvicorn.Server | None:
        if not self.options.serve:
            return None
        http = self.live.project.config.http
        context = Context(self.store, self.clock, self._live, self._news.set, self._ready, self.metrics)
        config = uvicorn.Config(
            create_app(context), host=http.host, port=http.port, log_level="warning", access_log=False,
            timeout_graceful_shutdown=5, server_header=False, limit_concurrency=1_000, h11_max_incomplete_event_size=32_768,
        )  # fmt: skip
        server = _Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            if task.done():
                raise UsageError(
                    f"nothing can listen on {http.host}:{http.port}",
                    "it is taken: stop the other process, or change http.listen",
                )
            await asyncio.sleep(0.02)
        tasks.append(task)
        log.info("listening", url=f"http://{http.host}:{http.port}")
        return server

    def _live(self) -> Live:
        live = self.live
        return Live(live.project.config, live.intake, live.links, self.folder)

    def _ready(self) -> str:
        late = asyncio.get_running_loop().time() - self._beaten > 60
        return self._trouble or ("the advancer has not moved for a minute" if late else "")

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self.stop()
        for task in done - {stopping}:
            task.result()  # a part that ended by itself ended with an error: let it be seen

    async def _end(
        self, server: uvicorn.Server | None, deliverer: Deliverer | None, tasks: list[asyncio.Task[None]]
    ) -> None:
        if server is not None:
            server.should_exit = True
        if deliverer is not None:
            deliverer.stop()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], object]] = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: lambda: loop.create_task(self.reload()),
        }
        try:
            for number, handler in handlers.items():
                loop.add_signal_handler(number, handler)
        except (ValueError, RuntimeError):  # not in the main thread: whoever started us stops us
            handlers = {}
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)


_AUTHORED = frozenset({".yaml", ".yml", ".mjml", ".html", ".txt", ".css"})


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the daemon has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
