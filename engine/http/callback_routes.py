"""`/callbacks/<channel>`: what providers tell us later. Answered with 2xx when it is durable, and never for a
stranger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from engine.channels.base import (
    Callback,
    CallbackReader,
    CallbackRefusedError,
    CallbackUnreadableError,
    Report,
)
from engine.channels.registry import open_readers
from engine.config import Config
from engine.errors import UsageError
from engine.http.body import receive_body
from engine.http.context import Context, LiveProject
from engine.http.intake.strict_json import check_counts
from engine.http.problems import Refusal
from engine.runtime.feedback.reports import take_reports
from engine.store import meta

log = structlog.get_logger("http")

MAX_CALLBACK = 1024 * 1024
"""Bytes of a callback, after unpacking: anybody may send one, and it is read before it is known who did."""

MOST_REPORTS = 5_000
"""Of one call."""

AT_ONCE = 500
"""Reports in one transaction, since the writer is everybody's. What was stored before a failure counts once
when the provider calls again."""


def callback_routes(context: Context) -> APIRouter:
    """One address for each channel; which of them exist is known by config.yaml of the moment."""
    router = APIRouter(tags=["callbacks"], include_in_schema=False)
    readers = CallbackReaders(context)

    @router.api_route("/callbacks/{channel}", methods=["GET", "POST"])
    async def take(channel: str, request: Request) -> Response:
        live = context.live()
        reader = await readers.reader(live, channel)
        received = await receive_body(request, MAX_CALLBACK)
        now = context.clock.now()
        # Providers sign the address that they call, which is below our public URL as it is configured: what
        # the Host header says is the caller's choice.
        query = request.scope.get("query_string", b"").decode("latin-1")
        url = f"{live.config.http.public_url.rstrip('/')}/callbacks/{channel}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        if query:
            url = f"{url}?{query}"

        def read(body: bytes) -> Sequence[Report]:
            # Before the reader decodes it, and whoever sent it.
            check_counts(body)
            reports = reader.read(Callback(request.method, url, headers, body), now)
            if len(reports) > MOST_REPORTS:
                raise CallbackUnreadableError(f"at most {MOST_REPORTS} reports are taken in one call")
            return reports

        try:
            reports = await context.understand(received, read)
        except CallbackRefusedError as strange:
            log.warning("callback_refused", channel=channel, why=str(strange)[:200])
            raise Refusal(403, "nobody can tell that the provider sent this") from strange
        except CallbackUnreadableError as wrong:
            log.warning("callback_unreadable", channel=channel, why=str(wrong)[:200])
            raise Refusal(400, "this cannot be read", str(wrong)[:200]) from wrong
        # All of them durable before the 2xx: a provider that reads it never tells us again.
        for first in range(0, len(reports), AT_ONCE):
            batch = reports[first : first + AT_ONCE]
            taken = await context.write(partial(take_reports, channel=channel, reports=batch, now=now))
            for kind, number in taken.kinds.items():
                context.metrics.reports.labels(channel, kind).inc(number)
            context.metrics.reports_known.labels(channel).inc(taken.known)
        if reports:
            context.arrived()
        content_type, answer = reader.answer
        return Response(answer, 200, media_type=content_type) if answer else Response(status_code=204)

    return router


@dataclass(slots=True)
class CallbackReaders:
    """The reader of each channel, made when it is first called and again after a reload."""

    context: Context
    _config: Config | None = None
    _made: dict[str, CallbackReader | None] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reader(self, live: LiveProject, channel: str) -> CallbackReader:
        """Raises Refusal 404 for a channel whose provider never calls, 403 for one whose secret is
        missing."""
        if channel not in live.config.channels:
            raise _not_found()
        # One at a time: a burst of calls after a start must not open the channel many times over.
        async with self._making:
            # A reload may have brought another secret: every reader is made anew.
            if self._config is not live.config:
                self._config, self._made = live.config, {}
            if channel not in self._made:
                try:
                    self._made[channel] = await asyncio.to_thread(self._open, live, channel)
                except UsageError as wrong:
                    log.error("callbacks_cannot_be_checked", channel=channel, why=str(wrong))
                    raise Refusal(403, "nobody can tell that the provider sent this") from wrong
            reader = self._made[channel]
        if reader is None:
            raise _not_found()
        return reader

    def _open(self, live: LiveProject, channel: str) -> CallbackReader | None:
        with self.context.store.read() as conn:
            secret = meta.secret(conn)
        # The other channels may lack a secret, which is no reason to refuse this one's provider.
        alone = replace(live.config, channels={channel: live.config.channels[channel]})
        return open_readers(alone, live.folder, secret, self.context.clock).get(channel)


def _not_found() -> Refusal:
    return Refusal(404, "no provider calls back here", "the channels of config.yaml have these addresses")
