"""Starts by the catalogue: which changes count, for whom, and what several make together (2.4)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.decision.effects import Cancel
from engine.core.handlers.product_starts import MOST_COLLECTED
from engine.core.happening import Event, ProductChanged
from engine.core.products.event_products import MOST_PRODUCTS
from engine.core.products.signals import signals_of
from engine.core.products.watched import touched_products
from engine.values import Instant, Money, Value
from tests.core.builders import Life, label, life, moment, project, written

LETTER = "- send: letter"


def euros(amount: int | str) -> Money:
    return Money(Decimal(amount), "EUR")


def drops(start: str = "{product: price_drop}", again: str = "always", **parts: str) -> Life:
    """A customer of a journey that starts by the catalogue."""
    return life(project(written(LETTER, start=start, again=again, policy="free", **parts)))


def change(
    one: Life, at: str, before: dict[str, Value], after: dict[str, Value], product: str = "p1", **touches: str
) -> None:
    """The product changes; `touches`: when the customer last touched it before, by kind."""
    now = one.until(at)
    known = {kind: moment(when) for kind, when in touches.items()}
    one.take(ProductChanged(one.next(), now, product, after, before, known))


def cheaper(one: Life, at: str, old: int, new: int, product: str = "p1", **touches: str) -> None:
    touches = touches or {"viewed": "0 09:00"}
    change(one, at, {"price": euros(old)}, {"price": euros(new)}, product, **touches)


def starts(one: Life) -> list[str]:
    return [label(line.at) for line in one.trace() if line.kind == "start"]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ({"price": euros(20)}, {"price": euros(10)}, ["price_drop"]),
        ({"price": euros(20)}, {"price": euros(20)}, []),
        ({"price": euros(10)}, {"price": euros(20)}, []),
        ({"price": euros(20)}, {"price": euros(-1)}, []),
        ({"price": euros(20)}, {"price": euros(0)}, ["price_drop"]),
        ({"price": Money(Decimal(20), "USD")}, {"price": euros(10)}, []),
        ({"price": 20}, {"price": Decimal("19.99")}, ["price_drop"]),
        ({"price": "20"}, {"price": "10"}, []),
        ({}, {"price": euros(10)}, []),
        ({"in_stock": False}, {"in_stock": True}, ["back_in_stock"]),
        ({"in_stock": True}, {"in_stock": True}, []),
        ({}, {"in_stock": True}, []),
        ({"stock": 0}, {"stock": 5}, ["back_in_stock"]),
        ({"stock": 0, "in_stock": False}, {"stock": 5, "in_stock": False}, []),
        ({"stock": 10}, {"stock": 9}, ["low_stock"]),
        ({"stock": 9}, {"stock": 8}, []),
        ({"stock": 10}, {"stock": 0}, []),
        ({"stock": 10}, {"stock": 9, "in_stock": False}, []),
        (
            {"price": euros(9), "in_stock": False, "stock": 10},
            {"price": euros(8), "in_stock": True, "stock": 3},
            ["price_drop", "back_in_stock", "low_stock"],
        ),
    ],
)
def test_what_a_change_is_a_signal_of(
    before: dict[str, Value], after: dict[str, Value], kinds: list[str]
) -> None:
    assert [signal.kind for signal in signals_of("p1", before, after, "EUR")] == kinds


@pytest.mark.parametrize(
    ("name", "fields", "products"),
    [
        ("product_viewed", {"product_id": "p1"}, ("p1",)),
        ("wishlist_added", {"product_id": 7}, ("7",)),
        ("cart_updated", {"product_id": ("p1", "p2")}, ("p1", "p2")),
        ("cart_updated", {"items": [{"product_id": "p1"}, {"sku": "x"}, {"product_id": "p1"}]}, ("p1", "x")),
        ("cart_updated", {"products": [{"product_id": "p3"}]}, ("p3",)),
        ("product_viewed", {}, ()),
        ("product_viewed", {"product_id": ""}, ()),
        ("order_placed", {"product_id": "p1"}, ("p1",)),
        ("order_cancelled", {"product_id": "p1"}, ()),
    ],
)
def test_what_an_event_touches(name: str, fields: dict[str, Value], products: tuple[str, ...]) -> None:
    assert touched_products(Event(1, "e", name, Instant(0), Instant(0), fields)) == products


def test_an_event_touches_a_bounded_number_of_products() -> None:
    items: list[dict[str, object]] = [{"product_id": f"p{n}"} for n in range(MOST_PRODUCTS + 5)]
    event = Event(1, "e", "cart_updated", Instant(0), Instant(0), {"items": items})
    assert len(touched_products(event)) == MOST_PRODUCTS


def test_a_drop_starts_who_touched_the_product() -> None:
    one = drops()
    cheaper(one, "0 10:00", 20, 15)
    assert starts(one) == ["0 10:00"]
    (message,) = one.sends
    assert message.names["trigger"] == {
        "kind": "price_drop",
        "product_id": "p1",
        "by": 25,
        "products": ("p1",),
        "old_price": euros(20),
        "new_price": euros(15),
    }
    assert one.said("start") == ["the price of p1 fell from 20 EUR to 15 EUR (25%)"]


def test_who_did_not_touch_it_does_not_start() -> None:
    one = drops()
    change(one, "0 10:00", {"price": euros(20)}, {"price": euros(10)})
    assert starts(one) == []


def test_by_is_the_least_drop() -> None:
    one = drops("{product: price_drop, by: 10%}")
    cheaper(one, "0 10:00", 1000, 901)
    assert starts(one) == []
    cheaper(one, "0 11:00", 1000, 900)
    assert starts(one) == ["0 11:00"]


def test_only_the_watchers_that_are_named_count() -> None:
    one = drops("{product: price_drop, watchers: [wishlist, cart]}")
    cheaper(one, "0 10:00", 20, 10, viewed="0 09:00")
    assert starts(one) == []
    cheaper(one, "0 11:00", 20, 10, viewed="0 09:00", wishlist="0 09:30")
    assert starts(one) == ["0 11:00"]


def test_within_is_strict_at_its_edge() -> None:
    one = drops("{product: price_drop, within: 2 days}")
    cheaper(one, "2 10:00", 20, 10, viewed="0 10:00")
    assert starts(one) == []
    cheaper(one, "2 11:00", 20, 10, viewed="0 11:01")
    assert starts(one) == ["2 11:00"]


def test_a_change_that_is_told_a_day_late_is_noted() -> None:
    one = drops()
    one.now = moment("2 10:00")
    changed = ProductChanged(
        1, moment("0 10:00"), "p1", {"price": euros(1)}, {"price": euros(2)}, {"cart": moment("0 09:00")}
    )
    one.take(changed)
    assert (starts(one), one.said("ignored")) == ([], ["price_drop is too old"])


def test_several_drops_within_collect_make_one_start_with_the_largest() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 90, "p1")
    cheaper(one, "0 10:30", 100, 50, "p2")
    cheaper(one, "0 11:00", 100, 80, "p3")  # at the end itself: events come before wakes
    one.pass_time("0 12:00")
    assert starts(one) == ["0 11:00"]
    (message,) = one.sends
    trigger = message.names["trigger"]
    assert isinstance(trigger, dict)
    assert (trigger["product_id"], trigger["products"]) == ("p2", ("p1", "p2", "p3"))
    cheaper(one, "0 12:30", 100, 90, "p1")
    one.pass_time("0 14:00")
    assert starts(one) == ["0 11:00", "0 13:30"]


def test_a_product_that_falls_twice_fell_from_the_first_price_to_the_last() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 80)
    cheaper(one, "0 10:10", 80, 60)
    one.pass_time("0 11:00")
    assert one.said("start") == ["the price of p1 fell from 100 EUR to 60 EUR (40%)"]


def test_after_a_downtime_a_later_drop_does_not_join_what_was_over() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 80, "p1")
    one.sleep("0 12:00")
    touches = {"viewed": moment("0 09:00")}
    later = ProductChanged(
        one.next(), moment("0 11:30"), "p2", {"price": euros(5)}, {"price": euros(9)}, touches
    )
    one.take(later)
    one.wake()
    assert [message.names["trigger"]["products"] for message in one.sends] == [("p1",)]  # type: ignore[index,call-overload]
    one.pass_time("0 12:30")
    assert len(one.sends) == 2


def test_what_is_collected_is_bounded_and_keeps_the_largest() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    for number in range(MOST_COLLECTED + 20):
        cheaper(one, "0 10:00", 1000, 1000 - 1 - number, f"p{number}")
    one.pass_time("0 11:00")
    (message,) = one.sends
    trigger = message.names["trigger"]
    assert isinstance(trigger, dict)
    assert (trigger["product_id"], len(trigger["products"])) == (f"p{MOST_COLLECTED + 19}", MOST_COLLECTED)


def test_a_journey_that_was_taken_out_or_changed_forgets_what_it_collected() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 80)
    one.publish(project(written(LETTER, start="{product: back_in_stock}", policy="free")))
    one.pass_time("0 11:00")
    assert (starts(one), one.state.collecting) == ([], {})
    assert one.said("ignored") == ["it does not start with price_drop any more"]


def test_per_product_runs_once_for_each() -> None:
    one = drops("{product: back_in_stock, per: product_id}", again="never")
    for product in ("p1", "p2", "p1"):
        change(one, "0 10:00", {"in_stock": False}, {"in_stock": True}, product, cart="0 09:00")
    assert len(starts(one)) == 2


def test_one_change_is_one_start_of_a_journey() -> None:
    one = drops("[{product: price_drop}, {product: back_in_stock}]")
    before: dict[str, Value] = {"price": euros(2), "in_stock": False}
    change(one, "0 10:00", before, {"price": euros(1), "in_stock": True}, cart="0 09:00")
    assert starts(one) == ["0 10:00"]


def test_the_product_is_known_to_the_questions_of_the_start() -> None:
    one = drops(exit_if="{product.in_stock: false}")
    change(
        one,
        "0 10:00",
        {"price": euros(2), "in_stock": True},
        {"price": euros(1), "in_stock": False},
        cart="0 09:00",
    )
    assert (starts(one), one.said("ignored")) == ([], ["exit_if is already true"])


def test_a_direct_event_is_a_start_that_reached_this_customer() -> None:
    one = drops("{product: price_drop, by: 50%, watchers: [cart], within: 1 day, collect: 1 hour}")
    one.event("0 10:00", "price_drop", product_id="p7", old_price=euros(100), new_price=euros(90))
    assert starts(one) == ["0 10:00"]


def seen(one: Life, at: str, old: int, new: int, saw: int) -> None:
    """The price falls or rises for somebody who saw another one."""
    now = one.until(at)
    before: dict[str, Value] = {"price": euros(old)}
    after: dict[str, Value] = {"price": euros(new)}
    touches = {"viewed": moment("0 09:00")}
    one.take(ProductChanged(one.next(), now, "p1", after, before, touches, euros(saw)))


def test_a_drop_counts_from_the_price_that_this_customer_saw() -> None:
    one = drops("{product: price_drop, by: 10%}")
    seen(one, "0 10:00", 95, 91, saw=100)
    assert starts(one) == []
    seen(one, "0 11:00", 91, 90, saw=100)
    assert one.said("start") == ["the price of p1 fell from 100 EUR to 90 EUR (10%)"]
    other = drops()
    seen(other, "0 10:00", 120, 110, saw=100)  # it fell, and costs more than they saw
    seen(other, "0 11:00", 80, 90, saw=100)  # it rose
    assert starts(other) == []


def test_who_bought_the_product_meanwhile_is_no_watcher() -> None:
    one = drops()
    cheaper(one, "0 10:00", 20, 15, viewed="0 09:00", bought="0 09:30")
    assert starts(one) == []
    cheaper(one, "0 10:05", 15, 10, viewed="0 09:40", bought="0 09:30")
    assert starts(one) == ["0 10:05"]


def test_what_somebody_buys_is_collected_no_more() -> None:
    one = drops("{product: price_drop, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 50, "p1")
    cheaper(one, "0 10:10", 100, 90, "p2")
    one.event("0 10:20", "order_placed", product_id="p1")
    one.pass_time("0 11:00")
    (message,) = one.sends
    assert message.names["trigger"]["products"] == ("p2",)  # type: ignore[index,call-overload]
    cheaper(one, "0 12:00", 100, 50, "p1")
    one.event("0 12:20", "order_placed", items=[{"product_id": "p1"}])
    one.pass_time("0 14:00")
    assert (len(one.sends), one.state.collecting) == (1, {})


def test_a_collected_drop_whose_price_rises_before_the_start_is_none() -> None:
    one = drops("{product: price_drop, by: 10%, collect: 1 hour}")
    cheaper(one, "0 10:00", 100, 50, "p1")
    cheaper(one, "0 10:00", 100, 80, "p2")
    change(one, "0 10:30", {"price": euros(50)}, {"price": euros(95)}, "p1")
    change(one, "0 10:40", {"price": euros(80)}, {"price": euros(70)}, "p2")
    one.pass_time("0 11:00")
    (message,) = one.sends
    trigger = message.names["trigger"]
    assert isinstance(trigger, dict)
    assert (trigger["products"], trigger["new_price"], trigger["by"]) == (("p2",), euros(70), 30)
    cheaper(one, "0 12:00", 100, 50, "p3")
    change(one, "0 12:30", {"price": euros(50)}, {"price": euros(100)}, "p3")
    one.pass_time("0 13:00")
    assert one.said("ignored") == ["what was collected does not hold any more: p3"]


TWICE = "- send: letter\n- wait: 1 day\n  id: pause\n- send: second"


def waiting(start: str, again: str) -> Life:
    """As `drops`, where messages wait for their hand-over."""
    return life(project(written(LETTER, start=start, again=again, policy="free")), hands=False)


def skips(one: Life) -> list[tuple[str, str]]:
    return [(label(line.at), line.detail) for line in one.trace() if line.kind == "skip"]


@pytest.mark.parametrize(
    ("start", "before", "after", "meanwhile", "why"),
    [
        ("{product: price_drop, by: 10%}", {"price": 100}, {"price": 80}, {"price": 95}, ["dearer"]),
        ("{product: price_drop, by: 10%}", {"price": 100}, {"price": 80}, {"price": 90}, []),
        ("{product: price_drop}", {"price": 100}, {"price": 80}, {"price": 80, "stock": 0}, ["sold out"]),
        ("{product: price_drop}", {"price": 100}, {"price": 80}, {"in_stock": False}, ["sold out"]),
        ("{product: back_in_stock}", {"stock": 0}, {"stock": 3}, {"stock": 0}, ["sold out"]),
        ("{product: back_in_stock}", {"stock": 0}, {"stock": 3}, {"stock": 30}, []),
        ("{product: low_stock}", {"stock": 10}, {"stock": 3}, {"stock": 30}, ["restocked"]),
        ("{product: low_stock}", {"stock": 10}, {"stock": 3}, {"stock": 1}, []),
    ],
)
def test_price_and_stock_are_asked_again_before_each_message(
    start: str, before: dict[str, Value], after: dict[str, Value], meanwhile: dict[str, Value], why: list[str]
) -> None:
    one = life(project(written(TWICE, start=start, policy="free")))
    change(one, "0 10:00", before, after, viewed="0 09:00")
    change(one, "0 12:00", after, {**after, **meanwhile})
    one.pass_time("1 10:00")
    assert skips(one) == [("1 10:00", reason) for reason in why]


def test_a_planned_message_is_taken_back_as_the_price_rises() -> None:
    one = waiting("{product: price_drop, by: 10%}", "never")
    cheaper(one, "0 10:00", 100, 80)
    change(one, "0 10:01", {"price": euros(80)}, {"price": euros(85)})
    assert skips(one) == []
    change(one, "0 10:02", {"price": euros(85)}, {"price": euros(99)})
    assert skips(one) == [("0 10:02", "dearer")]
    assert [effect.why for effect in one.effects if isinstance(effect, Cancel)] == ["dearer"]


def test_a_second_start_of_one_moment_takes_no_message_back() -> None:
    one = waiting("{product: price_drop}", "restart")
    cheaper(one, "0 10:00", 100, 80, "p1")
    cheaper(one, "0 10:00", 100, 50, "p2")
    assert one.said("ignored") == ["a message of the active run is on its way"]
    cheaper(one, "0 10:01", 100, 50, "p3")
    assert len(one.sends) == 2
