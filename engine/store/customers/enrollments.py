"""Enrollments as rows: compact JSON for the whole of one, columns for what is searched and counted."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field
from msgspec.structs import astuple
from sqlalchemy import Connection

from engine.core.enrollment import Due, Enrollment, EnrollmentState, SentMessage, TakenCode
from engine.core.reasons import SkipReason
from engine.store.serialization import dump, is_plain, pack, unpack
from engine.store.sql import change_many, ids, rows
from engine.values import Instant

COLUMNS = (
    "bucket, customer, id, journey, key, seq, step, started_at, due_at, watch_until, ended_at, outcome, "
    "goal_at, holdout,"
    " product, state"
)
_SAVE = (
    f"INSERT INTO enrollment ({COLUMNS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608 - names of our own columns
    " ON CONFLICT (bucket, customer, id) DO UPDATE SET seq = excluded.seq, step = excluded.step, due_at = "
    "excluded.due_at,"
    " watch_until = excluded.watch_until, ended_at = excluded.ended_at, outcome = excluded.outcome,"
    " goal_at = excluded.goal_at, journey = excluded.journey, state = excluded.state"
)
_MOVE = (
    "UPDATE enrollment SET seq = ?, step = ?, due_at = ?, state = ? WHERE bucket = ? AND customer = "
    "? AND id = ?"
)


def load_live(
    conn: Connection, bucket: int, customers: Iterable[str], now: Instant
) -> dict[str, list[Enrollment]]:
    """The open and the watched runs of customers, in one query."""
    found = rows(
        conn,
        "SELECT e.customer, e.journey, e.state FROM {ids} CROSS JOIN enrollment e WHERE e.bucket = ? AND "
        "e.customer = j.value"
        " AND (e.ended_at IS NULL OR e.watch_until >= ?)",
        (ids(customers), bucket, now),
    )
    live: dict[str, list[Enrollment]] = {}
    for customer, journey, state in found:
        live.setdefault(customer, []).append(decode(state, journey))
    return live


def save(conn: Connection, bucket: int, changed: Iterable[tuple[str, Enrollment, bool]]) -> None:
    """Writes runs as they are now: (customer, run, True where it only moved on inside)."""
    whole: list[tuple[Any, ...]] = []
    moved: list[tuple[Any, ...]] = []
    for customer, run, only_moved in changed:
        state = encode(run)
        due_at = run.due.at if run.due is not None and run.ended_at is None else None
        step = run.state.step if run.state is not None else None
        if only_moved:
            moved.append((run.seq, step, due_at, state, bucket, customer, run.id))
            continue
        whole.append((
            bucket, customer, run.id, run.journey, run.key, run.seq, step, run.started_at, due_at,
            run.watch_until,
            run.ended_at, run.outcome, run.goal_at, run.holdout, run.product_id, state,
        ))  # fmt: skip
    whole.sort(key=lambda row: row[10] is None)  # who leaves makes room for who enters
    change_many(conn, _MOVE, moved)
    change_many(conn, _SAVE, whole)


@dataclass(frozen=True, slots=True)
class InsideCounts:
    """Who is inside a journey: `people` in all, of whom `holdout` are only compared with and rest nowhere;
    the others by the step where they rest ("": between two)."""

    people: int
    steps: Mapping[str, int]
    holdout: int

    @property
    def taking_part(self) -> int:
        """Without the holdout."""
        return self.people - self.holdout


def taking_part(conn: Connection, journey: str | None = None) -> dict[str, int]:
    """As `inside`, without steps and at a tenth of its cost: how many people are inside of each journey,
    without those who are only compared with. `journey`: only this one."""
    clause, values = (" AND journey = ?", (journey,)) if journey is not None else ("", ())
    found = rows(
        conn,
        "SELECT journey, sum(CASE WHEN holdout THEN 0 ELSE 1 END) FROM enrollment"  # noqa: S608
        f" WHERE ended_at IS NULL{clause} GROUP BY journey ORDER BY journey",
        values,
    )
    return {name: int(people) for name, people in found}


def inside(conn: Connection, journey: str | None = None) -> dict[str, InsideCounts]:
    """The journeys that somebody is inside of, by name: what every page, command and report tells of them.
    `journey`: only this one."""
    clause, values = (" AND journey = ?", (journey,)) if journey is not None else ("", ())
    found = rows(
        conn,
        # by step first: no index is in that order, and the rows are then read as they lie
        "SELECT coalesce(step, ''), journey, holdout, count(*) FROM enrollment"  # noqa: S608
        f" WHERE ended_at IS NULL{clause} GROUP BY 1, 2, 3 ORDER BY 2, 1",
        values,
    )
    people: Counter[str] = Counter()
    held: Counter[str] = Counter()
    steps: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for step, name, is_held, number in found:
        people[name] += number
        if is_held:
            held[name] += number
        else:
            steps[name][step] = number
    return {name: InsideCounts(many, steps[name], held[name]) for name, many in people.items()}


class RestingPlace(NamedTuple):
    """A step with people. `step` "": between two steps; `last_due`: when the last of them is due; None:
    nobody of them is."""

    step: str
    people: int
    last_due: Instant | None


def resting_places(conn: Connection, journey: str) -> list[RestingPlace]:
    """Where those inside a journey rest, without its holdout, with the last of the moments that were promised
    there."""
    sql = (
        "SELECT coalesce(step, ''), count(*), max(due_at) FROM enrollment WHERE journey = ? "
        "AND ended_at IS NULL AND NOT holdout GROUP BY 1 ORDER BY 1"
    )
    return [RestingPlace(*row) for row in rows(conn, sql, (journey,))]


def journeys_with_people(conn: Connection) -> dict[str, int]:
    """The journeys that somebody is inside of, with how many."""
    sql = "SELECT journey, count(*) FROM enrollment WHERE ended_at IS NULL GROUP BY journey ORDER BY journey"
    return dict(rows(conn, sql))


def chunks_inside(conn: Connection, journeys: Iterable[str], size: int) -> Iterator[tuple[int, list[str]]]:
    """Everybody inside any of these journeys, each once, bucket by bucket, at most `size` at a time."""
    sql = (
        "SELECT DISTINCT e.bucket, e.customer FROM {ids} CROSS JOIN enrollment e"
        " WHERE e.journey = j.value AND e.ended_at IS NULL ORDER BY e.bucket, e.customer"
    )
    # read to its end, since the statements of a chunk run before the next one is asked for
    for bucket, group in groupby(list(rows(conn, sql, (ids(journeys),))), key=lambda person: int(person[0])):
        everybody = [customer for _, customer in group]
        for start in range(0, len(everybody), size):
            yield bucket, everybody[start : start + size]


def of_customer(conn: Connection, bucket: int, customer: str) -> list[Enrollment]:
    """Every run of a customer, also those that ended, oldest first."""
    sql = "SELECT state, journey FROM enrollment WHERE bucket = ? AND customer = ?"
    found = [decode(state, journey) for state, journey in rows(conn, sql, (bucket, customer))]
    return sorted(found, key=lambda run: (run.started_at, run.started_number, run.id))


def encode(enrollment: Enrollment) -> str:
    """The whole of a run."""
    if enrollment.codes or len(enrollment.done) > 1 or not is_plain(enrollment.trigger):
        stored: Any = copy(enrollment)
        stored.codes = [_written(code) for code in enrollment.codes.values()]
        stored.done, stored.trigger = sorted(enrollment.done), pack(enrollment.trigger)
        enrollment = stored
    text = dump(enrollment)
    # What led to a run is written only where there is something.
    return text if enrollment.causes else text[: text.rindex(",{},")] + "]"


def _written(code: TakenCode) -> tuple[Any, ...]:
    """The words of an offer are written only where there are some."""
    whole = astuple(code)
    return whole if code.text or code.offer or code.name else whole[:5]


class _StoredRun(Struct, array_like=True):
    """A run as it is written: the fields of `Enrollment` in their order, with the types that JSON has."""

    id: str
    journey: str
    key: str
    started_at: int
    started_number: int
    first_started_at: int
    clock: int
    trigger: dict[str, Any]
    product_id: str | None
    occurrence: dt.date | None
    holdout: bool
    seq: int
    state: EnrollmentState | None
    due: Due | None
    window_at: int
    window_number: int
    paths: dict[str, str]
    codes: list[TakenCode] | dict[str, TakenCode]  # an object where there are none
    sent: dict[str, tuple[SentMessage, ...]]
    skipped: dict[str, SkipReason]
    done: set[str]
    goal_at: int | None
    outcome: str | None
    ended_at: int | None
    watch_until: int | None
    commit: str
    causes: dict[str, int] = field(default_factory=dict)
    began_at: int = 0


_decoder = msgspec.json.Decoder(_StoredRun, float_hook=Decimal)


def decode(state: str, journey: str | None = None) -> Enrollment:
    """What `encode` was given; `journey`: the name that it has now."""
    stored: Any = _decoder.decode(state)
    if stored.trigger:
        stored.trigger = unpack(stored.trigger)
    if type(stored.codes) is list:
        stored.codes = {code.asked_as: code for code in stored.codes}
    if journey is not None:
        stored.journey = journey
    return Enrollment(*astuple(stored))
