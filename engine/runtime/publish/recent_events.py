"""The events of the last weeks played with what is published and with what would be: bounded, however much is
recorded, so that a plan takes seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.project import Project
from engine.runtime.publish.planning import coming_questions
from engine.runtime.publish.segment_meaning import beyond, changed_segments, looks_back
from engine.simulate.replay.comparison import PlayedInside, ReplayComparison, compare_replays
from engine.simulate.replay.needed import only_needed
from engine.simulate.replay.replay import ReplayOptions
from engine.simulate.replay.stream import raw_lines, share_of
from engine.store.customers import batches
from engine.store.meta import by_bucket
from engine.store.sql import stream
from engine.store.streams.recorded_stream import StreamBounds, in_chunks, recorded_stream
from engine.values import DAY, Instant

COUNTED = 28 * DAY
"""Of the store so much is counted."""

LEAD_IN = 91 * DAY
"""Of a large store so much before it is played too: segments and facts know what somebody did lately."""

MOST_PLAYED = 8_000
"""Events that are played with each version; of more, those of one in so many customers."""

MOST_CUSTOMERS = 4_000
"""Customers whose events are read from a store."""


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """The last weeks as a stream in a file. `one_in`: of so many customers one is played, always the same;
    `since`: what comes before is not counted. `is_whole`: nothing that happened before is missing;
    `has_store`: what happens to people inside is asked of the store itself."""

    file: Path
    one_in: int = 1
    since: Instant | None = None
    is_whole: bool = False
    has_store: bool = False


def play_both(
    former: Project, project: Project, events: RecentEvents, competing: Collection[str]
) -> ReplayComparison | None:
    """Two versions over the same events. `competing`: journeys of which is counted who else takes their
    places under caps. None where a version has mistakes or nothing is recorded."""
    if former.has_errors or project.has_errors:
        return None
    versions = [(each.journeys, each.world) for each in (former, project)]
    changed = changed_segments(former.journeys, project.journeys)
    coming = None
    if not events.has_store:
        everybody = former.journeys.by_name
        coming = coming_questions(former.journeys, project.journeys, everybody)
    options = ReplayOptions(
        strict=True, one_in=events.one_in, since=events.since, segments=frozenset(changed), coming=coming
    )
    found, _ = compare_replays(versions[0], versions[1], [events.file], None, options, competing)
    if not events.is_whole:
        limited = [
            structs.replace(each, limits=changed[each.segment].limits(found.days * DAY))
            for each in found.segments
        ]
        inside = [
            structs.replace(each, limits=_limits(each, project.journeys, found.days * DAY))
            for each in found.inside
        ]
        found = structs.replace(found, segments=limited, inside=inside)
    if events.one_in > 1:
        asked = {rule.name: rule for journeys, _ in versions for rule in only_needed(journeys).facts}
        learned = sorted(name for name, rule in asked.items() if rule.how in ("rfm", "next"))
        found = structs.replace(found, learned=learned)
    return found if found.customers else None


def _limits(inside: PlayedInside, journeys: Journeys, length: int) -> list[str]:
    """Of the changed goal and `exit_if`, and of the facts that are counted anew."""
    known, looks = journeys.index.rules, dict[str, int | None]()
    if inside.asks:
        journey = journeys.by_name[inside.journey]
        for question in (journey.goal.when, journey.exit_if):
            looks |= looks_back(question.condition, known) if question is not None else {}
    looks |= {name: known[name].last for name in inside.facts}
    return beyond(looks, length)


@contextmanager
def of_file(file: Path, one_in: int | None = None) -> Iterator[RecentEvents]:
    """A snapshot, or any stream. `one_in`: None: so that it is played in seconds."""
    with _private_folder() as folder:
        one_in = one_in or _sample_of(sum(1 for _ in raw_lines(file)))
        yield RecentEvents(_sampled(file, one_in, folder), one_in)


@contextmanager
def of_store(conn: Connection, now: Instant, one_in: int | None = None) -> Iterator[RecentEvents]:
    """The last weeks of a store."""
    with _private_folder() as folder:
        file = folder / "events.jsonl"
        share = one_in or _rounded_up(batches.count(conn), MOST_CUSTOMERS)
        customers = _sample(conn, share)
        lines = _write(conn, file, StreamBounds(customers=customers))
        is_whole = _sample_of(lines) == 1
        if _sample_of(lines) > 1:
            lines = _write(conn, file, StreamBounds(Instant(now - COUNTED - LEAD_IN), None, customers))
        more = 1 if one_in is not None else _sample_of(lines)
        sampled = _sampled(file, share * more, folder)
        yield RecentEvents(sampled, share * more, Instant(now - COUNTED), is_whole, has_store=True)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """It is gone afterwards; nobody but its owner may read it."""
    with TemporaryDirectory(prefix="perennial-plan-") as folder:
        yield Path(folder)


class _Whose(msgspec.Struct):
    customer_id: str | int | None = None


def _sampled(file: Path, one_in: int, folder: Path) -> Path:
    """The lines of one in so many customers, and those of nobody, in a file of their own: every line that is
    read costs, though it is another customer's."""
    if one_in == 1:
        return file
    whose = msgspec.json.Decoder(_Whose)
    sample = folder / "sample.jsonl"
    with sample.open("wb") as out:
        for line in raw_lines(file):
            try:
                customer = whose.decode(line).customer_id
            except msgspec.MsgspecError:
                continue  # no line that a replay could read
            if customer is None or not customer or share_of(str(customer), one_in) == 0:
                out.write(line)
    return sample


def _sample(conn: Connection, one_in: int) -> Mapping[int, Collection[str]] | None:
    if one_in == 1:
        return None
    ids = (str(customer) for (customer,) in stream(conn, "SELECT id FROM customer"))
    return by_bucket(conn, (customer for customer in ids if share_of(customer, one_in) == 0))


def _write(conn: Connection, file: Path, bounds: StreamBounds) -> int:
    """How many lines it has."""
    with file.open("wb") as out:
        lines = 0
        for chunk in in_chunks(recorded_stream(conn, bounds)):
            out.write(chunk)
            lines += chunk.count(b"\n")
        return lines


def _sample_of(lines: int) -> int:
    return _rounded_up(lines, MOST_PLAYED)


def _rounded_up(number: int, most: int) -> int:
    return max(1, -(-number // most))
