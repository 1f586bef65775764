"""A visitor who signs in: what was done before belongs to the person, and nobody else's does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine import project
from engine.http.intake.native_format import customer_item, event_item
from engine.http.intake.segment_format import translate
from engine.runtime.intake.intake import Intake, IntakeResult
from engine.runtime.intake.items import CustomerItem, Item, RefusedItem
from engine.store.customers import addressees, events
from engine.store.persons import aliases
from engine.values import DAY, HOUR
from tests.runtime.shop import FILES, Shop

NATIVE = {
    **FILES,
    "config.yaml": FILES["config.yaml"].replace("  push:", "  email: {via: outbox, price: 0 EUR}\n  push:"),
}


class Counter:
    """A shop whose requests come as their senders write them."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop(folder, NATIVE)
        read = project.load(folder / "project0")
        self.intake = Intake(read.catalogue, read.config, read.journeys)

    def take(self, results: Sequence[list[Item] | RefusedItem]) -> IntakeResult:
        items = [item for result in results if isinstance(result, list) for item in result]
        now = self.shop.clock.now()
        prepared = self.intake.prepare(items, "test", now)
        taken = self.shop.store.write(lambda conn: self.intake.take(conn, prepared, now))
        self.shop.run()
        return taken

    def calls(self, *calls: Mapping[str, Any]) -> IntakeResult:
        """One batch of the Segment format."""
        self.shop.clock.advance(1000)
        now = self.shop.clock.now()
        return self.take(
            [translate(dict(call), None, place, now, None, False) for place, call in enumerate(calls)]
        )

    def own(self, id_: str) -> str:
        with self.shop.store.read() as conn:
            return aliases.resolve(conn, [id_]).get(id_, id_)

    def did(self, customer: str) -> list[str]:
        with self.shop.store.read() as conn:
            return sorted(
                event.name for event in events.of_customer(conn, 0, customer) if event.name[0] != "$"
            )

    def email(self, customer: str) -> str | None:
        with self.shop.store.read() as conn:
            return addressees.find(conn, 0, [customer])[customer].addresses.get("email")


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    opened = Counter(tmp_path)
    yield opened
    opened.shop.close()


def track(event: str, user: str | None = None, anonymous: str | None = None) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": user, "anonymousId": anonymous}


def identify(user: str | None, anonymous: str | None, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "anonymousId": anonymous, "traits": traits}


CART = track("cart_updated", None, "a1")
ANNA = identify("anna", "a1", email="anna@example.org")


@pytest.mark.parametrize("requests", [[[CART], [ANNA]], [[ANNA], [CART]], [[CART, ANNA]], [[ANNA, CART]]])
def test_a_cart_before_or_after_the_sign_in_is_the_persons(
    counter: Counter, requests: list[list[dict[str, Any]]]
) -> None:
    for calls in requests:
        assert counter.calls(*calls).refused == ()
    assert counter.own("a1") == "anna"
    assert counter.did("anna") == ["cart_updated"]
    assert sum(counter.shop.resting("cart").values()) == 1
    counter.calls(track("order_placed", "anna"))
    assert counter.shop.outcomes("anna") == {"cart": "goal"}


@pytest.mark.parametrize("kind", ["track", "page", "screen"])
def test_any_call_that_names_both_is_a_sign_in(counter: Counter, kind: str) -> None:
    counter.calls(CART)
    both = {**track("order_placed", "anna", "a1"), "type": kind}
    assert counter.calls(both).refused == ()
    assert (counter.own("a1"), counter.did("anna")[0]) == ("anna", "cart_updated")
    assert counter.shop.outcomes("anna") == {"cart": "goal" if kind == "track" else None}
    before = counter.did("anna")
    counter.calls({"type": "page", "anonymousId": "a1", "name": "Cart"})
    assert counter.did("anna") == sorted([*before, "page_viewed"])
    # as with identify: the first one has the visitor, and two known customers stay two
    counter.calls(identify("bob", None, email="bob@example.org"), {**both, "userId": "bob"})
    counter.calls({**both, "userId": "anna", "anonymousId": "bob"})
    assert (counter.own("a1"), counter.own("bob")) == ("anna", "bob")


def test_the_run_of_the_visitor_goes_on_and_its_message_has_an_address_now(counter: Counter) -> None:
    counter.calls(CART)
    assert sum(counter.shop.resting("cart").values()) == 1
    counter.calls(ANNA)
    assert counter.shop.outcomes("anna") == {"cart": None}
    assert counter.email("anna") == "anna@example.org"


