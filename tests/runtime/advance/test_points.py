"""Points in a running shop: events, steps of journeys, joins, erasures and time, over a real store."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.runtime.advance.loyalty_review import review_points
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import sums
from engine.store.customers import batches
from engine.store.incentives import points
from engine.store.incentives.points import PointsEntry
from engine.store.meta import bucket_of
from engine.store.persons import aliases, erasure
from engine.values import DAY, Instant, Money, Value
from tests.runtime.shop import CONFIG, FILES, Shop

POINTS = """
points:
  earn:
    - {event: subscribed, points: 100, once: ever}
    - {event: order_placed, points: 1 for each 1 EUR of total}
  pending: 2 days
  less: [order_cancelled by order_id]
  expire: 30 days after earning
  warn: 7 days
tiers: {by: points earned in last 20 days, into: {bronze: 0, silver: 150}}
"""
EVENTS = """
events:
  subscribed: {}
  order_placed: {fields: {order_id: text, total: money}}
  order_cancelled: {fields: {order_id: text}}
  complained: {}
"""
CUSTOMER = """
facts:
  orders_count: count of order_placed
"""
LETTERS = {
    "thanks": "start: {event: points_earned, where: {points: at least 50}}",
    "ending": "start: {event: points_expiring}",
    "gone": "start: {event: points_expired}",
    "up": "start: {event: tier_reached}",
    "down": "start: {event: tier_left}",
    "spent": "start: {event: points_spent}",
}
SORRY = """
journey: sorry
start: {event: complained}
again: always
goal: {event: order_placed}
policy: service
steps:
  - add: {points: 50}
  - wait: 1 day
    id: pause
  - add: {points: -20}
