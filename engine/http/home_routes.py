"""`/`: what is here. For the shop's own people a list; for everybody else whose messages these are."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection
from starlette.requests import Request

from engine.http.context import Context
from engine.http.pages import HEADERS, OWN_POLICY, own_page
from engine.store.journeys import deployments

_HERE = ("127.0.0.1", "::1")


def home_routes(context: Context) -> APIRouter:
    """The page at the root."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def home(request: Request) -> HTMLResponse:
        caller = request.client.host if request.client else ""
        live = context.live()
        is_forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
        page = own_page(
            "home.html", live.config.shop.name or "Perennial", "running", shop=live.config.shop,
            is_here=caller in _HERE and not is_forwarded,
            why=context.ready(), failing=context.failing(), journeys=await context.look(_journeys),
        )  # fmt: skip
        return HTMLResponse(page, headers={**HEADERS, "Content-Security-Policy": OWN_POLICY})

    return router


def _journeys(conn: Connection) -> int:
    deployed = deployments.current(conn)
    return len(deployed.journeys) if deployed is not None else 0
