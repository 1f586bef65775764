"""Calls the webhooks that journeys asked for: at least once, signed, with an idempotency key; three tries."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import httpx2
import orjson
import structlog
from sqlalchemy import Connection

from engine.channels.egress import Egress
from engine.clock import Clock
from engine.config import WebhookConfig
from engine.errors import UsageError, WorldError
from engine.store import webhooks
from engine.store.database import Store
from engine.store.webhooks import Planned
from engine.values import MINUTE, Birthday, Instant, Money, iso

T = TypeVar("T")
log = structlog.get_logger("webhooks")

TRIES = 3
_TAKEN = frozenset(str(status) for status in range(200, 300))
AT_ONCE = 8
"""Calls under way at the same time; the runs wait for none of them."""


def signature(secret: str, at: Instant, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over the seconds, a dot and the body, so that the receiver can tell an old call."""
    seconds = at // 1000
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def body_of(call: Planned) -> bytes:
    """The JSON of a call: the same bytes in every try. Money is {"amount": "80", "currency": "EUR"}, so that no digit is
    lost on the way."""
    document = {
        "id": call.key,
        "webhook": call.webhook,
        "customer_id": call.customer,
        "at": iso(call.planned_at),
        "values": {name: _plain(value) for name, value in call.values.items()},
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    match value:
        case Money():
            return {"amount": format(value.amount, "f"), "currency": value.currency}
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.date():
            return value.isoformat()
        case Birthday():
            return f"{value.year or '-'}-{value.month:02}-{value.day:02}"
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value


class WebhookCaller:
    """`configured` gives the webhooks of the current config.yaml; `egress` refuses addresses that are not public."""

    def __init__(
        self,
        store: Store,
        configured: Callable[[], Mapping[str, WebhookConfig]],
        egress: Egress,
        clock: Clock,
    ) -> None:
        self._store = store
        self._configured = configured
        self._egress = egress
        self._allowed: tuple[str, ...] | None = None
        self._clock = clock

    def allow(self, egress: Sequence[str]) -> None:
        """`egress:` of another config.yaml: the calls of the next heartbeat obey it."""
        self._allowed = tuple(egress)

    async def once(self) -> int:
        """Makes every call that is due; one heartbeat. How many were made."""
        if self._allowed is not None:  # between two heartbeats, so that no connection in use is closed
            allowed, self._allowed = self._allowed, None
            await self._egress.close()
            self._egress = Egress(allowed)
        now = self._clock.now()
        due = await asyncio.to_thread(self._due, now)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(call: Planned) -> None:
            async with places:
                await self._one(call)

        await asyncio.gather(*(one(call) for call in due))
        return len(due)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._egress.close()

    def _due(self, now: Instant) -> list[Planned]:
        with self._store.read() as conn:
            return webhooks.ready(conn, now, 100)

    async def _one(self, call: Planned) -> None:
        detail, again = await self._call(call)
        now = self._clock.now()
        if detail in _TAKEN:
            await self._write(lambda conn: webhooks.note_done(conn, call, detail))
            return
        wait = Instant(now + MINUTE * 4**call.attempts) if again and call.attempts + 1 < TRIES else None
        log.warning("webhook_failed", webhook=call.webhook, key=call.key, why=detail, again=wait is not None)
        await self._write(lambda conn: webhooks.note_failure(conn, call, detail, wait))

    async def _call(self, call: Planned) -> tuple[str, bool]:
        """What came of one try, and whether another may help."""
        config = self._configured().get(call.webhook)
        if config is None:
            return f'there is no webhook "{call.webhook}" in config.yaml any more', False
        body = body_of(call)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": call.key,
            "webhook-id": call.key,
            "webhook-timestamp": iso(self._clock.now()),
        }
        try:
            if config.secret is not None:
                headers["X-Perennial-Signature"] = signature(config.secret.reveal(), self._clock.now(), body)
            answer = await self._egress.post(config.url, body, headers)
        except UsageError as wrong:
            return str(wrong), False
        except WorldError as wrong:
            return str(wrong), not wrong.permanent
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as wrong:
            return f"{type(wrong).__name__}: {wrong}"[:300], True
        again = answer.status in (408, 425, 429) or answer.status >= 500
        return str(answer.status), again

    async def _write(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.writer.submit(job))
