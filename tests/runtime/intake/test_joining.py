"""Two ids of one person give the messages that one id would have had, or fewer, whatever comes in which order
(design/language 2.21)."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from engine.store.messages import records
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE, Money
from tests.core.test_joining import by_cap
from tests.runtime.shop import CONFIG, FILES, Shop

JOURNEYS = {
    "welcome": """
start: {event: subscribed}
again: never
goal: {event: order_placed}
policy: service
steps:
  - send: hello
  - wait: 90 minutes
    id: pause
  - if: {did: {site_visited: at least 2 times}}
    then:
      - send: often
    else:
      - send: seldom
""",
    "cart": """
start: {event: cart_updated}
again: restart
goal: {event: order_placed, where: {total: at least 20 EUR}}
policy: service
steps:
  - wait: 1 hour
    id: pause
  - send: reminder
  - wait: 1 hour
    id: pause_again
  - send: last_call
""",
    "first_visit": """
start: {event: site_visited}
who: {orders_count: 0}
again: after 4 hours
goal: {event: cart_updated}
exit_if: {did: {subscribed: in last 2 hours}}
policy: service
steps:
  - wait: 30 minutes
    id: pause
  - send: visit
""",
    "after_order": """
start: {event: order_placed}
again: always
goal: {event: subscribed}
policy: capped
steps:
  - wait: 20 minutes
    id: pause
  - if: {did: {cart_updated: in last 1 hour}}
    then:
      - exit: busy
  - send: review
""",
    "coming_back": """
start: {event: site_visited}
again: restart
goal: {event: site_visited}
policy: service
steps:
  - wait: 1 hour
    id: pause
    for: site_visited
    then:
      - exit: back
  - send: back
""",
    "asking": """
start: {event: cart_updated}
again: always
goal: {event: subscribed}
policy: capped
steps:
  - wait: 3 hours
    id: hope
    for: order_placed
    then:
      - send: came
    else:
      - send: missed
