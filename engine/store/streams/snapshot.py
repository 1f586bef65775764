"""A file for those who review changes without access to the store: how many people are where, how large the
segments are, and some weeks of events under pseudonyms (docs/review.md).

It is a stream that `replay` reads: its first line says what was counted, the next ones what was published.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from sqlalchemy import Connection

from engine.command_hints import command
from engine.compiler.catalogue.catalogue import FILE_LINE, SNAPSHOT_LINE
from engine.errors import UsageError
from engine.store.audience import admissions, memberships
from engine.store.customers import enrollments
from engine.store.journeys import deployments
from engine.store.meta import secret
from engine.store.streams.pseudonyms import Pseudonyms, SharedTexts
from engine.store.streams.recorded_stream import (
    RecordedLine,
    StreamBounds,
    has_events,
    last_event_at,
    recorded_stream,
)
from engine.values import Instant, iso

LONGEST = 16 << 20
"""Bytes of one line."""

MOST_LINES = 20_000
"""Lines at the beginning of a file that may say what was published."""


class SnapshotPlace(msgspec.Struct, frozen=True):
    """People who rest at a step ("": between two), and the last of the moments promised there (ISO 8601)."""

    step: str
    people: int
    last_due: str | None = None


class SnapshotJourney(msgspec.Struct, frozen=True):
    """Everybody inside a journey, its holdout included, and where they rest."""

    people: int
    places: list[SnapshotPlace]


class Snapshot(msgspec.Struct, frozen=True):
    """What was counted while `deployment` was published. `segments`: members. `without_events`: customers did
    nothing in the days of the file; `last_event`: then when somebody did last (ISO 8601, UTC).
    `took_members`: journeys that have taken who was a member of their segment."""

    made_at: str
    deployment: int
    journeys: Mapping[str, SnapshotJourney]
    segments: Mapping[str, int]
    without_events: bool = False
    last_event: str | None = None
    took_members: tuple[str, ...] = ()


def snapshot(conn: Connection, bounds: StreamBounds, now: Instant) -> Snapshot:
    """Counts what is so now. `bounds`: of the events that are written with it."""
    number = deployments.current_number(conn)
    is_empty = not has_events(conn, bounds)
    last = last_event_at(conn) if is_empty else None
    return Snapshot(
        iso(now),
        number,
        {
            name: SnapshotJourney(
                people,
                [
                    SnapshotPlace(
                        place.step, place.people, iso(place.last_due) if place.last_due is not None else None
                    )
                    for place in enrollments.resting_places(conn, name)
                ],
            )
            for name, people in enrollments.journeys_with_people(conn).items()
        },
        {name: count.members for name, count in memberships.counts(conn, now).items()},
        is_empty,
        iso(last) if last is not None else None,
        tuple(sorted(admissions.journeys_that_took(conn))),
    )


def snapshot_lines(conn: Connection, bounds: StreamBounds, now: Instant) -> Iterator[RecordedLine]:
    """The whole file. The events are read twice: which texts many share is known at their end."""
    counted = snapshot(conn, bounds, now)
    yield RecordedLine(SNAPSHOT_LINE, iso(now), "", msgspec.to_builtins(counted))
    for name, text in deployments.files(conn, counted.deployment).items():
        yield RecordedLine(FILE_LINE, iso(now), "", {"path": name, "text": text})
    shared = SharedTexts()
    shared.count(recorded_stream(conn, bounds))
    yield from Pseudonyms(secret(conn), shared).of_lines(recorded_stream(conn, bounds))


def read_snapshot(path: Path) -> tuple[Snapshot, dict[str, str]]:
    """What a file says at its beginning: what was counted, and the published files by path. Raises UsageError
    for a file that is no snapshot."""
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            lines = gzip.GzipFile(fileobj=plain) if is_packed else plain
            return _head(lines)
    except FileNotFoundError as wrong:
        raise UsageError(f"there is no file {path}") from wrong
    except (OSError, EOFError, ValueError) as wrong:
        raise UsageError(
            f"{path} is no snapshot: {wrong}.", f"`{command('snapshot')}` beside the store makes one"
        ) from wrong


def _head(lines: BinaryIO | gzip.GzipFile) -> tuple[Snapshot, dict[str, str]]:
    first = msgspec.json.decode(lines.readline(LONGEST), type=RecordedLine)
    if first.event != SNAPSHOT_LINE:
        raise ValueError("its first line says nothing of people inside")
    counted = msgspec.convert(first.properties, Snapshot)
    files: dict[str, str] = {}
    for _ in range(MOST_LINES):
        line = lines.readline(LONGEST)
        said = msgspec.json.decode(line, type=RecordedLine) if line else None
        if said is None or said.event != FILE_LINE:
            break
        files[str(said.properties["path"])] = str(said.properties["text"])
    return counted, files
