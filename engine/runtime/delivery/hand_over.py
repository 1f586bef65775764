"""May it go, and has it gone? The guards of a deployment, and then the hand-over (design/reliability 2.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.core.reasons import ReturnReason
from engine.runtime.delivery.attempt import Attempt
from engine.runtime.delivery.delivery_context import DeliveryContext
from engine.runtime.workers.cluster_view import ALONE, ClusterView
from engine.store import meta
from engine.store.copies.identity import RESTORED
from engine.store.customers.address_index import index_hash
from engine.store.messages import queue
from engine.store.messages.destinations import Destination
from engine.store.messages.queue import Departure, Handover
from engine.values import Instant


@dataclass(slots=True)
class HandOverCall:
    """What a channel calls just before the irrevocable byte. It keeps the store's answer, which the channel
    only learns as yes or no: after "later" and "returned" the row is where it belongs, and nobody may settle
    it."""

    ask: Callable[[], Awaitable[Handover]]
    standing: Callable[[], ClusterView] = lambda: ALONE
    answer: Handover | None = None  # None: the channel never asked, or the store could not answer

    async def __call__(self) -> bool:
        """True: it may be sent, and that it is being sent is durable."""
        burials = self.standing().burials
        self.answer = await self.ask()
        # Last: this process may have stood still since the hand-over, for so long that others took it for
        # dead and the message for unknown. Nothing has left, which is what the channel will say
        return self.answer == "handed" and self.standing().may_send(burials)


def guard(attempt: Attempt, context: DeliveryContext) -> Attempt | None:
    """The attempt with those of its addresses that may get it; None when it may not leave at all (then `stop`
    it)."""
    if _is_forgotten(attempt, context):
        return None
    message = attempt.message
    content = context.render_context().guards.narrowed(attempt.content, message.customer)
    if content is None:
        return None
    address = normalised(message.channel, content.address)
    return replace(
        attempt,
        content=content,
        address_hash=meta.address_hash(context.key, message.channel, address),
        destination=Destination.of(message, index_hash(context.key, message.channel, address)),
    )


def stop(conn: Connection, attempts: Sequence[Attempt], context: DeliveryContext, now: Instant) -> None:
    """Puts messages that no guard lets pass where they belong: held, if they may have left before a backup
    was restored, else back to their journeys, since nobody at these addresses may get them."""
    for attempt in attempts:
        if _is_forgotten(attempt, context):
            queue.hold(conn, attempt.message, RESTORED, now)
        else:
            queue.stop(conn, attempt.message, ReturnReason.NOT_LISTED, now)


def hand_over(
    conn: Connection, attempts: Sequence[Attempt], context: DeliveryContext, now: Instant
) -> list[Handover]:
    """Asks the store about each of them, in the order given. What is "handed" may be sent once this
    transaction is durable, and not before: a crash between the byte and the commit would send it again."""
    limits = context.render_context().guards
    quotas = {journey: limits.quota(journey, now) for journey in {a.message.journey for a in attempts}}
    leaving = [
        Departure(attempt.message, attempt.address_hash, quotas[attempt.message.journey], attempt.destination)
        for attempt in attempts
    ]
    return queue.hand_over_each(conn, leaving, now)


def _is_forgotten(attempt: Attempt, context: DeliveryContext) -> bool:
    """May it have left in the time that a restored backup knows nothing of? A later try has its own memory:
    the row says that it was handed over, so that the answer to that is known or asked for."""
    return attempt.message.handed_at is None and attempt.message.due_at <= context.forgotten_until