""",
}
TEMPLATES = (
    "back", "hello", "often", "seldom", "reminder", "last_call", "visit", "review", "came", "missed",
)  # fmt: skip
SHOP_FILES = {
    name: text for name, text in FILES.items() if name.startswith("schemas/")
} | {
    "config.yaml": CONFIG + "  capped: {consent: none, caps: [1 a day], if_capped: skip}\n",
    "schemas/events.yaml": FILES["schemas/events.yaml"] + "  site_visited: {}\n",
    **{f"journeys/{name}.yaml": f"journey: {name}{text}" for name, text in JOURNEYS.items()},
    **{f"templates/{name}.push.txt": f"This is {name}" for name in TEMPLATES},
}  # fmt: skip

ONE = "one"
IDS = ("a", "b", "c")
TOTALS = {"order_placed": Decimal(5), "big_order": Decimal(50)}

happens = st.tuples(
    st.just("event"),
    st.sampled_from(IDS),
    st.sampled_from(("subscribed", "cart_updated", "order_placed", "big_order", "site_visited")),
)
joins = st.tuples(st.just("alias"), st.sampled_from(IDS), st.sampled_from(IDS))
decides = st.tuples(st.just("decide"), st.just(""), st.just(""))
passes = st.tuples(st.just("later"), st.sampled_from(("1", "25", "61", "150")), st.just(""))
ops = st.lists(st.one_of(happens, happens, happens, joins, decides, passes), max_size=14)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Shop(Path(folder), SHOP_FILES)
        yield opened
        opened.close()


def join(shop: Shop, previous: str, customer: str) -> str:
    journeys = shop.publication.journeys
    return shop.store.write(lambda conn: aliases.join(conn, previous, customer, journeys, shop.clock.now()))


class World:
    """What happens, to one customer and to the three ids of another one at the same time."""

    def __init__(self, shop: Shop, number: int) -> None:
        self.shop, self.number = shop, number
        shop.clock.advance(40 * DAY)  # nobody of an earlier world is in this one
        for name in (ONE, *IDS):
            shop.change(self.name(name))
        shop.run()

    def name(self, id_: str) -> str:
        return f"w{self.number}-{id_}"

    def own(self, id_: str) -> str:
        with self.shop.store.read() as conn:
            return aliases.resolve(conn, [self.name(id_)]).get(self.name(id_), self.name(id_))

    def do(self, kind: str, what: str, name: str) -> None:
        shop = self.shop
        match kind:
            case "event":
                shop.clock.advance(MINUTE // 2)
                for customer in (self.name(ONE), self.own(what)):
                    if name in TOTALS:
                        shop.event(customer, "order_placed", total=Money(TOTALS[name], "EUR"))
                    else:
                        shop.event(customer, name)
            case "alias":
                join(shop, self.name(what), self.name(name))
            case "decide":
                shop.run()
            case _:
                shop.later(int(what) * MINUTE)

    def messages(self) -> tuple[Counter[str], Counter[str]]:
        """Of the three ids together, and of the one: how often each template was handed over."""
        with self.shop.store.read() as conn:
            by_id = {id_: records.of_customer(conn, self.name(id_)) for id_ in (ONE, *IDS)}
        handed = {
            id_: Counter(message.template for message in messages if message.handed_at is not None)
            for id_, messages in by_id.items()
        }
        return handed["a"] + handed["b"] + handed["c"], handed[ONE]


numbers = iter(range(1_000_000))


@given(ops, st.permutations(IDS))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ids_of_one_person_get_what_one_id_would_have_got_or_less(
    shop: Shop, ops: list[tuple[str, str, str]], last: list[str]
) -> None:
    world = World(shop, next(numbers))
    note(f"{ops}")
    for op in ops:
        world.do(*op)
    for previous, customer in itertools.pairwise(last):
        join(shop, world.own(previous), world.own(customer))
    before, one_before = world.messages()
    shop.send_all()
    for hours in (1, 1, 1, 2, 6):
        shop.later(hours * HOUR)
    after, one = world.messages()
    # Of two messages under one cap, which finds the place free is a matter of which is sent at all.
    before, one_before, after, one = map(by_cap, (before, one_before, after, one))
    for template, count in after.items():
        # What one half got before anybody knew of the other cannot be taken back; from then on nothing
        # leaves that the one id does not get now, or would not have got in all.
        still = max(one[template] - one_before[template], one[template] - before[template])
        assert count - before[template] <= still, (template, after, before, one, one_before)


# --- the same, case by case ---------------------------------------------------------------------


@pytest.fixture
def world(shop: Shop) -> World:
    return World(shop, next(numbers))


def got(world: World, hours: int = 12) -> list[str]:
    """What the three ids got when some hours have passed, each message by its template."""
    world.shop.send_all()
    for _ in range(hours):
        world.shop.later(HOUR)
    everybody, _ = world.messages()
    return sorted(everybody.elements())


def happen(world: World, *what: tuple[str, str]) -> None:
    for id_, name in what:
        world.do("event", id_, name)


def test_an_order_under_the_other_id_is_the_goal_though_it_came_before_the_alias(world: World) -> None:
    happen(world, ("a", "cart_updated"), ("b", "big_order"))
    world.do("decide", "", "")
    world.do("alias", "a", "b")
    assert "reminder" not in got(world)


def test_an_order_of_other_fields_is_not_the_goal_of_the_joined_run(world: World) -> None:
    happen(world, ("a", "cart_updated"), ("b", "order_placed"))
    world.do("decide", "", "")
    world.do("alias", "a", "b")
    assert "reminder" in got(world)


def test_a_planned_message_that_the_other_half_forbids_does_not_leave(world: World) -> None:
    happen(world, ("b", "order_placed"), ("a", "site_visited"))
    world.shop.run()
    world.shop.clock.advance(31 * MINUTE)
    world.shop.run()  # the mail of a first visit is planned, and nobody has handed it over
    world.do("alias", "a", "b")
    assert "visit" not in got(world)


def test_both_halves_have_planned_what_a_cap_allows_once_and_one_leaves(world: World) -> None:
    happen(world, ("a", "order_placed"), ("b", "order_placed"))
    world.shop.run()
    world.shop.clock.advance(21 * MINUTE)
    world.shop.run()
    world.do("alias", "a", "b")
    assert got(world, 1) == ["review"]


def test_an_awaited_event_of_the_other_half_ends_the_wait(world: World) -> None:
    happen(world, ("a", "cart_updated"), ("b", "order_placed"))
    world.do("decide", "", "")
    world.do("alias", "a", "b")
    assert "missed" not in got(world)
    assert world.messages()[1]["came"] == 1


def test_who_was_welcomed_under_one_id_is_not_welcomed_under_the_other(world: World) -> None:
    happen(world, ("a", "subscribed"))
    world.shop.later(3 * HOUR)  # the whole journey is over
    happen(world, ("b", "subscribed"))
    world.do("decide", "", "")  # her own hello is planned
    world.do("alias", "a", "b")
    assert Counter(got(world))["hello"] == 1


def test_a_way_that_the_other_half_would_not_have_taken_ends(world: World) -> None:
    happen(world, ("b", "site_visited"), ("b", "site_visited"), ("a", "subscribed"))
    world.shop.send_all()
    world.shop.clock.advance(91 * MINUTE)
    world.shop.run()  # `a` was seldom here, as far as was known: that message is planned
    world.do("alias", "a", "b")
    assert "seldom" not in got(world)


def test_a_cart_that_began_anew_under_the_other_id_counts_from_then(world: World) -> None:
    happen(world, ("a", "cart_updated"))
    world.shop.later(45 * MINUTE)
    happen(world, ("b", "cart_updated"))
    world.do("decide", "", "")
    world.do("alias", "a", "b")
    world.shop.later(30 * MINUTE)  # an hour after the first cart, and half an hour after the second
    assert "reminder" not in world.messages()[0]
    world.shop.later(45 * MINUTE)
    assert world.messages()[0]["reminder"] == 1


@pytest.mark.parametrize(
    ("aliases_of", "owner"),
    [
        ([("a", "b"), ("a", "b")], "b"),  # said again
        ([("a", "b"), ("b", "a")], "b"),  # the other way round
        ([("a", "b"), ("b", "c"), ("c", "a")], "c"),  # in a circle
        ([("b", "c"), ("a", "b")], "c"),  # to what is an alias itself
        ([("a", "a"), ("a", "b"), ("b", "b")], "b"),  # with itself
        ([("a", "new"), ("new", "b")], "b"),  # by an id that nobody knew
    ],
)
def test_aliases_in_any_order_lead_to_one_customer(
    world: World, aliases_of: list[tuple[str, str]], owner: str
) -> None:
    happen(world, ("a", "cart_updated"), ("b", "cart_updated"))
    for previous, customer in aliases_of:
        world.do("alias", previous, customer)
    assert {world.own(id_) for id_ in ("a", "b")} == {world.name(owner)}
    assert Counter(got(world))["reminder"] == 1


def test_an_id_that_belongs_to_a_customer_is_not_given_to_another_one(world: World) -> None:
    assert join(world.shop, world.name("a"), world.name("b")) == ""
    assert join(world.shop, world.name("a"), world.name("c")) == "this id belongs to another customer already"
    assert world.own("c") == world.name("c")


@pytest.mark.parametrize("waiting", [(), ("a",), ("b",), ("a", "b")])
def test_what_began_a_run_under_the_other_id_is_neither_its_goal_nor_awaited(
    world: World, waiting: tuple[str, ...]
) -> None:
    """Though it is received again, behind the start, and whatever of the two nobody has decided yet."""
    happen(world, ("a", "site_visited"))
    world.do("decide", "", "")
    world.shop.later(MINUTE)
    happen(world, ("b", "subscribed"))
    world.do("decide", "", "")
    world.shop.clock.advance(MINUTE)
    happen(world, *((id_, "order_placed") for id_ in waiting))
    world.do("alias", "a", "b")
    assert Counter(got(world))["back"] == 1


@pytest.mark.parametrize("id_", ["a", "b"])
def test_a_goal_that_nobody_has_decided_yet_counts_in_the_moment_of_the_start(world: World, id_: str) -> None:
    happen(world, ("b", "subscribed"))
    world.do("decide", "", "")
    world.shop.later(MINUTE)
    happen(world, ("a", "cart_updated"))
    world.do("decide", "", "")
    world.shop.event(world.own(id_), "order_placed", total=Money(TOTALS["big_order"], "EUR"))
    world.do("alias", "a", "b")
    assert "reminder" not in got(world)
