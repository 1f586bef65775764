"""Finds out what became of messages that nobody answered for: policies, and look-ups at the provider beside
the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy import Connection

from engine.channels.base import Channel, LookupResult, MessageLister
from engine.runtime.delivery.delivery_context import DeliveryContext
from engine.runtime.delivery.rendering import load_body
from engine.runtime.feedback.reports import take_early_reports
from engine.runtime.workers.cluster_view import ALONE
from engine.store.messages import outcomes, queue
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import DAY, HOUR, MINUTE, Instant

log = structlog.get_logger("deliverer")

AT_ONCE = 4
"""So many look-ups are under way together; the others wait, and no message does."""

LOOK_UP_SECONDS = 60.0
"""A provider that has not shown its list by then is asked again later."""

PATIENCE = DAY
"""A list that cannot be had for so long says nothing: a person decides."""


class Reconciler:
    """`channel` gives the open channel of a name; `planned` is called when messages wait again."""

    def __init__(
        self, context: DeliveryContext, channel: Callable[[str], Channel | None], planned: Callable[[], None]
    ) -> None:
        self._context = context
        self._channel = channel
        self._planned = planned
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def recover(self) -> tuple[int, int]:
        """At the start: whatever dead processes had claimed is planned again, whatever they had handed over
        is unknown. (planned again, unknown)."""
        now, is_alone = self._context.clock.now(), self._context.peers.standing() is ALONE

        def job(conn: Connection) -> tuple[int, int]:
            # Where the store is ours alone, whoever holds a lease is dead: no use in waiting until it ends.
            # Elsewhere the members of the store find out who is (`Membership`)
            if is_alone:
                outcomes.expire_all(conn, now)
            done = outcomes.expire_leases(conn, now)
            self._schedule(conn, now)
            return done

        return await self._context.store.awrite(job)

    async def tick(self) -> int:
        """Ends leases that ran out, gives back what waits for a channel that is gone, applies the policies
        that are due, and begins to look up what can be looked up. How many messages moved."""
        now, room = self._context.clock.now(), AT_ONCE - len(self._looking)

        def job(conn: Connection) -> tuple[int, list[OutboxMessage]]:
            outcomes.expire_leases(conn, now)
            self._schedule(conn, now)
            channels = self._context.render_context().unknown.channels
            # no channels at all: config.yaml was never read, which says nothing about any of them
            gone = [name for name in queue.waiting_channels(conn) if name not in channels] if channels else []
            for name in gone:
                log.warning("channel_gone", channel=name, what="its messages go back to their journeys")
            moved = sum(queue.return_channel_to_journeys(conn, name, now) for name in gone)
            settled, wanted = self._settle(conn, now, room)
            return moved + settled, wanted

        moved, wanted = await self._context.store.awrite(job)
        for message in wanted:
            task = asyncio.create_task(self._look_up(message), name=f"look up {message.send_key}")
            self._looking[message.send_key] = task
            task.add_done_callback(partial(self._ended, message.send_key))
        return moved

    async def looked_up(self) -> None:
        """Ends when no look-up is under way."""
        while self._looking:
            await asyncio.wait(self._looking.values())

    async def close(self) -> None:
        """Breaks off what is under way; it is due again at the next start."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- policies -------------------------------------------------------------------------------

    def _schedule(self, conn: Connection, now: Instant) -> None:
        unknown = self._context.render_context().unknown
        for message in outcomes.unscheduled(conn):
            outcomes.schedule(conn, message, unknown.due(message, now))

    def _settle(self, conn: Connection, now: Instant, room: int) -> tuple[int, list[OutboxMessage]]:
        unknown, moved = self._context.render_context().unknown, 0
        wanted: list[OutboxMessage] = []
        for message in outcomes.due(conn, now):
            handed_at = message.handed_at
            window = getattr(self._channel(message.channel), "idempotency_window_ms", 0)
            # design/reliability 2.3: the provider knows the key for so long; we stop at half of it
            until = Instant(handed_at + window // 2) if window and handed_at is not None else None
            match unknown.verdict(message, now, until):
                case "treat as sent":
                    moved += _count_as_sent(conn, message, now)
                case "resend":
                    # refused where a goal has ended the run meanwhile: nobody wants a copy that may
                    # be the second
                    again = outcomes.requeue(conn, message.send_key, message.customer, now, resend=True)
                    moved += again or _count_as_sent(conn, message, now, "its run has ended meanwhile")
                case "look up" if self._lister(message.channel) is not None and message.body:
                    if room > len(wanted) and message.send_key not in self._looking:
                        # noted before the provider is asked: a look-up that never comes back is only asked
                        # again later, rarer and rarer, an hour apart at most
                        elapsed = now - (message.handed_at or now)
                        wait = min(HOUR, max(MINUTE, elapsed // 4))
                        outcomes.schedule(conn, message, Instant(now + wait))
                        wanted.append(message)
                case "hold" | "look up":  # without a list to look at
                    moved += outcomes.settle(conn, message.send_key, message.customer, MessageState.HELD, now)
        return moved, wanted

    def _lister(self, name: str) -> MessageLister | None:
        channel: object = self._channel(name)
        return channel if isinstance(channel, MessageLister) else None

    # --- look-ups -------------------------------------------------------------------------------

    def _ended(self, key: str, _task: asyncio.Task[None]) -> None:
        self._looking.pop(key, None)

    async def _look_up(self, message: OutboxMessage) -> None:
        lister = self._lister(message.channel)
        if lister is None:  # config.yaml has taken the channel away meanwhile
            return
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                content = load_body(message.body or "")
                found = await lister.look_up(content, message.handed_at or self._context.clock.now())
        except Exception as failure:  # a list that cannot be had is asked for again
            log.exception("look_up_failed", key=message.send_key, channel=message.channel)
            if self._context.clock.now() - (message.handed_at or 0) < PATIENCE:
                return
            found = LookupResult("cannot say", detail=f"{type(failure).__name__}: {failure}"[:200])
        log.info("looked_up", key=message.send_key, channel=message.channel, found=found.kind)
        now = self._context.clock.now()
        if await self._context.store.awrite(lambda conn: apply_found(conn, message, found, now)):
            self._planned()


def apply_found(conn: Connection, message: OutboxMessage, found: LookupResult, now: Instant) -> bool:
    """Writes down what the provider's list says of an unknown message. True: it waits to be sent again."""
    key, customer = message.send_key, message.customer
    if found.kind == "sent":
        outcomes.settle(
            conn,
            key,
            customer,
            MessageState.ACCEPTED,
            now,
            provider_id=found.provider_id,
            detail=found.detail,
        )
        take_early_reports(conn, message, found.provider_id, now)
        return False
    if found.kind == "not sent" and message.resent == 0:
        # not too late, and still wanted: else it has failed, which the journey hears as what it is, not sent
        if now < message.valid_until and outcomes.requeue(conn, key, customer, now, resend=True):
            return True
        outcomes.settle(conn, key, customer, MessageState.FAILED, now, detail=found.detail, told="not_sent")
        return False
    outcomes.settle(conn, key, customer, MessageState.HELD, now, detail=found.detail)
    return False


def _count_as_sent(conn: Connection, message: OutboxMessage, now: Instant, why: str = "") -> bool:
    return outcomes.settle(
        conn, message.send_key, message.customer, MessageState.TREATED_AS_SENT, now, detail=why
    )
