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
        return not self.is_packed and len(self.raw) <= SMALL

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


async def receive_body(request: Request, limit: int = MAX_BODY) -> ReceivedBody:
    """The body, not yet unpacked. Raises Refusal 413 (too large), 408 (too slow), 400 or 415 (packed in a way
    we don't take)."""
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
            return ReceivedBody(await _collect(request, limit), encoding == "gzip", limit)
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


async def _collect(request: Request, limit: int) -> bytes:
    collected = bytearray()
    async for chunk in request.stream():
        collected += chunk
        if len(collected) > limit:
            raise _too_large(limit)
    return bytes(collected)


def _too_large(limit: int) -> Refusal:
    size = f"{limit // (1024 * 1024)} MB" if limit >= 1024 * 1024 else f"{limit // 1024} KB"
    return Refusal(413, "the body is too large", f"at most {size}; send it in several requests")