def test_what_was_said_of_a_visitor_is_the_persons_too(counter: Counter) -> None:
    counter.calls(identify(None, "a1", email="pop-up@example.org"), track("subscribed", None, "a1"))
    counter.calls(identify("anna", "a1", tier="gold"))
    assert counter.own("a1") == "anna"
    assert counter.email("anna") == "pop-up@example.org"


def test_of_two_who_share_a_browser_the_first_one_has_its_visitor(counter: Counter) -> None:
    counter.calls(CART, ANNA)
    assert counter.calls(identify("bob", "a1", email="bob@example.org")).refused == ()
    assert (counter.own("a1"), counter.own("bob"), counter.own("anna")) == ("anna", "bob", "anna")
    assert (counter.email("anna"), counter.email("bob")) == ("anna@example.org", "bob@example.org")
    counter.calls(track("order_placed", "bob", "a1"))
    assert (counter.did("anna"), counter.did("bob")) == (["cart_updated"], ["order_placed"])


def test_a_known_customer_is_not_taken_as_somebodys_visitor(counter: Counter) -> None:
    counter.calls(identify("anna", None, email="anna@example.org"))
    counter.calls(identify("mallory", "anna", email="mallory@example.org"))
    assert counter.own("anna") == "anna"
    # not even where the id was named as a visitor's before the customer came, or after
    counter.calls(identify(None, "carol", tier="gold"), identify(None, "anna", tier="gold"))
    counter.take([customer_item("carol", {"email": "carol@example.org"}, None)])
    counter.calls(identify("mallory", "carol"), identify("mallory", "anna"))
    assert (counter.own("carol"), counter.own("anna")) == ("carol", "anna")
    assert counter.calls({"type": "alias", "previousId": "carol", "userId": "anna"}).refused == ()
    assert counter.own("carol") == "anna"  # said in so many words


def test_an_id_that_names_itself_and_one_that_is_an_alias_already_change_nothing(counter: Counter) -> None:
    counter.calls(identify("anna", "anna", email="anna@example.org"))
    counter.calls(CART, {"type": "alias", "previousId": "a1", "userId": "anna"}, ANNA, ANNA)
    assert (counter.own("anna"), counter.own("a1")) == ("anna", "anna")
    counter.calls(identify("mallory", "anna"))
    assert counter.own("anna") == "anna"


def test_visitors_of_many_browsers_are_one_person(counter: Counter) -> None:
    counter.calls(*(track("cart_updated", None, f"a{n}") for n in range(5)))
    counter.calls(*(identify("anna", f"a{n}") for n in range(8)))
    assert {counter.own(f"a{n}") for n in range(8)} == {"anna"}
    assert counter.did("anna") == ["cart_updated"] * 5
    assert sum(counter.shop.resting("cart").values()) == 1


def test_our_own_format_knows_visitors_as_well(counter: Counter) -> None:
    counter.take([event_item({"event": "cart_updated", "anonymous_id": "a1"}, 0)])
    counter.take([event_item({"event": "subscribed", "customer_id": "anna", "anonymous_id": "a1"}, 0)])
    counter.take([event_item({"event": "cart_updated", "anonymous_id": "a2"}, 0)])
    counter.take([customer_item("anna", {"email": "anna@example.org", "anonymous_id": "a2"}, None)])
    assert counter.did("anna") == ["cart_updated", "cart_updated", "subscribed"]
    assert isinstance(event_item({"event": "cart_updated"}, 0), RefusedItem)
    assert isinstance(event_item({"event": "cart_updated", "anonymous_id": ""}, 0), RefusedItem)
    read = customer_item("anna", {"anonymous_id": [7]}, None)
    assert isinstance(read, list)
    (customer,) = read
    assert isinstance(customer, CustomerItem)
    assert [fault.field for fault in customer.dropped] == ["anonymous_id"]


def test_a_welcomed_visitor_is_not_welcomed_again_as_a_customer(counter: Counter) -> None:
    device = {"context": {"device": {"token": "of this browser"}}}
    counter.calls(identify(None, "a2") | device, track("subscribed", None, "a2"))
    counter.calls(identify("anna", "a2"))
    assert counter.shop.send_all() == [("anna", "hello")]
    counter.calls(track("subscribed", "anna"))
    counter.shop.later(HOUR)
    assert [message.template for message in counter.shop.planned() if message.customer == "anna"] == ["hello"]
    counter.shop.later(2 * DAY)
    assert [one.template for one in counter.shop.planned() if one.customer == "anna"] == ["hello", "offer"]
