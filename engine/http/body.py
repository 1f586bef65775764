"""Reading a request body: never more than the limit in memory, plain or gzipped, within a time limit."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from engine.http.problems import Refusal

MAX_BODY = 5 * 1024 * 1024  # bytes, after unpacking
READ_SECONDS = 30.0


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body. Raises Refusal 413 (too large), 408 (too slow), 400 or 415 (packed in a way we don't take)."""
    _refuse_announced(request, limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(
            415, f'the content encoding "{encoding[:40]}" is not taken', "send it plain or with gzip"
        )
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _collect(request, limit, packed=encoding == "gzip")
    except TimeoutError as wrong:
        raise Refusal(408, f"the body did not arrive within {READ_SECONDS:.0f} seconds") from wrong
    except ClientDisconnect as wrong:
        raise Refusal(400, "the connection ended before the body did") from wrong


def _refuse_announced(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)


async def _collect(request: Request, limit: int, *, packed: bool) -> bytes:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    collected = bytearray()
    async for chunk in request.stream():
        try:
            plain = unpack.decompress(chunk, limit + 1) if unpack else chunk
        except zlib.error as wrong:
            raise Refusal(400, "the body says it is gzip, but it is not") from wrong
        collected += plain
        if len(collected) > limit or (unpack and unpack.unconsumed_tail):
            raise _too_large(limit)
    if unpack and not unpack.eof:
        raise Refusal(400, "the gzipped body ends too early")
    return bytes(collected)


def _too_large(limit: int) -> Refusal:
    return Refusal(
        413, "the body is too large", f"at most {limit // (1024 * 1024)} MB; send it in several requests"
    )
