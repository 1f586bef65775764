"""Enrollments as rows: compact JSON for the whole of one, columns for what is searched and counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection

from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    EnrollmentState,
    Relocating,
    SentMessage,
    TakenCode,
    Waiting,
)
from engine.core.reasons import HoldReason, SkipReason
from engine.store.serialization import dump, load, pack, unpack
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


def inside(conn: Connection, journey: str) -> int:
    """How many customers are inside a journey."""
    return int(
        rows(conn, "SELECT count(*) FROM enrollment WHERE journey = ? AND ended_at IS NULL", (journey,))[0][0]
    )


def resting(conn: Connection, journey: str) -> dict[str, int]:
    """How many are inside a journey, by the step where they rest; "": between two steps. Without those in
    the holdout, who rest at none."""
    sql = (
        "SELECT coalesce(step, ''), count(*) FROM enrollment WHERE journey = ? AND ended_at IS NULL "
        "AND NOT holdout GROUP BY 1 ORDER BY 1"
    )
    return dict(rows(conn, sql, (journey,)))


def in_holdout(conn: Connection, journey: str) -> int:
    """How many are inside a journey only to be compared with."""
    sql = "SELECT count(*) FROM enrollment WHERE journey = ? AND ended_at IS NULL AND holdout"
    return int(rows(conn, sql, (journey,))[0][0])


def journeys_with_people(conn: Connection) -> dict[str, int]:
    """The journeys that somebody is inside of, with how many."""
    sql = "SELECT journey, count(*) FROM enrollment WHERE ended_at IS NULL GROUP BY journey ORDER BY journey"
    return dict(rows(conn, sql))


def customers_inside(conn: Connection, journey: str) -> Iterator[tuple[int, str]]:
    """(bucket, customer) of everybody inside a journey, in order."""
    sql = (
        "SELECT DISTINCT bucket, customer FROM enrollment WHERE journey = ? AND ended_at IS NULL "
        "ORDER BY bucket, customer"
    )
    yield from rows(conn, sql, (journey,))


def of_customer(conn: Connection, bucket: int, customer: str) -> list[Enrollment]:
    """Every run of a customer, also those that ended, oldest first."""
    sql = "SELECT state, journey FROM enrollment WHERE bucket = ? AND customer = ?"
    found = [decode(state, journey) for state, journey in rows(conn, sql, (bucket, customer))]
    return sorted(found, key=lambda run: (run.started_at, run.started_number, run.id))


def encode(enrollment: Enrollment) -> str:
    """The whole of a run."""
    due, day = enrollment.due, enrollment.occurrence
    chain = (dict(enrollment.causes), enrollment.began_at) if enrollment.causes else ()
    return dump((
        enrollment.id, enrollment.journey, enrollment.key, enrollment.started_at, enrollment.started_number,
        enrollment.first_started_at, enrollment.clock,
        pack(enrollment.trigger), enrollment.product_id, None if day is None else day.isoformat(),
        enrollment.holdout, enrollment.seq,
        None if enrollment.state is None else _rest_row(enrollment.state),
        None if due is None else (due.at, None if due.local is None else due.local.isoformat(), due.zone),
        enrollment.window_at, enrollment.window_number, enrollment.paths,
        [(c.pool, c.value, c.expires, c.expires_on.isoformat(), c.used) for c in enrollment.codes.values()],
        {step: [_part_row(part) for part in parts] for step, parts in enrollment.sent.items()},
        enrollment.skipped, sorted(enrollment.done), enrollment.goal_at, enrollment.outcome,
        enrollment.ended_at, enrollment.watch_until, enrollment.commit, *chain,
    ))  # fmt: skip


def decode(state: str, journey: str | None = None) -> Enrollment:
    """What `encode` was given; `journey`: the name that it has now."""
    (
        id_, written, key, started_at, started_number, first_started_at, clock, trigger, product_id, day,
        holdout, seq,
        rest, due, window_at, window_number, paths, codes, sent, skipped, done, goal_at, outcome, ended_at,
        watch_until,
        commit, *chain,
    ) = load(state)  # fmt: skip
    return Enrollment(
        id_, journey or written, key, started_at, started_number, first_started_at, clock,
        unpack(trigger), product_id, None if day is None else dt.date.fromisoformat(day), holdout, seq,
        None if rest is None else _rest(rest),
        None if due is None else Due(due[0], None if due[1] is None else dt.datetime.fromisoformat(due[1]),
        due[2]),
        window_at, window_number, paths, {row[0]: _code(*row) for row in codes},
        {step: tuple([SentMessage(*part) for part in parts]) for step, parts in sent.items()},
        {step: SkipReason(reason) for step, reason in skipped.items()}, set(done), goal_at, outcome,
        ended_at, watch_until, commit, *chain,
    )  # fmt: skip


def _rest_row(state: EnrollmentState) -> tuple[Any, ...]:
    match state:
        case Waiting():
            return "w", state.step, state.opened_at, state.opened_number
        case Deferred():
            return "h", state.step, state.channel, state.why, state.first_due, state.tried, state.since
        case AwaitingSend():
            return "s", state.step, state.channel, state.key, state.first_due, state.tried, state.unknown
        case AwaitingReaction():
            return "l", state.step, state.channel, state.handed_at, state.tried, state.unknown
        case AwaitingCode():
            return "c", state.step
        case Relocating():
            return "m", state.step, state.was


def _deferred(step: str, channel: str, why: str, *others: Any) -> Deferred:
    return Deferred(step, channel, HoldReason(why), *others)


_RESTS: dict[str, Callable[..., EnrollmentState]] = {
    "w": Waiting, "h": _deferred, "s": AwaitingSend, "l": AwaitingReaction, "c": AwaitingCode,
    "m": Relocating,
}  # fmt: skip


def _rest(row: list[Any]) -> EnrollmentState:
    kind, *parts = row
    return _RESTS[kind](*[tuple(part) if type(part) is list else part for part in parts])


def _part_row(part: SentMessage) -> tuple[Any, ...]:
    return (
        part.template, part.channel, part.key, part.handed_at, part.number, part.clicked_at, part.opened_at,
        part.bounced,
    )  # fmt: skip


def _code(pool: str, value: str, expires: Instant, expires_on: str, used: bool) -> TakenCode:
    return TakenCode(pool, value, expires, dt.date.fromisoformat(expires_on), used)
