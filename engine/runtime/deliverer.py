"""Takes planned messages to their channels: claim, write, hand over, record; one loop for each channel.

Nothing here decides whether a message may go: the hand-over statement of the store does, once, just before
the irrevocable byte (RELIABILITY 2.1). A message that cannot be written is set aside and stops no other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from aiolimiter import AsyncLimiter
from sqlalchemy import Connection

from engine.channels.addresses import normalised
from engine.channels.base import Channel, Delivery, OutcomeKind
from engine.clock import Clock
from engine.config import Rate
from engine.core.effects import Alert
from engine.runtime import press, unknowns
from engine.runtime.pace import USUAL, Pace, again_at, limiter
from engine.runtime.press import Stock, Unwritten, Written
from engine.store import alerts, messages, meta, outbox, outcomes, pauses, suppressions
from engine.store.database import Store
from engine.store.messages import Claimed
from engine.values import MINUTE, Instant

__all__ = ["Deliverer", "Pace"]

T = TypeVar("T")
log = structlog.get_logger("deliverer")

LEASE = 5 * MINUTE
"""Longer than a channel's longest wait, so that a slow provider is never taken for a dead process."""

SENDER_FAULTS = 3
"""So many in a row, and the channel stands still until an operator resumes it: the queue is not burnt."""


@dataclass(slots=True)
class _Lane:
    """One channel at work."""

    channel: Channel
    limiter: AsyncLimiter | None
    tasks: set[asyncio.Task[None]]
    sender_faults: int = 0
    lost_connections: int = 0


