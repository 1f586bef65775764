"""Which format a feed has, by its first bytes: what stands in a file outweighs how it is called."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import IO

from engine.runtime.feeds import google_merchant, rows, yml
from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import FeedError, FeedItem

START = 1 << 16
"""Bytes in which the first element of XML, or the header of a table, has to begin."""

_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_NO_ELEMENT = re.compile(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", re.DOTALL)
_WIDE = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))


class FeedFormat(StrEnum):
    """How a feed is written."""

    MERCHANT = "Google Merchant XML"
    MARKET = "YML"
    TABLE = "CSV"
    LINES = "JSON Lines"


def opening_text(start: bytes, encoding: str = "utf-8") -> str:
    """How a feed that begins so reads, from its first sign on. Raises LookupError for an unknown encoding."""
    wide = next((name for mark, name in _WIDE if start.startswith(mark)), encoding)
    return start.decode(wide, "replace").lstrip("\ufeff \t\r\n")


def recognise(start: bytes) -> FeedFormat:
    """The format of a feed that begins so. Raises FeedError."""
    text = opening_text(start)
    if text.startswith("{"):
        return FeedFormat.LINES
    if text.startswith("["):
        raise FeedError(
            "this feed is one JSON list", "write one object on each line, without brackets and commas"
        )
    if not text.startswith("<"):
        if not text.strip():
            raise FeedError("this feed is empty", "write the products into it")
        return FeedFormat.TABLE
    root = _ROOT.search(_NO_ELEMENT.sub("", text))
    name = root[1].rpartition(":")[2] if root else ""
    if name == "yml_catalog":
        return FeedFormat.MARKET
    if name in ("rss", "feed"):
        return FeedFormat.MERCHANT
    if name.casefold() == "html":
        raise FeedError(
            "this is a page for people, and no feed",
            "is a login in the way? name the address of the feed itself",
        )
    raise FeedError(
        f"nobody here knows feeds that begin with <{name}>",
        "Google Merchant XML begins with <rss> or <feed>, YML with <yml_catalog>; CSV and JSON Lines too",
    )


def open_feed(file: IO[bytes], encoding: str | None = None) -> tuple[FeedFormat, Iterator[FeedItem]]:
    """The format and the items of a feed. `file`: from its begin, and it can be wound back. Raises FeedError,
    also while the items are read."""
    start = io.BufferedReader(BoundedStream(file)).read(START)
    file.seek(0)
    kind, stream = recognise(start), BoundedStream(file)
    match kind:
        case FeedFormat.MERCHANT:
            return kind, google_merchant.items(stream)
        case FeedFormat.MARKET:
            return kind, yml.items(stream)
        case FeedFormat.LINES:
            return kind, rows.json_items(stream, start, encoding)
        case FeedFormat.TABLE:
            return kind, rows.table_items(stream, start, encoding)
