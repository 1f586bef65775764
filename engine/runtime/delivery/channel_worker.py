"""One channel at work. The life of a message is `ChannelWorker._send`, top to bottom; before it a whole batch
is claimed and rendered at once.

Nothing here decides whether a message may go: the hand-over statement of the store does, once, just before
the irrevocable byte (design/reliability 2.1). A message that cannot be rendered is set aside and stops no
other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine import faults
from engine.backoff import Backoff
from engine.channels.base import Channel, Delivery, Message, OutcomeKind
from engine.channels.mail_headers import domain_of
from engine.config import ChannelConfig, RateLimit
from engine.core.decision.effects import Alert
from engine.runtime.delivery import rendering, settling
from engine.runtime.delivery.attempt import Attempt, Notice, Unrenderable, Witness
from engine.runtime.delivery.batcher import Batcher
from engine.runtime.delivery.delivery_context import DeliveryContext
from engine.runtime.delivery.domain_pacing import DomainPacing
from engine.runtime.delivery.hand_over import HandOverCall, guard, hand_over, stop
from engine.runtime.delivery.trials import Trials
from engine.store.alerting import alerts
from engine.store.database import is_refusal
from engine.store.messages import outcomes, queue, records
from engine.store.messages.queue import Body, Handover
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.store.recommendations import shown
from engine.values import MINUTE, SECOND

log = structlog.get_logger("deliverer")

LEASE = 5 * MINUTE
"""Longer than a channel's longest wait, so that a slow provider is never taken for a dead process."""

SENDER_FAULTS = 3
"""So many in a row, and the channel stands still until a trial is taken: the queue is not burnt."""

TRIAL_LOOK = 5.0
"""Real seconds between two looks for pauses that are to be tried again."""

LOST_CONNECTIONS = 3
"""So many in a row, and the provider counts as away: people are told, and tries get rarer, `LONGEST_REST`
apart at most."""

REFUSALS = 2
"""So many in a row that are about us or the provider, and the channel counts as failing."""

LONGEST_REST = 30_000
"""Milliseconds."""


def lease_of(config: ChannelConfig | None) -> int:
    """For how long a message is claimed, in ms: what a channel asks and waits for (`timeout`) fits in,
    several times."""
    return LEASE + 4 * SECOND * ((config.timeout if config is not None else None) or 0)


AHEAD = 8
"""So many times as many as there are connections are claimed, so that a claim and a rendering serve many."""


def most_at_once(concurrency: int, rate: RateLimit | None, senders: int = 1) -> int:
    """How many messages of a channel are taken at once: enough to keep all connections busy, and no more than
    one of so many senders may send within a minute, so that their leases do not run out while they wait."""
    most = AHEAD * concurrency
    return most if rate is None else max(1, min(most, int(rate.count / rate.seconds * 60 / senders)))


