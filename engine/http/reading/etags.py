"""Answers that whoever has them already need not get again: ETag and 304 (RFC 9110, 13.1.2)."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from engine.http.reading.shared_answers import ReadAnswer


def tag_of(content: bytes) -> str:
    """A weak tag of this content, as it stands in the header."""
    return f'W/"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def answer_unless_known(request: Request, answer: ReadAnswer) -> Response:
    """The answer with its tag; 304 without a body where the request names the tag in `If-None-Match`."""
    # private: it belongs to the holder of the key; no-cache: ask again each time, which costs next to nothing
    headers = {"ETag": answer.tag, "Cache-Control": "private, no-cache"}
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    # compared weakly: a cache on the way may have taken the mark off or put it on
    if "*" in known or answer.tag.removeprefix("W/") in {each.removeprefix("W/") for each in known}:
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type=answer.media_type)
