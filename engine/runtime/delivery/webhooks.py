"""Calls the webhooks that journeys asked for: at least once for a day, signed, with one key and the same
bytes in every try.

Each webhook has its own places, so that a slow receiver holds back nobody else's calls. What a receiver
answers beside its status is not kept (design/threats T10).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import datetime as dt
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import orjson
import structlog
from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channels.egress import SECONDS, Egress, EgressError, retry_after_seconds
from engine.clock import Clock
from engine.config import WebhookConfig
from engine.core.decision.effects import Alert
from engine.errors import UsageError, WorldError
from engine.store.alerting import alerts
from engine.store.database import Store
from engine.store.journeys import pauses
from engine.store.messages import webhooks
from engine.store.messages.webhooks import PlannedCall
from engine.values import HOUR, MINUTE, Birthday, Instant, Money, iso

log = structlog.get_logger("webhooks")

RETRIES = Backoff(MINUTE, HOUR, factor=4, spread=10)
TRIES = 3 + 24
"""After 1, 4 and 16 minutes and then every hour: a little more than a day in all."""

AT_ONCE, IN_ALL = 8, 64
"""Calls under way at the same time: of one webhook, and of all."""

LEASE = MINUTE
"""So long a call is nobody else's; longer than a call can take."""

BEAT = 1.0
"""Seconds after which a tick ends although calls are under way."""


