"""What is looked at now and then over the whole base: segments, old traces, the files of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from engine.core.definition import definition
from engine.core.handlers.segments import is_member
from engine.core.happening import SegmentChanged
from engine.core.journey import SegmentRule
from engine.core.journeys import Journeys
from engine.core.time_dependence import is_time_dependent, with_windowed_facts
from engine.runtime.advance.definitions import in_use
from engine.store import allowances, idempotency, watermarks
from engine.store.audience import memberships, whole_base
from engine.store.audience.segments import expect_crossing, wrong_members
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.inbox import due_queue, inbox, refusals
from engine.store.inbox.inbox_codec import to_row
from engine.store.messages import destinations
from engine.values import DAY, Instant

NIGHT = DAY
"""Segments are swept once in so long."""

ANSWERS_KEPT = 30 * DAY
"""So long an Idempotency-Key gets the answer that it got."""

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class _SegmentLook:
    """One look at who belongs to a segment: rows of the inbox for those who are marked otherwise."""

    rule: SegmentRule
    changes: list[tuple[int, str, str, int, str]]
    is_first: bool
    written: str  # the definition that was looked with
    windows: str  # of the facts in it


def sweep_segments(
    conn: sa.Connection, journeys: Journeys, now: Instant, *, force: bool = False
) -> dict[str, int]:
    """Compares every segment with who is marked as its member, and appends what is wrong. segment -> how
    many.

    Members that the first look at a segment, or at a changed definition, finds were there from the beginning:
    they start nothing (design/language 2.4). After it everybody is looked at, so that the moments at which
    time alone changes the membership are known.
    """
    wrong: dict[str, int] = {}
    for rule in journeys.segments.values():
        look = _look(conn, rule, journeys, now, force=force)
        if look is not None:
            # told to the customer like anything else that happens, so that it is decided in their own order
            inbox.append_rows(conn, look.changes)
            _finish(conn, look, journeys, now)
            wrong[rule.name] = len(look.changes)
    return wrong


def sweep_segments_in_slices(
    store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK
) -> dict[str, int]:
    """As `sweep_segments`, for a running daemon: it reads beside the writer and gives it the rows in chunks,
    so that nobody waits for the whole base. After a crash between two chunks the look is made again: it finds
    the rest."""
    wrong: dict[str, int] = {}
    for rule in journeys.segments.values():
        with store.read() as conn:
            look = _look(conn, rule, journeys, now, force=False)
        if look is not None:
            _append_in_slices(store, look, journeys, now, chunk)
            wrong[rule.name] = len(look.changes)
    return wrong


def follow_attributes(
    store: Store,
    journeys: Journeys,
    names: Iterable[str],
    now: Instant,
    *,
    starts: bool,
    chunk: int = CHUNK,
) -> dict[str, int]:
    """Looks at the segments that ask for attributes which were written for everybody at once, without waiting
    for the night. `starts`: whether who enters by it starts journeys. segment -> how many."""
    concerned = {
        rule.name: rule
        for name in names
        for rule in journeys.index.segment_dependencies.of_attribute.get(name, ())
    }
    wrong: dict[str, int] = {}
    for rule in concerned.values():
        with store.read() as conn:
            look = _look(conn, rule, journeys, now, force=True, starts=starts)
        if look is not None:
            _append_in_slices(store, look, journeys, now, chunk)
            wrong[rule.name] = len(look.changes)
    return wrong


def _append_in_slices(store: Store, look: _SegmentLook, journeys: Journeys, now: Instant, chunk: int) -> None:
    for start in range(0, len(look.changes), chunk):
        store.write(partial(inbox.append_rows, inbox=look.changes[start : start + chunk]))
    # last: a crash before it only makes the next look find what is missing
    store.write(partial(_finish, look=look, journeys=journeys, now=now))


def _look(
    conn: sa.Connection,
    rule: SegmentRule,
    journeys: Journeys,
    now: Instant,
    *,
    force: bool,
    starts: bool = True,
) -> _SegmentLook | None:
    """Who is marked otherwise than the segment says; None where it was looked at less than a night ago."""
    last = watermarks.get(conn, "segment", rule.name)
    condition = rule.question.condition
    written, windows = definition(condition), with_windowed_facts("", (condition,), journeys.index.rules)
    # By the definition and the windows of the facts in it: either may change who is inside. The windows are
    # kept apart, for with another definition nobody starts: earlier versions kept none, and whoever came in
    # since their last look would begin nothing after an upgrade.
    heard = watermarks.get(conn, "windows", rule.name)
    is_first = last is None or last.hash != written or (heard is not None and heard.hash != windows)
    if not is_first and not force and last is not None and now - last.until < NIGHT:
        return None
    may_start = starts and not is_first
    rows = {member: to_row(SegmentChanged(0, now, rule.name, member, may_start)) for member in (True, False)}
    changes: list[tuple[int, str, str, int, str]] = [
        (bucket, customer, rows[member][0], now, rows[member][1])
        for bucket, customer, member in _wrong(conn, rule, journeys, now)
    ]
    return _SegmentLook(rule, changes, is_first, written, windows)


def _finish(conn: sa.Connection, look: _SegmentLook, journeys: Journeys, now: Instant) -> None:
    watermarks.put(conn, "segment", look.rule.name, now, look.written)
    watermarks.put(conn, "windows", look.rule.name, now, look.windows)
    # once: after that every customer's own moment is known and kept up to date
    if look.is_first and is_time_dependent(look.rule.question.condition, journeys.index.rules):
        expect_crossing(conn, look.rule.name, now)
        due_queue.put_everybody(conn, now)


def expect_turns(conn: sa.Connection, journeys: Journeys, now: Instant) -> None:
    """Has everybody inside a journey looked at whose goal or exit time alone may make true, once for every
    version of its file: from then on the moment is known."""
    for name in sorted(journeys.index.turning):
        last, journey = watermarks.get(conn, "turns", name), journeys.by_name[name]
        asked = (question.condition for question in (journey.goal.when, journey.exit_if) if question)
        written = with_windowed_facts(journey.hash, asked, journeys.index.rules)
        if last is None or last.hash != written:
            due_queue.put_inside(conn, name, now)
            watermarks.put(conn, "turns", name, now, written)


def forget_old(conn: sa.Connection, now: Instant) -> None:
    """Drops counts of sign-ups and of refusals that no limit asks for any more, what was sent to which
    address, from the next day on, and answers that nobody asks for once more. Small tables: what grows with
    customers goes at night, in slices."""
    refusals.forget(conn, now)
    allowances.forget(conn, Instant(now - 2 * DAY))
    destinations.forget(conn, now)
    memberships.forget(conn, Instant(now - memberships.KEPT))
    idempotency.forget(conn, Instant(now - ANSWERS_KEPT))


def count_wrong_members(
    conn: sa.Connection, rule: SegmentRule, journeys: Journeys, now: Instant
) -> tuple[int, int]:
    """How many would enter a segment and how many would leave it, if it were swept now. Changes nothing."""
    members = [member for _, _, member in _wrong(conn, rule, journeys, now)]
    return sum(members), len(members) - sum(members)


def _wrong(
    conn: sa.Connection, rule: SegmentRule, journeys: Journeys, now: Instant
) -> Iterator[tuple[int, str, bool]]:
    """By SQL where it can ask the question, else by closures: over everybody, or over those who have events
    in a window."""
    asked = whole_base.in_sql(rule.question, journeys, now, batches.zones(conn))
    if asked is not None:
        yield from wrong_members(conn, rule.name, asked)
        # SQL has answered for everybody; else only those whom it could not answer for are loaded
        if asked.is_open is None:
            return
    unsettled = definitions.unsettled(conn)
    if unsettled:
        journeys = in_use(conn, journeys, unsettled).journeys
    is_open = sa.true() if asked is None or asked.is_open is None else asked.is_open
    for bucket, some in whole_base.pages(conn, is_open, CHUNK):
        for customer, state in batches.load_batch(conn, bucket, some, journeys, now).states.items():
            member = is_member(rule, state.facts, now)
            if member != (rule.name in state.facts.segments):
                yield bucket, customer, member
