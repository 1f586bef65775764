"""Is it alive, can it work, and how much is waiting."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from sqlalchemy.exc import DatabaseError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from engine.http.console.openapi import READINESS
from engine.http.console_access import refuse_strangers
from engine.http.context import Context
from engine.http.gauges import Gauges
from engine.http.keys import ApiKeyAuth, presented
from engine.store import meta

ANSWERS_WITHIN = 2.0
"""Seconds in which a store that works has made a small write durable."""


def health_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """`/healthz` and `/readyz` for everybody; `/metrics` for this machine and for keys that may read."""
    router = APIRouter(tags=["health"])
    gauges, looks = Gauges(context), StoreLooks(context)
    may_read = keys.needs("read")

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The process lives."""
        return "ok\n"

    answer = {"content": {"application/json": {"schema": READINESS}}}

    @router.get(
        "/readyz",
        responses={200: {**answer}, 503: {"description": "It cannot work right now", **answer}},
    )
    async def readyz() -> Response:
        """It can store and decide."""
        why = await looks.why_store_fails() or context.ready()
        # A provider that is away takes nothing from what this daemon can: traffic has to stay here.
        return JSONResponse(
            {"ready": not why, "why": why, "failing_channels": dict(context.failing())}, 503 if why else 200
        )

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Prometheus. With a key that may read, from anywhere and with the names of keys."""
        has_key = presented(request) is not None
        if has_key:
            await may_read(request)
        else:
            refuse_strangers(context, request)
        await gauges.measure()
        text = context.metrics.text(named=has_key)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


class StoreLooks:
    """Whether the store takes writes: tried when somebody asks, at most once a second, however many ask."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looked_at = float("-inf")
        self._why = ""
        self._looking = asyncio.Lock()

    async def why_store_fails(self) -> str:
        """ "" when a write has just become durable, else why it did not."""
        async with self._looking:
            if self._looked_at > time.monotonic() - 1:
                return self._why
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await self._context.store.awrite(meta.touch)
                self._why = ""
            except TimeoutError:
                self._why = "the store does not answer"
            # The writer takes no more jobs once a stop has begun.
            except (DatabaseError, RuntimeError):
                self._why = "the store takes no writes"
            self._looked_at = time.monotonic()
            if not self._why:
                self._context.store_works()
            return self._why