"""


def files() -> dict[str, str]:
    """A shop with points, and a letter for everything that is told of them."""
    found = {
        name: text
        for name, text in FILES.items()
        if not name.startswith(("journeys/", "templates/", "schemas/", "config"))
    }
    found |= {
        "config.yaml": CONFIG + POINTS,
        "schemas/customer.yaml": CUSTOMER,
        "schemas/events.yaml": EVENTS,
        "journeys/sorry.yaml": SORRY,
    }
    for name, start in LETTERS.items():
        found[f"journeys/{name}.yaml"] = (
            f"journey: {name}\n{start}\nagain: always\ngoal: {{event: order_placed}}\npolicy: service\n"
            f"steps:\n  - send: {name}\n"
        )
        found[f"templates/{name}.push.txt"] = f"{name} {{{{ customer.points }}}}"
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, files())
    opened.change("anna")
    opened.run()
    yield opened
    opened.close()


def ledger(shop: Shop, customer: str = "anna") -> list[PointsEntry]:
    with shop.store.read() as conn:
        return points.of_customer(conn, bucket_of(conn, customer), customer)


def value(shop: Shop, name: str, customer: str = "anna") -> Value:
    with shop.store.read() as conn:
        batch = batches.load_batch(
            conn, bucket_of(conn, customer), [customer], shop.publication.journeys, shop.clock.now()
        )
    return batch.states[customer].facts.values.get(name)


def order(shop: Shop, customer: str, number: str, total: int) -> None:
    shop.event(customer, "order_placed", f"o{number}", order_id=number, total=Money(Decimal(total), "EUR"))


def test_points_are_earned_pending_warned_of_and_end_and_journeys_hear_of_each(shop: Shop) -> None:
    order(shop, "anna", "1", 160)
    shop.later(0)
    assert (value(shop, "points"), value(shop, "points_pending"), value(shop, "tier")) == (0, 160, "silver")
    shop.later(2 * DAY)
    assert (value(shop, "points"), value(shop, "points_pending")) == (160, 0)
    for _ in range(31):
        shop.later(DAY)
    assert (value(shop, "points"), value(shop, "tier")) == (0, "bronze")
    sent = sorted(message.template for message in shop.planned())
    assert sent == ["down", "ending", "gone", "thanks", "up"]
    assert [(line.kind, line.points) for line in ledger(shop)] == [("earned", 160), ("expired", -160)]


def test_what_is_received_twice_counts_once(shop: Shop) -> None:
    for _ in range(2):
        order(shop, "anna", "1", 40)
        shop.run()
    assert value(shop, "points_pending") == 40


def test_a_step_writes_a_line_of_the_ledger_once(shop: Shop) -> None:
    shop.event("anna", "complained")
    shop.later(0)
    assert value(shop, "points") == 50, "what a journey gives can be spent at once"
    shop.later(DAY)
    assert value(shop, "points") == 30
    told = [(line.kind, line.points, line.about) for line in ledger(shop)]
    assert told == [("given", 50, "sorry"), ("spent", -20, "sorry")]


def test_two_ids_of_one_person_have_one_ledger_in_which_a_cause_is_once(shop: Shop) -> None:
    shop.change("visitor")
    for name in ("anna", "visitor"):
        shop.event(name, "subscribed")
        order(shop, name, name, 30)
    shop.later(3 * DAY)
    assert (value(shop, "points"), value(shop, "points", "visitor")) == (130, 130)
    shop.store.write(
        lambda conn: aliases.join(conn, "visitor", "anna", shop.publication.journeys, shop.clock.now())
    )
    shop.later(DAY)
    assert value(shop, "points") == 160, "once: ever  is once for one person"
    assert sum(line.points for line in ledger(shop)) == 160
    assert ledger(shop, "visitor") == []


def test_an_erasure_forgets_the_lines_and_keeps_sums(shop: Shop) -> None:
    order(shop, "anna", "1", 40)
    shop.run()
    shop.store.write(lambda conn: erasure.erase(conn, ["anna"], shop.clock.now()))
    assert ledger(shop) == []
    assert counted(shop) == {"earned": 40, "forgotten": -40}


def test_a_changed_table_is_looked_at_for_everybody_once(shop: Shop) -> None:
    order(shop, "anna", "1", 120)
    shop.run()
    assert review_points(shop.store, shop.publication.journeys, shop.clock.now()) == 1
    assert review_points(shop.store, shop.publication.journeys, shop.clock.now()) == 0
    shop.run()
    assert value(shop, "tier") == "bronze"
    changed = files()
    changed["config.yaml"] = changed["config.yaml"].replace("silver: 150", "silver: 100")
    changed["config.yaml"] = changed["config.yaml"].replace("warn: 7 days", "warn: 29 days")
    shop.publish(changed)
    assert review_points(shop.store, shop.publication.journeys, shop.clock.now(), chunk=1) == 1
    shop.later(0)
    assert value(shop, "tier") == "silver"
    shop.later(2 * DAY)
    sent = sorted(message.template for message in shop.planned())
    assert sent == ["ending", "thanks"], "a tier by a changed table is no news, points that end soon are"


HAPPENED = st.lists(
    st.tuples(
        st.sampled_from(["anna", "visitor"]),
        st.sampled_from(
            ["subscribed", "order_placed", "order_cancelled", "complained", "join", "erase", "day"]
        ),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENED)
def test_the_entries_add_up_to_the_facts_after_every_history(history: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), files())
        gone: Counter[str] = Counter()
        try:
            for who, what, number in history:
                if what == "join":
                    journeys, now = shop.publication.journeys, shop.clock.now()
                    shop.store.write(lambda conn: aliases.join(conn, "visitor", "anna", journeys, now))  # noqa: B023
                elif what == "erase":
                    before = entered(shop)
                    shop.store.write(lambda conn: erasure.erase(conn, [who], shop.clock.now()))  # noqa: B023
                    before.subtract(entered(shop))
                    gone.update(before)
                elif what == "day":
                    shop.clock.advance(number * 3 * DAY)
                elif what == "order_placed":
                    order(shop, who, str(number), number * 20)
                elif what == "order_cancelled":
                    shop.event(who, what, order_id=str(number))
                else:
                    shop.event(who, what)
                shop.run()
            shop.later(DAY)
            check(shop, gone)
        finally:
            shop.close()


def counted(shop: Shop) -> Counter[str]:
    """Points of all ledgers by the kind of their entries, as reports sum them up."""
    with shop.store.read() as conn:
        found = sums(conn, dt.date.min, dt.date.max, ("why",), what=Count.POINTS)
    return Counter({str(why): total.n for (why,), total in found.items() if total.n})


def entered(shop: Shop) -> Counter[str]:
    """The same, of the entries that are there."""
    with shop.store.read() as conn:
        found = conn.exec_driver_sql("SELECT kind, sum(points) FROM points_entry GROUP BY kind").fetchall()
    return Counter({kind: int(total) for kind, total in found})


def check(shop: Shop, gone: Counter[str]) -> None:
    whole = entered(shop)
    whole.update(gone)
    whole["forgotten"] = -sum(gone.values())
    assert {kind: total for kind, total in whole.items() if total} == counted(shop)
    with shop.store.read() as conn:
        people = [name for (name,) in conn.exec_driver_sql("SELECT id FROM customer").fetchall()]
        owners = {
            name for (name,) in conn.exec_driver_sql("SELECT DISTINCT customer FROM points_entry").fetchall()
        }
    assert owners <= set(people)
    for name in people:
        found, waiting = value(shop, "points", name), value(shop, "points_pending", name)
        assert isinstance(found, int)
        assert isinstance(waiting, int)
        assert sum(line.points for line in ledger(shop, name)) == found + waiting
        first = [line for line in ledger(shop, name) if line.about == "subscribed"]
        assert sum(line.points for line in first) in (0, 100), "once: ever"


def test_somebody_who_has_points_and_no_due_moment_is_left_alone(shop: Shop) -> None:
    shop.event("anna", "complained")
    shop.later(0)
    before = len(ledger(shop))
    shop.later(DAY // 2)
    assert len(ledger(shop)) == before
    assert Instant(0) < shop.clock.now()
