"""JSON from strangers: bounded in size, depth and count; NaN, infinities, NUL and lone surrogates are
refused.

The quick way is orjson, which takes none of them. Only when it refuses a body is the slower way
taken, so that the good items of a batch can still be told from the bad one.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from engine.http.problems import Refusal
from engine.runtime.intake.items import RefusedItem

MAX_DEPTH = 20
MAX_NODES = 5_000  # values inside one item
MAX_TEXT = 8_192  # characters of one text
MAX_KEY = 256
MAX_ITEMS = 5_000  # items in one request


def decode(body: bytes) -> Any:
    """The value of a JSON text. Raises Refusal(400) that says what is wrong with it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        why = str(wrong)
    # Before the library that reads by recursion: a body of brackets alone would end in a RecursionError.
    if _depth(body) > MAX_DEPTH + 4:
        raise Refusal(400, "the body is nested too deep", f"at most {MAX_DEPTH} levels are taken")
    try:
        return json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError) as wrong:
        raise Refusal(
            400, "the body is not JSON", f"{why}. Send UTF-8 JSON without NaN or Infinity"
        ) from wrong


def _depth(body: bytes) -> int:
    """The deepest nesting of brackets outside of strings."""
    depth = deepest = 0
    inside = escaped = False
    for byte in body:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH + 4:
                return depth
        elif byte in b"]}":
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def decode_lines(body: bytes) -> list[tuple[Any, str]]:
    """JSON Lines: each line's value, or why it is none."""
    values: list[tuple[Any, str]] = []
    for line in body.splitlines():
        # Files end with an empty line.
        if not line.strip():
            continue
        try:
            values.append((decode(line), ""))
        except Refusal as refusal:
            values.append((None, f"{refusal.title}. {refusal.detail}"))
    return values


def unstorable(value: Any, item: int) -> RefusedItem | None:
    """The first thing in one item that cannot be stored, or None. Without recursion."""
    nodes = 0
    # A stack of our own: the depth of a stranger's value may not be the depth of our calls.
    stack: list[tuple[str, int, Any]] = [("", 0, value)]
    while stack:
        path, depth, node = stack.pop()
        nodes += 1
        # Counted before a value is looked at, so that a wide item ends early.
        if nodes > MAX_NODES:
            why = f"one item may hold at most {MAX_NODES} values"
        elif depth > MAX_DEPTH:
            why = f"nested deeper than {MAX_DEPTH} levels"
        elif isinstance(node, str):
            why = _text_fault(node, MAX_TEXT)
        elif isinstance(node, float) and not math.isfinite(node):
            why = "NaN and Infinity are no numbers; leave the field out when there is none"
        # Both databases keep integers in 64 bits.
        elif isinstance(node, int) and not isinstance(node, bool) and abs(node) >= 2**63:
            why = "this number is too large; send it as text"
        else:
            why = ""
        if why:
            return RefusedItem(item, path, why)
        if isinstance(node, dict):
            for key, inner in node.items():
                why = _text_fault(key, MAX_KEY)
                if why:
                    return RefusedItem(item, path, f"a name in here cannot be stored: {why}")
                stack.append((f"{path}.{key}" if path else key, depth + 1, inner))
        elif isinstance(node, list):
            stack.extend((f"{path}[{index}]", depth + 1, inner) for index, inner in enumerate(node))
    return None


def _text_fault(text: str, longest: int) -> str:
    if len(text) > longest:
        return f"a text may be at most {longest} characters long, this one has {len(text)}"
    # PostgreSQL stores no NUL in a text.
    if "\x00" in text:
        return "a text may not hold the NUL character"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return (
                "this text holds half of a character (a lone surrogate); "
                "send the whole character or leave it out"
            )
    return ""
