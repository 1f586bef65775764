"""One process on the store: the parts of a daemon, driven turn by turn; it can die at any moment."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from random import Random
from typing import Any

from engine.channels.base import Message, Report
from engine.clock import Clock
from engine.ids import new_id
from engine.project import Project
from engine.runtime.advance.advancer import Advancer, decide_clicks
from engine.runtime.delivery.channel_set import Opening
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming
from engine.runtime.feedback.reports import take_reports
from engine.runtime.intake.items import Item
from engine.runtime.process.health import Health
from engine.runtime.process.scheduler import Scheduler
from engine.runtime.publish.published import Published
from engine.runtime.publish.publisher import Publisher
from tools.simulation.faults import CrashedError, FaultPoints
from tools.simulation.provider import MakeBelieveChannel, Providers
from tools.simulation.stepped_store import SteppedStore

_CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Process:
    """A daemon without HTTP and without its own clock for recurring jobs. Everything it does raises
    CrashedError once it is dead."""

    def __init__(
        self, name: str, file: Path, clock: Clock, dice: Random, providers: Providers, turn: Callable[[], int]
    ) -> None:
        self.name = name
        self.faults = FaultPoints()
        self.store = SteppedStore(file, self.faults, dice)
        self.handed: Callable[[Message], None] = lambda _: None
        self.batches: tuple[int, ...] = (1000,)  # how much a batch of decisions may take
        self._folder = file.parent
        self._clock = clock
        self._dice = dice
        self._providers = providers
        self._turn = turn
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_dead(self) -> bool:
        """It has crashed, and somebody has to clear it away."""
        return self.faults.is_dead

    async def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does some work of this process, until that is done or the process dies: the tasks that it makes
        die with it. Raises what the work raises, CrashedError for a death."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        death = asyncio.ensure_future(self.faults.died.wait())
        await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if self.is_dead:
            raise CrashedError
        task.result()

    async def begin(self, project: Project, *, alone: bool) -> None:
        """As a daemon begins: publishes, opens the channels, recovers. `alone`: no other process works on the
        store, so that whatever was claimed belongs to the dead."""
        self._publisher = Publisher(self.store, self._folder, self._clock)
        self.live, opening = self._publisher.first(project)
        self._advancer = Advancer(self.store, self._clock)
        self._scheduler = Scheduler(
            self.store, self._clock, lambda: self.live.publication.journeys, lambda: None, Health()
        )
        self._deliverer = Deliverer(
            self.store, {}, lambda: self.live.render_context, self._clock, new_id(),
            timing=DeliveryTiming(idle_seconds=1.0),
        )  # fmt: skip
        self._use(opening)
        if alone:
            await self._deliverer.recover()

    async def advance(self) -> int:
        """Decides until nothing is left to do now. How many decisions."""
        await asyncio.to_thread(decide_clicks, self.store, self._clock.now())
        decided = 0
        while True:
            # by the dice, since the machine's time decides it otherwise
            self._advancer.limit = self._dice.choice(self.batches)
            progress = await asyncio.to_thread(self._advancer.advance, self.live.publication)
            decided += progress.decided
            if progress.stale:
                self._follow()
            elif not progress.more:
                return decided

    async def deliver(self) -> int:
        """One round over all channels, to the end. How many messages were claimed."""
        return await self._deliverer.once()

    async def settle(self) -> None:
        """Leases that ran out, and the policies on unknown messages."""
        await self._deliverer.settle()

    async def look(self) -> None:
        """Every recurring job, as the scheduler of the daemon starts them."""
        await self._scheduler.run_all()

    async def take(self, items: Iterable[Item], source: str) -> None:
        """Takes a request as the endpoints do; durable when it returns."""
        intake, now = self.live.intake, self._clock.now()
        batch = intake.prepare(items, source, now)
        await self.store.awrite(lambda conn: intake.take(conn, batch, now))

    async def report(self, told: Iterable[tuple[str, Report]]) -> None:
        """Takes what providers report, all or nothing."""
        now, known = self._clock.now(), list(told)
        await self.store.awrite(
            lambda conn: [take_reports(conn, channel, [report], now) for channel, report in known]
        )

    def publish(self, project: Project) -> None:
        """Reloads: these files count from now on."""
        live, opening = self._publisher.first(project)
        self.live = live
        self._use(opening)

    def _follow(self) -> None:
        followed = self._publisher.follow(self.live.number)
        if followed is not None:
            self.live, opening = followed
            if opening is not None:
                self._use(opening)

    def _use(self, opening: Opening) -> None:
        channels = {
            name: (MakeBelieveChannel(name, self._providers, self._clock, self._turn, self.handed_over), None)
            for name in opening.channels
        }
        self._deliverer.use(channels, opening.gone)
        self._publisher.channels.opened(opening)

    def handed_over(self, message: Message) -> None:
        """A channel has the leave to send."""
        self.handed(message)

    async def clear(self) -> None:
        """Takes what is left of a dead process, or of one at the end, out of the way."""
        self.faults.die()
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.store.writer.close()
        self.store.engine.dispose()

    @property
    def published(self) -> Published:
        """What counts for it."""
        return self.live


def register_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Every task of this loop belongs to the process in whose work it was made."""

    def factory(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        context = options.get("context")
        owner = context.get(_CURRENT) if context is not None else _CURRENT.get()
        task = asyncio.Task(work, loop=loop, **options)
        if owner is not None:
            owner._tasks.add(task)  # noqa: SLF001 - the register of this very class
            task.add_done_callback(owner._tasks.discard)  # noqa: SLF001
        return task

    loop.set_task_factory(factory)  # type: ignore[arg-type] # typeshed wants a generic one
