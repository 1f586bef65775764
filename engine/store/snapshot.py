"""A file for those who review changes without access to the store: how many people are where, how large the
segments are, and some weeks of events under pseudonyms (docs/review.md).

It is a stream that `replay` reads: its first line says what was counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import Connection

from engine.compiler.catalogue.catalogue import SNAPSHOT_LINE
from engine.store.customers import enrollments, memberships
from engine.store.journeys import deployments
from engine.store.meta import secret
from engine.store.pseudonyms import Pseudonyms, SharedTexts
from engine.store.recorded_stream import RecordedLine, StreamBounds, recorded_stream
from engine.values import Instant, iso

_TEMPLATES = "templates/"


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
    """What was counted. `files`: those of the published version that say what journeys are, by path;
    `segments`: members."""

    made_at: str
    deployment: int
    files: Mapping[str, str]
    journeys: Mapping[str, SnapshotJourney]
    segments: Mapping[str, int]


def snapshot(conn: Connection, now: Instant) -> Snapshot:
    """Counts what is so now."""
    number = deployments.current_number(conn)
    return Snapshot(
        iso(now),
        number,
        {
            name: text
            for name, text in deployments.files(conn, number).items()
            if not name.startswith(_TEMPLATES)
        },
        {
            name: SnapshotJourney(people, [_place(place) for place in enrollments.resting_places(conn, name)])
            for name, people in enrollments.journeys_with_people(conn).items()
        },
        {name: count.members for name, count in memberships.counts(conn, now).items()},
    )


def _place(place: enrollments.RestingPlace) -> SnapshotPlace:
    return SnapshotPlace(
        place.step, place.people, iso(place.last_due) if place.last_due is not None else None
    )


def snapshot_lines(conn: Connection, bounds: StreamBounds, now: Instant) -> Iterator[RecordedLine]:
    """The whole file. The events are read twice: which texts many share is known at their end."""
    yield RecordedLine(SNAPSHOT_LINE, iso(now), "", msgspec.to_builtins(snapshot(conn, now)))
    shared = SharedTexts()
    shared.count(recorded_stream(conn, bounds))
    yield from Pseudonyms(secret(conn), shared).of_lines(recorded_stream(conn, bounds))
