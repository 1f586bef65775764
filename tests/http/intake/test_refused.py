"""What is sent to us is not lost: right fields are taken, wrong items are kept, counted and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.happening import Event, ProfileChanged
from engine.runtime.intake.items import CustomerItem
from engine.store.alerting import alerts
from engine.store.customers import addressees, consents
from engine.store.inbox import inbox, refusals
from engine.store.inbox.refusals import KeptItem
from engine.store.keys import new_key
from engine.values import DAY, Birthday
from tests.http.web_shop import CONFIG, WebShop

SCHEMAS = {
    "schemas/customer.yaml": "attributes:\n  tier: one of [bronze, silver]\n  birthday: birthday\n"
    "  points: number\n  open_tickets: number\nfacts:\n  spent: sum of order_placed.total\n"
    "  drink: most frequent order_placed.drink\n",
    "schemas/events.yaml": "events:\n  signed_up: {fields: {price: money}}\n"
    "  order_placed:\n    also: [Purchase]\n"
    "    fields: {total: money, note: number, order_id: text, product_id: list of text, drink: text}\n"
    "  optin_requested: {}\n  optin_confirmed: {}\n",
    "schemas/product.yaml": "product:\n  price: money\n",
}


class Sender:
    """Somebody with a key."""

    def __init__(self, shop: WebShop, name: str = "shop") -> None:
        self.shop = shop
        made = shop.store.write(lambda conn: new_key(conn, name, "write", shop.clock.now()))
        assert made is not None
        self.headers = {"authorization": f"Bearer {made}"}

    def post(self, path: str, body: Any, status: int = 200) -> dict[str, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.shop.browser.post(path, content=raw, headers=self.headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def put(self, path: str, body: Any, status: int = 200) -> dict[str, Any]:
        answer = self.shop.browser.put(path, content=json.dumps(body).encode(), headers=self.headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def batch(self, *calls: dict[str, Any]) -> dict[str, Any]:
        return self.post("/v1/batch", {"batch": list(calls)})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path, files=SCHEMAS)
    yield made
    made.store.close()


@pytest.fixture
def sender(shop: WebShop) -> Sender:
    return Sender(shop)


def waiting(shop: WebShop, customer: str) -> list[Any]:
    """What was taken and is not applied yet, in its order."""
    with shop.store.read() as conn:
        return [
            row.read() for row in inbox.claim(conn, 0, shop.clock.now(), 1000) if row.customer == customer
        ]


def kept(shop: WebShop) -> list[KeptItem]:
    with shop.store.read() as conn:
        return refusals.list_kept(conn)


def places(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(refused["item"], refused["field"]) for refused in answer["refused"]]


def test_a_wrong_field_takes_neither_the_withdrawal_nor_the_other_fields_along(
    shop: WebShop, sender: Sender
) -> None:
    answer = sender.batch(
        {
            "type": "identify", "userId": "anna", "traits": {
                "email": "anna@example.com", "birthday": "12.03.1990", "points": 7, "tier": "gold",
                "consent": {"email": "withdrawn", "sms": "perhaps", "smoke": "given"},
            },
        },
        {"type": "track", "userId": "anna", "event": "Order Placed", "properties": {"total": 12}},
    )  # fmt: skip
    assert answer["taken"] == 2
    assert places(answer) == [(0, "tier"), (0, "birthday"), (0, "consent.sms"), (0, "consent.smoke")]
    assert all(refused["kept"] for refused in answer["refused"])
    change, order = waiting(shop, "anna")
    assert change.values == {"points": 7, "email": "anna@example.com"}
    assert change.consents == {("email", "marketing"): "withdrawn"}
    assert order.name == "order_placed"
    (item,) = kept(shop)
    assert (item.way, item.name, item.customer, item.partial) == ("identify", "identify", "anna", True)


@pytest.mark.parametrize(
    "said",
    [
        {"email": {"state": "withdrawn", "when": "yesterday", "where": 7}},
        {"email": {"state": "withdrawn", "purpose": ["marketing", 5]}},
        {"email": {"state": "withdrawn", "purpose": {"a": 1}}},
        {"Email": " Withdrawn "},
        {"email": False},
        {"email": "unsubscribed", "push": "what"},
        "withdrawn",
        {"E-Mail": "withdrawn"},
        {"email": {"marketing": "withdrawn", "stories": 5}},
        {"email": {"stories": "given", "marketing": {"state": "opted out", "when": 5}}},
        {"email.marketing": "withdrawn"},
    ],
)
@pytest.mark.parametrize("beside", [{}, {"email": "no address", "tier": 5, "x\x07y": 1, "a": "\x00"}])
def test_a_withdrawal_counts_whatever_else_is_wrong(
    shop: WebShop, sender: Sender, said: Any, beside: dict[str, Any]
) -> None:
    sender.put("/customers/anna", {**beside, "consent": said})
    sender.batch({
        "type": "identify", "userId": "berta", "timestamp": "yesterday", "context": 5,
        "traits": {**beside, "consent": said},
    })  # fmt: skip
    shop.shop.run()
    with shop.store.read() as conn:
        for who in ("anna", "berta"):
            assert consents.current(conn, who)["email", "marketing"] == "withdrawn"


@pytest.mark.parametrize("name", ["consent.email", "consent.email.marketing", "consent.e-mail"])
def test_a_withdrawal_counts_under_one_level_of_names(shop: WebShop, sender: Sender, name: str) -> None:
    sender.put("/customers/anna", {"tier": "silver", name: "withdrawn"})
    sender.batch({"type": "identify", "userId": "berta", "traits": {"tier": "silver", name: "unsubscribed"}})
    shop.shop.run()
    with shop.store.read() as conn:
        for who in ("anna", "berta"):
            assert consents.current(conn, who)["email", "marketing"] == "withdrawn"
            assert name not in addressees.find(conn, 0, [who])[who].values


@pytest.mark.parametrize(
    "said",
    [
        {"consent": {"email": "given"}, "consent.email": "withdrawn"},
        {"consent": {"email": "withdrawn"}, "consent.email": "given"},
        {"consent.email": {"state": "withdrawn", "text": "\x00"}},
        {"consent": {"em\x00ail": "given"}, "consent.email": "no"},
    ],
)
def test_a_withdrawal_counts_beside_another_word_for_the_same_channel(
    shop: WebShop, sender: Sender, said: dict[str, Any]
) -> None:
    sender.put("/customers/anna", said)
    (change,) = waiting(shop, "anna")
    assert change.consents == {("email", "marketing"): "withdrawn"}


def test_proof_that_stands_beside_the_purposes_is_that_of_each(shop: WebShop, sender: Sender) -> None:
    said = {"marketing": {"state": "given", "text": "Offers?"}, "stories": "given", "text": "Letters?"}
    sender.put("/customers/anna", {"consent": {"email": {**said, "where": "checkout"}}})
    with shop.store.read() as conn:
        proofs = {one.purpose: (one.source, one.wording) for one in consents.of_customer(conn, "anna")}
    assert proofs == {"marketing": ("checkout", "Offers?"), "stories": ("checkout", "Letters?")}


def test_a_consent_of_each_purpose_is_read_by_itself(shop: WebShop, sender: Sender) -> None:
    answer = sender.put(
        "/customers/anna", {"consent": {"email": {"marketing": "given", "stories": "asked", "x": "given"}}}
    )
    assert places(answer) == [(0, "consent.email.purpose")]
    (change,) = waiting(shop, "anna")
    assert change.consents == {("email", "marketing"): "given", ("email", "stories"): "asked"}


def test_a_yes_that_nobody_can_read_is_no_yes(shop: WebShop, sender: Sender) -> None:
    for said in ({"email": True}, {"email": "yes"}, {"email": {"state": "given", "purpose": ["marketing"]}}):
        answer = sender.put("/customers/anna", {"tier": "silver", "consent": said})
        assert len(answer["refused"]) == 1
    assert "a purpose is one of: marketing, opens, stories" in answer["refused"][0]["why"]
    assert all(not change.consents for change in waiting(shop, "anna"))


def test_an_event_lacks_a_field_that_nobody_reads_and_waits_for_one_that_somebody_reads(
    shop: WebShop, sender: Sender
) -> None:
    answer = sender.post("/events", {
        "event": "order_placed", "customer_id": "anna", "properties": {"total": 5, "note": "many"},
    })  # fmt: skip
    assert (answer["taken"], places(answer)) == (1, [(0, "properties.note")])
    assert answer["refused"][0]["kept"] is False
    (order,) = waiting(shop, "anna")
    assert "note" not in order.fields
    answer = sender.batch({
        "type": "track", "userId": "anna", "event": "Order Placed", "messageId": "m1",
        "properties": {"total": "12,50", "note": 1},
    })  # fmt: skip
    assert (answer["taken"], answer["quarantined"], places(answer)) == (0, 1, [(0, "properties.total")])
    assert len(waiting(shop, "anna")) == 1
    (item,) = kept(shop)
    assert (item.id, json.loads(item.body)["properties"]["total"]) == ("track:m1", "12,50")


def test_an_amount_in_an_unreadable_currency_is_not_in_the_shops(shop: WebShop, sender: Sender) -> None:
    answer = sender.batch({
        "type": "track", "userId": "anna", "event": "Purchase",
        "properties": {"total": 5, "currency": "Euro"},
    })  # fmt: skip
    assert (places(answer), answer["quarantined"]) == ([(0, "properties.currency")], 1)
    answer = sender.batch({
        "type": "track", "userId": "anna", "event": "signed_up",
        "properties": {"price": 5, "currency": "Euro"},
    })  # fmt: skip
    assert answer["taken"] == 1
    assert "price" not in waiting(shop, "anna")[0].fields


def test_an_unknown_event_is_told_the_same_way_on_every_way_in(shop: WebShop, sender: Sender) -> None:
    native = sender.post("/events", {"event": "order_place", "customer_id": "a"}, 400)
    single = sender.post("/v1/track", {"event": "Order Place", "userId": "a"})
    batch = sender.batch({"type": "track", "event": "Order Place", "userId": "a", "messageId": "m"})
    past = sender.post("/v1/import", {"batch": [{"type": "track", "event": "orderPlace", "userId": "a"}]})
    for answer in (native, single, batch, past):
        assert 'did you mean "order_placed"?' in answer["refused"][0]["why"]
        assert answer["refused"][0]["kept"] is True
    assert [item.name for item in kept(shop)] == ["order_place", "Order Place", "Order Place", "orderPlace"]
    assert waiting(shop, "a") == []


def test_pages_that_sdks_send_by_themselves_are_no_mistake(shop: WebShop, sender: Sender) -> None:
    answer = sender.post("/v1/page", {"userId": "a", "name": "Home"})
    assert (answer["taken"], answer["refused"]) == (1, [])


def test_an_sdk_never_hears_400_of_a_batch_that_it_would_drop(shop: WebShop, sender: Sender) -> None:
    answer = sender.batch(
        {"type": "track", "event": "order_placed", "properties": {"total": 1}},
        {"type": "dance", "userId": "a"},
        {"type": "track", "userId": "a"},
        {"type": "identify", "userId": "a", "traits": ["x"]},
        {"type": "alias", "userId": "a"},
        {"type": "track", "userId": "a\x00", "event": "order_placed"},
    )
    assert (answer["taken"], answer["quarantined"]) == (0, 6)
    assert len(kept(shop)) == 6


def test_the_same_refused_item_is_kept_once(shop: WebShop, sender: Sender) -> None:
    call = {"type": "track", "event": "nonsense", "userId": "a", "messageId": "m"}
    for _ in range(3):
        sender.batch(call)
    assert len(kept(shop)) == 1
    with shop.store.read() as conn:
        (line,) = refusals.counts(conn, shop.clock.now())
    assert (line.source, line.name, line.times) == ("shop", "nonsense", 3)


def test_a_rise_of_refusals_raises_one_alert_a_day(shop: WebShop, sender: Sender) -> None:
    wrong = {"type": "track", "event": "order_placed", "userId": "a", "properties": {"total": "x"}}

    def told() -> list[str]:
        with shop.store.read() as conn:
            return [alert.why for alert in alerts.latest(conn) if "is wrong than" in alert.why]

    sender.batch(*[wrong] * 9)
    assert told() == []
    sender.batch(*[wrong] * 30)
    sender.batch(*[wrong] * 30)
    assert len(told()) == 1
    shop.clock.advance_to(shop.clock.now() + DAY)  # type: ignore[arg-type]
    sender.batch(*[wrong] * 20)  # no more than on the days before
    assert len(told()) == 1


def test_a_flood_pushes_out_nobody_elses_items(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_OF_A_KIND", 20)
    monkeypatch.setattr(refusals, "MOST", 50)
    till = Sender(shop, "till")
    till.post("/events", {"event": "order_placed", "customer_id": "a", "properties": {"total": "x"}}, 400)
    flood = Sender(shop, "flood")
    for kind in range(6):
        calls = [{"type": "track", "event": f"e{kind}", "userId": "a", "n": n} for n in range(40)]
        flood.batch(*calls)
    names = [(item.source, item.name) for item in kept(shop)]
    assert len(names) <= 50
    assert names.count(("till", "order_placed")) == 1
    assert max(names.count(("flood", f"e{kind}")) for kind in range(6)) <= 20


def test_what_a_request_says_about_somebody_comes_before_what_happened_to_them(
    shop: WebShop, sender: Sender
) -> None:
    sender.batch(
        {"type": "track", "userId": "anna", "event": "signed_up"},
        {"type": "track", "userId": "berta", "event": "signed_up"},
        {"type": "identify", "userId": "anna", "traits": {"tier": "bronze"}},
        {"type": "identify", "userId": "anna", "traits": {"tier": "silver", "consent": {"email": "given"}}},
    )
    first, second, event = waiting(shop, "anna")
    assert [type(happening) for happening in (first, second, event)] == [
        ProfileChanged,
        ProfileChanged,
        Event,
    ]
    assert (first.values, second.values) == ({"tier": "bronze"}, {"tier": "silver"})


def test_a_welcome_leaves_when_sign_up_and_consent_come_together(shop: WebShop, sender: Sender) -> None:
    sender.batch(
        {"type": "track", "userId": "anna", "event": "Signed Up"},
        {"type": "identify", "userId": "anna",
         "traits": {"email": "anna@example.com", "consent": {"email": "given"}}},
    )  # fmt: skip
    shop.settle_down()
    assert shop.message("anna").template == "hello"


def test_ids_are_numbers_as_well(shop: WebShop, sender: Sender) -> None:
    sender.post("/events", [
        {"event": "order_placed", "customer_id": 42, "id": 7,
         "properties": {"order_id": 1001, "product_id": [632910392, None, 3.0]}},
        {"event": "order_placed", "userId": "42", "at": 1_764_324_000,
         "properties": {"product_id": 632910392}},
    ])  # fmt: skip
    first, second = waiting(shop, "42")
    assert (first.id, first.fields) == ("7", {"order_id": "1001", "product_id": ("632910392", "3")})
    assert (second.occurred_at, second.fields["product_id"]) == (1_764_324_000_000, ("632910392",))
    assert sender.post("/products", [{"product_id": 632910392, "price": 5}])["taken"] == 1
    assert sender.post("/v1/alias", {"userId": 5, "previousId": 6})["taken"] == 1
    assert sender.post("/v1/identify", {"user_id": 5, "traits": {"points": 1}})["taken"] == 1
    assert len(waiting(shop, "5")) == 1


def test_two_names_for_the_customer_are_one_and_two_customers_are_none(shop: WebShop, sender: Sender) -> None:
    sender.post("/events", {"event": "order_placed", "user_id": "a", "userId": "a"})
    assert len(waiting(shop, "a")) == 1
    answer = sender.post("/events", {"event": "order_placed", "user_id": "a", "userId": "b"}, 400)
    assert answer["refused"][0]["why"] == "user_id and userId say two different things"


def test_words_that_are_near_the_right_ones_are_told(shop: WebShop, sender: Sender) -> None:
    answer = sender.post("/events", {"event": "order_placed", "customer_id": "a", "history": "yes"}, 400)
    assert (places(answer), answer["refused"][0]["why"]) == (
        [(0, "history")], "this is true or false, without quotes",
    )  # fmt: skip
    answer = sender.batch({"type": "identify", "userId": "a", "traits": {"a\x1b[31mb": 1, "points": 1}})
    assert answer["taken"] == 1
    assert "printable" in answer["refused"][0]["why"]


def test_moments_days_and_empty_addresses(shop: WebShop, sender: Sender) -> None:
    answer = sender.put("/customers/anna", {
        "birthday": "1990-03-12T00:00:00.000Z", "email": "", "phone": " ",
        "addresses": {"push": ""}, "tier": "",
    })  # fmt: skip
    assert answer["refused"] == []
    (change,) = waiting(shop, "anna")
    assert (change.values, change.addresses) == ({"birthday": Birthday(3, 12, 1990)}, {})
    sender.put("/customers/anna", {"email": None})
    assert waiting(shop, "anna")[-1].addresses == {"email": None}


def test_a_national_number_takes_the_country_of_the_customer_then_of_the_shop(tmp_path: Path) -> None:
    config = CONFIG.replace("shop: {", "shop: {country: BG, ")
    shop = WebShop(tmp_path, files={**SCHEMAS, "config.yaml": config})
    sender = Sender(shop)
    try:
        sender.put("/customers/anna", {"country": "DE"})
        sender.put("/customers/anna", {"phone": "030 1234567"})  # not applied yet
        sender.put("/customers/berta", {"phone": "0888 123456"})
        shop.shop.run()
        sender.put("/customers/anna", {"addresses": {"sms": "030 7654321"}})
        sender.batch(
            {"type": "identify", "userId": "clara", "traits": {"phone": "030 1234567", "country": "DE"}}
        )
        shop.shop.run()
        with shop.store.read() as conn:
            known = addressees.find(conn, 0, ["anna", "berta", "clara"])
        assert {who: person.addresses["sms"] for who, person in known.items()} == {
            "anna": "+49307654321", "berta": "+359888123456", "clara": "+49301234567",
        }  # fmt: skip
        answer = sender.put("/customers/berta", {"phone": "12", "tier": "silver"})
        assert (answer["taken"], places(answer)) == (1, [(0, "phone")])
    finally:
        shop.store.close()


def test_a_body_may_begin_with_a_byte_order_mark(shop: WebShop, sender: Sender) -> None:
    event = json.dumps({"event": "order_placed", "customer_id": "a"}).encode()
    assert sender.post("/events", b"\xef\xbb\xbf" + event)["taken"] == 1


def test_one_customer_has_so_many_attributes_and_no_more(shop: WebShop, sender: Sender) -> None:
    many = {f"trait_{number}": "x" for number in range(400)}
    answer = sender.batch({"type": "identify", "userId": "a", "traits": {**many, "tier": "silver"}})
    assert (answer["taken"], len(answer["refused"])) == (1, 100)
    shop.shop.run()
    answer = sender.batch(
        {"type": "identify", "userId": "a", "traits": {"one_more": 1, "points": 3, "trait_1": 2}}
    )
    assert places(answer) == [(0, "one_more")]
    for _ in range(20):
        big = {f"big_{number}": "y" * 8_000 for number in range(30)}
        answer = sender.batch({"type": "identify", "userId": "b", "traits": {**big, "points": 3}})
    assert "64 KB" in answer["refused"][-1]["why"]
    shop.shop.run()
    with shop.store.read() as conn:
        size = conn.exec_driver_sql("SELECT max(length(CAST(attributes AS TEXT))) FROM customer").scalar()
        assert addressees.find(conn, 0, ["b"])["b"].values["points"] == 3
    assert size is not None
    assert size < 100_000


def test_only_channels_of_the_shop_have_addresses(shop: WebShop, sender: Sender) -> None:
    many = {f"channel_{number}": "x" for number in range(100)}
    answer = sender.put("/customers/a", {"addresses": {**many, "push": "t"}, "tier": "silver"})
    assert len(answer["refused"]) == 100
    (change,) = waiting(shop, "a")
    assert change.addresses == {"push": "t"}


def test_an_id_belongs_to_the_key_that_sends_it_and_a_clash_is_counted(shop: WebShop) -> None:
    browser, till = Sender(shop, "browser"), Sender(shop, "till")
    browser.post("/events", {"id": "o-1001", "event": "signed_up", "customer_id": "a"})
    order = {"id": "o-1001", "event": "order_placed", "customer_id": "a", "properties": {"total": 5}}
    assert till.post("/events", order)["taken"] == 1
    till.post("/events", {**order, "properties": {"total": 6}}, 400)
    with shop.store.read() as conn:
        (line,) = refusals.counts(conn, shop.clock.now())
    assert (line.source, line.name, line.field, line.kept) == ("till", "order_placed", "id", False)


def test_the_proof_of_a_consent_is_written_for_nobody_else_and_once(shop: WebShop) -> None:
    people = [f"p{number}" for number in range(3)]
    # all at one place, as a caller may number them who has no request
    items = [
        CustomerItem(0, name, None, {}, {"email": f"{name}@example.com"}, consent={"email": "given"})
        for name in people
    ]
    now = shop.clock.now()
    prepared = shop.live.intake.prepare(items, "import", now)
    with pytest.raises(ZeroDivisionError):  # the writer does a job anew whose transaction failed
        shop.store.write(lambda conn: (shop.live.intake.take(conn, prepared, now), 1 / 0))
    shop.store.write(lambda conn: shop.live.intake.take(conn, prepared, now))
    assert {name: [line.state for line in shop.ledger(name)] for name in people} == {
        name: ["given"] for name in people
    }
