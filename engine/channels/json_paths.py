"""Where something stands in a provider's JSON: `messages.0.status.name`, `details.*.errorCode`."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

import orjson

LONGEST = 500


def load(body: bytes) -> object:
    """The JSON of a body, with or without the mark that some programs write first. Raises ValueError when it is none."""
    return orjson.loads(body.removeprefix(codecs.BOM_UTF8))


def find(document: object, path: str) -> object:
    """What stands there; None for nothing. `*`: the first of a list below which something is found."""
    return _below(document, path.split(".")) if path else document


def text(document: object, path: str, longest: int = LONGEST) -> str:
    """What stands there as one short text; "" for nothing, a list or a map."""
    found = find(document, path) if path else None
    match found:
        case bool():
            return "true" if found else "false"
        case str() | int() | float():
            return str(found)[:longest]
        case _:
            return ""


def _below(document: object, steps: list[str]) -> object:
    for place, step in enumerate(steps):
        if step == "*" and isinstance(document, list):
            found = (_below(one, steps[place + 1 :]) for one in document)
            return next((one for one in found if one is not None), None)
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isascii() and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
