"""What was not taken is counted and kept, bounded, on both databases; and what limits ask of customers."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import Connection

from engine.core.happening import ProfileChanged
from engine.store.alerting import alerts
from engine.store.customers import attribute_sizes, countries
from engine.store.database import Store
from engine.store.inbox import inbox, refusals
from engine.store.inbox.inbox import Arrival
from engine.store.inbox.refusals import KeptItem, RefusedField
from engine.store.products import catalogue as products
from engine.values import DAY, Instant

NOW = Instant(1_782_000_000_000)


def item(
    id_: str, name: str = "order_placed", source: str = "shop", why: str = "total: 100% wrong_"
) -> KeptItem:
    return KeptItem(source, "event", name, "c1", id_, '{"a":"\\u0000"}', ("total",), why, False, NOW)


def keep(items: list[KeptItem], conn: Connection) -> None:
    refusals.keep(conn, items)


def test_items_are_kept_once_found_by_event_and_reason_and_taken_out(store: Store) -> None:
    store.write(lambda conn: refusals.keep(conn, [item("1"), item("2", "x"), item("1", why="newer")]))
    with store.read() as conn:
        first, second = refusals.list_kept(conn)
        assert (first.why, first.fields, second.why) == ("newer", ("total",), "total: 100% wrong_")
        assert [found.id for found in refusals.list_kept(conn, name="x")] == ["2"]
        assert [found.id for found in refusals.list_kept(conn, reason="100% WRONG_")] == ["2"]
        assert refusals.list_kept(conn, reason="100_") == []
        assert refusals.list_kept(conn, after=first.number, limit=1) == [second]
        assert (refusals.how_many(conn), refusals.how_many(conn, reason="total")) == (2, 2)
    store.write(lambda conn: refusals.failed_again(conn, {first.number: (("a", "b"), "still")}))
    store.write(lambda conn: refusals.remove(conn, [second.number]))
    with store.read() as conn:
        (left,) = refusals.list_kept(conn)
    assert (left.fields, left.why, left.tries) == (("a", "b"), "still", 1)


def test_so_many_are_kept_and_the_largest_kind_makes_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_OF_A_KIND", 5)
    monkeypatch.setattr(refusals, "MOST", 8)
    store.write(lambda conn: refusals.keep(conn, [item("rare", "rare")]))
    for kind in ("a", "b", "c"):
        flood = [item(f"{kind}{number}", kind) for number in range(20)]
        store.write(partial(keep, flood))
    with store.read() as conn:
        left = [found.id for found in refusals.list_kept(conn)]
    assert len(left) == 8
    assert "rare" in left
    assert "c19" in left


def test_counts_add_up_by_day_and_different_mistakes_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_COUNTED", 3)
    wrong = [RefusedField("shop", f"event{number}", "total", "is a number", True) for number in range(10)]
    for _ in range(2):
        store.write(lambda conn: refusals.note(conn, wrong, [], NOW))
    with store.read() as conn:
        counted = refusals.counts(conn, Instant(NOW - 7 * DAY))
        told = [alert.why for alert in alerts.latest(conn)]
    assert sum(line.times for line in counted) == 20
    assert len(counted) == 4
    assert (counted[0].name, counted[0].times) == ("(others)", 14)
    assert len(told) == 1
    store.write(lambda conn: refusals.forget(conn, Instant(NOW + 31 * DAY)))
    with store.read() as conn:
        assert refusals.counts(conn, Instant(0)) == []


def test_sizes_and_countries_count_what_is_not_applied_yet(store: Store) -> None:
    said = [
        Arrival(who, "shop", None, ProfileChanged(0, NOW, {"country": country, "x": "y" * 100}))
        for who, country in (("c1", "DE"), ("c2", "BG"), ("c1", "FR"))
    ]
    store.write(lambda conn: inbox.append(conn, said, NOW))
    with store.read() as conn:
        sizes = attribute_sizes.of(conn, {"c1", "c2", "nobody"})
        assert sizes["c1"] > 200 > sizes["c2"] > 100
        assert attribute_sizes.names(conn, {"c1"}) == {}
        assert countries.of(conn, {"c1", "c2", "nobody"}) == {"c1": "FR", "c2": "BG"}
        assert products.changed_at(conn, "p1") is None


def test_whether_something_was_received(store: Store) -> None:
    said = Arrival("c1", "shop", "e1", ProfileChanged(0, NOW, {"x": 1}))
    store.write(lambda conn: inbox.append(conn, [said], NOW))
    with store.read() as conn:
        assert inbox.is_received(conn, "c1", "shop", "e1")
        assert not inbox.is_received(conn, "c1", "till", "e1")
