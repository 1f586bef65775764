"""A small Twilio: the REST API for messages as the real SDK speaks it, misbehaving on order, and signed
callbacks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from engine.channels.base import Callback

ACCOUNT, TOKEN = "AC" + "0" * 32, "the token of a test"


@dataclass
class Answer:
    """How a POST is answered. `accept`: the message is taken (and listed) all the same. `body` None: Twilio's
    own JSON. `slow`: bytes come one by one with this pause, for ever. `cut`: the connection ends without an
    answer."""

    status: int = 201
    code: int = 0
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    accept: bool | None = None
    slow: float = 0.0
    cut: bool = False


@dataclass
class Kept:
    """A message that was taken, with everything that was asked for."""

    sid: str
    asked: dict[str, str]
    created: datetime
    status: str = "queued"
    sent: datetime | None = None

    def payload(self) -> dict[str, Any]:
        sent = format_datetime(self.sent) if self.sent else None
        return {
            "sid": self.sid, "status": self.status, "body": self.asked.get("Body", "from a content template"),
            "to": self.asked["To"], "from": self.asked.get("From"), "direction": "outbound-api",
            "date_created": format_datetime(self.created), "date_sent": sent, "date_updated": None,
            "account_sid": ACCOUNT, "api_version": "2010-04-01", "error_code": None, "error_message": None,
            "messaging_service_sid": self.asked.get("MessagingServiceSid"), "num_segments": "1",
            "num_media": "0",
            "price": None, "price_unit": "USD", "uri": "", "subresource_uris": {},
        }  # fmt: skip


@dataclass
class TwilioServer:
    """`answers`: for the POSTs in their order, the last one for all after it. `now`: what its clock says."""

    now: datetime
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    listing: Answer = field(default_factory=lambda: Answer(200))
    page: int = 50
    kept: list[Kept] = field(default_factory=list)
    posts: list[dict[str, str]] = field(default_factory=list)
    gets: list[dict[str, str]] = field(default_factory=list)
    sent_at_once: bool = True
    port: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def keep(self, asked: dict[str, str], created: datetime | None = None) -> Kept:
        """Takes a message."""
        at = created or self.now
        one = Kept(f"SM{len(self.kept):032x}", asked, at, sent=at if self.sent_at_once else None)
        self.kept.append(one)
        return one

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._talks.discard(talk)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != wanted:
            answer = Answer(401, 20003, "Authenticate", accept=False)
            self.posts.append({})
        elif method == "POST":
            answer = self._post(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        else:
            answer = self._get(urlsplit(target))
        return await _say(writer, answer)

    def _post(self, asked: dict[str, str]) -> Answer:
        answer = self.answers[min(len(self.posts), len(self.answers) - 1)]
        self.posts.append(asked)
        self.came.set()
        accepted = answer.accept if answer.accept is not None else answer.status == 201
        one = self.keep(asked) if accepted else None
        if answer.body is not None or answer.cut or answer.slow:
            return answer
        if one is not None and answer.status == 201:
            return Answer(201, body=json.dumps(one.payload()), headers=answer.headers)
        problem = {"code": answer.code, "message": answer.message, "status": answer.status, "more_info": ""}
        return Answer(answer.status, body=json.dumps(problem), headers=answer.headers)

    def _get(self, target: Any) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(target.query).items()}
        self.gets.append(asked)
        if self.listing.body is not None or self.listing.status != 200 or self.listing.cut:
            return self.listing
        if not target.path.endswith("/Messages.json"):
            sid = target.path.rpartition("/")[2].removesuffix(".json")
            one = next((each for each in self.kept if each.sid == sid), None)
            return Answer(200, body=json.dumps(one.payload())) if one else Answer(404, 20404, body="{}")
        since = asked.get("DateSent>")
        after = datetime.fromisoformat(since) if since else None
        found = [
            one
            for one in reversed(self.kept)
            if asked.get("To") in (None, one.asked["To"])
            and (after is None or (one.sent is not None and one.sent >= after))
        ]
        size, page = min(self.page, int(asked.get("PageSize", 50))), int(asked.get("Page", 0))
        there = found[page * size : (page + 1) * size]
        again = urlencode(asked | {"Page": str(page + 1)})
        next_page = f"{target.path}?{again}" if len(found) > (page + 1) * size else None
        listed = {
            "messages": [one.payload() for one in there], "next_page_uri": next_page, "page": page,
            "page_size": size,
        }  # fmt: skip
        return Answer(200, body=json.dumps(listed))


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    if answer.cut:
        return False
    body = (answer.body or "").encode()
    lines = [f"HTTP/1.1 {answer.status} x", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"Content-Length: {10_000 if answer.slow else len(body)}", "", ""]
    writer.write("\r\n".join(lines).encode())
    while answer.slow:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(answer.slow)
    writer.write(body)
    await writer.drain()
    return True


def signature(url: str, fields: list[tuple[str, str]], token: str = TOKEN) -> str:
    """X-Twilio-Signature by Twilio's description: the URL, then every name with its value, sorted, no name
    twice with the same value."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def call(url: str, fields: list[tuple[str, str]], *, token: str = TOKEN, signed_url: str = "") -> Callback:
    """A callback as the daemon hands it on, signed."""
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-twilio-signature": signature(signed_url or url, fields, token),
    }
    return Callback("POST", url, headers, urlencode(fields).encode())


def now_at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
