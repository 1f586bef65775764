"""Reading a form that a person or a mail program sends: small, of known types, each field once."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.requests import Request

from engine.http.body import read_body
from engine.http.problems import Refusal

LARGEST = 16_384
"""Bytes of a form."""

MOST_FIELDS = 100
_NAME = re.compile(rb'\bname="([^"\r\n]{1,100})"', re.IGNORECASE)


async def read_form(request: Request) -> dict[str, str]:
    """The fields, the last of each name. Raises Refusal 413, 415 for a body of another type, 422 for one that is no text."""
    body = await read_body(request, LARGEST)
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    match kind.strip().casefold():
        case "application/x-www-form-urlencoded":
            return _urlencoded(body)
        case "multipart/form-data":
            return _multipart(body, rest)
        case "" if not body:
            return {}
    raise Refusal(415, "this is no form", "send application/x-www-form-urlencoded")


def clean(text: str, longest: int) -> str:
    """A field as one short line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())[:longest]


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as wrong:
        raise Refusal(422, "the form cannot be read") from wrong
    return dict(pairs)


def _multipart(body: bytes, parameters: str) -> dict[str, str]:
    """Text fields only: what RFC 8058 sends, and browsers when a form has no file."""
    found = re.search(r'boundary="?([^";\s]{1,100})', parameters)
    parts = body.split(b"--" + found[1].encode("latin-1", "replace"))[1:-1] if found else []
    if len(parts) > MOST_FIELDS:
        raise Refusal(422, "the form has too many fields")
    fields = {}
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name:
            try:
                fields[name[1].decode("utf-8")] = content.removesuffix(b"\r\n").decode("utf-8")
            except UnicodeDecodeError as wrong:
                raise Refusal(422, "the form cannot be read") from wrong
    return fields
