"""What happened is taken once, kept in the order of receipt, and never lost between two writers."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.happening import Event, ProfileChanged
from engine.store.database import Store
from engine.store.inbox import inbox, quarantine
from engine.store.inbox.inbox import Arrival
from engine.store.meta import bucket_of
from engine.values import Instant, Value

NOW = Instant(1_772_442_000_000)


def bought(
    id_: str | None,
    customer: str = "c1",
    at: int = NOW,
    more: dict[str, Value] | None = None,
    **fields: Value,
) -> Arrival:
    return Arrival(
        customer,
        "api",
        id_,
        Event(0, id_ or "", "order_placed", Instant(at), NOW, {**fields, **(more or {})}),
    )


def take(store: Store, *arrivals: Arrival) -> list[inbox.Taken]:
    return store.write(lambda conn: inbox.append(conn, arrivals, NOW))


def numbers(store: Store) -> list[tuple[str, str]]:
    with store.read() as conn:
        found = [row for bucket in range(256) for row in inbox.claim(conn, bucket, NOW, 1000)]
    return [(row.customer, row.kind) for row in sorted(found, key=lambda row: row.number)]


def test_the_same_id_is_taken_once_within_a_call_and_later(store: Store) -> None:
    assert take(store, bought("e1"), bought("e1"), bought("e2")) == ["taken", "duplicate", "taken"]
    assert take(store, bought("e2"), bought("e3")) == ["duplicate", "taken"]
    assert len(numbers(store)) == 3


def test_another_source_may_use_the_same_id(store: Store) -> None:
    other = Arrival("c1", "import", "e1", bought("e1").what)
    assert take(store, bought("e1"), other) == ["taken", "taken"]


def test_the_same_id_with_another_body_is_a_conflict_and_the_first_wins(store: Store) -> None:
    assert take(store, bought("e1", total=5), bought("e1", total=6)) == ["taken", "conflict"]
    assert take(store, bought("e1", customer="c2", total=5)) in (
        ["conflict"],
        ["taken"],
    )  # another bucket, another customer


def test_a_repetition_that_was_received_later_is_no_conflict(store: Store) -> None:
    take(store, bought("e1", total=5))
    later = Arrival("c1", "api", "e1", Event(0, "e1", "order_placed", NOW, Instant(NOW + 9000), {"total": 5}))
    assert take(store, later) == ["duplicate"]


def test_without_an_id_the_same_content_in_the_same_second_is_the_same(store: Store) -> None:
    assert take(store, bought(None, total=5), bought(None, at=NOW + 1, total=5)) == ["taken", "duplicate"]
    assert take(store, bought(None, at=NOW + 1000, total=5), bought(None, total=6)) == ["taken", "taken"]
    assert take(store, bought(None, customer="c2", total=5)) == ["taken"]


def test_rows_are_numbered_in_the_order_of_receipt(store: Store) -> None:
    change = Arrival("c1", "api", None, ProfileChanged(0, NOW, {"tier": "gold"}))
    take(store, change, bought("e1"))
    take(store, bought("e2", customer="c2"), bought("e3"))
    assert numbers(store) == [("c1", "changed"), ("c1", "event"), ("c2", "event"), ("c1", "event")]


def test_a_number_is_never_given_twice(store: Store) -> None:
    take(store, bought("e1"))
    with store.read() as conn:
        (first,) = [row.number for bucket in range(256) for row in inbox.claim(conn, bucket, NOW, 10)]
    store.write(lambda conn: inbox.remove(conn, [first]))
    take(store, bought("e2"))
    with store.read() as conn:
        (second,) = [row.number for bucket in range(256) for row in inbox.claim(conn, bucket, NOW, 10)]
    assert second > first


def test_names_that_mean_something_to_sql_are_data(store: Store) -> None:
    strange = "' OR 1=1 -- %s {ids} ?"
    assert take(store, bought(strange, customer=strange, more={strange: strange})) == ["taken"]
    assert take(store, bought(strange, customer=strange, more={strange: strange})) == ["duplicate"]
    assert numbers(store) == [(strange, "event")]


def test_numbers_that_were_reserved_lie_between_what_came_before_and_after(store: Store) -> None:
    with store.read() as conn:
        assert not inbox.is_waiting(conn)
    first = store.write(lambda conn: inbox.reserve(conn, 3))
    assert first == sorted(set(first))
    take(store, bought("e1"))

    def late(conn: Connection) -> list[int]:
        reserved = inbox.reserve(conn, 2)
        _, new = inbox.receive(conn, [bought("e2")], NOW)
        inbox.append_numbered(conn, [(reserved[1], row) for _, row in new])
        return reserved

    second = store.write(late)
    take(store, bought("e3"))
    with store.read() as conn:
        rows = [row for bucket in range(256) for row in inbox.claim(conn, bucket, NOW, 10)]
        assert inbox.is_waiting(conn)
    numbers = sorted(row.number for row in rows)
    assert max(first) < numbers[0] < second[0] < numbers[1] == second[1] < numbers[2]


def test_of_whom_something_waits_or_who_is_set_aside(store: Store) -> None:
    take(store, bought("e1", customer="ann"))

    def job(conn: Connection) -> list[set[str]]:
        quarantine.quarantine(conn, bucket_of(conn, "bob"), "bob", "broken", NOW)
        return [inbox.waiting_among(conn, bucket_of(conn, who), [who]) for who in ("ann", "bob", "eve")]

    assert store.write(job) == [{"ann"}, {"bob"}, set()]
