"""`/docs` and `/openapi.json`: every endpoint, what it takes and what it answers. Nothing on the page runs or
is fetched from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from engine.http.console_access import CONSOLE_HEADERS, is_own_host
from engine.http.context import Context
from engine.http.pages import own_page
from engine.http.problems import Refusal


def api_routes(app: FastAPI, context: Context, console: Sequence[Any]) -> APIRouter:
    """`console`: dependencies that let only the console see the page."""
    router = APIRouter(include_in_schema=False)
    written: list[bytes] = []

    @router.get("/docs", dependencies=console)
    async def page() -> Response:
        endpoints = [
            (method.upper(), path, what, _pretty(what.get("requestBody")), _pretty(what.get("responses")))
            for path, methods in app.openapi()["paths"].items()
            for method, what in methods.items()
        ]
        html = own_page("api.html", "Endpoints", "HTTP", endpoints=endpoints)
        return HTMLResponse(html, headers=CONSOLE_HEADERS)

    @router.get("/openapi.json")
    async def description(request: Request) -> Response:
        # It tells nothing about the shop; but no page of a stranger reads it under a name of its own.
        if not is_own_host(request.headers.get("host", ""), context.live().config.http, public=True):
            raise Refusal(421, "this name is none of ours")
        # Everybody may ask, and writing it takes some milliseconds: once for the life of the process.
        if not written:
            written.append(json.dumps(app.openapi(), ensure_ascii=False).encode())
        return Response(written[0], media_type="application/json")

    return router


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
