"""What happens now is taken before history, and nothing of one customer overtakes anything else of theirs."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.happening import Event, ProfileChanged
from engine.store.database import Store
from engine.store.inbox import inbox, lanes, quarantine
from engine.store.inbox.inbox import Arrival, Lane
from engine.store.meta import bucket_of
from engine.values import Instant

NOW = Instant(1_772_442_000_000)


def said(customer: str, id_: str, *, live: bool) -> Arrival:
    return Arrival(customer, "test", id_, Event(0, id_, "order_placed", NOW, NOW, {}, live))


def receive(store: Store, arrivals: Sequence[Arrival]) -> None:
    store.write(lambda conn: inbox.append(conn, arrivals, NOW))


def claim(
    conn: Connection, bucket: int, limit: int, woken: set[str], room: int, most: int = 5_000
) -> lanes.InboxBatch:
    live = lanes.claim_live(conn, bucket, NOW, limit)
    return lanes.with_history(conn, bucket, NOW, live, woken, room, most)


def test_what_only_updates_facts_is_history(store: Store) -> None:
    assert inbox.lane_of(said("c", "1", live=False).what) is Lane.HISTORY
    assert inbox.lane_of(ProfileChanged(0, NOW, {}, starts=False)) is Lane.HISTORY
    assert inbox.lane_of(said("c", "1", live=True).what) is Lane.LIVE


def test_what_happens_now_is_claimed_before_what_was_received_earlier_as_history(store: Store) -> None:
    # Both in one bucket, also where there are many
    receive(store, [said("ann", f"old{n}", live=False) for n in range(50)])
    with store.read() as conn:
        bucket = bucket_of(conn, "ann")
    other = next(name for name in map(str, range(10_000)) if in_bucket(store, name) == bucket)
    receive(store, [said(other, "new", live=True)])
    with store.read() as conn:
        claimed = claim(conn, bucket, 1, set(), 3)
    assert [row.customer for row in claimed.pending] == ["ann", "ann", "ann", other]
    assert claimed.behind == {"ann"}
    assert claimed.is_cut


def in_bucket(store: Store, customer: str) -> int:
    with store.read() as conn:
        return bucket_of(conn, customer)


def test_who_has_to_be_woken_brings_their_history_along(store: Store) -> None:
    receive(store, [said("other", f"o{n}", live=False) for n in range(20)])
    receive(store, [said("ann", "a1", live=False), said("ann", "a2", live=False)])
    bucket = in_bucket(store, "ann")
    with store.read() as conn:
        claimed = claim(conn, bucket, 10, {"ann"}, 1)
    assert [row.customer for row in claimed.pending if row.customer == "ann"] == ["ann", "ann"]
    assert "ann" not in claimed.behind


def test_history_of_somebody_who_is_set_aside_is_left(store: Store) -> None:
    receive(store, [said("ann", "a1", live=False), said("bob", "b1", live=False)])
    bucket = in_bucket(store, "ann")
    store.write(lambda conn: quarantine.quarantine(conn, bucket, "ann", "broken", NOW))
    with store.read() as conn:
        assert "ann" not in {row.customer for row in claim(conn, bucket, 10, set(), 10).pending}


# The job empties the store at its start
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30),
    st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_however_small_the_claims_are_each_customer_keeps_their_order(
    sqlite_store: Store, rows: list[tuple[str, bool]], wakes: list[set[str]], limit: int, room: int, most: int
) -> None:
    """Rows are received, then claimed and removed until none is left, whoever is woken in between."""
    store = sqlite_store

    def job(conn: Connection) -> None:
        conn.exec_driver_sql("DELETE FROM inbox")
        conn.exec_driver_sql("DELETE FROM receipt")
        inbox.append(conn, [said(who, f"e{n}", live=live) for n, (who, live) in enumerate(rows)], NOW)
        applied: dict[str, list[int]] = {}
        for turn in range(1 + 2 * len(rows)):
            claimed = claim(conn, 0, limit, wakes[turn % len(wakes)], room, most)
            assert [row.number for row in claimed.pending] == sorted(row.number for row in claimed.pending)
            for row in claimed.pending:
                applied.setdefault(row.customer, []).append(row.number)
            inbox.remove(conn, [row.number for row in claimed.pending])
            waiting = {who for (who,) in conn.exec_driver_sql("SELECT customer FROM inbox").fetchall()}
            concerned = wakes[turn % len(wakes)] | {row.customer for row in claimed.pending}
            assert claimed.behind == waiting & concerned, (rows, wakes, limit, room, most, turn, claimed)
            assert claimed.is_cut or not waiting
        assert inbox.depth(conn) == 0
        assert all(numbers == sorted(numbers) for numbers in applied.values())
        assert sum(map(len, applied.values())) == len(rows)

    store.write(job)
