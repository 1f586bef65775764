"""The links in messages: follow, open, unsubscribe, preferences. Whoever has the link may use it, so a GET changes
nothing that cannot be changed back, and a token that we did not sign is not found."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from html import escape

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.channels.links import Leaving
from engine.core.happening import Changed, Reaction
from engine.http.context import Context
from engine.http.page import page
from engine.http.problems import Refusal
from engine.store import consents, inbox, messages, reactions
from engine.store.inbox import Arrival
from engine.store.reactions import ReactionKind
from engine.values import Instant

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def link_routes(context: Context) -> APIRouter:
    """`/c/`, `/o/`, `/u/`, `/p/`."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/c/{token:path}", methods=["GET", "HEAD"])
    async def click(token: str, request: Request) -> Response:
        found = context.live().links.read_click(token)
        if found is None:
            raise _not_found()
        if request.method == "GET":
            await _react(context, found.key, "clicked", found.url)
        return RedirectResponse(found.url, 302, _NO_STORE)

    @router.api_route("/o/{token:path}", methods=["GET", "HEAD"])
    async def opened(token: str, request: Request) -> Response:
        key = context.live().links.read_open(token)
        if key is None:
            raise _not_found()
        if request.method == "GET":
            await _react(context, key, "opened", "")
        return Response(_PIXEL, media_type="image/gif", headers=_NO_STORE)

    @router.get("/u/{token:path}")
    async def ask(token: str) -> Response:
        leaving = context.live().links.read_unsubscribe(token)
        if leaving is None:
            raise _not_found()
        shop = context.live().config.shop.name
        body = (
            f"<h1>Unsubscribe</h1><p>You will get no more {escape(_what(leaving))} from {escape(shop)}.</p>"
            '<form method="post"><button>Unsubscribe</button></form>'
        )
        return HTMLResponse(page("Unsubscribe", body), headers=_NO_STORE)

    @router.post("/u/{token:path}")
    async def leave(token: str) -> Response:
        """RFC 8058: no cookie, no login, no redirect; effective when it is answered."""
        leaving = context.live().links.read_unsubscribe(token)
        if leaving is None:
            raise _not_found()
        await _write_consents(
            context, leaving.customer, {(leaving.channel, leaving.purpose): "withdrawn"}, "unsubscribe link"
        )
        return HTMLResponse(
            page("Unsubscribed", "<h1>You are unsubscribed</h1><p>Nothing more will come.</p>"),
            headers=_NO_STORE,
        )

    router.add_api_route("/p/{token:path}", _preferences(context), methods=["GET"])
    router.add_api_route("/p/{token:path}", _choose(context), methods=["POST"])
    return router


def _preferences(context: Context) -> Callable[[str], Awaitable[Response]]:
    async def show(token: str) -> Response:
        customer = context.live().links.read_preferences(token)
        if customer is None:
            raise _not_found()
        states = await context.look(lambda conn: consents.standing(conn, customer))
        return HTMLResponse(page("Your choice", _form(context, states)), headers=_NO_STORE)

    return show


def _choose(context: Context) -> Callable[[str, Request], Awaitable[Response]]:
    async def choose(token: str, request: Request) -> Response:
        customer = context.live().links.read_preferences(token)
        if customer is None:
            raise _not_found()
        ticked = set((await request.form(max_files=0, max_fields=50)).keys())
        states = await context.look(lambda conn: consents.standing(conn, customer))
        chosen = {
            (channel, "marketing"): "given" if channel in ticked else "withdrawn"
            for channel in context.live().config.channels
            if (channel in ticked) != (states.get((channel, "marketing")) == "given")
        }
        if chosen:
            await _write_consents(context, customer, chosen, "preference page")
        body = "<h1>Saved</h1><p>Your choice counts from now on.</p>"
        return HTMLResponse(page("Saved", body), headers=_NO_STORE)

    return choose


def _form(context: Context, states: dict[tuple[str, str], str]) -> str:
    shop = context.live().config.shop.name
    boxes = "".join(
        f'<label><input type="checkbox" name="{escape(channel)}"'
        f"{' checked' if states.get((channel, 'marketing')) == 'given' else ''}> {escape(channel)}</label>"
        for channel in context.live().config.channels
    )
    return f'<h1>Your choice</h1><p>How may {escape(shop)} write to you?</p><form method="post">{boxes}<button>Save</button></form>'


async def _react(context: Context, key: str, kind: ReactionKind, target: str) -> None:
    """A person reacted; a message that we do not know any more is no reason to keep them from their page."""
    now = context.clock.now()

    def job(conn: Connection) -> None:
        message = messages.find(conn, key)
        if message is None:
            return
        reactions.record(conn, message.customer, key, kind, now, target)
        what = Reaction(0, now, key, message.enrollment, kind)
        inbox.append_one(conn, message.customer, what, now)

    try:
        await context.write(job)
    except Refusal:
        return
    context.arrived()


async def _write_consents(
    context: Context, customer: str, chosen: dict[tuple[str, str], str], where: str
) -> None:
    now = context.clock.now()

    def job(conn: Connection) -> None:
        _record(conn, customer, chosen, where, now)

    await context.write(job)
    context.arrived()


def _record(
    conn: Connection, customer: str, chosen: dict[tuple[str, str], str], where: str, now: Instant
) -> None:
    inbox.append(conn, [Arrival(customer, "links", None, Changed(0, now, {}, {}, chosen))], now)
    consents.record(
        conn,
        [
            consents.Agreement(customer, channel, purpose, state, now, where, "")
            for (channel, purpose), state in chosen.items()
        ],
    )


def _what(leaving: Leaving) -> str:
    return f"{leaving.purpose} messages by {leaving.channel}"


def _not_found() -> Refusal:
    return Refusal(404, "this link is not known", "it may have been cut off; open it from the message itself")
