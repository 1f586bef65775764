"""Time alone ends a run in the daemon at its moment; a file that names such a form counts for those
inside."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from engine.plan.in_flight import SegmentPlan
from engine.runtime.advance.maintenance import expect_turns
from engine.runtime.publish.planning import plan_deployment
from engine.store.audience import memberships
from engine.store.inbox import due_queue
from engine.store.sql import change
from engine.values import DAY, HOUR, MINUTE
from tests.runtime.shop import ATTRIBUTES, EVENTS, FILES, MONDAY, Shop, write_project

IDLE = """
journey: idle
start: {event: subscribed}
again: never
goal: {event: order_placed}
policy: service
steps:
  - wait: 5 days
    id: pause
  - send: later
"""
LEAVES = IDLE.replace("policy:", "exit_if: {did: {site_visited: not in last 3 days}}\npolicy:")


def files(journey: str) -> dict[str, str]:
    events = EVENTS + "  site_visited: {}\n"
    return {**FILES, "schemas/events.yaml": events, "journeys/idle.yaml": journey}


def test_a_run_ends_when_the_last_visit_is_long_enough_ago(tmp_path: Path) -> None:
    shop = Shop(tmp_path, files(LEAVES))
    shop.event("ada", "site_visited")
    shop.event("ada", "subscribed")
    shop.run()
    shop.later(2 * DAY)
    shop.event("ada", "site_visited")
    shop.run()
    with shop.store.read() as conn:
        assert due_queue.first(conn) is not None
    shop.later(3 * DAY - MINUTE)
    assert shop.outcomes("ada")["idle"] is None
    shop.later(MINUTE)
    assert shop.outcomes("ada")["idle"] == "exit_if"
    shop.close()


def test_nothing_is_due_for_a_journey_that_names_no_such_form(tmp_path: Path) -> None:
    shop = Shop(tmp_path, files(IDLE))
    shop.event("ada", "site_visited")
    shop.event("ada", "subscribed")
    shop.run()
    with shop.store.read() as conn:
        assert due_queue.first(conn) == MONDAY + 2 * DAY  # the wait of `welcome`
    shop.close()


def test_a_file_that_names_it_later_counts_for_those_who_are_inside(tmp_path: Path) -> None:
    shop = Shop(tmp_path, files(IDLE))
    shop.event("ada", "site_visited")
    shop.event("ada", "subscribed")
    shop.run()
    shop.later(DAY)
    shop.publish(files(LEAVES))
    shop.run()
    shop.later(2 * DAY - HOUR)
    assert shop.outcomes("ada")["idle"] is None
    shop.later(HOUR)
    assert shop.outcomes("ada")["idle"] == "exit_if"
    shop.close()


def test_a_store_of_before_is_looked_at_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, files(LEAVES))
    shop.event("ada", "site_visited")
    shop.event("ada", "subscribed")
    shop.run()

    def forget(conn: Connection) -> None:
        change(conn, "DELETE FROM sweep WHERE kind = 'turns'")
        change(conn, "UPDATE customer SET marks = '[[],[],{},[]]'")
        change(conn, "DELETE FROM due")

    shop.store.write(forget)
    for _ in range(2):
        shop.store.write(lambda conn: expect_turns(conn, shop.publication.journeys, shop.clock.now()))
        shop.run()
    shop.later(3 * DAY)
    assert shop.outcomes("ada")["idle"] == "exit_if"
    shop.close()


def test_a_fact_that_counts_over_days_from_now_on_counts_for_those_who_are_inside(tmp_path: Path) -> None:
    def with_fact(bought: str) -> dict[str, str]:
        leaves = IDLE.replace("policy:", "exit_if: {bought: 0}\npolicy:")
        leaves = leaves.replace("goal: {event: order_placed}", "goal: {event: cart_updated}")
        attributes = f"{ATTRIBUTES}  bought: {bought}\n"
        return {
            **files(leaves), "schemas/customer.yaml": attributes,
            "journeys/segments/buyers.yaml": "segment: buyers\nwho: {bought: at least 1}\n",
        }  # fmt: skip

    def buyers() -> int:
        with shop.store.read() as conn:
            return memberships.counts(conn, MONDAY)["buyers"].members

    shop = Shop(tmp_path, with_fact("count of order_placed"))
    shop.event("ada", "order_placed")
    shop.event("ada", "subscribed")
    shop.later(DAY)
    coming = write_project(tmp_path / "coming", with_fact("count of order_placed in last 1 hours"))
    with shop.store.read() as conn:
        plan = plan_deployment(conn, coming, shop.clock.now()).plan
    assert [(each.journey, each.leaves_early) for each in plan.journeys] == [("idle", 1)]
    assert plan.segments == (SegmentPlan("buyers", 0, 1, members=1),)

    shop.publish(with_fact("count of order_placed in last 3 days"))
    shop.later(2 * DAY - MINUTE)
    assert (shop.outcomes("ada")["idle"], buyers()) == (None, 1)
    shop.later(MINUTE)
    assert (shop.outcomes("ada")["idle"], buyers()) == ("exit_if", 0)
    shop.close()
