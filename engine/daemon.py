"""The long-running process: store, advancer, deliverer, scheduler and HTTP put together, started and stopped.

One event loop holds HTTP and delivery; decisions run in a thread beside it, batch after batch, through
the one writer of the store. Every part is a loop of its own, and none of them ends the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

import structlog

from engine.backoff import Backoff
from engine.channels.base import Channel
from engine.channels.egress import Egress
from engine.channels.mime import self_test
from engine.clock import Clock, FastClock, SystemClock
from engine.command_hints import command
from engine.config import Config
from engine.core.journeys import Journeys
from engine.errors import CallerError, UsageError, WorldError
from engine.garbage_collection import freeze_long_lived
from engine.http.app import create_app, create_figures_app
from engine.http.callers import is_trusted
from engine.http.console_access import console_token, console_url
from engine.http.context import Context, LiveProject
from engine.http.metrics import Metrics
from engine.http.server import HttpServer
from engine.ids import new_id
from engine.project import Project, load, load_config
from engine.runtime import report_mail
from engine.runtime.advance.advancer import Advancer, decide_clicks
from engine.runtime.advance.backfilling import Backfiller
from engine.runtime.advance.recommending import build_nightly
from engine.runtime.alerting.alerter import Alerter, AlertSetup
from engine.runtime.delivery.channel_set import Opening
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming, PeerProcesses
from engine.runtime.delivery.send_limits import LOOK, VolumeMonitor
from engine.runtime.delivery.webhooks import WebhookCaller
from engine.runtime.feedback.mailbox import Mailbox
from engine.runtime.feeds.catalogue_feed import CatalogueFeed
from engine.runtime.process import housekeeping
from engine.runtime.process.health import Health
from engine.runtime.process.housekeeping import Housekeeping
from engine.runtime.process.instance_lock import InstanceLock
from engine.runtime.process.scheduler import NIGHTLY_LOOK, Scheduler
from engine.runtime.process.supervised_loop import SupervisedLoop
from engine.runtime.publish.file_watch import watch
from engine.runtime.publish.published import Published
from engine.runtime.publish.publisher import Publisher, advise, tell_failing_stories
from engine.runtime.report_mail import ReportMailer
from engine.runtime.workers.cluster_view import ALONE, ClusterView, Role
from engine.runtime.workers.fenced_store import FencedStore, LeadLostError
from engine.runtime.workers.membership import BEAT_SECONDS, LEASE, Membership
from engine.runtime.workers.shared_rate import SharedRate
from engine.store.connections import sqlite_path
from engine.store.copies.identity import BEAT
from engine.store.daemon.workers import session_name
from engine.store.database import Store, open_store, sqlite_advice
from engine.values import MINUTE
from engine.version import program

log = structlog.get_logger("daemon")

IDLE = 0.2
"""Seconds of rest when nothing is left to do."""

FOLLOWING = 1.0
"""Seconds between two looks at what other processes have published."""

STOP_SECONDS = 30.0
"""For what is under way, before its tasks are cancelled."""

STILL = 60.0
"""An advancer that has not finished a batch for so many seconds is not ready."""


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How a daemon is to run."""

    dry: bool = False  # decide and record, hand nothing over
    watch: bool = False  # reload when a file changes
    serve: bool = True
    adopt: bool = False  # take over a copy or a restored backup
    role: Role = Role.ALL
    figures: tuple[str, int] | None = None  # where a worker, which serves nobody, tells its figures
    lease: int = LEASE  # ms of silence after which other processes take this one for dead