class Deliverer:
    """`stock` gives what the current deployment writes messages with; it is asked for every batch."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        stock: Callable[[], Stock],
        clock: Clock,
        owner: str,
        rates: Mapping[str, Rate | None] | None = None,
        pace: Pace = USUAL,
    ) -> None:
        self._store = store
        self._stock = stock
        self._clock = clock
        self._owner = owner
        self._pace = pace
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._lanes = {
            name: _Lane(channel, limiter((rates or {}).get(name)), set())
            for name, channel in channels.items()
        }
        with store.read() as conn:
            self._key = meta.secret(conn)

    def wake(self) -> None:
        """Messages were planned: look now rather than at the next beat. From the loop's own thread."""
        self._news.set()

    def stop(self) -> None:
        """Claims nothing more; `run` ends when what is under way has its answer."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Delivers until `stop`; then waits up to 30 seconds for what is under way and closes the channels."""
        loops = [asyncio.create_task(self._channel_loop(lane)) for lane in self._lanes.values()]
        loops.append(asyncio.create_task(self._policy_loop()))
        try:
            await asyncio.gather(*loops)
        finally:
            for loop in loops:
                loop.cancel()
            await self._drain()
            for lane in self._lanes.values():
                await lane.channel.close()

    async def recover(self) -> tuple[int, int]:
        """At the start of the only daemon: whatever a process before us had claimed is planned again, whatever it had
        handed over is unknown. (planned again, unknown)."""
        now = self._clock.now()

        def job(conn: Connection) -> tuple[int, int]:
            outcomes.expire_all(conn, now)
            return outcomes.expire_leases(conn, now, now)

        return await self._write(job)

    async def once(self) -> int:
        """One round over all channels, to the end: for tests and for `run` in small steps. How many were claimed."""
        taken = 0
        for lane in self._lanes.values():
            taken += await self._round(lane)
        while tasks := [task for lane in self._lanes.values() for task in lane.tasks]:
            await asyncio.wait(tasks)
        return taken

    async def settle(self) -> int:
        """Applies the policies on unknown messages, and ends leases that ran out."""
        now = self._clock.now()

        def job(conn: Connection) -> int:
            outcomes.expire_leases(conn, now, now)
            return unknowns.settle_due(conn, now)

        return await self._write(job)

    # --- loops ----------------------------------------------------------------------------------

    async def _channel_loop(self, lane: _Lane) -> None:
        while not self._stopping.is_set():
            taken = 0
            try:
                if self._room(lane) and await asyncio.to_thread(self._is_ready, lane.channel.name):
                    taken = await self._round(lane)
            except Exception:  # the loop of a channel goes on whatever one round brings
                log.exception("deliver_round_failed", channel=lane.channel.name)
                await self._rest(1.0)
            if not taken or lane.lost_connections:
                await self._rest(self._breath(lane))

    async def _policy_loop(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self.settle():
                    self.wake()
            except Exception:  # as above: a busy database must not end the settling of unknowns
                log.exception("settling_failed")
            await self._rest(2.0)

    async def _rest(self, seconds: float) -> None:
        if self._stopping.is_set():
            return
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def _drain(self) -> None:
        tasks = [task for lane in self._lanes.values() for task in lane.tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._pace.drain_seconds)
            for task in late:
                task.cancel()
            if late:
                log.warning("drain_ended_with_messages_under_way", messages=len(late))
                await asyncio.wait(late, timeout=1.0)

    def _breath(self, lane: _Lane) -> float:
        """The pause after an empty round; longer while the provider cannot be reached at all."""
        if lane.lost_connections < 3:
            return self._pace.idle_seconds
        return float(min(30.0, self._pace.idle_seconds * 2 ** min(lane.lost_connections, 10)))

    def _room(self, lane: _Lane) -> int:
        return max(0, 2 * lane.channel.concurrency - len(lane.tasks))

    def _is_ready(self, channel: str) -> bool:
        with self._store.read() as conn:
            ready = messages.next_ready(conn, channel)
        return ready is not None and ready <= self._clock.now()

    # --- one batch ------------------------------------------------------------------------------

    async def _round(self, lane: _Lane) -> int:
        name, now, limit = lane.channel.name, self._clock.now(), max(1, self._room(lane))
        lease = int(LEASE * self._pace.speed)
        claimed = await self._write(lambda conn: outbox.claim(conn, name, self._owner, now, lease, limit))
        if not claimed:
            return 0
        written = await asyncio.to_thread(self._prepare, claimed)
        fit = await self._write(lambda conn: self._note(conn, written))
        for one in fit:
            task = asyncio.create_task(self._send(lane, one))
            lane.tasks.add(task)
            task.add_done_callback(lane.tasks.discard)
        return len(claimed)

    def _prepare(self, claimed: list[Claimed]) -> list[Written | Unwritten]:
        stock = self._stock()
        with self._store.read() as conn:
            needed = press.load(conn, claimed)
        return press.write(claimed, needed, stock)

    def _note(self, conn: Connection, written: list[Written | Unwritten]) -> list[Written]:
        """Keeps the bodies; sets aside what cannot be sent. What is left to send."""
        now = self._clock.now()
        fit = []
        for one in written:
            message = one.claimed
            if isinstance(one, Unwritten):
                if not (one.returned and outbox.return_to_owner(conn, message, one.why, now)):
                    outcomes.settle(conn, message.send_key, message.customer, "failed", now, detail=one.why)
                    alerts.raise_alerts(
                        conn,
                        [Alert(message.journey, "", f'"{message.template}" was not sent: {one.why}'[:300])],
                        now,
                    )
                    log.warning(
                        "message_not_written", key=message.send_key, template=message.template, why=one.why
                    )
            elif one.body is None or outbox.note_body(
                conn, message, one.body, press.body_hash(one.body), one.message.address
            ):
                fit.append(one)
        return fit

    async def _send(self, lane: _Lane, one: Written) -> None:
        message = one.claimed
        if lane.limiter is not None:
            await lane.limiter.acquire()
        if self._stopping.is_set():
            await self._write(lambda conn: outbox.give_up(conn, message, self._clock.now()))
            return
        hashed = meta.address_hash(
            self._key, message.channel, normalised(message.channel, one.message.address)
        )
        verdict: list[outbox.Handover] = []

        async def hand_over() -> bool:
            now = self._clock.now()
            verdict.append(await self._write(lambda conn: outbox.hand_over(conn, message, hashed, now)))
            return verdict[-1] == "handed"

        try:
            delivery = await lane.channel.deliver(one.message, hand_over)
        except Exception as defect:  # a defect in one channel must not leave the message without an outcome
            log.exception("channel_failed", channel=message.channel, key=message.send_key)
            kind: OutcomeKind = "unknown" if verdict == ["handed"] else "never left"
            delivery = Delivery(kind, detail=f"a defect of ours: {type(defect).__name__}", fault="provider")
        if verdict and verdict[-1] != "handed":
            return  # the store has put it where it belongs
        await self._write(lambda conn: self._record(conn, lane, one, delivery))

    # --- outcomes -------------------------------------------------------------------------------

    def _record(self, conn: Connection, lane: _Lane, one: Written, delivery: Delivery) -> None:
        message, now = one.claimed, self._clock.now()
        key, customer = message.send_key, message.customer
        detail = delivery.raw or delivery.detail
        self._notice(conn, lane, delivery, now)
        match delivery.kind:
            case "accepted":
                outcomes.settle(
                    conn, key, customer, "accepted", now, provider_id=delivery.provider_id, detail=detail
                )
            case "bounced":
                outcomes.settle(conn, key, customer, "bounced", now, detail=detail)
                address = normalised(message.channel, one.message.address)
                suppressions.suppress(conn, message.channel, address, "all", now, f"bounced: {detail}")
            case "refused":
                outcomes.settle(conn, key, customer, "failed", now, detail=detail)
            case "refused for now" | "never left":
                outbox.defer(conn, message, again_at(message, delivery, now, self._pace.speed), detail)
            case "unknown":
                due = unknowns.settle_at(message, now)
                outcomes.settle(conn, key, customer, "unknown", now, detail=detail, settle_at=due)
                log.warning("message_unknown", key=key, channel=message.channel, why=delivery.detail)

    def _notice(self, conn: Connection, lane: _Lane, delivery: Delivery, now: Instant) -> None:
        """Counts what says something about the channel rather than about one message."""
        is_lost = delivery.kind == "never left" and delivery.fault == "provider"
        lane.lost_connections = lane.lost_connections + 1 if is_lost else 0
        lane.sender_faults = lane.sender_faults + 1 if delivery.fault == "sender" else 0
        if lane.sender_faults >= SENDER_FAULTS:
            lane.sender_faults = 0
            why = f"{delivery.detail}: {delivery.raw}"
            pauses.pause(conn, "channel", lane.channel.name, now, "deliverer", why)
            alerts.raise_alerts(
                conn, [Alert("", "", f'the channel "{lane.channel.name}" was paused: {why}')], now
            )
            log.error("channel_paused", channel=lane.channel.name, why=why)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.writer.submit(job))
