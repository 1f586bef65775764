"""A file of rows: which encoding, which form, how long, and its hash; then its text, decoded for certain."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from engine.errors import UsageError

Form = Literal["csv", "jsonl"]

_CHUNK = 1 << 20
_REFUSED = re.compile(r"(?P<origin>.+)\.refused(-(?P<number>[0-9]{1,4}))?\.(csv|jsonl)")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENDINGS: dict[str, Form] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was looked through once. `hash`: of its bytes as they lie there; `lines`: of its text."""

    path: Path
    form: Form
    encoding: str
    hash: str
    lines: int

    def open_text(self) -> IO[str]:
        """The text with its own line ends, as `csv` wants it."""
        return io.TextIOWrapper(_open(self.path), encoding=self.encoding, newline="")


def names_of(name: str, form: Form) -> tuple[str, str]:
    """Under which name the rows of a file count, and where those go that are refused. A file of refused rows
    that comes back corrected is the file that it came from: the same row counts once."""
    plain = name.removesuffix(".gz")
    again = _REFUSED.fullmatch(plain)
    origin = again["origin"] if again else plain
    next_one = f"-{int(again['number'] or 1) + 1}" if again else ""
    return origin, f"{origin}.refused{next_one}.{'csv' if form == 'csv' else 'jsonl'}"


def look_through(path: Path, encoding: str | None) -> SourceFile:
    """Reads the whole file once. Raises UsageError where it is missing, or with the line that cannot be
    decoded."""
    try:
        with _open(path) as file:
            start = file.read(4096)
        chosen = _encoding(start, encoding)
        # Of the bytes as they lie there, packed or not: what --again and going on ask is whether it
        # is this file
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        ending = next((suffix for suffix in reversed(path.suffixes) if suffix.lower() != ".gz"), "").lower()
        # What stands in the file outweighs how it is called, save for a CSV whose first cell is a bracket
        first = start.decode(chosen, "replace").lstrip()[:1]
        if first == "[" and _ENDINGS.get(ending) != "csv":
            raise UsageError(
                f"{path} holds one JSON list:",
                f"write one object per line, for example with  jq -c '.[]' {path.name}",
            )
        return SourceFile(
            path,
            "jsonl" if first == "{" else _ENDINGS.get(ending, "csv"),
            chosen,
            digest,
            _lines(path, chosen),
        )
    except (OSError, EOFError, zlib.error) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        raise UsageError(
            f"{path} cannot be read: {why}", "Name a file of rows: .csv or .jsonl, also with .gz"
        ) from wrong


def _open(path: Path) -> IO[bytes]:
    """Compressed or not: the first two bytes say so, whatever the file is called."""
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if is_packed else path.open("rb")


def _encoding(start: bytes, asked: str | None) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if asked is None:
        if b"\x00" in start:
            raise UsageError(
                "this file looks like UTF-16 without a mark at its start:", "say  --encoding utf-16-le"
            )
        return "utf-8"
    try:
        codec = codecs.lookup(asked)
        "".encode(codec.name)
    except LookupError as wrong:
        raise UsageError(
            f'"{asked}" is no encoding:', "usual ones are utf-8, cp1251, cp1252, utf-16-le"
        ) from wrong
    return codec.name


def _lines(path: Path, encoding: str) -> int:
    """Decodes everything, so that a wrong encoding is found before anything is taken."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines, last = 0, ""
    with _open(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as wrong:
                line = lines + wrong.object[: wrong.start].count(b"\n") + 1
                raise UsageError(
                    f"line {line:,} of {path} is not written in {encoding}",
                    "Say how it was saved, for example  --encoding cp1251  (Cyrillic) or  --encoding "
                    "cp1252  (Western Europe)",
                ) from wrong
            lines += text.count("\n")
            last = text[-1:] or last
            if not chunk:
                return lines + (last not in ("", "\n"))