class Daemon:
    """One daemon on one project folder. `run` ends after `stop`, SIGTERM or SIGINT."""

    store: Store
    live: Published

    def __init__(
        self, folder: Path, clock: Clock | None = None, options: DaemonOptions | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.clock: Clock = clock or SystemClock()
        self.options = options or DaemonOptions()
        self.started = asyncio.Event()
        self.metrics = Metrics()
        self._console_token = console_token(self.folder)
        self._health = Health(
            lambda part: self.metrics.defects.labels(part).inc(), outward=["mailbox", "alerts"]
        )
        self._stopping = asyncio.Event()
        self._is_reload_wanted = False
        self._advancing = SupervisedLoop("advancer", self._advance, self._health)
        self._publishing = SupervisedLoop("publisher", self._publish, self._health)
        self._skipping = SupervisedLoop("dry", self._skip, self._health)
        self._watching = SupervisedLoop("watch", self._watch, self._health)
        self._deliverer: Deliverer | None = None
        self._failure: WorldError | None = None
        self._id = new_id()  # of this process, among all that work on the store
        self._membership: Membership | None = None

    # --- from outside -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends `run`: what is being handed over finishes, at most 30 seconds. From the loop's own thread."""
        self._stopping.set()

    def reload(self) -> None:
        """Publishes the folder as it is now; a broken one keeps the old version running and says so. It is
        done soon."""
        self._is_reload_wanted = True
        self._publishing.wake()

    def _fail(self, why: WorldError) -> None:
        """Ends `run` with this: going on would do harm."""
        self._failure = why
        self.stop()

    def wake(self) -> None:
        """Something may have to be done: look now rather than at the next rest. From the loop's own
        thread."""
        self._advancing.wake()

    async def run_scheduled(self) -> None:
        """Every recurring job at once: for a clock that jumps, as in the demo."""
        await self._scheduler.run_all()

    @property
    def is_stopping(self) -> bool:
        """Somebody told it to stop."""
        return self._stopping.is_set()

    async def until_stopping(self) -> None:
        """Ends when somebody tells it to stop."""
        await self._stopping.wait()

    async def run(self) -> None:
        """Everything. Raises UsageError or WorldError when it cannot start."""
        self_test()  # a mail library that breaks headers must not send a single message (design/threats T5)
        with _on_signals({SIGTERM: self.stop, SIGINT: self.stop, SIGHUP: self.reload}):
            project = load(self.folder)
            if "config.yaml" in project.broken:  # nobody knows which store is meant
                load_config(self.folder)
            self.store = open_store(
                project.config.store, self.folder, exclusive=True, session=session_name(self._id)
            )
            self.store.writer.on_commit = self.metrics.committed
            self.metrics.runs(*program(), self.store.engine.dialect.name)
            try:
                self._lock = InstanceLock(
                    self.store, project.config.store, self.folder, self.clock, self._fail
                )
                self._lock.begin(dry=self.options.dry, adopt=self.options.adopt)
                await self._work(project)
                # only after an end in order: after a crash the next start has to be careful
                self._lock.end()
            finally:
                self.store.close()
                log.info("stopped")

    # --- putting together ---------------------------------------------------------------------------

    async def _work(self, project: Project) -> None:
        at: tuple[str, int] | None = (project.config.http.host, project.config.http.port)
        if self.options.role is Role.WORKER:
            at = self.options.figures
        server = HttpServer(*at) if self.options.serve and at is not None else None
        beating = self._join()
        try:
            await self._prepare(project)
            parts = self._parts(server)
            tasks = {asyncio.create_task(work, name=name) for name, work in parts.items()}
            self._scheduler.start()
            freeze_long_lived()
            has_pages = server is not None and self.options.role is not Role.WORKER
            console = console_url(server.url, "/outbox", self._console_token) if server and has_pages else ""
            url = server.url if server else ""
            log.info("running", url=url, outbox=console, dry=self.options.dry, role=self.options.role.value)
            self.started.set()
            failure = await self._until_stopped(tasks)
            await self._end(server, tasks)
            await self._webhooks.close()
            await self._alerter.close()
            failure = self._failure or failure
            if failure is not None:
                raise failure
        finally:
            if server is not None:
                server.close()
            # After everything else: as long as something is under way, nobody may take this process for
            # dead.
            if beating is not None and self._membership is not None:
                self._beating.stop()
                await beating
                await asyncio.to_thread(self._membership.end)

    def _join(self) -> asyncio.Task[None] | None:
        """Among the processes on the store, before anything is claimed. An SQLite file belongs to one."""
        if self.store.engine.dialect.name == "sqlite":
            if self.options.role is not Role.ALL:
                raise UsageError(
                    f"--role {self.options.role.value} needs a PostgreSQL store: an SQLite file belongs to "
                    "one process, which does everything",
                    "name one in config.yaml, for example  store: postgresql://db.example/shop",
                )
            return None
        self._membership = Membership(
            self.store,
            self.clock,
            self._id,
            self.options.role,
            program()[0],
            self.options.lease,
            self.wake,
        )
        self._membership.begin()
        beats = Backoff(int(BEAT_SECONDS * 500), int(BEAT_SECONDS * 1000))
        self._beating = SupervisedLoop("workers", self._beat, self._health, beats)
        return asyncio.create_task(self._beating.run(), name="workers")

    async def _beat(self) -> float:
        assert self._membership is not None
        led = self._leads()
        rest = await self._membership.tick()
        if self._leads() and not led and self.started.is_set():
            # starts that came while nobody led; in a task of its own, since no beat may wait for it
            self._catching_up = asyncio.create_task(self._scheduler.catch_up(), name="catch up")
        return rest

    def _standing(self) -> ClusterView:
        return ALONE if self._membership is None else self._membership.standing

    def _leads(self) -> bool:
        """It does what is to be done once for all processes on the store."""
        return self._standing().is_leader

    # What is published is replaced as a whole by the next deployment: every part asks for it anew

    def _config(self) -> Config:
        return self.live.project.config

    def _journeys(self) -> Journeys:
        return self.live.publication.journeys

    @property
    def _led_store(self) -> Store:
        """For what only the leader may write."""
        return (
            self.store if self._membership is None else FencedStore(self.store, self._membership.check_lead)
        )

    async def _prepare(self, project: Project) -> None:
        """Everything up to the moment in which the parts begin to move."""
        if self.store.engine.dialect.name == "sqlite" and (advice := sqlite_advice()) is not None:
            log.warning("advice", what=advice)
        self._publisher = Publisher(self.store, self.folder, self.clock)
        self.live, opening = self._publisher.first(project, publishes=self.options.role is Role.ALL)
        self._started_with = self.live.project.config
        self._untested: Project | None = self.live.project
        self._advancer = Advancer(self.store, self.clock, self._standing)
        self._scheduler = Scheduler(
            self._led_store, self.clock, self._journeys, self.wake, self._health, self._speed, self._leads
        )
        self._volume = VolumeMonitor(self.store, self.clock, lambda: self.live.render_context.guards)
        self._scheduler.add("place", BEAT, self._hold_place)
        self._scheduler.add("volume", LOOK, self._look_at_volume)
        keeping = Housekeeping(self._led_store, self.clock, self._config, self._journeys, self._leads)
        self._scheduler.add("past figures", MINUTE, keeping.count_past)
        self._scheduler.add("retention", housekeeping.LOOK, keeping.look)
        self._scheduler.add("recommendations", NIGHTLY_LOOK, self._recommend, at_once=True)
        self._feed = CatalogueFeed(
            self._led_store,
            self.clock,
            lambda: (self.live.project.catalogue, self.live.project.config),
            self.wake,
            self._leads,
            lambda: self.is_stopping,
        )
        self._scheduler.add("catalogue feed", MINUTE, self._feed.look, at_once=True)
        mailer = ReportMailer(
            self.store,
            self.clock,
            self._config,
            self._journeys,
            self._email,
            lambda: self._leads() and self._deliverer is not None,
        )
        self._scheduler.add("report mail", report_mail.LOOK, mailer.look, at_once=True)
        self._volume.begin()
        egress = Egress(self.live.project.config.egress)
        self._webhooks = WebhookCaller(
            self.store, lambda: self.live.project.config.webhooks, egress, self.clock, self._owner_of
        )
        self._calling = SupervisedLoop("webhooks", self._webhooks.tick, self._health)
        mailbox = Mailbox(self.store, lambda: self.live.project.config.mailbox, self.clock, self.wake)
        self._reading = SupervisedLoop("mailbox", self._by_leader(mailbox.tick), self._health)
        self._alerter = Alerter(self._alert_setup())
        self._alerting = SupervisedLoop("alerts", self._by_leader(self._alerter.tick), self._health)
        filler = Backfiller(
            self._led_store, self.clock, lambda: self.live.publication, self._leads, self.wake
        )
        self._filling = SupervisedLoop("facts", filler.tick, self._health)
        if self.options.role is Role.HTTP:
            return
        if not self.options.dry:
            self._deliverer = self._open_channels(opening)
            # before any worker claims: what it claims would look like what a dead process has left
            planned, unknown = await self._deliverer.recover()
            log.info("recovered", planned_again=planned, unknown=unknown)
        # before the advancer moves: starts that came while nothing ran are applied before what is due
        await self._scheduler.catch_up()

    async def _recommend(self) -> None:
        """In a thread of its own: it reads for long beside the writer."""
        if not self._leads():
            return
        project, now = self.live.project, self.clock.now()
        rules, config = project.recommendations.values(), project.config
        with contextlib.suppress(LeadLostError):  # whoever leads by now builds anew
            await asyncio.to_thread(build_nightly, self._led_store, rules, config.timezone, now)

    def _alert_setup(self) -> AlertSetup:
        path = sqlite_path(self.live.project.config.store, self.folder)
        return AlertSetup(
            self.store,
            self.clock,
            config=self._config,
            channel=self._email,
            owner_of=self._owner_of,
            parts=lambda: self._health.parts,
            folder=path.parent if path is not None else None,
            on_outcome=self.metrics.alerted,
        )

    def _email(self) -> Channel | None:
        return self._deliverer.channel("email") if self._deliverer is not None else None

    def _open_channels(self, opening: Opening) -> Deliverer:
        # the deliverer gives up first: what it cancels has 5 seconds left to say so
        timing = DeliveryTiming(speed=self._speed, idle_seconds=IDLE, drain_seconds=STOP_SECONDS - 5)
        membership, peers = self._membership, PeerProcesses()
        if membership is not None:
            peers = PeerProcesses(
                self._standing,
                lambda name, rate: SharedRate(
                    name, rate, membership.reserve, lambda: len(self._standing().workers)
                ),
            )
        deliverer = Deliverer(
            self.store,
            {},
            lambda: self.live.render_context,
            self.clock,
            self._id,
            timing=timing,
            health=self._health,
            on_answer=self.metrics.delivered,
            peers=peers,
        )
        deliverer.use(opening.channels, opening.gone)
        self._publisher.channels.opened(opening)
        return deliverer

    def _parts(self, server: HttpServer | None) -> dict[str, Coroutine[Any, Any, None]]:
        parts = {"publisher": self._publishing.run()}
        if self.options.role is not Role.HTTP:
            parts |= {"advancer": self._advancing.run(), "facts": self._filling.run()}
        if self._deliverer is not None:
            parts |= {"deliverer": self._deliverer.run(), "webhooks": self._calling.run()}
            parts |= {"mailbox": self._reading.run(), "alerts": self._alerting.run()}
        elif self.options.role is not Role.HTTP:
            parts["dry"] = self._skipping.run()
        if server is not None:
            context = Context(
                self.store,
                self.clock,
                self._live,
                self.wake,
                self._ready,
                self.metrics,
                lambda: self._health.failing,
                self._store_works,
                self._console_token,
            )
            create = create_figures_app if self.options.role is Role.WORKER else create_app
            parts["http"] = server.run(
                create(context),
                lambda address: is_trusted(address, self.live.project.config.http.trusted_proxies),
            )
        if self.options.watch:
            parts["watch"] = self._watching.run()
        return parts

    def _live(self) -> LiveProject:
        live = self.live
        return LiveProject(live.project.config, live.intake, live.links, self.folder)

    def _owner_of(self, journey: str) -> str:
        return self.live.owner_of(journey)

    def _ready(self) -> str:
        if self.is_stopping:
            return "it is stopping"
        moving = self._publishing if self.options.role is Role.HTTP else self._advancing
        if self._health.why or not moving.moved_at:
            return self._health.why or "it is starting"
        still = asyncio.get_running_loop().time() - moving.turned_at
        return f"the {moving.name} has not moved for a minute" if still > STILL else ""

    def _store_works(self) -> None:
        """Somebody has just written to the store: parts that wait because of it need not wait any longer."""
        if self._health.store_works():
            for part in (
                self._advancing,
                self._publishing,
                self._calling,
                self._reading,
                self._skipping,
                self._alerting,
            ):
                part.try_again()

    @property
    def _speed(self) -> float:
        """Milliseconds of the engine per real millisecond: 1, or more with a fast clock."""
        return self.clock.speed if isinstance(self.clock, FastClock) else 1.0

    # --- what the loops do --------------------------------------------------------------------------

    async def _hold_place(self) -> None:
        await asyncio.to_thread(self.store.hold)
        await self._lock.heartbeat()

    async def _look_at_volume(self) -> None:
        """By one of all processes."""
        if self._leads():
            await self._volume.look()

    def _by_leader(self, tick: Callable[[], Awaitable[float]]) -> Callable[[], Awaitable[float]]:
        """By one of all processes: two would take the same mails, and tell the same alerts."""

        async def led() -> float:
            return await tick() if self._leads() else BEAT_SECONDS

        return led

    async def _advance(self) -> float:
        """One batch of decisions; at once another one while there is more."""
        # first, so that the reactions it finds are decided in this very batch
        await asyncio.to_thread(decide_clicks, self.store, self.clock.now())
        began = time.perf_counter()
        progress = await asyncio.to_thread(self._advancer.advance, self.live.publication)
        self.metrics.decided_batch(progress.decided, time.perf_counter() - began)
        if progress.set_aside:
            log.error("customers_set_aside", customers=progress.set_aside, look=command("status"))
        if progress.stale:
            # another process has deployed: nobody may decide by old files, so take the new ones now
            self._publishing.wake()
            return IDLE
        if progress.decided and self._deliverer is not None:
            self._deliverer.wake()
        return 0.0 if progress.more else IDLE

    async def _publish(self) -> float:
        """Reads the folder again when somebody asked for it, else takes what another process has
        published."""
        if self._untested is not None:
            project, self._untested = self._untested, None
            await asyncio.to_thread(tell_failing_stories, project)
        if self._is_reload_wanted:
            # taken back before the files are read: a change while they are read asks for another reload
            self._is_reload_wanted = False
            try:
                self._take(*await asyncio.to_thread(self._publisher.reload))
            except (CallerError, WorldError) as wrong:
                log.error("reload_refused", why=str(wrong), running=self.live.number)
            return 0.0  # somebody may have deployed meanwhile
        followed = await asyncio.to_thread(self._publisher.follow, self.live.number)
        if followed is not None:
            self._take(*followed)
        return FOLLOWING

    def _take(self, live: Published, opening: Opening | None) -> None:
        """Another deployment counts from now on."""
        before, self.live = self.live.project.config, live
        self._untested = live.project
        config = live.project.config
        if (config.ceilings, config.deliver_only) != (before.ceilings, before.deliver_only):
            self._volume.begin()
        advise(self._started_with, before, config)
        if opening is not None and self._deliverer is not None:
            self._deliverer.use(opening.channels, opening.gone)
            self._publisher.channels.opened(opening)
            if opening.channels or opening.gone:
                log.info("channels_changed", opened=sorted(opening.channels), closed=sorted(opening.gone))
        self._webhooks.allow(config.egress)
        self._filling.wake()
        self.wake()
        freeze_long_lived()

    async def _skip(self) -> float:
        """In a dry run: every message that is planned ends there."""
        return await self._lock.skip(self.wake)

    async def _watch(self) -> float:
        """Reloads at every change of a file, until the stop."""
        await watch(self.folder, self.reload, self._stopping)
        return 0.0

    # --- start and stop -------------------------------------------------------------------------------

    async def _until_stopped(self, tasks: set[asyncio.Task[None]]) -> BaseException | None:
        """Ends when it is told to, or when a part ends by itself; then what that part ended with."""
        stopping = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self.stop()
        for task in done & tasks:
            log.error("part_ended", part=task.get_name())
            return task.exception() or WorldError(f"{task.get_name()} ended by itself", permanent=False)
        return None

    async def _end(self, server: HttpServer | None, tasks: set[asyncio.Task[None]]) -> None:
        """Everybody is told to stop before anybody is waited for: the seconds for what is under way are
        shared."""
        self._scheduler.stop()
        for part in (
            self._advancing,
            self._publishing,
            self._calling,
            self._skipping,
            self._watching,
            self._reading,
            self._alerting,
            self._filling,
        ):
            part.stop()
        if server is not None:
            server.stop()
        if self._deliverer is not None:
            self._deliverer.stop()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            log.warning("part_cancelled", part=task.get_name())
            task.cancel()


@contextlib.contextmanager
def _on_signals(handlers: Mapping[int, Callable[[], None]]) -> Iterator[None]:
    """Calls these inside the running loop, until the end of the block. Outside of the main thread signals
    belong to whoever started us, and nothing is set."""
    loop = asyncio.get_running_loop()
    try:
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
    except (ValueError, RuntimeError):
        handlers = {}
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
