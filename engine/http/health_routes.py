"""Is it alive, can it work, and how much is waiting."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from engine.http.context import Context
from engine.http.openapi import READINESS
from engine.store.inbox import due_queue
from engine.store.journeys import figures as tally
from engine.store.journeys import pauses
from engine.store.messages import records


def health_routes(context: Context) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`: no key is needed, nothing in them is about a customer."""
    router = APIRouter(tags=["health"])

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
        why = context.ready()
        if not why:
            try:
                await context.look(pauses.list_active)  # a small question: whether the store answers at all
            except DatabaseError:
                why = "the store does not answer"
        # A provider that is away takes nothing from what this daemon can: traffic has to stay here.
        return JSONResponse(
            {"ready": not why, "why": why, "failing_channels": dict(context.failing())}, 503 if why else 200
        )

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus."""
        await context.look(lambda conn: _measure(context, conn))
        return Response(context.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _measure(context: Context, conn: Connection) -> None:
    figures = context.metrics
    waiting = tally.waiting(conn)
    figures.inbox.set(waiting["inbox"])
    figures.stuck.set(waiting["stuck"])
    figures.due.set(due_queue.overdue(conn, context.clock.now()))
    figures.failing.clear()
    for channel in context.live().config.channels:
        figures.failing.labels(channel).set(channel in context.failing())
    figures.paused.set(len(pauses.list_active(conn)))
    # A state that no message is in any more would keep its last number.
    figures.outbox.clear()
    for (channel, state), number in records.counts(conn).items():
        figures.outbox.labels(channel, state).set(number)
