"""Several messages at their last look in one statement: each is answered as if it had come alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.decision.effects import Send
from engine.core.happening import Event
from engine.store import meta, sql
from engine.store.customers import suppressions
from engine.store.customers.suppressions import SuppressionReason
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.messages import daily_limits, queue, records
from engine.store.messages.daily_limits import DailyQuota
from engine.store.messages.destinations import Destination
from engine.store.messages.queue import Departure, Handover
from engine.values import DAY, Instant

NOW = Instant(1_782_000_000_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """One message and what stands in its way."""

    customer: int
    address: int
    is_busy: bool  # something that its customer did is not applied yet
    is_closed: bool  # its address is suppressed
    is_late: bool


def departures(conn: Connection, asked: list[Asked], quota: DailyQuota | None = None) -> list[Departure]:
    for number, message in enumerate(asked):
        name, key = f"c{message.customer}", f"k{number}"
        until = Instant(NOW + (1 if message.is_late else DAY))
        send = Send(key, "run", "cart", "hi", "hi", "sms", "p", "marketing", NOW, until, False)
        records.plan(conn, meta.bucket_of(conn, name), [(name, send)], NOW)
    claimed = queue.claim(conn, "sms", "me", NOW, DAY, len(asked))
    for message in asked:
        if message.is_busy:
            what = Event(0, "e", "cart_updated", NOW, NOW)
            inbox.append(conn, [inbox.Arrival(f"c{message.customer}", "test", None, what)], NOW)
        if message.is_closed:
            suppressions.suppress(
                conn, "sms", f"+{message.address}", "all", NOW, SuppressionReason.UNSUBSCRIBED
            )
    by_key = {message.send_key: message for message in claimed}
    return [
        Departure(
            by_key[f"k{number}"],
            suppressions.hash_of(conn, "sms", f"+{message.address}"),
            quota,
            Destination(f"place-{message.address}"),
        )
        for number, message in enumerate(asked)
    ]


def left_behind(conn: Connection) -> list[object]:
    tables = ("inbox WHERE kind <> 'event'", "outbox", "volume", "destination")
    columns = ("customer, kind, body", "send_key, state, why, ready_at", "*", "*")
    return [
        sorted(map(tuple, sql.rows(conn, f"SELECT {column} FROM {table}")))
        for column, table in zip(columns, tables, strict=True)
    ]


asked_lists = st.lists(
    st.builds(
        Asked, st.integers(0, 3), st.integers(0, 3), *[st.sampled_from([False, False, False, True])] * 3
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked_lists)
def test_a_group_is_answered_as_one_after_the_other(store: Store, asked: list[Asked]) -> None:
    later = Instant(NOW + 2)

    def job(conn: Connection) -> None:
        undone = conn.begin_nested()
        leaving = departures(conn, asked)
        each_alone = conn.begin_nested()
        alone: list[Handover] = []
        for departure in leaving:
            alone += queue.hand_over_each(conn, [departure], later)
        after = left_behind(conn)
        each_alone.rollback()
        together = queue.hand_over_each(conn, leaving, later)
        assert (together, left_behind(conn)) == (alone, after)
        undone.rollback()

    store.write(job)


def test_a_ceiling_holds_within_a_group(store: Store) -> None:
    quota = DailyQuota("2026-06-21", Instant(NOW + DAY), 3)

    def job(conn: Connection) -> tuple[list[Handover], int]:
        leaving = departures(
            conn,
            [Asked(each, each, is_busy=each < 2, is_closed=False, is_late=False) for each in range(8)],
            quota,
        )
        return queue.hand_over_each(conn, leaving, NOW), daily_limits.handed(conn, "cart", quota.day)

    answers, counted = store.write(job)
    assert Counter(answers) == {"handed": 3, "later": 5}
    assert counted == 3
