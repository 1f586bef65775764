"""`/outbox`: what the outbox channels wrote, to look at. Reads files only; shows nothing of the store."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from engine.channels.outbox.channel import find_kept, kept_messages
from engine.http.pages import OWN_POLICY, own_page
from engine.http.preview import Sheet

MOST = 500
_HEADERS = {
    "Content-Security-Policy": OWN_POLICY,
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
        amount = "1 message" if len(kept) == 1 else f"{len(kept)} messages"
        if len(kept) >= MOST:
            amount = f"the newest {MOST}"
        page = own_page("outbox.html", "Outbox", "outbox", messages=kept, amount=amount)
        return HTMLResponse(page, headers=_HEADERS)

    @router.get("/outbox/{channel}/{day}/{key}", response_class=HTMLResponse)
    async def message(channel: str, day: str, key: str) -> HTMLResponse:
        # The parts of the address are a stranger's: `find_kept` takes no path out of the folder.
        kept = await run_in_threadpool(find_kept, folder, channel, day, key)
        if kept is None:
            page = own_page("outbox_message.html", "Not found", "outbox", sheet=None)
            return HTMLResponse(page, status_code=404, headers=_HEADERS)
        message, raw = kept.message, ""
        if message.channel == "email":
            sources = [kept.file.with_suffix(ending) for ending in (".eml", ".txt")]
            raw = next((file.read_text("utf-8", "replace") for file in sources if file.is_file()), "")
        title, sheet = message.subject or message.template, Sheet(message, at=kept.at, raw=raw)
        return HTMLResponse(own_page("outbox_message.html", title, "outbox", sheet=sheet), headers=_HEADERS)

    return router
