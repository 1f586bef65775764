"""`/outbox`: what the outbox channels wrote, to look at. The messages are files; whom they are for, and what
consent they needed, stands in the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from engine.channels.base import Message
from engine.channels.outbox.channel import KeptMessage, find_kept, kept_messages
from engine.http.console.preview import PreviewedMessage
from engine.http.console_access import CONSOLE_HEADERS
from engine.http.pages import own_page
from engine.store.messages.records import OutboxMessage
from engine.values import parse_instant, to_datetime, zone

MOST = 500


KnownMessages: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, OutboxMessage]]]
"""What the store knows of messages, by their send keys."""


async def _nothing(_keys: Sequence[str]) -> Mapping[str, OutboxMessage]:
    return {}


def outbox_router(
    folders: Callable[[], Sequence[Path]],
    known: KnownMessages = _nothing,
    timezone: Callable[[], str] = lambda: "UTC",
) -> APIRouter:
    """The pages of all outbox folders of this moment. `timezone`: that of the shop."""
    router = APIRouter(include_in_schema=False)

    @router.get("/outbox", response_class=HTMLResponse)
    async def messages() -> HTMLResponse:
        kept = await run_in_threadpool(_newest, folders())
        amount = "1 message" if len(kept) == 1 else f"{len(kept)} messages"
        if len(kept) >= MOST:
            amount = f"the newest {MOST}"
        of_store = await known([each.message.key for each in kept])
        page = own_page(
            "outbox.html", "Outbox", "outbox", amount=amount, timezone=timezone(),
            messages=[_shown(each, of_store, timezone()) for each in kept],
        )  # fmt: skip
        return HTMLResponse(page, headers=CONSOLE_HEADERS)

    @router.get("/outbox/{channel}/{day}/{key}", response_class=HTMLResponse)
    async def message(channel: str, day: str, key: str) -> HTMLResponse:
        # The parts of the address are a stranger's: `find_kept` takes no path out of the folder.
        kept: KeptMessage | None = None
        for folder in folders():
            kept = kept or await run_in_threadpool(find_kept, folder, channel, day, key)
        if kept is None:
            page = own_page("outbox_message.html", "Not found", "outbox", sheet=None)
            return HTMLResponse(page, status_code=404, headers=CONSOLE_HEADERS)
        shown = _shown(kept, await known([kept.message.key]), timezone())
        message, raw = shown.message, ""
        if message.channel == "email":
            sources = [kept.file.with_suffix(ending) for ending in (".eml", ".txt")]
            raw = next((file.read_text("utf-8", "replace") for file in sources if file.is_file()), "")
        title = message.subject or message.template
        sheet = PreviewedMessage(message, at=f"{shown.at} {timezone()}", raw=raw, customer=shown.customer)
        return HTMLResponse(
            own_page("outbox_message.html", title, "outbox", sheet=sheet), headers=CONSOLE_HEADERS
        )

    return router


@dataclass(frozen=True, slots=True)
class _Shown:
    """A message with what the store knows of it. `at`: as the clocks of the shop show it."""

    file: Path
    at: str
    message: Message
    customer: str


def _shown(kept: KeptMessage, known: Mapping[str, OutboxMessage], timezone: str) -> _Shown:
    row, message, moment = known.get(kept.message.key), kept.message, parse_instant(kept.at)
    at = f"{to_datetime(moment, zone(timezone)):%Y-%m-%d %H:%M:%S}" if moment is not None else kept.at
    if row is not None:
        # a mail that came back from a server does not say what it was made from
        message = replace(message, template=row.template, purpose=row.purpose)
    return _Shown(kept.file, at, message, row.customer if row is not None else "")


def _newest(folders: Sequence[Path]) -> list[KeptMessage]:
    found = [kept for folder in folders for kept in kept_messages(folder, MOST)]
    return sorted(found, key=lambda kept: kept.at, reverse=True)[:MOST]
