"""Takes planned messages to their channels: one worker for each channel, and the policies on unknown
messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from engine.channels.base import Channel
from engine.clock import Clock
from engine.config import RateLimit
from engine.runtime.delivery.channel_worker import ChannelWorker
from engine.runtime.delivery.delivery_context import (
    USUAL,
    DeliveryContext,
    DeliveryTiming,
    OnAnswer,
    PeerProcesses,
)
from engine.runtime.delivery.reconciler import Reconciler
from engine.runtime.delivery.rendering import RenderContext
from engine.runtime.process.health import Health
from engine.runtime.process.supervised_loop import SupervisedLoop
from engine.store import meta
from engine.store.copies import identity
from engine.store.database import Store

RECONCILING = 2.0
"""Seconds between two looks at unknown messages and at leases that ran out."""


class Deliverer:
    """Runs the workers of all channels. `render_context` gives that of the current deployment, asked for
    every batch."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        render_context: Callable[[], RenderContext],
        clock: Clock,
        owner: str,
        rates: Mapping[str, RateLimit | None] | None = None,
        timing: DeliveryTiming = USUAL,
        health: Health | None = None,
        on_answer: OnAnswer = lambda _channel, _kind, _seconds, _lag: None,
        peers: PeerProcesses | None = None,
    ) -> None:
        self._health = health or Health()
        with store.read() as conn:
            key, forgotten = meta.secret(conn), identity.forgotten_until(conn)
        self._context = DeliveryContext(
            store, render_context, clock, owner, timing, key, self._health, on_answer,
            peers=peers or PeerProcesses(), forgotten_until=forgotten,
        )  # fmt: skip
        self._workers = {
            name: ChannelWorker(channel, (rates or {}).get(name), self._context)
            for name, channel in channels.items()
        }
        self._reconciler = Reconciler(self._context, self.channel, self.wake)
        self._parts: dict[str, SupervisedLoop] = {}  # by their names; empty before `run`
        self._loops: dict[str, asyncio.Task[None]] = {}  # of these parts
        self._tasks: set[asyncio.Task[None]] = set()  # these and the ends of channels that were replaced

    def channel(self, name: str) -> Channel | None:
        """The channel that messages of this name leave by now; None: there is none."""
        worker = self._workers.get(name)
        return worker.channel if worker is not None else None

    def wake(self) -> None:
        """Messages were planned: look now rather than at the next beat. From the loop's own thread."""
        for part in self._parts.values():
            part.wake()

    def stop(self) -> None:
        """Claims nothing more; `run` ends when what is under way has its answer."""
        self._context.stopping.set()
        for part in self._parts.values():
            part.stop()

    async def run(self) -> None:
        """Delivers until `stop`; then waits (`DeliveryTiming.drain_seconds` at most) for what is under way
        and closes the channels."""
        for name in self._workers:
            self._begin(name)
        self._start(SupervisedLoop("unknown messages", self._reconcile, self._health))
        try:
            await self._context.stopping.wait()
            await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            # before the channels, which it asks
            await self._reconciler.close()
            await asyncio.gather(*(self._close(worker) for worker in self._workers.values()))

    def use(self, channels: Mapping[str, tuple[Channel, RateLimit | None]], gone: frozenset[str]) -> None:
        """Puts channels in the place of those of the same name, and takes others away. What is under way ends
        on the channel on which it began. Before `run`, or from the loop's own thread."""
        for name in {*channels, *gone} & self._workers.keys():
            retired = self._workers.pop(name)
            if name in self._parts:
                self._parts.pop(name).stop()
                self._keep(asyncio.create_task(self._retire(self._loops.pop(name), retired)))
        for name, (channel, rate) in channels.items():
            self._workers[name] = ChannelWorker(channel, rate, self._context)
            if self._parts:
                self._begin(name)

    async def recover(self) -> tuple[int, int]:
        """At the start: whatever dead processes had claimed is planned again, whatever they had handed over
        is unknown. (planned again, unknown)."""
        return await self._reconciler.recover()

    async def once(self) -> int:
        """One round over all channels, to the end: for tests and for `run` in small steps. How many were
        claimed."""
        taken = 0
        for worker in self._workers.values():
            await worker.try_again()
            taken += await worker.send_batch()
        while tasks := [task for worker in self._workers.values() for task in worker.tasks]:
            await asyncio.wait(tasks)
        return taken

    async def settle(self) -> int:
        """Applies the policies on unknown messages to the end, look-ups too. How many messages moved at
        once."""
        moved = await self._reconciler.tick()
        await self._reconciler.looked_up()
        return moved

    # --- loops ----------------------------------------------------------------------------------

    async def _reconcile(self) -> float:
        # by one of all processes: two would ask the same provider about the same message
        if self._context.peers.standing().is_leader and await self._reconciler.tick():
            self.wake()
        return RECONCILING

    def _begin(self, name: str) -> None:
        worker = self._workers[name]
        part = SupervisedLoop(name, worker.tick, self._health)
        worker.on_room = part.wake
        self._start(part)

    def _start(self, part: SupervisedLoop) -> None:
        self._parts[part.name] = part
        if self._context.stopping.is_set():  # a channel that a reload brings while we stop
            part.stop()
        self._loops[part.name] = self._keep(asyncio.create_task(part.run(), name=part.name))

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _retire(self, loop: asyncio.Task[None], worker: ChannelWorker) -> None:
        # the loop first: as long as it runs it may claim more
        await asyncio.wait([loop])
        await self._close(worker)

    async def _close(self, worker: ChannelWorker) -> None:
        await worker.drain(self._context.timing.drain_seconds)
        await worker.channel.close()
