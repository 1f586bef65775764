"""Processes on one PostgreSQL database: who lives, who leads, what becomes of what a dead one had in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import Connection

from engine.clock import SystemClock
from engine.runtime.workers.cluster_view import Role, uptime
from engine.runtime.workers.fenced_store import FencedStore, LeadLostError
from engine.runtime.workers.membership import Membership
from engine.store import meta
from engine.store.daemon import workers
from engine.store.database import Store
from engine.store.sql import change, rows

pytestmark = pytest.mark.postgres

Join = Callable[..., Membership]


@dataclass
class Passing:
    """Time that passes for those who beat, and for nobody else."""

    store: Store
    ahead: float = 0.0

    def uptime(self) -> float:
        return uptime() + self.ahead

    def silence(self, worker: str, seconds: float, *beating: Membership) -> None:
        """So long only these are heard."""
        self.store.write(
            lambda conn: change(
                conn, "UPDATE worker SET beat_at = beat_at - ? WHERE id = ?", (int(seconds * 1000), worker)
            )
        )
        until = self.ahead + seconds
        while self.ahead < until:
            self.ahead += min(2.0, until - self.ahead)
            beat(*beating)


@pytest.fixture
def passing(shared: Store) -> Passing:
    return Passing(shared)


@pytest.fixture
def join(shared: Store, passing: Passing) -> Iterator[Join]:
    """A new member."""
    members: list[Membership] = []

    def join(name: str, role: Role = Role.ALL, lease: int = 10_000) -> Membership:
        member = Membership(shared, SystemClock(), name, role, "test", lease, uptime=passing.uptime)
        member.begin()
        members.append(member)
        return member

    yield join
    for member in members:
        member.end()


def beat(*members: Membership) -> None:
    """One tick of each, in this order."""
    for member in members:
        asyncio.run(member.tick())


def message(conn: Connection, key: str, state: str, owner: str) -> None:
    change(
        conn,
        "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel,"
        " policy, state, why, fence, planned_at, due_at, valid_until, ready_at, attempts, counts, resent,"
        " names, detail, handed_at, owner, lease_until) VALUES (0, 'c', ?, 'r', 'j', 's', 't', 'email', 'p',"
        " ?, '', 1, 0, 0, 0, 0, 1, true, 0, '{}', '', ?, ?, 9999999999999)",
        (key, state, 1 if state == "handoff" else None, owner),
    )


def states(store: Store) -> dict[str, str]:
    with store.read() as conn:
        return dict(rows(conn, "SELECT send_key, state FROM outbox"))


def test_all_see_the_same_workers_and_one_of_them_leads(join: Join) -> None:
    first, second, page = join("a"), join("b", Role.WORKER), join("c", Role.HTTP)
    beat(first, second, page)
    assert first.standing.workers == second.standing.workers == page.standing.workers == ("a", "b")
    assert [member.standing.is_leader for member in (first, second, page)] == [True, False, False]


def test_who_leaves_in_order_is_gone_at_once_and_the_lead_goes_on(join: Join) -> None:
    first, second = join("a"), join("b")
    first.end()
    beat(second)
    assert second.standing.workers == ("b",)
    assert second.standing.is_leader


def test_what_a_silent_worker_had_in_hand_is_taken_over_and_nothing_of_anybody_else(
    join: Join, passing: Passing, shared: Store
) -> None:
    first, second = join("a"), join("b")
    beat(first, second)
    for key, state, owner in (
        ("claimed", "claimed", "a"), ("handed", "handoff", "a"),
        ("other claimed", "claimed", "b"), ("other handed", "handoff", "b"),
    ):  # fmt: skip
        shared.write(partial(message, key=key, state=state, owner=owner))
    passing.silence("a", 10.5, second)
    assert states(shared) == {
        "claimed": "planned", "handed": "unknown", "other claimed": "claimed", "other handed": "handoff",
    }  # fmt: skip
    beat(second)
    assert second.standing.workers == ("b",)
    assert second.standing.is_leader


def test_who_was_taken_for_dead_and_comes_back_sends_nothing_of_before(
    join: Join, passing: Passing, shared: Store
) -> None:
    first, second = join("a"), join("b")
    beat(first, second)
    before = first.standing
    passing.silence("a", 10.5, second)
    beat(first, second)
    assert not first.standing.may_send(before.burials)
    assert first.standing.may_send(first.standing.burials)
    assert first.standing.workers == second.standing.workers == ("a", "b")


def test_who_has_a_session_is_not_dead_before_its_lease_ends(
    join: Join, passing: Passing, shared: Store
) -> None:
    first, second = join("a"), join("b")
    beat(first, second)
    passing.silence("a", 5, second)
    assert second.standing.workers == ("a", "b")


def test_sessions_of_who_is_taken_for_dead_are_ended(join: Join, passing: Passing, shared: Store) -> None:
    first, second = join("a"), join("b")
    hung = workers.beats_engine(shared.engine, "a")
    with hung.connect() as conn:
        conn.exec_driver_sql("BEGIN")
        change(conn, "INSERT INTO meta (name, value) VALUES ('begun', 'by a')")
        passing.silence("a", 10.5, second)
        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            conn.exec_driver_sql("COMMIT")
        conn.invalidate()
    hung.dispose()
    with shared.read() as conn:
        assert meta.get(conn, "begun") is None
    assert first.standing.own == "a"


def test_a_leader_that_was_replaced_writes_nothing_any_more(
    join: Join, passing: Passing, shared: Store
) -> None:
    first, second = join("a"), join("b")
    beat(first, second)
    leading = FencedStore(shared, first.check_lead)
    leading.write(lambda conn: meta.put(conn, "by", "the first"))
    passing.silence("a", 10.5, second)
    beat(second)
    assert second.standing.is_leader
    assert first.standing.is_leader, "it has not heard of it"
    with pytest.raises(LeadLostError):
        leading.write(lambda conn: meta.put(conn, "by", "the first, again"))
    with shared.read() as conn:
        assert meta.get(conn, "by") == "the first"


def test_who_did_not_watch_for_as_long_buries_nobody(join: Join, passing: Passing) -> None:
    first, second = join("a"), join("b")
    beat(first, second)
    passing.ahead += 60  # the database was away, for both of them
    passing.silence("a", 9, second)
    assert list(second.standing.workers) == ["a", "b"]
    passing.silence("a", 4, second)
    assert list(second.standing.workers) == ["b"]
