"""Who is in a segment since when, and who left it, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from engine.core.facts.customer import CustomerState, Facts, Reach
from engine.core.journeys import Journeys
from engine.store.audience import memberships
from engine.store.audience.memberships import SegmentCount
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.meta import bucket_of
from engine.values import Instant

JOURNEYS = Journeys({}, timezone="UTC")


def put(store: Store, at: int, **inside: set[str]) -> None:
    """These customers are in these segments from a moment on."""

    def write(conn: Connection) -> None:
        for name, segments in inside.items():
            batch = batches.load_batch(conn, bucket_of(conn, name), [name], JOURNEYS, Instant(at))
            facts = Facts(name, segments=frozenset(segments), reach={"email": Reach(f"{name}@x.example")})
            batches.save_batch(conn, batch, {name: CustomerState(facts, applied=at)}, Instant(at))

    store.write(write)


def test_who_came_and_who_went_is_counted(store: Store) -> None:
    put(store, 10, anna={"vip"}, ben={"vip", "lapsed"}, cleo=set())
    put(store, 20, anna=set(), cleo={"vip"})
    put(store, 30, anna={"vip"}, ben={"lapsed"})
    with store.read() as conn:
        assert memberships.counts(conn, Instant(0)) == {
            "vip": SegmentCount(2, 4, 2), "lapsed": SegmentCount(1, 1, 0),
        }  # fmt: skip
        assert memberships.counts(conn, Instant(20)) == {
            "vip": SegmentCount(2, 1, 1), "lapsed": SegmentCount(1),
        }  # fmt: skip
        assert memberships.some(conn, "vip", 5) == ["anna", "cleo"]
        assert memberships.some(conn, "vip", 1) == ["anna"]
        members = memberships.members(conn, "vip")
        listed = [(one.customer, one.entered_at, one.addresses["email"]) for one in members]
        assert sorted(listed) == [("anna", 30, "anna@x.example"), ("cleo", 20, "cleo@x.example")]


def test_when_somebody_left_before_stays_when_they_leave_again(store: Store) -> None:
    for at, inside in ((10, {"vip"}), (20, set[str]()), (30, {"vip"}), (40, set[str]())):
        put(store, at, anna=inside)
    with store.read() as conn:
        assert memberships.counts(conn, Instant(0))["vip"] == SegmentCount(0, 2, 2)
        assert memberships.counts(conn, Instant(25))["vip"] == SegmentCount(0, 1, 1)


def test_what_changes_nothing_writes_nothing(store: Store) -> None:
    put(store, 10, anna={"vip"})
    put(store, 20, anna={"vip"})
    with store.read() as conn:
        assert [one.entered_at for one in memberships.members(conn, "vip")] == [10]


def test_who_left_long_ago_is_forgotten_and_members_stay(store: Store) -> None:
    put(store, 10, anna={"vip"}, ben={"vip"})
    put(store, 20, anna=set())
    assert store.write(lambda conn: memberships.forget(conn, Instant(20))) == 0
    assert store.write(lambda conn: memberships.forget(conn, Instant(21))) == 1
    with store.read() as conn:
        assert memberships.counts(conn, Instant(0)) == {"vip": SegmentCount(1, 1, 0)}


def test_members_come_in_pages_and_nobody_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "PAGE", 3)
    put(store, 10, **{f"c{number}": {"vip"} for number in range(9)})
    with store.read() as conn:
        found = [one.customer for one in memberships.members(conn, "vip")]
    assert sorted(found) == [f"c{number}" for number in range(9)]
