"""Decisions become rows, in the transaction that they were taken in: runs, effects, trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from engine.core.decision.effects import (
    Alert,
    Call,
    Cancel,
    Change,
    Decision,
    Effect,
    Emit,
    EnterPoints,
    GiveBack,
    Send,
    TakeCode,
)
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.store.alerting.alerts import raise_alerts
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import CountKey
from engine.store.counting.decision_counts import count_decision, count_end
from engine.store.customers import consents
from engine.store.customers import enrollments as runs
from engine.store.inbox.inbox import append_rows
from engine.store.inbox.inbox_codec import to_row
from engine.store.incentives import codes, points
from engine.store.journeys import traces
from engine.store.messages import records, webhooks
from engine.store.serialization import dump_values
from engine.values import Instant


@dataclass(slots=True)
class _Rows:
    """What a batch of decisions writes, by table."""

    runs: list[tuple[str, Enrollment, bool]] = field(default_factory=list)
    sends: dict[str, tuple[str, Send]] = field(default_factory=dict)
    cancels: dict[str, str] = field(default_factory=dict)
    inbox: list[tuple[int, str, str, int, str]] = field(default_factory=list)
    codes: list[tuple[str, TakeCode]] = field(default_factory=list)
    back: list[GiveBack] = field(default_factory=list)
    calls: list[tuple[str, Call, str]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    points: list[tuple[str, EnterPoints]] = field(default_factory=list)
    consents: list[consents.Agreement] = field(default_factory=list)
    traces: list[tuple[str, Sequence[Decision]]] = field(default_factory=list)
    counts: Counter[CountKey] = field(default_factory=Counter)


def save(
    conn: Connection,
    bucket: int,
    decided: Iterable[tuple[str, Mapping[str, Enrollment], Sequence[Decision]]],
    now: Instant,
    commit: str,
) -> None:
    """Writes the decisions about customers of one bucket: (customer, their runs before, what was decided, in
    order)."""
    found = _Rows()
    for customer, before, decisions in decided:
        if not decisions:
            continue
        found.traces.append((customer, decisions))
        latest: dict[str, Enrollment] = {}
        for decision in decisions:
            count_decision(found.counts, decision)
            if decision.enrollment is not None:
                latest[decision.enrollment.id] = decision.enrollment
            for effect in decision.effects:
                _sort(found, bucket, customer, effect, now)
        for run in latest.values():
            found.runs.append((customer, run, _only_moved(before.get(run.id), run)))
            count_end(found.counts, before.get(run.id), run)
    runs.save(conn, bucket, found.runs)
    records.cancel(conn, bucket, found.cancels, now)
    records.plan(conn, bucket, list(found.sends.values()), now)
    append_rows(conn, found.inbox)
    codes.take(conn, bucket, found.codes, now)
    if found.back:
        give_back_codes(conn, bucket, found.back, now)
    webhooks.plan(conn, bucket, found.calls, now)
    raise_alerts(conn, found.alerts, now)
    points.enter(conn, bucket, found.points, now)
    consents.record(conn, found.consents)
    traces.append(conn, bucket, found.traces, now, commit)
    daily_counts.add_all(conn, now, found.counts)


def give_back_codes(conn: Connection, bucket: int, back: Sequence[GiveBack], now: Instant) -> None:
    """Codes of runs that ended before a message with them left. What was taken back may have left all the
    same, and its run has not heard of it: then the code stays."""
    left = records.handed_among(conn, bucket, {code.message for code in back if code.message})
    codes.give_back(conn, bucket, [code for code in back if code.message not in left], now)


def _sort(found: _Rows, bucket: int, customer: str, effect: Effect, now: Instant) -> None:
    match effect:
        case Send():
            found.sends[effect.key] = (customer, effect)
        case Cancel():
            found.sends.pop(effect.key, None)
            found.cancels[effect.key] = effect.why
        case Change():
            # `set: {consent.email: given}` goes into the ledger too; the attribute itself stands in
            # the facts already
            head, _, channel = effect.name.partition(".")
            if head == "consent" and channel:
                state: Any = effect.value
                found.consents.append(
                    consents.Agreement(
                        customer, channel, "marketing", str(state), now, f"journey step {effect.once}", ""
                    )
                )
        case TakeCode():
            found.codes.append((customer, effect))
        case GiveBack():
            found.back.append(effect)
        case Call():
            found.calls.append((customer, effect, dump_values(effect.values)))
        case Emit():
            event = Event(0, effect.id, effect.name, effect.at, now, effect.fields, causes=effect.causes)
            kind, body = to_row(event)
            found.inbox.append((bucket, customer, kind, now, body))
        case Alert():
            found.alerts.append(effect)
        case EnterPoints():
            found.points.append((customer, effect))


def _only_moved(before: Enrollment | None, enrollment: Enrollment) -> bool:
    return (
        before is not None
        and before.outcome == enrollment.outcome
        and before.goal_at == enrollment.goal_at
        and before.watch_until == enrollment.watch_until
        and before.journey == enrollment.journey
    )
