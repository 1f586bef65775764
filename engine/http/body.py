"""Reading a request body, as bytes or as a form: never more than the limit in memory, within a time limit."""

from __future__ import annotations

import asyncio
import logging
import re
import zlib

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from engine.http.problems import Refusal

MAX_BODY = 5 * 1024 * 1024
"""Bytes of any body, after unpacking."""

MAX_FORM = 16_384
"""Bytes of a form: what a person or a mail program sends is small."""

MAX_FIELDS = 100
READ_SECONDS = 30.0
_BOUNDARY = re.compile(r'boundary="?([^";\s]{1,100})', re.ASCII)

# It warns of every form that is none, which anybody may send as often as they like.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body. Raises Refusal 413 (too large), 408 (too slow), 400 or 415 (packed in a way we don't
    take)."""
    announced = request.headers.get("content-length", "")
    # Only a courtesy to honest senders: `_collect` counts what really comes.
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(
            415, f'the content encoding "{encoding[:40]}" is not taken', "send it plain or with gzip"
        )
    try:
        # Over the whole body: a limit on each chunk lets a byte now and then hold the connection for ever.
        async with asyncio.timeout(READ_SECONDS):
            return await _collect(request, limit, packed=encoding == "gzip")
    except TimeoutError as wrong:
        raise Refusal(408, f"the body did not arrive within {READ_SECONDS:.0f} seconds") from wrong
    except ClientDisconnect as wrong:
        raise Refusal(400, "the connection ended before the body did") from wrong


async def read_form(request: Request) -> dict[str, str]:
    """The text fields of a form, the last of each name; files are left out.

    Raises Refusal 413 (too large), 415 (a body of another type), 422 (no form, or one that is no UTF-8).
    """
    body = await read_body(request, MAX_FORM)
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


async def _collect(request: Request, limit: int, *, packed: bool) -> bytes:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    collected = bytearray()
    async for chunk in request.stream():
        try:
            # Bounded while it is unpacked: 5 KB of gzip can be 5 MB of zeros.
            plain = unpack.decompress(chunk, limit + 1) if unpack else chunk
        except zlib.error as wrong:
            raise Refusal(400, "the body says it is gzip, but it is not") from wrong
        collected += plain
        if len(collected) > limit or (unpack and unpack.unconsumed_tail):
            raise _too_large(limit)
    # A cut body may be whole JSON by chance: its check sum was never seen.
    if unpack and not unpack.eof:
        raise Refusal(400, "the gzipped body ends too early")
    return bytes(collected)


def _too_large(limit: int) -> Refusal:
    return Refusal(
        413, "the body is too large", f"at most {limit // (1024 * 1024)} MB; send it in several requests"
    )
