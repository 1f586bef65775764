"""The journeys that are published, and how many people are at each of their steps."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError
from starlette.requests import Request
from starlette.responses import Response

from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.http.console.openapi_reading import JOURNEYS
from engine.http.context import Context, store_is_silent
from engine.http.keys import ApiKeyAuth
from engine.http.problems import refuse_unknown
from engine.http.reading.etags import answer_unless_known, tag_of
from engine.http.reading.shared_answers import ReadAnswer, SharedAnswers
from engine.store.customers import enrollments
from engine.store.customers.enrollments import InsideCounts
from engine.store.journeys import deployments
from engine.store.serialization import dump
from engine.values import iso

KEPT = 2.0
"""Seconds for which the answer is handed out again."""

_NOBODY = InsideCounts(0, {}, 0)


def journey_routes(context: Context, keys: ApiKeyAuth, shared: SharedAnswers) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["reading"])

    @router.get("/journeys", responses=JOURNEYS, dependencies=[Depends(keys.needs("read"))])
    async def journeys(request: Request) -> Response:
        """Every published journey with the people inside of it, step by step, and what was published last.
        With `If-None-Match` 304 while nothing has changed."""
        refuse_unknown(request, ())
        answer = await shared.answer("journeys", lambda: _make(context), KEPT)
        return answer_unless_known(request, answer)

    return router


def _make(context: Context) -> ReadAnswer:
    """Everybody who is inside is counted, which takes a while where they are many."""
    published = context.live().intake.journeys
    try:
        with context.store.read() as conn:
            body = dump(_told(conn, published)).encode()
    except DatabaseError as wrong:
        raise store_is_silent() from wrong
    return ReadAnswer(body, tag_of(body))


def _told(conn: Connection, published: Journeys) -> dict[str, Any]:
    deployed, inside = deployments.current(conn), enrollments.inside(conn)
    # people may be inside of what the last publication of another process has taken away a moment ago
    names = sorted({*published.by_name, *inside})
    versions = deployed.journeys if deployed is not None else {}
    return {
        "deployment": {
            "number": deployed.number,
            "at": iso(deployed.at),
            "by": deployed.whom,
            "commit": deployed.commit or None,
        }
        if deployed is not None
        else None,
        "journeys": [
            _journey(name, published.by_name.get(name), versions.get(name), inside.get(name, _NOBODY))
            for name in names
        ],
    }


def _journey(name: str, journey: Journey | None, version: str | None, inside: InsideCounts) -> dict[str, Any]:
    in_file = [step.id for step in journey.steps] if journey is not None else []
    elsewhere = sorted(set(inside.steps) - {*in_file, ""})
    return {
        "name": name,
        "about": journey.about if journey is not None else "",
        "owner": journey.owner if journey is not None else "",
        "file": journey.file if journey is not None else None,
        "state": journey.state if journey is not None else None,
        "version": version,
        "people": inside.people,
        "holdout": inside.holdout,
        "on_the_way": inside.steps.get("", 0),
        "steps": [{"step": step, "people": inside.steps.get(step, 0)} for step in (*in_file, *elsewhere)],
    }
