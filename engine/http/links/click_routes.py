"""`/c/` and `/o/`: links that are followed and pictures that are loaded, by people and by machines."""

from __future__ import annotations

import base64

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.channels.bot_detection import judge_click, judge_open
from engine.channels.registry import styles
from engine.channels.render import OPENS, SenderProfile, may_notice_opens
from engine.core.facts.customer import Reach
from engine.http.context import Context
from engine.http.links.link_pages import unknown_link
from engine.http.links.visitor import find_visitor
from engine.http.problems import Refusal
from engine.store.messages import reactions, records
from engine.store.messages.records import OutboxMessage
from engine.values import Instant

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def click_routes(context: Context) -> APIRouter:
    """Both; whoever has a link gets to the page behind it, whatever becomes of the figures."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/c/{token:path}", methods=["GET", "HEAD"])
    async def click(token: str, request: Request) -> Response:
        live = context.live()
        link = live.links.read_click(token)
        if link is None:
            return unknown_link(live, request)
        # A HEAD is a program that looks whether the link is alive.
        if request.method == "GET":
            await _note_click(context, request, link.key, link.url)
        return RedirectResponse(link.url or live.config.shop.url, 302, _NO_STORE)

    @router.api_route("/o/{token:path}", methods=["GET", "HEAD"])
    async def opened(token: str, request: Request) -> Response:
        live = context.live()
        key = live.links.read_open(token)
        if key is None:
            return unknown_link(live, request)
        # Asked before the store is: a shop that notices no openings writes nothing for them.
        if request.method == "GET" and live.config.tracking.opens != "never":
            await _note_open(context, request, key)
        return Response(_PIXEL, media_type="image/gif", headers=_NO_STORE)

    return router


async def _note_click(context: Context, request: Request, key: str, url: str) -> None:
    now, headers = context.clock.now(), dict(request.headers)

    def job(conn: Connection) -> None:
        message = records.find(conn, key)
        if message is not None:
            # The decoy has no page behind it: no person can have seen it.
            who = "machine" if not url else judge_click(headers, _since(message, now))
            reactions.take_click(conn, message, url, who, now)

    try:
        await context.write(job)
    except Refusal:  # the store is busy or gone: that is no reason to keep somebody from their page
        return


async def _note_open(context: Context, request: Request, key: str) -> None:
    """Asked again at this moment: what was withdrawn since the mail was sent is not kept
    (design/reliability 3.4)."""
    now, headers = context.clock.now(), dict(request.headers)
    config = context.live().config

    def job(conn: Connection) -> bool:
        message = records.find(conn, key)
        if message is None:
            return False
        reach = find_visitor(conn, message.customer).reach.get(message.channel, Reach())
        style = styles(config).get(message.channel, SenderProfile())
        if not may_notice_opens(reach.consents.get(OPENS, "none"), style):
            return False
        return reactions.take_open(conn, message, judge_open(headers, _since(message, now)), now)

    try:
        is_new = await context.write(job)
    except Refusal:  # the store is busy or gone: the picture is shown all the same
        return
    if is_new:
        context.arrived()


def _since(message: OutboxMessage, now: Instant) -> int | None:
    return None if message.handed_at is None else now - message.handed_at