class ChannelWorker:
    """Claims, renders and sends the messages of one channel."""

    def __init__(self, channel: Channel, rate: RateLimit | None, context: DeliveryContext) -> None:
        self.channel = channel
        self.tasks: set[asyncio.Task[None]] = set()  # messages that are under way
        self.on_room: Callable[[], None] = lambda: None  # called when there is room for more of them
        self._context = context
        self._rate = rate
        self._limiter = context.peers.limiter(channel.name, rate) if rate is not None else None
        self._domains = DomainPacing(
            channel, context.clock, context.timing.speed, lambda: context.peers.senders
        )
        self._trials = Trials(channel.name, context.timing.speed)
        self._looked_at = 0.0  # for pauses to try again, on the clock of the event loop
        self._handing_over = Batcher(self._hand_over_each)
        self._settling = Batcher(self._settle_each)
        # as many are handed over and not settled as there are connections, so that a crash leaves no more
        # than these unknown; a connection itself is free for the next message sooner
        self._unsettled = asyncio.Semaphore(channel.concurrency)
        self._unsent: list[OutboxMessage] = []  # claimed by a batch that was not begun: to be released
        self._sender_faults = 0  # in a row
        self._lost_connections = 0  # in a row
        self._refusals = 0  # of the channel as a whole, in a row
        self._is_failing: bool | None = None
        self._away_until = 0.0  # on the clock of the event loop

    async def tick(self) -> float:
        """One tick of the channel's loop: a batch if something is ready; how long to rest then, in
        seconds."""
        idle = self._context.timing.idle_seconds
        away = self._away_until - asyncio.get_running_loop().time()
        if away > 0:
            return away
        now = asyncio.get_running_loop().time()
        if now >= self._looked_at + TRIAL_LOOK:
            self._looked_at = now
            await self.try_again()
        if not self._has_room():
            return idle
        ready = await self._context.store.aread(lambda conn: records.next_ready(conn, self.channel.name))
        if ready is None or ready > self._context.clock.now():
            return idle
        return 0.0 if await self.send_batch() else idle

    async def try_again(self) -> None:
        """Lifts the pauses that answers have caused when their time has come."""
        context = self._context
        due = await context.store.aread(lambda conn: self._trials.due(conn, context.clock.now()))
        if not due:
            return
        await context.store.awrite(lambda conn: self._trials.begin(conn, due))
        for record in due:
            if record.scope == "domain":
                self._domains.try_again(record.name)

    async def send_batch(self) -> int:
        """Claims what there is room for and begins to send it. How many were claimed."""
        context, name, now = self._context, self.channel.name, self._context.clock.now()
        # what a batch that failed had claimed is planned again, rather than kept until its lease ends
        if self._unsent:
            await self._release(self._unsent)
            self._unsent = []
        lease = lease_of(context.render_context().unknown.channels.get(name)) * context.timing.speed
        room = max(1, self._room())
        faults.reach("before claim")
        claimed = await context.store.awrite(
            lambda conn: queue.claim(conn, name, context.owner, now, int(lease), room), shared=True
        )
        # noted before anything else can fail: a claim that nobody works on would stand until its lease ends
        self._unsent = list(claimed)
        if claimed:
            faults.reach("after claim")
        for attempt in await self._prepare(claimed):
            task = asyncio.create_task(self._send(attempt))
            self.tasks.add(task)
            task.add_done_callback(self._on_sent)
        self._unsent = []
        return len(claimed)

    async def drain(self, seconds: float) -> None:
        """Waits for what is under way; what is not done then is left to the next process."""
        if not self.tasks:
            return
        _, late = await asyncio.wait(self.tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            # their rows stay claimed or handed over: the next start plans the former again, and the
            # latter are unknown
            log.warning("ended_with_messages_under_way", channel=self.channel.name, messages=len(late))
            await asyncio.wait(late, timeout=1.0)

    def _most(self) -> int:
        if self._trials.is_on:
            return 1
        return most_at_once(self.channel.concurrency, self._rate, self._context.peers.senders)

    def _room(self) -> int:
        return max(0, self._most() - len(self.tasks))

    def _has_room(self) -> bool:
        """For half of what is taken at once: taking them one by one would cost two commits for each."""
        return self._room() >= (self._most() + 1) // 2

    async def _release(self, messages: Sequence[OutboxMessage]) -> None:
        now = self._context.clock.now()
        await self._context.store.awrite(
            lambda conn: [queue.release(conn, message, now) for message in messages], shared=True
        )

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._has_room():
            self.on_room()
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("delivery_failed", channel=self.channel.name, why=f"{type(defect).__name__}: {defect}")

    # --- a batch: render it and store the bodies ----------------------------------------------------

    async def _prepare(self, claimed: Sequence[OutboxMessage]) -> list[Attempt]:
        """What can be sent of it, its bodies durable. One message that cannot be rendered or stored stops no
        other."""
        if not claimed:
            return []
        try:
            rendered, bodies = await asyncio.to_thread(self._render, claimed)
            return await self._context.store.awrite(
                lambda conn: self._store_bodies(conn, rendered, bodies), shared=True
            )
        except Exception as defect:
            if is_refusal(defect):
                raise
            if len(claimed) > 1:  # one of them: each alone, so that only that one is set aside
                return [attempt for message in claimed for attempt in await self._prepare([message])]
            log.exception("message_not_written", key=claimed[0].send_key, template=claimed[0].template)
            failed = Unrenderable(claimed[0], f"{type(defect).__name__}: {defect}"[:300], reason=None)
            return await self._context.store.awrite(lambda conn: self._store_bodies(conn, [failed], {}))

    def _render(
        self, claimed: Sequence[OutboxMessage]
    ) -> tuple[list[Attempt | Unrenderable], dict[int, Body]]:
        context = self._context.render_context()
        with self._context.store.read() as conn:
            data = rendering.load_render_data(conn, claimed, context, self._context.clock.now())
        rendered = rendering.render_batch(claimed, data, context)
        bodies = {
            attempt.message.number: rendering.record_of(attempt, self._context.key)
            for attempt in rendered
            if isinstance(attempt, Attempt) and attempt.body is not None
        }
        return rendered, bodies

    def _store_bodies(
        self, conn: Connection, rendered: Sequence[Attempt | Unrenderable], bodies: Mapping[int, Body]
    ) -> list[Attempt]:
        """Stores the bodies before anything is sent, so that every later try sends the same bytes; sets aside
        what cannot be sent. What is left to send."""
        deferred = self._domains.defer(
            conn, [attempt for attempt in rendered if isinstance(attempt, Attempt)]
        )
        ready: list[Attempt] = []
        for attempt in rendered:
            if isinstance(attempt, Unrenderable):
                self._set_aside(conn, attempt)
            elif attempt.message.number not in deferred:
                ready.append(attempt)
        numbers = [attempt.message.number for attempt in ready]
        claimed = queue.note_bodies(conn, [bodies[number] for number in numbers if number in bodies])
        kept = [(one.message, one.shown) for one in ready if one.shown and one.message.number in claimed]
        if kept:
            shown.note(conn, kept, self._context.clock.now())
        return [
            attempt for attempt, number in zip(ready, numbers, strict=True)
            if number not in bodies or number in claimed
        ]  # fmt: skip

    def _set_aside(self, conn: Connection, failed: Unrenderable) -> None:
        message, now = failed.message, self._context.clock.now()
        if failed.reason is not None and queue.stop(conn, message, failed.reason, now):
            return
        outcomes.settle(conn, message.send_key, message.customer, MessageState.FAILED, now, detail=failed.why)
        why = f'"{message.template}" was not sent: {failed.why}'[:300]
        alerts.raise_alerts(conn, [Alert(message.journey, "", why)], now)
        log.warning("message_not_written", key=message.send_key, template=message.template, why=failed.why)

    # --- a message: pace, guard, hand over, deliver, classify, settle -------------------------------

    async def _send(self, attempt: Attempt) -> None:
        """The life of one message from its rendering to its outcome. Whatever happens in between, the row
        says how far it has come: `claimed` until the hand-over, which is safe to send again, and `handoff`
        from then on, which is not."""
        context, message, address = self._context, attempt.message, attempt.content.address
        # pace: first, since it may take long, and the guards and the hand-over have to see what
        # holds after it
        if not await self._wait_for_rate():
            await self._release([message])
            return
        # the slot is kept until the outcome is settled: `per_domain` counts what is under way, in
        # the store too
        async with self._domains.slot(address, message.send_key) as put_off_until:
            if put_off_until is not None:
                why = f"{domain_of(address)} takes no more now"
                await context.store.awrite(
                    lambda conn: queue.release(conn, message, put_off_until, why, address), shared=True
                )
                return
            # guard: before the channel opens a connection for what may not leave
            guarded = guard(attempt, context)
            if guarded is None:
                await context.store.awrite(lambda conn: stop(conn, [attempt], context, context.clock.now()))
                return
            # hand over and deliver: the channel asks at its last moment before the irrevocable byte. A crash
            # before the commit of the hand-over leaves a message that was not sent; one after it, a message
            # of which nobody knows
            call = HandOverCall(partial(self._hand_over, guarded), context.peers.standing)
            began = time.perf_counter()
            try:
                delivery = await self._deliver(guarded.content, call)
                if call.answer not in (None, "handed"):
                    return  # the store has put it where it belongs
                lag = (context.clock.now() - message.due_at) / 1000
                context.on_answer(self.channel.name, delivery.kind, time.perf_counter() - began, lag)
                # classify and settle: the counters of the channel first, since settling may wait for the
                # store for long and the messages beside this one have to know at once
                notice = self._classify(address, delivery, message.customer)
                faults.reach("before the commit")
                await self._settling.ask(replace(guarded, delivery=delivery, notice=notice))
            finally:
                if call.answer == "handed":
                    self._unsettled.release()

    async def _wait_for_rate(self) -> bool:
        """Waits for the channel's rate. False: we are stopping, or nobody can say."""
        stopping = self._context.stopping
        if self._limiter is None or stopping.is_set():
            return not stopping.is_set()
        place, stop = asyncio.ensure_future(self._limiter.acquire()), asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({place, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            place.cancel()
            stop.cancel()
        if place.done() and (wrong := place.exception()) is not None:  # the places are kept in the database
            log.error("rate_unknown", channel=self.channel.name, why=f"{type(wrong).__name__}: {wrong}"[:300])
            await asyncio.sleep(1.0)  # it goes back and is claimed again; not at once
            return False
        return not stopping.is_set()

    async def _hand_over(self, attempt: Attempt) -> Handover:
        answer: Handover = "later"
        await self._unsettled.acquire()
        try:
            if self._context.stopping.is_set():
                # it waited, for a connection or for a place here, when the stop came: what begins now, nobody
                # would wait for
                await self._release([attempt.message])
            else:
                answer = await self._handing_over.ask(attempt)
            return answer
        finally:
            if answer != "handed":
                self._unsettled.release()

    async def _hand_over_each(self, attempts: Sequence[Attempt]) -> Sequence[Handover]:
        context = self._context
        # the moment is that of the statement: a lease may end while the writer is busy
        return await context.store.awrite(
            lambda conn: hand_over(conn, attempts, context, context.clock.now()), shared=True
        )

    async def _deliver(self, content: Message, call: HandOverCall) -> Delivery:
        try:
            return await self.channel.deliver(content, call)
        except DatabaseError as refusal:  # the hand-over could not be stored, so nothing was sent
            return Delivery("never left", detail=f"the store refused the hand-over: {refusal.orig}"[:300])
        except Exception as defect:  # a defect in one channel must not leave the message without an outcome
            log.exception("channel_failed", channel=self.channel.name, key=content.key)
            # after the hand-over nobody knows how far the channel came; to say "never left" might
            # send it twice
            kind: OutcomeKind = "unknown" if call.answer == "handed" else "never left"
            return Delivery(kind, detail=f"a defect of ours: {type(defect).__name__}", fault="provider")

    def _classify(self, address: str, delivery: Delivery, customer: str) -> Notice:
        """What the answer says about the channel and the recipient's domain rather than about one message."""
        notice = self._domains.notice(address, delivery, customer)
        if delivery.kind == "accepted":
            self._trials.succeed(domain_of(address))
        is_lost = delivery.kind == "never left" and delivery.fault == "provider"
        self._lost_connections = self._lost_connections + 1 if is_lost else 0
        if self._lost_connections >= LOST_CONNECTIONS:
            rests = Backoff(int(self._context.timing.idle_seconds * 1000), LONGEST_REST)
            rest = rests.wait(self._lost_connections + 1) / 1000
            self._away_until = asyncio.get_running_loop().time() + rest
        if self._lost_connections == LOST_CONNECTIONS:  # once, not with every further one
            notice = replace(
                notice, alert=f'the channel "{self.channel.name}" cannot send: {delivery.detail}'
            )
        notice = replace(notice, failing=self._note_failing(delivery, is_lost=is_lost))
        on_trial = self._trials.is_on and delivery.fault == "sender"
        if delivery.domain and delivery.fault == "sender":
            # of one domain, until several say so (`DomainPacing`), or one on trial that took mail before
            witnesses = (Witness(customer, address),)
            why = f"{delivery.detail}: {delivery.raw}"
            return replace(notice, channel=why, witnesses=witnesses, needed=1) if on_trial else notice
        self._sender_faults = self._sender_faults + 1 if delivery.fault == "sender" else 0
        if self._sender_faults < SENDER_FAULTS and not on_trial:
            return notice
        self._sender_faults = 0
        return replace(notice, channel=f"{delivery.detail}: {delivery.raw}")

    def _note_failing(self, delivery: Delivery, *, is_lost: bool) -> str | None:
        """Whether the channel takes anything at all: told when it begins to fail, and when it works again.
        What one domain says is no word about the channel."""
        if delivery.domain or delivery.kind == "unknown":
            return None
        is_refused = delivery.fault in ("provider", "sender") and delivery.kind != "accepted"
        self._refusals = self._refusals + 1 if is_refused else 0
        # a connection that is lost needs no second one; a single refusal may be about the moment
        if is_lost or self._refusals >= REFUSALS:
            why = delivery.raw or delivery.detail
            self._context.health.channel_fails(self.channel.name, why)
            is_news, self._is_failing = self._is_failing is not True, True
            return why if is_news else None
        if is_refused or self._is_failing is False:
            return None
        self._is_failing = False
        self._context.health.channel_works(self.channel.name)
        return ""

    async def _settle_each(self, attempts: Sequence[Attempt]) -> Sequence[None]:
        """Writes down what became of them; while the store refuses, again and again: an answer is never
        thrown away. A crash in here leaves them handed over, and the next start finds them unknown."""
        context = self._context

        def job(conn: Connection) -> None:
            unknown, now = context.render_context().unknown, context.clock.now()
            settling.settle(conn, attempts, unknown, now, context.timing.speed)

        while True:
            try:
                await context.store.awrite(job, shared=True)
                return [None] * len(attempts)
            except DatabaseError as refusal:
                if not is_refusal(refusal):
                    raise
                log.error("store_refused", part=self.channel.name, why=str(refusal.orig))
                await asyncio.sleep(1.0)
