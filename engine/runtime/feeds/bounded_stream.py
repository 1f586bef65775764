"""The bytes of a feed, unpacked as they are read, and never more of them than a feed may have."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import IO, Protocol, cast

from engine.runtime.feeds.feed_item import FeedError

LARGEST_FEED = 1 << 30
"""Bytes of a feed when it is unpacked (1 GB)."""

LARGEST_ITEM = 4 << 20
"""Bytes between one product and the next (4 MB); a parser keeps all of them in memory."""

LONGEST_RUN = 1 << 20
"""Bytes of XML without a `<`: a text, a comment or the attributes of one element (1 MB). Attributes cost a
parser thirty times their bytes, so they are bounded before it sees them."""

_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"
_MOST_PACKINGS = 2  # a file .gz that the server packs once more


class ByteSource(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""


class BoundedStream(io.RawIOBase):
    """A feed as it is read. Raises FeedError when it is larger than it may be, or packed and broken."""

    def __init__(self, file: ByteSource, largest: int = LARGEST_FEED) -> None:
        """`file`: at its begin; it can be wound back."""
        super().__init__()
        self._file: ByteSource = file
        for _ in range(_MOST_PACKINGS):
            start = self._start()
            if not start.startswith(_GZIP):
                break
            self._file = gzip.GzipFile(fileobj=cast("IO[bytes]", _Joined(start, self._file)), mode="rb")
        else:
            start = self._start()
        self._file = _Joined(start, self._file)
        self._largest = largest
        self._read = self._marked = 0
        self._run = 0
        self.guards_xml = False

    def _start(self) -> bytes:
        return _reading(self._file, len(_GZIP))

    def readable(self) -> bool:
        """It is."""
        return True

    def mark(self) -> None:
        """A product has come to its end."""
        self._marked = self._read

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most 64 KB."""
        chunk = _reading(self._file, _CHUNK if size < 0 else min(size, _CHUNK))
        self._read += len(chunk)
        if self._read > self._largest:
            raise FeedError(
                f"this feed is larger than {self._largest >> 20:,} MB", "leave out what no message shows"
            )
        if self.guards_xml:
            if self._read - self._marked > LARGEST_ITEM + len(chunk):
                raise FeedError(
                    f"more than {LARGEST_ITEM >> 20} MB lie between two products of this feed",
                    "each product is one <item>, <entry> or <offer>; leave everything else out",
                )
            first = chunk.find(b"<")
            if self._run + (first if first >= 0 else len(chunk)) > LONGEST_RUN:
                raise FeedError(
                    f"a text or an element of this feed is longer than {LONGEST_RUN >> 10:,} KB",
                    "shorten it, or close what is not closed",
                )
            self._run = len(chunk) - chunk.rfind(b"<") if first >= 0 else self._run + len(chunk)
        return chunk

    def readinto(self, buffer: object, /) -> int:
        """As `read`, for whoever brings the place."""
        view = cast("memoryview", buffer)
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)


class _Joined:
    """Bytes that were read already, before those that were not."""

    def __init__(self, start: bytes, rest: ByteSource) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        if not self._start:
            return self._rest.read(size)
        whole = size if size >= 0 else len(self._start)
        chunk, self._start = self._start[:whole], self._start[whole:]
        return chunk


def _reading(source: ByteSource, size: int) -> bytes:
    """Reads, and says in our words what is wrong with a packed file."""
    try:
        return source.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as wrong:
        raise FeedError(f"this feed is packed and cannot be unpacked: {wrong}", "pack it anew") from wrong
