"""`/`: what is here. For the shop's own people a list; for everybody else whose messages these are."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection
from starlette.requests import Request

from engine.http.console_access import refuse_strangers
from engine.http.context import Context
from engine.http.pages import HEADERS, OWN_POLICY, own_page
from engine.http.problems import Refusal
from engine.store.journeys import deployments


def home_routes(context: Context) -> APIRouter:
    """The page at the root."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def home(request: Request) -> HTMLResponse:
        live = context.live()
        try:
            refuse_strangers(context, request)
            is_here = True
        except Refusal:
            is_here = False
        page = own_page(
            "home.html", live.config.shop.name or "Perennial", "running", shop=live.config.shop,
            is_here=is_here, why=context.ready(), failing=context.failing(),
            journeys=await context.look(_journeys),
        )  # fmt: skip
        return HTMLResponse(page, headers={**HEADERS, "Content-Security-Policy": OWN_POLICY})

    return router


def _journeys(conn: Connection) -> int:
    deployed = deployments.current(conn)
    return len(deployed.journeys) if deployed is not None else 0
