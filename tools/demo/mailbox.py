"""The way between people and engine: what people do goes in over the real HTTP endpoints, messages come out
of the sinks."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import httpx2
import orjson

from engine.channels.base import Message
from engine.channels.outbox.channel import kept_message
from engine.errors import WorldError
from engine.store.messages.records import OutboxMessage
from engine.values import Instant, iso, to_datetime
from tools.demo.actions import (
    Action,
    FollowLink,
    OpenMail,
    PutCustomer,
    PutProduct,
    RedeemPoints,
    SendEvent,
    Unsubscribe,
)
from tools.demo.behaviour import ShopCustomers
from tools.demo.messages import parse_mail
from tools.demo.sinks import MailSink

BATCH = 500
_READER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) demo reader"}


class Caller:
    """Speaks for the shop (with its API key) and for its customers (with nothing but the links they got)."""

    def __init__(self, url: str, key: str, customers: ShopCustomers) -> None:
        self._url = url
        self._shop = httpx2.AsyncClient(base_url=url, auth=(key, ""), timeout=30.0)
        self._people = httpx2.AsyncClient(headers=_READER, timeout=30.0, follow_redirects=False)
        self._customers = customers
        self.refused = self.redeemed = 0

    async def close(self) -> None:
        """Hangs up."""
        await self._shop.aclose()
        await self._people.aclose()

    async def do(self, actions: Iterable[Action], now: Instant) -> None:
        """Everything that people did up to `now`. Raises WorldError when the daemon does not answer as it
        should."""
        events: list[SendEvent] = []
        private: list[FollowLink | OpenMail | Unsubscribe] = []
        for action in actions:
            match action:
                case SendEvent():
                    events.append(action)
                case RedeemPoints():
                    if await self._balance(action.redeemed.customer) >= action.points:
                        events.append(action.redeemed)
                        self.redeemed += 1
                case PutCustomer():
                    await self._put(f"/customers/{action.customer}", action.traits)
                case PutProduct():
                    await self._put(f"/products/{action.product}", action.fields)
                case _:
                    private.append(action)
        for start in range(0, len(events), BATCH):
            await self._batch(events[start : start + BATCH])
        await asyncio.gather(*(self._react(action, now) for action in private))

    async def _batch(self, events: list[SendEvent]) -> None:
        calls = [
            {
                "type": "track", "userId": tell.customer, "event": tell.event, "properties": tell.properties,
                "messageId": tell.id, "timestamp": tell.at,
            }
            for tell in events
        ]  # fmt: skip
        answer = await self._shop.post("/v1/batch", json={"batch": calls})
        if answer.status_code != 200:
            raise WorldError(
                f"the daemon refused a batch: {answer.status_code} {answer.text[:300]}", permanent=True
            )
        self.refused += len(answer.json()["refused"])

    async def _balance(self, customer: str) -> int:
        answer = await self._shop.get(f"/customers/{customer}/points")
        if answer.status_code != 200:
            raise WorldError(f"the daemon tells no points: {answer.status_code} {answer.text[:300]}",
                             permanent=True)  # fmt: skip
        return int(answer.json()["points"])

    async def _put(self, path: str, body: object) -> None:
        answer = await self._shop.put(path, json=body)
        if answer.status_code != 200:
            raise WorldError(
                f"the daemon refused {path}: {answer.status_code} {answer.text[:300]}", permanent=True
            )

    async def _react(self, action: FollowLink | OpenMail | Unsubscribe, now: Instant) -> None:
        match action:
            case FollowLink() if action.url == action.received.confirm:
                await self._people.post(action.url)  # the button of the page
                self._customers.landed(action.person, action.url, action.received, now)
            case FollowLink():
                target = action.url
                if action.url.startswith(
                    self._url
                ):  # nothing outside is ever fetched: the shop's pages do not exist
                    answer = await self._people.get(action.url)
                    target = answer.headers.get("location", "") if answer.is_redirect else action.url
                self._customers.landed(action.person, target, action.received, now)
            case OpenMail():
                await self._people.get(action.url)
            case Unsubscribe():
                await self._people.post(action.url, data={"List-Unsubscribe": "One-Click"})


Known: TypeAlias = Callable[[str], OutboxMessage | None]
"""The message whose Message-ID holds this token."""


class Mailbox:
    """Every message that arrived: mail from the SMTP sink, the rest from the outbox folder. Mail is put there
    too, so that the daemon's page `/outbox` shows all channels."""

    def __init__(self, sink: MailSink, folder: Path, known: Known) -> None:
        self._known = known
        self._sink = sink
        self._folder = folder
        self._seen: set[str] = set()
        self._mails = 0

    def empty(self, now: Instant) -> Iterator[Message]:
        """What came since the last time."""
        while True:
            try:
                address, raw = self._sink.arrived.get_nowait()
            except queue.Empty:
                break
            yield self._keep(address, raw, now)
        for channel in self._folder.iterdir() if self._folder.is_dir() else ():
            if channel.name == "email":
                continue
            for day in channel.iterdir():
                for file in day.glob("*.json"):
                    if file.name not in self._seen:
                        self._seen.add(file.name)
                        kept = kept_message(file)
                        if kept is not None:
                            yield kept.message

    def _keep(self, address: str, raw: bytes, now: Instant) -> Message:
        self._mails += 1
        message = parse_mail(address, raw, f"mail{self._mails:06d}")
        token = message.headers.get("Message-ID", "").strip("<> ").partition("@")[0]
        if (row := self._known(token)) is not None:
            # so that the page finds its row: a mail says neither what it was made from nor whom it is for
            message = replace(message, key=row.send_key, template=row.template, purpose=row.purpose)
        folder = self._folder / "email" / to_datetime(now).date().isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        fields = message.to_document() | {"fields": {}, "at": iso(now)}
        (folder / f"{message.key}.eml").write_bytes(raw)
        (folder / f"{message.key}.json").write_bytes(orjson.dumps(fields, option=orjson.OPT_INDENT_2))
        return message
