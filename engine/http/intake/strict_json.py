"""JSON from strangers: bounded in size, depth and count; NaN, infinities, NUL and lone surrogates are
refused.

Everything is counted before it is decoded, since counting is a hundred times as fast: a body that would cost
seconds costs a millisecond. The quick way is orjson, which takes none of the things above. Only a body that
it refuses and that is small is read the slower way, so that the good items of a batch can still be told from
the bad one.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import orjson

from engine.http.problems import Refusal
from engine.runtime.intake.consent_reading import is_consent, is_withdrawal
from engine.runtime.intake.items import RefusedItem

MAX_DEPTH = 20
MAX_NODES = 5_000  # values inside one item
MAX_TEXT = 8_192  # characters of one text
MAX_KEY = 256
MAX_ITEMS = 5_000  # items in one request
MAX_LINES = 2 * MAX_ITEMS  # line ends of JSON Lines, empty lines among them
MAX_BRACKETS = 50_000  # objects and lists of a body
MAX_COMMAS = 250_000  # about the values of a body

SECOND_READING = 512 * 1024
"""Bytes: what an SDK of the Segment format sends in one batch at most is read a second time where it is wrong
in one place; a larger body is refused as a whole."""

SLICE = 512 * 1024
"""Bytes that are decoded in one go: some milliseconds."""

_TOGETHER = 20
"""Items that are looked at in one go."""

_NESTED = frozenset({dict, list})
_JSON_TYPES = frozenset({str, int, float, bool, type(None)}) | _NESTED

_SPACE, _MOST_SPACE = b" \t\r\n", 1_024
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(body: bytes) -> Any:
    """The value of a JSON text. Raises Refusal 400 that says what is wrong with it, or 413."""
    body = _as_utf8(body)
    check_counts(body)
    try:
        return _in_slices(body)
    except msgspec.DecodeError as wrong:
        # A body of this size is not read a second time.
        raise _no_json(str(wrong)) from wrong
    except orjson.JSONDecodeError as wrong:
        why = str(wrong)
    if len(body) > SECOND_READING:
        raise _no_json(why)
    try:
        return json.loads(body.decode("utf-8"))
    except RecursionError as wrong:
        raise Refusal(400, "the body is nested too deep", f"at most {MAX_DEPTH} levels are taken") from wrong
    except UnicodeDecodeError as wrong:
        raise _no_json(f"byte {wrong.start + 1} is no UTF-8: {wrong.reason}") from wrong
    except ValueError as wrong:
        raise _no_json(why) from wrong


def _as_utf8(body: bytes) -> bytes:
    """The same text in UTF-8 without a byte order mark. What Windows programs write as UTF-16 is known by its
    first bytes (RFC 4627 3), whatever the header says. Raises Refusal 400."""
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :]
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    try:
        return body.decode(encoding).encode("utf-8")
    except UnicodeDecodeError as wrong:
        raise _no_json(f"it begins as {encoding} and is none: {wrong.reason}") from wrong


def _in_slices(text: bytes | msgspec.Raw, depth: int = 0) -> Any:
    """As `orjson.loads`, but a large text is decoded part by part: a parser keeps the interpreter until it is
    through, and the event loop waits for it. Finding the parts takes a fifth of the time that decoding does.
    """
    content = memoryview(text)
    kind = bytes(content[:_MOST_SPACE]).lstrip(_SPACE)[:1]
    if len(content) <= SLICE or depth > MAX_DEPTH or kind not in (b"[", b"{"):
        return orjson.loads(content)
    if kind == b"[":
        return [_in_slices(part, depth + 1) for part in _LIST.decode(content)]
    return {name: _in_slices(part, depth + 1) for name, part in _OBJECT.decode(content).items()}


def check_counts(body: bytes) -> None:
    """Refuses (413) what would take long to decode. Brackets and commas inside of texts count as well."""
    # A small body cannot hold so many.
    if len(body) < MAX_BRACKETS:
        return
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS or body.count(b",") > MAX_COMMAS:
        raise Refusal(
            413, "the body holds too many values",
            f"at most {MAX_BRACKETS} objects and lists, and {MAX_COMMAS} values; send it in several requests",
        )  # fmt: skip


def decode_lines(body: bytes) -> list[tuple[Any, str]]:
    """JSON Lines: each line's value; or its text, and why it is none. Raises Refusal 413 for too many
    lines."""
    body = _as_utf8(body)
    check_counts(body)
    if body.count(b"\n") > MAX_LINES:
        raise Refusal(413, f"at most {MAX_ITEMS} items in one request", "send them in several requests")
    values: list[tuple[Any, str]] = []
    left = SECOND_READING
    for line in body.split(b"\n"):
        # Files end with an empty line.
        if not line.strip():
            continue
        try:
            values.append((_in_slices(line), ""))
        except (orjson.JSONDecodeError, msgspec.DecodeError) as wrong:
            left -= len(line)
            values.append(_read_again(line, str(wrong), is_allowed=left >= 0))
    return values


def _read_again(line: bytes, why: str, *, is_allowed: bool) -> tuple[Any, str]:
    try:
        if is_allowed:
            return decode(line), ""
        refusal = _no_json(why)
    except Refusal as wrong:
        refusal = wrong
    return line.decode("utf-8", "backslashreplace"), f"{refusal.title}. {refusal.detail}"


def _no_json(why: str) -> Refusal:
    return Refusal(400, "the body is not JSON", f"{why}. Send UTF-8 JSON without NaN or Infinity")


def unstorable(value: Any, item: int) -> RefusedItem | None:
    """The first thing in one item that cannot be stored, or None. Without recursion."""
    if _are_plain([value]):
        return None
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
        # All that is known to be inside, before any of it is taken up.
        if isinstance(node, dict | list) and nodes + len(stack) + len(node) > MAX_NODES:
            return RefusedItem(item, path, f"one item may hold at most {MAX_NODES} values")
        if isinstance(node, dict):
            for key, inner in node.items():
                why = _text_fault(key, MAX_KEY)
                if why:
                    return RefusedItem(item, path, f"a name in here cannot be stored: {why}")
                stack.append((f"{path}.{key}" if path else key, depth + 1, inner))
        elif isinstance(node, list):
            stack.extend((f"{path}[{index}]", depth + 1, inner) for index, inner in enumerate(node))
    return None


def plain_items(values: Sequence[Any]) -> list[bool]:
    """For each item of a body whether it can be stored without a doubt: what nearly all are, told many at a
    time and without the path to every value. False says nothing."""
    told: list[bool] = []
    for start in range(0, len(values), _TOGETHER):
        some = values[start : start + _TOGETHER]
        told += [_are_plain(some)] * len(some)
    return told


def _are_plain(items: Sequence[Any]) -> bool:
    """Whether all of these objects can be stored, and have no more values together than one may have."""
    nodes, layer = len(items), items
    # What the innermost objects hold lies one level deeper than they do.
    for _ in range(MAX_DEPTH):
        names: set[str] = set()
        inside: list[Any] = []
        for node in layer:
            nodes += len(node) if type(node) is dict or type(node) is list else MAX_NODES
            # Counted before a value is looked at, so that a wide item ends early.
            if nodes > MAX_NODES:
                return False
            if type(node) is dict:
                names.update(node)
                inside += node.values()
            else:
                inside += node
        # By lists of one type each: a look at each value costs several times as much.
        kinds = set(map(type, inside))
        if not kinds <= _JSON_TYPES:
            return False
        if int in kinds:
            numbers = [value for value in inside if type(value) is int]
            if not -(2**63) < min(numbers) <= max(numbers) < 2**63:
                return False
        if float in kinds and not all(math.isfinite(value) for value in inside if type(value) is float):
            return False
        texts = [value for value in inside if type(value) is str]
        if not (_are_plain_texts(names, MAX_KEY) and _are_plain_texts(texts, MAX_TEXT)):
            return False
        if kinds.isdisjoint(_NESTED):
            return True
        layer = [value for value in inside if type(value) in _NESTED]
    return False


def _are_plain_texts(texts: Collection[str], longest: int) -> bool:
    # As one text: a look at each costs five times as much.
    joined = "".join(texts)
    is_short = len(joined) <= longest or max(map(len, texts)) <= longest
    return is_short and "\0" not in joined and (joined.isascii() or _is_whole(joined))


def without_unstorable(
    value: Any, item: int, containers: tuple[str, ...], *, is_plain: bool = False
) -> tuple[Any | RefusedItem, tuple[RefusedItem, ...]]:
    """An item without the members of its containers (such as `properties`) that cannot be stored, and those.
    A RefusedItem where what is left cannot be stored either. `is_plain`: as `plain_items` told."""
    fault = None if is_plain else unstorable(value, item)
    if fault is None:
        return value, ()
    if not isinstance(value, dict):
        return fault, ()
    dropped: list[RefusedItem] = []
    right = dict(value)
    for name in containers:
        members = value.get(name)
        if not isinstance(members, dict):
            continue
        # Each is looked at by itself, so that too many are not even begun with. A withdrawal counts whatever
        # stands beside it.
        if len(members) > MAX_NODES:
            dropped.append(RefusedItem(item, name, f"one item may hold at most {MAX_NODES} values"))
            members = {key: inner for key, inner in members.items() if is_consent(key)}
        faults = {key: wrong for key in members if (wrong := unstorable({key: members[key]}, item))}
        consents: dict[str, Any] = {}
        for key in [key for key in faults if is_consent(key)]:
            stored = _storable_name(key)
            kept, wrong_parts = storable_consent(members[key], item, stored)
            if stored == key:
                del faults[key]
            elif not is_withdrawal(kept):
                continue
            dropped += wrong_parts
            consents[stored] = kept
        # Traits are told by the name of the attribute alone, as everything that is wrong with it is.
        before = "" if name == "traits" else f"{name}."
        dropped += [RefusedItem(item, f"{before}{wrong.field}", wrong.why) for wrong in faults.values()]
        right[name] = {key: inner for key, inner in members.items() if key not in faults} | consents
    return unstorable(right, item) or right, tuple(dropped)


def storable_consent(said: Any, item: int, path: str = "consent") -> tuple[Any, list[RefusedItem]]:
    """What is said of consents without the parts that cannot be stored, and these: the state of a consent is
    a word that can. A purpose that cannot be stored stays as one that nobody can read, for without one the
    consent would be for another purpose, and a withdrawal for none."""
    fault = unstorable(said, item)
    if fault is None:
        return said, []
    if not isinstance(said, dict) or len(said) > MAX_NODES or path.count(".") > _CONSENT_DEPTH:
        dot = "." if fault.field and not fault.field.startswith("[") else ""
        return None, [RefusedItem(item, f"{path}{dot}{fault.field}", fault.why)]
    right: dict[str, Any] = {}
    withdrawn: dict[str, Any] = {}
    wrong: list[RefusedItem] = []
    for name, part in said.items():
        stored = _storable_name(name)
        kept, parts = storable_consent(part, item, f"{path}.{stored}")
        if stored != name:
            why = _text_fault(name, MAX_KEY)
            wrong.append(RefusedItem(item, path, f"a name in here cannot be stored: {why}"))
            if is_withdrawal(kept):
                withdrawn[stored] = kept
        elif name == "purpose" and parts:
            right[name] = []
        else:
            wrong += parts
            if kept is not None or part is None:
                right[name] = kept
    return right | withdrawn, wrong


_CONSENT_DEPTH = 3
"""Dots in the path to a part of a proof: `consent.email.news.when`."""


def _storable_name(name: str) -> str:
    """The name, or one in its place that can be stored and that no purpose has."""
    if not _text_fault(name, MAX_KEY):
        return name
    whole = name[: MAX_KEY - 1].replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    return f"{whole}\ufffd"


def _text_fault(text: str, longest: int) -> str:
    if len(text) > longest:
        return f"a text may be at most {longest} characters long, this one has {len(text)}"
    # PostgreSQL stores no NUL in a text.
    if "\x00" in text:
        return "a text may not hold the NUL character"
    if not text.isascii() and not _is_whole(text):
        return (
            "this text holds half of a character (a lone surrogate); send the whole character or leave it out"
        )
    return ""


def _is_whole(text: str) -> bool:
    """Whether it has no half of a character, which no database takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
