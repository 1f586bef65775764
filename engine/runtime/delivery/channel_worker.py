"""One channel at work: claim, write, hand over, record.

Nothing here decides whether a message may go: the hand-over statement of the store does, once, just before
the irrevocable byte (design/reliability 2.1). A message that cannot be written is set aside and stops no
other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine import faults
from engine.backoff import Backoff
from engine.channels.addresses import normalised
from engine.channels.base import Channel, Delivery, HandOver, OutcomeKind
from engine.config import Rate
from engine.core.effects import Alert
from engine.runtime.delivery import domain_pacing, rendering, settling
from engine.runtime.delivery.delivery_context import DeliveryContext
from engine.runtime.delivery.domain_pacing import DomainPacing, Notice
from engine.runtime.delivery.rendering import Rendered, Unrenderable
from engine.runtime.delivery.send_limits import stop
from engine.runtime.delivery.send_rate import lease_of, limiter, most_at_once
from engine.store import alerts, meta
from engine.store.database import is_refusal
from engine.store.journeys import pauses
from engine.store.messages import outcomes, queue, records
from engine.store.messages.records import OutboxMessage
from engine.values import Instant

log = structlog.get_logger("deliverer")

SENDER_FAULTS = 3
"""So many in a row, and the channel stands still until an operator resumes it: the queue is not burnt."""

LOST_CONNECTIONS = 3
"""So many in a row, and the provider counts as away: tries get rarer, 30 seconds apart at most."""


class ChannelWorker:
    """One channel. `tasks`: messages that are under way. `on_room` is called when there is room for more of them."""

    def __init__(self, channel: Channel, rate: Rate | None, context: DeliveryContext) -> None:
        self.channel = channel
        self.tasks: set[asyncio.Task[None]] = set()
        self.on_room: Callable[[], None] = lambda: None
        self._context = context
        self._limiter = limiter(rate)
        self._most = most_at_once(channel.concurrency, rate)
        self._left: list[OutboxMessage] = []
        self._sender_faults = 0
        self._lost_connections = 0
        self._again = 0.0
        self._domains = DomainPacing(channel, context.clock, context.rate.speed)

    async def tick(self) -> float:
        """One beat of the channel's loop: a round if something is ready; how long to rest then."""
        idle = self._context.rate.idle_seconds
        away = self._again - asyncio.get_running_loop().time()
        if away > 0:
            return away
        if not self._has_room() or not await asyncio.to_thread(self._is_ready):
            return idle
        return 0.0 if await self.send_batch() else idle

    async def send_batch(self) -> int:
        """Claims what there is room for and begins to deliver it. How many were claimed."""
        desk, name, now = self._context, self.channel.name, self._context.clock.now()
        await self._hand_back()
        lease, room = (
            int(lease_of(desk.render_context().unknown.channels.get(name)) * desk.rate.speed),
            max(1, self._room()),
        )
        faults.reach("before claim")
        claimed = await desk.write(lambda conn: queue.claim(conn, name, desk.owner, now, lease, room))
        self._left = list(claimed)
        if claimed:
            faults.reach("after claim")
        for one in await self._written(claimed):
            task = asyncio.create_task(self._paced(one))
            self.tasks.add(task)
            task.add_done_callback(self._ended)
        self._left = []
        return len(claimed)

    async def drain(self, seconds: float) -> None:
        """Waits for what is under way; what is not done then is left to the next process."""
        if not self.tasks:
            return
        _, late = await asyncio.wait(self.tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            log.warning("ended_with_messages_under_way", channel=self.channel.name, messages=len(late))
            await asyncio.wait(late, timeout=1.0)

    def _room(self) -> int:
        return max(0, self._most - len(self.tasks))

    def _has_room(self) -> bool:
        """For half of what is taken at once: taking them one by one would cost two commits for each."""
        return self._room() >= (self._most + 1) // 2

    def _is_ready(self) -> bool:
        with self._context.store.read() as conn:
            ready = records.next_ready(conn, self.channel.name)
        return ready is not None and ready <= self._context.clock.now()

    async def _hand_back(self) -> None:
        """What a round that failed had claimed is planned again, rather than kept until its lease ends."""
        left, now = self._left, self._context.clock.now()
        if left:
            await self._context.write(lambda conn: [queue.release(conn, message, now) for message in left])
            self._left = []

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._has_room():
            self.on_room()
        if not task.cancelled() and (wrong := task.exception()) is not None:
            log.error("delivery_failed", channel=self.channel.name, why=f"{type(wrong).__name__}: {wrong}")

    # --- writing --------------------------------------------------------------------------------

    async def _written(self, claimed: Sequence[OutboxMessage]) -> list[Rendered]:
        """What can be sent of it; bodies are kept. One message that cannot be written or kept stops no other."""
        if not claimed:
            return []
        try:
            written = await asyncio.to_thread(self._write, claimed)
            return await self._context.write(lambda conn: self._keep(conn, written))
        except Exception as wrong:
            if is_refusal(wrong):
                raise
            if len(claimed) > 1:  # one of them: all alone, so that only that one is set aside
                return [fit for one in claimed for fit in await self._written([one])]
            log.exception("message_not_written", key=claimed[0].send_key, template=claimed[0].template)
            unwritten = Unrenderable(claimed[0], f"{type(wrong).__name__}: {wrong}"[:300], returned=False)
            return await self._context.write(lambda conn: self._keep(conn, [unwritten]))

    def _write(self, claimed: Sequence[OutboxMessage]) -> list[Rendered | Unrenderable]:
        stock = self._context.render_context()
        with self._context.store.read() as conn:
            needed = rendering.load_render_data(conn, claimed, stock.kinds)
        return rendering.render_batch(claimed, needed, stock)

    def _keep(self, conn: Connection, written: Sequence[Rendered | Unrenderable]) -> list[Rendered]:
        """Keeps the bodies; sets aside what cannot be sent. What is left to send."""
        fit = []
        sendable = [(one.source, one.message.address) for one in written if isinstance(one, Rendered)]
        put_off = self._domains.defer(conn, sendable)
        for one in written:
            if isinstance(one, Unrenderable):
                self._set_aside(conn, one)
            elif one.source.number not in put_off and (
                one.body is None
                or queue.note_body(conn, one.source, one.body, *rendering.record_of(one, self._context.key))
            ):
                fit.append(one)
                if one.parts > 1:
                    queue.note_parts(conn, one.source, one.parts)
        return fit

    def _set_aside(self, conn: Connection, one: Unrenderable) -> None:
        message, now = one.source, self._context.clock.now()
        if one.returned and queue.return_to_journey(conn, message, one.why, now):
            return
        outcomes.settle(conn, message.send_key, message.customer, "failed", now, detail=one.why)
        why = f'"{message.template}" was not sent: {one.why}'[:300]
        alerts.raise_alerts(conn, [Alert(message.journey, "", why)], now)
        log.warning("message_not_written", key=message.send_key, template=message.template, why=one.why)

    # --- sending --------------------------------------------------------------------------------

    async def _paced(self, rendered: Rendered) -> None:
        """Waits for the channel's rate and for a place of the recipient's domain."""
        desk, message, address = self._context, rendered.source, rendered.message.address
        if not await self._may_go():
            await desk.write(lambda conn: queue.release(conn, message, desk.clock.now()))
            return
        later = await self._domains.enter(address, message.send_key)
        if later is not None:
            await desk.write(lambda conn: domain_pacing.release(conn, message, later, address))
            return
        try:
            await self._send(rendered)
        finally:
            self._domains.leave(address)

    async def _send(self, rendered: Rendered) -> None:
        desk, message = self._context, rendered.source
        guards = desk.render_context().guards
        fit = guards.narrowed(rendered.message, message.customer)
        if fit is None or (message.handed_at is None and message.due_at <= desk.forgotten_until):
            await desk.write(lambda conn: stop(conn, message, desk.forgotten_until, desk.clock.now()))
            return
        rendered = replace(rendered, message=fit)
        hashed = meta.address_hash(
            desk.key, message.channel, normalised(message.channel, rendered.message.address)
        )
        verdict: list[queue.Handover] = []

        async def hand_over() -> bool:
            now = desk.clock.now()
            if desk.stopping.is_set():  # it waited for a connection when the stop came
                await desk.write(lambda conn: queue.release(conn, message, now))
                verdict.append("later")
            else:
                quota = guards.quota(message.journey, now)
                verdict.append(
                    await desk.write(lambda conn: queue.hand_over(conn, message, hashed, now, quota))
                )
            return verdict[-1] == "handed"

        delivery = await self._deliver(rendered, hand_over, verdict)
        if not verdict or verdict[-1] == "handed":  # else the store has put it where it belongs
            await self._record(rendered, delivery)

    async def _may_go(self) -> bool:
        """Waits for the channel's rate. False: we are stopping."""
        gate, stopping = self._limiter, self._context.stopping
        if gate is not None and not stopping.is_set():
            waits = [asyncio.ensure_future(gate.acquire()), asyncio.ensure_future(stopping.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return not stopping.is_set()

    async def _deliver(
        self, rendered: Rendered, hand_over: HandOver, verdict: list[queue.Handover]
    ) -> Delivery:
        try:
            return await self.channel.deliver(rendered.message, hand_over)
        except DatabaseError as wrong:  # the hand-over could not be stored, so nothing was sent
            return Delivery("never left", detail=f"the store refused the hand-over: {wrong.orig}"[:300])
        except Exception as defect:  # a defect in one channel must not leave the message without an outcome
            log.exception("channel_failed", channel=self.channel.name, key=rendered.source.send_key)
            kind: OutcomeKind = "unknown" if verdict == ["handed"] else "never left"
            return Delivery(kind, detail=f"a defect of ours: {type(defect).__name__}", fault="provider")

    # --- outcomes -------------------------------------------------------------------------------

    async def _record(self, rendered: Rendered, delivery: Delivery) -> None:
        """Writes down what became of it; while the store refuses, again and again: an answer is never thrown away."""
        notice = self._domains.notice(rendered.message.address, delivery)
        broken = self._notice(delivery) or notice.channel
        faults.reach("before the commit")
        while True:
            try:
                await self._context.write(lambda conn: self._settle(conn, rendered, delivery, broken, notice))
                return
            except DatabaseError as wrong:
                if not is_refusal(wrong):
                    raise
                log.error("store_refused", part=self.channel.name, why=str(wrong.orig))
                await asyncio.sleep(1.0)

    def _notice(self, delivery: Delivery) -> str:
        """Counts what says something about the channel rather than about one message. Why it has to stand still."""
        is_lost = delivery.kind == "never left" and delivery.fault == "provider"
        self._lost_connections = self._lost_connections + 1 if is_lost else 0
        if self._lost_connections >= LOST_CONNECTIONS:
            rests = Backoff(int(self._context.rate.idle_seconds * 1000), 30_000)
            away = rests.wait(self._lost_connections + 1) / 1000
            self._again = asyncio.get_running_loop().time() + away
        if delivery.domain and delivery.fault == "sender":
            return ""  # of one domain, until several say so (runtime.domains)
        self._sender_faults = self._sender_faults + 1 if delivery.fault == "sender" else 0
        if self._sender_faults < SENDER_FAULTS:
            return ""
        self._sender_faults = 0
        return f"{delivery.detail}: {delivery.raw}"

    def _settle(
        self, conn: Connection, rendered: Rendered, delivery: Delivery, broken: str, notice: Notice
    ) -> None:
        message, now = rendered.source, self._context.clock.now()
        if broken:
            self._stand_still(conn, broken, now)
        domain_pacing.apply(conn, notice, now)
        if domain_pacing.is_given_up(message, delivery, now):
            delivery = replace(delivery, kind="refused", soft=delivery.soft or "other")
        if delivery.soft:
            domain_pacing.note_soft_bounce(conn, message, delivery, now)
        settling.settle(
            conn, rendered, delivery, self._context.render_context().unknown, now, self._context.rate.speed
        )

    def _stand_still(self, conn: Connection, why: str, now: Instant) -> None:
        name = self.channel.name
        pauses.pause(conn, "channel", name, now, "deliverer", why)
        alerts.raise_alerts(conn, [Alert("", "", f'the channel "{name}" was paused: {why}')], now)
        log.error("channel_paused", channel=name, why=why)
