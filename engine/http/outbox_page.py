"""`/outbox`: what the outbox channels wrote, to look at. Reads files only; shows nothing of the store."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from engine.channels.outbox.channel import KeptMessage, find_kept, kept_messages
from engine.channels.preview import POLICY, Sheet, page, sheet

MOST = 500
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def outbox_router(folder: Path) -> APIRouter:
    """The pages of one outbox folder."""
    router = APIRouter(include_in_schema=False)

    @router.get("/outbox", response_class=HTMLResponse)
    async def messages() -> HTMLResponse:
        kept = await run_in_threadpool(lambda: list(kept_messages(folder, MOST)))
        return HTMLResponse(_list(kept), headers=_HEADERS)

    @router.get("/outbox/{channel}/{day}/{key}", response_class=HTMLResponse)
    async def message(channel: str, day: str, key: str) -> HTMLResponse:
        kept = await run_in_threadpool(find_kept, folder, channel, day, key)
        if kept is None:
            body = Markup('<h1>There is no such message</h1><p><a href="/outbox">All messages</a></p>')
            return HTMLResponse(page("Not found", body, "outbox"), status_code=404, headers=_HEADERS)
        return HTMLResponse(_one(kept), headers=_HEADERS)

    return router


def _list(kept: list[KeptMessage]) -> str:
    if not kept:
        empty = Markup(
            "<h1>Nothing was sent yet</h1><p class='soft'>Messages of channels with  via: outbox  appear here.</p>"
        )
        return page("Outbox", empty, "outbox")
    rows = Markup("").join(_row(one) for one in kept)
    note = (
        f"the newest {MOST}"
        if len(kept) >= MOST
        else f"{len(kept)} messages"
        if len(kept) > 1
        else "1 message"
    )
    body = Markup(
        '<h1>Outbox</h1><p class="soft">{}, newest first</p><div class="scroll"><table><tr><th>Sent (UTC)</th><th>Channel</th>'
        "<th>To</th><th>Message</th><th>Template</th></tr>{}</table></div>"
    ).format(note, rows)
    return page("Outbox", body, "outbox")


def _row(kept: KeptMessage) -> Markup:
    message = kept.message
    title = message.subject or message.fields.get("title", "") or message.body[:80]
    return Markup(
        '<tr><td class="when">{}</td><td><span class="badge">{}</span></td><td>{}</td><td><a href="/outbox/{}">{}</a></td><td>{}</td></tr>'
    ).format(
        kept.at.replace("T", " ").removesuffix("Z")[:19],
        message.channel,
        message.address,
        _place(kept),
        title,
        message.template,
    )


def _one(kept: KeptMessage) -> str:
    endings = [kept.file.with_suffix(end) for end in (".eml", ".txt")]
    raw = next((file.read_text("utf-8", "replace") for file in endings if file.is_file()), "")
    shown = Sheet(kept.message, at=kept.at, raw=raw if kept.message.channel == "email" else "")
    body = Markup('<p><a href="/outbox">All messages</a></p>') + sheet(shown)
    return page(kept.message.subject or kept.message.template, body, "outbox")


def _place(kept: KeptMessage) -> str:
    return "/".join(kept.file.parts[-3:])