def wait_after(key: str, attempts: int) -> int | None:
    """Milliseconds until the next try after so many that failed (at least one); None: no more."""
    return RETRIES.wait(attempts, f"{key}{attempts}") if attempts <= TRIES else None


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one try."""

    is_done: bool
    detail: str
    final: bool = False  # another try would bring the same
    wait: float | None = None  # seconds that the receiver asks for


class WebhookCaller:
    """`configured` gives the webhooks of the current config.yaml; `egress` refuses addresses that are not
    public; `owner` says who is told of a journey's calls."""

    def __init__(
        self,
        store: Store,
        configured: Callable[[], Mapping[str, WebhookConfig]],
        egress: Egress,
        clock: Clock,
        owner: Callable[[str], str] = lambda _journey: "",
    ) -> None:
        self._store = store
        self._configured = configured
        self._egress = egress
        self._allowed: tuple[str, ...] | None = None
        self._clock = clock
        self._owner = owner
        self._tasks: dict[asyncio.Task[None], PlannedCall] = {}

    def allow(self, egress: Sequence[str]) -> None:
        """`egress:` of another config.yaml: the calls of the next tick obey it."""
        self._allowed = tuple(egress)

    async def tick(self) -> float:
        """One beat of the daemon; how long to rest then, in seconds."""
        return 0.0 if await self.once() else 1.0

    async def once(self) -> int:
        """Begins every call that is due and has a place, and gives the ones under way a moment; one
        tick. How many began or ended."""
        if self._allowed is not None and not self._tasks:  # so that no connection in use is closed
            allowed, self._allowed = self._allowed, None
            await self._egress.close()
            self._egress = Egress(allowed)
        began = await self._begin() if self._allowed is None else 0
        if began or not self._tasks:
            return began
        ended, _ = await asyncio.wait(self._tasks, timeout=BEAT, return_when=asyncio.FIRST_COMPLETED)
        return len(ended)

    async def idle(self) -> None:
        """Waits until no call is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Lets the calls under way end, as far as they do within their time, and closes idle connections."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=SECONDS + BEAT)
            for task in late:
                task.cancel()
        await self._egress.close()

    async def _begin(self) -> int:
        now = self._clock.now()
        waiting = await self._store.aread(
            lambda conn: [] if _is_paused(conn) else list(webhooks.due(conn, now))
        )
        under_way = Counter(call.webhook for call in self._tasks.values())
        numbers = {call.number for call in self._tasks.values()}
        began = 0
        for webhook in waiting:
            # a place of its own for each webhook: a slow receiver holds back nobody else's calls
            room = min(AT_ONCE - under_way[webhook], IN_ALL - len(self._tasks))
            if room <= 0:
                continue
            take = partial(webhooks.take, webhook=webhook, now=now, lease=LEASE, limit=room)
            for call in await self._store.awrite(take, shared=True):
                if call.number in numbers:  # on a clock that runs faster the lease ends before the call does
                    continue
                task = asyncio.create_task(self._attempt(call))
                self._tasks[task] = call
                task.add_done_callback(self._ended)
                began += 1
        return began

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (wrong := task.exception()) is not None:
            log.error("webhook_not_noted", why=f"{type(wrong).__name__}: {wrong}")

    async def _attempt(self, call: PlannedCall) -> None:
        # asked once more, since the pause may have come while the call waited for its task
        if await self._store.aread(_is_paused):
            await self._store.awrite(
                lambda conn: webhooks.release(conn, call, self._clock.now()), shared=True
            )
            return
        result = await self._call(call)
        now = self._clock.now()
        if result.is_done:
            await self._store.awrite(lambda conn: webhooks.note_done(conn, call, result.detail), shared=True)
            return
        wait = None if result.final else wait_after(call.key, call.attempts + 1)
        again = None if wait is None else Instant(now + max(wait, int((result.wait or 0) * 1000)))
        log.warning(
            "webhook_failed", webhook=call.webhook, key=call.key, why=result.detail, again=again is not None
        )
        await self._store.awrite(lambda conn: self._note(conn, call, result, again, now), shared=True)

    def _note(
        self, conn: Connection, call: PlannedCall, result: _Result, again: Instant | None, now: Instant
    ) -> None:
        webhooks.note_failure(conn, call, result.detail, again)
        if again is None:
            journey = webhooks.journey_of(conn, call)
            lasted = "was given up" if result.final else "failed for 24 hours"
            why = f'a call of the webhook "{call.webhook}" {lasted}: {result.detail}'[:300]
            alerts.raise_alerts(conn, [Alert(journey, self._owner(journey), why)], now)

    async def _call(self, call: PlannedCall) -> _Result:
        config = self._configured().get(call.webhook)
        if config is None:
            return _Result(False, f'there is no webhook "{call.webhook}" in config.yaml any more', final=True)
        body, now = body_of(call), self._clock.now()
        try:
            answer = await self._egress.post(config.url, body, headers_of(config, call.key, now, body))
        except EgressError as refusal:  # an address that may not be called will not become one by waiting
            return _Result(False, refusal.what, final=True)
        except (UsageError, WorldError) as failure:
            return _Result(False, str(failure))
        # Only 410 says for good that they want no more; a redirect is a wrong address, for it is not
        # followed.
        status = str(answer.status)
        if 200 <= answer.status < 300:
            return _Result(True, status)
        if answer.status == 410:
            return _Result(False, "410: the receiver wants no more of them", final=True)
        if 300 <= answer.status < 400:
            return _Result(False, f"{status}: it has moved, and redirects are not followed", final=True)
        return _Result(
            False,
            status,
            wait=retry_after_seconds(answer.retry_after, self._clock.now())
            if answer.status in (429, 503)
            else None,
        )


def _is_paused(conn: Connection) -> bool:
    return any(pause.scope == "all" for pause in pauses.list_active(conn))


# --- one call as bytes: the body is the same in every try, the headers prove who sent it -------------


def signature(secret: str, at: Instant, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over the seconds, a dot and the body, so that the receiver can tell an
    old call."""
    seconds = at // 1000
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def body_of(call: PlannedCall) -> bytes:
    """The JSON of a call: the same bytes in every try. Money is {"amount": "80", "currency": "EUR"}, so that
    no digit is lost on the way."""
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
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def headers_of(config: WebhookConfig, key: str, now: Instant, body: bytes) -> dict[str, str]:
    """Raises UsageError when the secret is missing."""
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(now // 1000),
    }
    if config.secret is not None:
        secret = config.secret.reveal()
        headers["webhook-signature"] = standard_signature(secret, key, now, body)
        headers["X-Perennial-Signature"] = signature(secret, now, body)
    return headers


def standard_signature(secret: str, key: str, at: Instant, body: bytes) -> str:
    """`v1,BASE64` of Standard Webhooks: HMAC-SHA256 over id, seconds and body with dots between. A secret
    that begins with `whsec_` is base64."""
    secret_bytes = secret.encode()
    if secret.startswith("whsec_"):
        with contextlib.suppress(binascii.Error):  # a secret that only looks like it
            secret_bytes = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    digest = hmac.new(secret_bytes, f"{key}.{at // 1000}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
