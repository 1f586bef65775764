"""Recorded events as they stand in a file: JSON Lines, gzipped or not, read lazily, one line at a time."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from engine.compiler.catalogue.catalogue import FILE_LINE, HISTORY_MARK, SNAPSHOT_LINE
from engine.errors import UsageError
from engine.values import Instant

PARTS = ("event", "customer_id", "at", "properties")
LONGEST_LINE = 4 << 20

_MARK = HISTORY_MARK.encode()

_decode_properties: Callable[[bytes | msgspec.Raw], Any] = msgspec.json.Decoder(dict[str, Any]).decode


def share_of(customer: str, shares: int) -> int:
    """Which of so many shares of the customers somebody belongs to: always the same, by the id alone."""
    return crc32(customer.encode()) % shares


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was refused: `number` counts from 1."""

    file: str
    number: int
    why: str


class StreamRecord:
    """One good line. `properties` are decoded when they are asked for: most lines concern nobody."""

    __slots__ = ("_raw", "at", "customer", "file", "line", "name")

    def __init__(
        self, name: str, customer: str | None, at: Instant, raw: msgspec.Raw, file: str, line: int
    ) -> None:
        self.name = name
        self.file = file
        self.customer = customer
        self.at = at
        self.line = line
        self._raw = raw

    def content(self) -> tuple[str, str | None, bytes]:
        """What tells two events of one second apart."""
        return self.name, self.customer, bytes(self._raw)

    @property
    def is_history(self) -> bool:
        """Whether the event was imported as history."""
        # Most lines are not decoded, so that the mark is looked for in their bytes first.
        return _MARK in bytes(self._raw) and self.properties().get(HISTORY_MARK) is True

    def properties(self) -> dict[str, Any]:
        """The properties; empty when there are none. Raises `ValueError` when they are no JSON object."""
        try:
            return _decode_properties(self._raw) if self._raw else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise ValueError("the properties are not an object") from wrong


@lru_cache(maxsize=8)
def _decoder(form: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    line = msgspec.defstruct(
        "StreamLine",
        [
            ("event", str),
            ("at", dt.datetime),
            ("customer_id", str | int | None, None),
            ("properties", msgspec.Raw, msgspec.Raw()),
        ],
        rename=dict(zip(PARTS, form, strict=True)),
        gc=False,
    )
    return msgspec.json.Decoder(line)


def size(path: Path) -> int:
    """Bytes of the file as it lies there: what progress is measured in."""
    return path.stat().st_size


def read_stream(
    path: Path, form: Mapping[str, str], progress: Callable[[int], None] | None = None
) -> Iterator[StreamRecord | BadLine]:
    """All lines in the order of the file; blank lines are nothing, and the head of a snapshot is none: it
    says what is so now, after all that follows. `progress` hears how many bytes were read.

    Raises UsageError when the file cannot be opened or is cut off.
    """
    decode = _decoder(tuple(form.get(part, part) for part in PARTS)).decode
    name = path.name
    for number, raw in enumerate(raw_lines(path, progress), 1):
        try:
            line = decode(raw)
            moment = line.at
            seconds = moment.timestamp() if moment.tzinfo is not None else None
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            if not raw.isspace():
                yield BadLine(name, number, str(wrong))
            continue
        if len(raw) > LONGEST_LINE:
            yield BadLine(name, number, f"longer than {LONGEST_LINE >> 20} MB")
            continue
        if seconds is None:
            why = f'"{moment.isoformat()}" has no time zone: write it in UTC, with a Z'
            yield BadLine(name, number, why)
            continue
        if line.event in (SNAPSHOT_LINE, FILE_LINE):
            continue
        customer = line.customer_id
        if customer is not None and type(customer) is not str:
            customer = str(customer)
        # exact: the float is off by 0.0003 ms at most
        at = Instant(floor(seconds * 1000 + 0.001))
        yield StreamRecord(line.event, customer or None, at, line.properties, name, number)


def raw_lines(path: Path, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The lines of a file as they are. Otherwise as `read_stream`."""
    number = 0
    try:
        with path.open("rb") as file, _text(file) as lines:
            for raw in lines:
                number += 1
                # Asking where the file stands costs more than reading a line
                if progress is not None and not number & 1023:
                    progress(file.tell())
                yield raw
            if progress is not None:
                progress(file.tell())
    except FileNotFoundError as wrong:
        raise UsageError(f"there is no file {path}") from wrong
    except (EOFError, gzip.BadGzipFile) as wrong:
        what = f"{path} is damaged or cut off after line {number}"
        raise UsageError(what, "Copy it once more; `gzip -t FILE` tells whether it is whole") from wrong
    except OSError as wrong:
        raise UsageError(f"{path} cannot be read: {wrong.strerror or wrong}") from wrong


def _text(file: io.BufferedReader) -> io.BufferedReader:
    """The lines of the file, unpacked when it begins as gzip does."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not packed:
        return file
    return io.BufferedReader(gzip.GzipFile(fileobj=file), 1 << 20)
