"""Reading a request body, as bytes or as a form: never more than the limit in memory, within a time limit."""

from __future__ import annotations

import asyncio
import logging
import re
import zlib
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from engine.http.problems import Refusal

MAX_BODY = 5 * 1024 * 1024
"""Bytes of any body, after unpacking."""

MAX_FORM = 16_384
"""Bytes of a form: what a person or a mail program sends is small."""

SMALL = 16_384
"""Bytes that are read on the event loop: a thread costs more than they do."""

FEW = 300
"""Commas and line ends of a body that is read on the event loop."""

MOST_BYTES, MOST_BYTES_OF_STRANGERS = 32 * 1024 * 1024, 8 * 1024 * 1024
"""Bytes of all bodies that are on their way or not answered yet, with a key that may send and without one. A
body costs up to ten times its bytes once it is decoded."""

MAX_FIELDS = 100
READ_SECONDS = 30.0
_BOUNDARY = re.compile(r'boundary="?([^";\s]{1,100})', re.ASCII)

# It warns of every form that is none, which anybody may send as often as they like.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class ReceivedBody:
    """A body as it came over the wire. `limit`: bytes that it may have after unpacking."""

    raw: bytes
    is_packed: bool
    limit: int

    @property
    def is_small(self) -> bool:
        """Whether it may be read on the event loop: what a few bytes of gzip hold, nobody knows."""
        if self.is_packed or len(self.raw) > SMALL:
            return False
        # `[1,1,1` is short and holds thousands of items, each with a refusal of its own.
        return self.raw.count(b",") + self.raw.count(b"\n") <= FEW

    def plain(self) -> bytes:
        """Its content. Raises Refusal 413 (too large) or 400 (no whole gzip)."""
        if not self.is_packed:
            return self.raw
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            # Bounded while it is unpacked: 5 KB of gzip can be 5 MB of zeros.
            plain = unpack.decompress(self.raw, self.limit + 1)
        except zlib.error as wrong:
            raise Refusal(400, "the body says it is gzip, but it is not") from wrong
        if len(plain) > self.limit or unpack.unconsumed_tail:
            raise _too_large(self.limit)
        # A cut body may be whole JSON by chance: its check sum was never seen.
        if not unpack.eof:
            raise Refusal(400, "the gzipped body ends too early")
        if unpack.unused_data:
            raise Refusal(400, "there is more behind the end of the gzipped body", "send one gzip stream")
        return plain


class BodyBudget:
    """How many bytes of bodies this daemon holds; each request gives back what it took when it is answered.
    Strangers, whose bodies are read before anybody knows their key, have a budget of their own: they keep
    nobody out who has one."""

    def __init__(self) -> None:
        self.held = {True: 0, False: 0}  # by whether the sender is known

    def take(self, number: int, *, is_known: bool) -> None:
        """Raises Refusal 503 where there is no room."""
        if self.held[is_known] + number > (MOST_BYTES if is_known else MOST_BYTES_OF_STRANGERS):
            raise Refusal(
                503, "too many bytes are on their way", "nothing was taken; try again", retry_after=2
            )
        self.held[is_known] += number


class RequestBudget:
    """The part of a budget that one request has."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._taken = {True: 0, False: 0}

    def take(self, number: int, *, is_known: bool) -> None:
        """Raises Refusal 503 where there is no room."""
        self._budget.take(number, is_known=is_known)
        self._taken[is_known] += number

    def give_back(self) -> None:
        """The request is answered."""
        for is_known, number in self._taken.items():
            self._budget.held[is_known] -= number


BUDGET = "perennial.budget"
"""Where the `RequestBudget` stands in the scope of a request."""


async def receive_body(request: Request, limit: int = MAX_BODY, *, is_known: bool = False) -> ReceivedBody:
    """The body, not yet unpacked. `is_known`: its sender has shown a key that may send.

    Raises Refusal 413 (too large), 408 (too slow), 503 (no room), 400 or 415 (packed in a way we don't take).
    """
    announced = request.headers.get("content-length", "")
    # Only a courtesy to honest senders: `_collect` counts what really comes.
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(
            415, f'the content encoding "{encoding[:40]}" is not taken', "send it plain or with gzip"
        )
    try:
        # Over the whole body: a limit on each chunk lets a byte now and then hold the connection for ever.
        async with asyncio.timeout(READ_SECONDS):
            content = await _collect(request, limit, is_known=is_known, is_packed=encoding == "gzip")
            return ReceivedBody(content, encoding == "gzip", limit)
    except TimeoutError as wrong:
        raise Refusal(408, f"the body did not arrive within {READ_SECONDS:.0f} seconds") from wrong
    except ClientDisconnect as wrong:
        raise Refusal(400, "the connection ended before the body did") from wrong


async def read_body(request: Request, limit: int = MAX_FORM) -> bytes:
    """The content of a small body. Raises what `receive_body` and `ReceivedBody.plain` raise."""
    return (await receive_body(request, limit)).plain()


async def read_form(request: Request) -> dict[str, str]:
    """The text fields of a form, the last of each name; files are left out.

    Raises Refusal 413 (too large), 415 (a body of another type), 422 (no form, or one that is no UTF-8).
    """
    body = await read_body(request)
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    match kind.strip().casefold():
        case "application/x-www-form-urlencoded":
            # Everything but ASCII is %-escaped; the parser would read other bytes as Latin-1.
            content_type, encoding = b"application/x-www-form-urlencoded", "ascii"
        case "multipart/form-data":
            boundary = _BOUNDARY.search(parameters)
            content_type = b"multipart/form-data; boundary=" + (boundary[1].encode() if boundary else b"")
            encoding = "utf-8"
        case "" if not body:
            return {}
        case _:
            raise Refusal(415, "this is no form", "send application/x-www-form-urlencoded")

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    # The parser bounds each part, but neither the whole nor the time: it gets a body that is here already, so
    # small that it may be parsed on the event loop. It follows a charset that the sender names, and is slow
    # with a long list of parameters: so the header is one of our own.
    bounded = Request({**request.scope, "headers": [(b"content-type", content_type)]}, replay)
    try:
        body.decode(encoding)
        async with bounded.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=MAX_FORM) as form:
            fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    except (UnicodeDecodeError, HTTPException) as wrong:
        raise Refusal(422, "the form cannot be read", getattr(wrong, "detail", "")) from wrong
    # U+FFFD is what %-escapes become that are no UTF-8.
    if any("\ufffd" in text for field in fields.items() for text in field):
        raise Refusal(422, "the form cannot be read")
    return fields


async def _collect(request: Request, limit: int, *, is_known: bool, is_packed: bool) -> bytes:
    budget: RequestBudget = request.scope[BUDGET]
    if is_packed:
        # However few bytes come: what they hold is known when they are unpacked.
        budget.take(limit, is_known=is_known)
    collected = bytearray()
    async for chunk in request.stream():
        if not is_packed:
            budget.take(len(chunk), is_known=is_known)
        collected += chunk
        if len(collected) > limit:
            raise _too_large(limit)
    return bytes(collected)


def _too_large(limit: int) -> Refusal:
    size = f"{limit // (1024 * 1024)} MB" if limit >= 1024 * 1024 else f"{limit // 1024} KB"
    return Refusal(413, "the body is too large", f"at most {size}; send it in several requests")
