"""Customers move on in batches: what happened first, then what is due; nobody stops the others."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import event

from engine.core.happening import Event
from engine.runtime.advance.advancer import Publication
from engine.store.customers import batches, events
from engine.store.inbox import due_queue, inbox, quarantine
from engine.store.journeys import pauses
from engine.values import DAY, HOUR, MINUTE, Instant, Money
from tests.runtime.shop import Shop


def test_a_customer_goes_through_a_journey(shop: Shop) -> None:
    shop.change("ann", timezone="Europe/Berlin")
    shop.event("ann", "subscribed")
    shop.run()
    assert shop.send_all() == [("ann", "hello")]
    assert shop.resting("welcome") == {"before_offer": 1}
    shop.later(2 * DAY - 1)
    assert shop.resting("welcome") == {"before_offer": 1}
    shop.later(1)
    assert shop.states() == {("hello", "accepted"): 1, ("offer", "accepted"): 1}
    assert shop.outcomes("ann") == {"welcome": "finish"}
    batch = shop.store.write(
        lambda conn: batches.load_batch(conn, 0, ["ann"], shop.publication.journeys, shop.clock.now())
    )
    assert batch.states["ann"].facts.values["points"] == 10


def test_a_goal_takes_the_planned_message_back(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(HOUR)
    shop.run()
    assert shop.states() == {("cart_reminder", "planned"): 1}
    shop.event("ann", "order_placed")
    assert shop.send_all() == []
    assert shop.states() == {("cart_reminder", "cancelled"): 1}
    assert shop.outcomes("ann") == {"cart": "goal"}


def test_an_order_that_is_not_applied_yet_stops_the_hand_over(shop: Shop) -> None:
    """The deliverer is faster than the advancer: the message waits until the order was looked at."""
    from engine.store.messages import queue

    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(HOUR)
    shop.run()
    now = shop.clock.now()
    (taken,) = shop.store.write(lambda conn: queue.claim(conn, "push", "me", now, MINUTE, 10))
    shop.event("ann", "order_placed")
    assert not shop.hand_over(taken)
    assert shop.states() == {("cart_reminder", "planned"): 1}
    shop.run()
    assert shop.states() == {("cart_reminder", "cancelled"): 1}


def test_what_was_received_counts_before_what_is_due(shop: Shop) -> None:
    """After a downtime the order of the second hour beats the wake of the first."""
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(2 * HOUR)
    shop.event("ann", "order_placed")
    shop.run()
    assert shop.states() == {}
    assert shop.outcomes("ann") == {"cart": "goal"}


def test_a_restart_leaves_the_old_moment_behind_and_it_does_nothing(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(30 * MINUTE)
    shop.event("ann", "cart_updated")
    shop.run()
    before = shop.told("ann")
    shop.clock.advance(30 * MINUTE)
    progress = shop.run()
    assert (progress.woken, progress.decided) == (1, 0)
    assert shop.told("ann") == before
    shop.later(30 * MINUTE)
    assert shop.states() == {("cart_reminder", "accepted"): 1}


def test_a_batch_takes_as_many_statements_for_a_thousand_as_for_one(shop: Shop) -> None:
    def statements(customers_: list[str]) -> int:
        for customer in customers_:
            shop.change(customer)
            shop.event(customer, "subscribed")
            shop.event(customer, "cart_updated", total=Money(Decimal(5), "EUR"))
        seen: list[str] = []

        def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
            seen.append(statement)

        event.listen(shop.store.engine, "before_cursor_execute", note)
        progress = shop.advancer.advance(shop.publication)
        event.remove(shop.store.engine, "before_cursor_execute", note)
        assert progress.applied == 3 * len(customers_)
        return len(seen)

    few, many = statements(["ann"]), statements([f"c{n}" for n in range(300)])
    assert many == few
    assert few < 40


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_batches_of_any_size_come_to_the_same(shop: Shop, limit: int) -> None:
    for n in range(10):
        shop.change(f"c{n % 3}")
        shop.event(f"c{n % 3}", "cart_updated")
    shop.run()
    shop.clock.advance(HOUR)
    shop.event("c1", "cart_updated")
    shop.event("c2", "order_placed")
    shop.event("c1", "order_placed")
    shop.advancer.limit = limit
    shop.run()
    shop.send_all()
    shop.later(2 * HOUR)
    assert {name: shop.outcomes(name).get("cart") for name in ("c0", "c1", "c2")} == {
        "c0": "finish", "c1": "goal", "c2": "goal",
    }  # fmt: skip
    assert shop.states() == {("cart_reminder", "accepted"): 1}


def test_one_customer_who_cannot_be_applied_is_set_aside_and_the_others_go_on(shop: Shop) -> None:
    for name in ("ann", "bob", "cid"):
        shop.change(name)
        shop.event(name, "subscribed")
    shop.store.write(
        lambda conn: conn.exec_driver_sql(
            "UPDATE inbox SET body = '{' WHERE customer = 'bob' AND kind = 'event'"
        )
    )
    shop.run()
    assert [message.customer for message in shop.planned()] == ["ann", "cid"]
    with shop.store.read() as conn:
        (aside,) = quarantine.list_all(conn)
        assert inbox.depth(conn) == 2
    assert aside.customer == "bob"
    assert "DecodeError" in aside.why
    assert aside.tries == 1


def test_a_customer_who_was_set_aside_keeps_their_order_and_goes_on_when_mended(shop: Shop) -> None:
    shop.change("bob", tier="gold")
    shop.store.write(lambda conn: conn.exec_driver_sql("UPDATE inbox SET kind = 'mystery'"))
    shop.event("bob", "subscribed")
    shop.run()
    shop.clock.advance(MINUTE)
    shop.run()
    with shop.store.read() as conn:
        (aside,) = quarantine.list_all(conn)
    assert (aside.tries, aside.retry_at) == (2, shop.clock.now() + 2 * MINUTE)
    assert shop.states() == {}
    shop.store.write(
        lambda conn: conn.exec_driver_sql("UPDATE inbox SET kind = 'changed' WHERE kind = 'mystery'")
    )
    shop.later(2 * MINUTE)
    assert shop.states() == {("hello", "accepted"): 1}
    with shop.store.read() as conn:
        assert quarantine.list_all(conn) == []
        assert inbox.depth(conn) == 0


def test_a_paused_journey_stands_still_and_goes_on(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.store.write(lambda conn: pauses.pause(conn, "journey", "cart", shop.clock.now(), "anna"))
    shop.later(HOUR)
    shop.change("bob")
    shop.event("bob", "cart_updated")
    shop.run()
    assert shop.states() == {}
    assert shop.resting("cart") == {"still_shopping": 1}
    shop.store.write(lambda conn: pauses.resume(conn, "journey", "cart"))
    shop.later(MINUTE)
    assert shop.states() == {("cart_reminder", "accepted"): 1}


def test_nothing_moves_by_files_that_are_no_longer_published(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "subscribed")
    progress = shop.advancer.run(Publication(shop.publication.number + 1, shop.publication.journeys))
    assert progress.stale
    assert shop.states() == {}
    with shop.store.read() as conn:
        assert inbox.depth(conn) == 2


def test_history_is_kept_and_read_again(shop: Shop) -> None:
    shop.change("ann", tier="gold")
    shop.event("ann", "order_placed", order_id="o1", total=Money(Decimal("12.50"), "EUR"))
    shop.run()
    with shop.store.read() as conn:
        found = events.of_customer(conn, 0, "ann")
    assert [happened.name for happened in found] == ["$changed", "order_placed"]
    assert str(found[1].fields["total"]) == "12.5 EUR"


def test_an_event_from_the_import_updates_facts_and_starts_nothing(shop: Shop) -> None:
    now = shop.clock.now()
    shop.happen("ann", Event(0, "x", "order_placed", Instant(now - 90 * DAY), now, {}, starts=False), "x")
    shop.happen("ann", Event(0, "y", "subscribed", Instant(now - 90 * DAY), now, {}, starts=False), "y")
    shop.run()
    batch = shop.store.write(
        lambda conn: batches.load_batch(conn, 0, ["ann"], shop.publication.journeys, now)
    )
    assert batch.states["ann"].facts.values["orders_count"] == 1
    assert shop.outcomes("ann") == {}


def old_order(customer: str, number: int, at: Instant, now: Instant) -> inbox.Arrival:
    event = Event(0, f"h{number}", "order_placed", at, now, {}, starts=False)
    return inbox.Arrival(customer, "test", f"{customer}-h{number}", event)


def test_what_happens_now_and_who_is_due_do_not_wait_behind_history(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(HOUR)
    now = shop.clock.now()
    history = [old_order(f"c{n % 700}", n, Instant(now - 90 * DAY), now) for n in range(2_500)]
    shop.store.write(lambda conn: inbox.append(conn, history, now))
    shop.event("bob", "cart_updated")
    progress = shop.advancer.advance(shop.publication)
    assert progress.more
    assert shop.states() == {("cart_reminder", "planned"): 1}
    assert shop.resting("cart") == {"cart_reminder": 1, "still_shopping": 1}


def test_the_history_of_somebody_who_is_due_counts_before_what_is_due(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.clock.advance(HOUR)
    now = shop.clock.now()
    # behind everybody else's, and it is the goal of the cart: ordered before the reminder was due
    history = [old_order(f"c{n % 700}", n, Instant(now - 90 * DAY), now) for n in range(2_500)]
    history.append(old_order("ann", 0, Instant(now - MINUTE), now))
    shop.store.write(lambda conn: inbox.append(conn, history, now))
    assert shop.advancer.advance(shop.publication).more
    assert shop.states() == {}
    assert shop.outcomes("ann") == {"cart": "goal"}


def test_a_backlog_leaves_nobody_in_the_queue_who_was_not_there(shop: Shop) -> None:
    now = shop.clock.now()
    history = [old_order(f"c{n % 700}", n, Instant(now - 90 * DAY), now) for n in range(2_500)]
    shop.store.write(lambda conn: inbox.append(conn, history, now))
    shop.run()
    with shop.store.read() as conn:
        assert due_queue.first(conn) is None
        assert inbox.depth(conn) == 0


def test_somebody_due_whom_nobody_can_move_is_not_looked_at_all_the_time(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.store.write(
        lambda conn: due_queue.put(conn, 0, [(shop.clock.now(), "ann"), (shop.clock.now(), "nobody")])
    )
    shop.run()
    with shop.store.read() as conn:
        assert due_queue.first(conn) == shop.clock.now() + HOUR
