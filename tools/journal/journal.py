"""A journal as a file: what a version of the program had stored when people were inside its journeys, what
happened afterwards, and what that version decided.

It is a tar archive (`xz`) of `about.json`, `project/`, `shop.db`, `course.jsonl` (one `Round` a line) and
`decided.jsonl` (one `Outcome` a line).
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.values import Instant
from tools.journal.course import Round
from tools.journal.outcome import Outcome

T = TypeVar("T")


class About(msgspec.Struct, frozen=True):
    """`version`: of the program that wrote it, a commit or a release. `cut_at`: the last moment before the
    store was copied; what happened after it is the course. `seed`: of what happened."""

    version: str
    seed: int
    cut_at: Instant


@dataclass(frozen=True, slots=True)
class Journal:
    """`sources`: the text files of the project by their path; `store`: the SQLite file at `about.cut_at`."""

    about: About
    sources: Mapping[str, str]
    store: bytes
    course: tuple[Round, ...]
    decided: tuple[Outcome, ...]

    def write(self, path: Path) -> None:
        """Packs it. The same journal gives the same bytes."""
        members = {
            "about.json": msgspec.json.encode(self.about),
            **{f"project/{name}": text.encode() for name, text in sorted(self.sources.items())},
            "shop.db": self.store,
            "course.jsonl": _lines(self.course),
            "decided.jsonl": _lines(self.decided),
        }
        with tarfile.open(path, "w:xz", preset=9) as archive:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Unpacks it. Raises `KeyError` for a file that is no whole journal."""
        with tarfile.open(path, "r:xz") as archive:
            members = {entry.name: _content(archive, entry) for entry in archive}
        return cls(
            about=msgspec.json.decode(members["about.json"], type=About),
            sources={
                name.removeprefix("project/"): content.decode()
                for name, content in members.items()
                if name.startswith("project/")
            },
            store=members["shop.db"],
            course=tuple(_documents(members["course.jsonl"], Round)),
            decided=tuple(_documents(members["decided.jsonl"], Outcome)),
        )


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    return b"" if file is None else file.read()


def _lines(documents: Iterable[object]) -> bytes:
    return b"".join(msgspec.json.encode(document) + b"\n" for document in documents)


def _documents(lines: bytes, kind: type[T]) -> Iterator[T]:
    for line in lines.splitlines():
        yield msgspec.json.decode(line, type=kind)
