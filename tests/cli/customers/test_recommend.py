"""`recommend`: what a customer would be shown, why the rest would not, and finding out what goes together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

import pytest

from engine.store.products import catalogue as products
from engine.store.sql import rows
from engine.values import Money, Value
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

CONFIG = """
recommendations:
  with_this_order:
    from: [complements of trigger, bestsellers]
    only: {price: at most 150 EUR}
    never: [bought in last 90 days]
  for_you: {from: [bestsellers]}     # the sample's templates read it
"""
PRODUCTS = {
    "bean": ("Yirgacheffe", "coffee", 14, True),
    "tea": ("Green tea", "tea", 8, True),
    "oolong": ("Oolong", "tea", 12, False),
    "machine": ("The big one", "machines", 900, True),
    "mill": ("A mill", "machines", 90, True),
}
ORDERS = [
    *(("anna", day, ("bean",)) for day in (2, 3)),
    *((f"c{n}", 4, ("bean", "tea", "oolong", "machine", "mill")) for n in range(3)),
    ("c0", 5, ("mill",)),
]


def _recommending_nothing(config: str) -> str:
    """The sample's config.yaml without its recommendations."""
    left = re.sub(r"^recommendations:\n(?: .*\n)+", "", config, flags=re.MULTILINE)
    assert left != config
    return left


@pytest.fixture
def tea_shop(shop: Shop) -> Shop:
    """With a catalogue and a week of orders."""
    config = shop.folder / "config.yaml"
    config.write_text(_recommending_nothing(config.read_text()) + CONFIG)
    lines = [
        json.dumps(
            {
                "event": "order_placed", "customer_id": customer, "id": f"o{number}",
                "at": f"2026-11-1{day}T10:00:00Z",
                "properties": {"total": 20, "items": [{"sku": sku} for sku in skus]},
            }
        )
        for number, (customer, day, skus) in enumerate(ORDERS)
    ]  # fmt: skip
    file = shop.write("orders.jsonl", "\n".join(lines))
    store = shop.store()
    try:
        fields: dict[str, dict[str, Value]] = {
            product: {
                "name": name, "category": category, "price": Money(Decimal(price), "EUR"), "in_stock": stock,
            }
            for product, (name, category, price, stock) in PRODUCTS.items()
        }  # fmt: skip
        store.write(lambda conn: products.write(conn, fields, shop.clock.now()))
    finally:
        store.close()
    shop.play()
    assert shop.run("import", str(file)).code == 0
    return shop


def test_what_goes_together_is_built_and_a_customer_shown_with_reasons(
    tea_shop: Shop, golden: Golden
) -> None:
    before = tea_shop.run("recommend", "anna", "with_this_order")
    built = tea_shop.run("recommend", "build")
    after = tea_shop.run("recommend", "anna", "with_this_order")
    other = tea_shop.run("recommend", "anna", "with_this_order", "--trigger", "tea, mill")
    golden("golden/recommend.out", "\n".join(report(each) for each in (before, built, after, other)))


def test_programs_are_told_the_same(tea_shop: Shop) -> None:
    assert json.loads(tea_shop.run("recommend", "build", "--format", "json").out)["orders"] == 6
    told = json.loads(tea_shop.run("recommend", "anna", "with_this_order", "--format", "json").out)
    assert told["trigger"] == ["bean"]
    assert [item["product"] for item in told["items"]] == ["tea", "mill"]
    assert {one["product"]: one["why"] for one in told["rejected"]} == {
        "machine": "only: price: at most 150 EUR",
        "oolong": "it is out of stock",
        "bean": "never: bought in last 90 days",
    }


def test_a_name_that_is_none_is_told(shop: Shop) -> None:
    config = shop.folder / "config.yaml"
    config.write_text(_recommending_nothing(config.read_text()))
    nothing = shop.run("recommend", "anna", "with_this_order")
    assert (nothing.code, "config.yaml has no recommendations" in nothing.err) == (2, True)
    config.write_text(config.read_text() + CONFIG)
    near = shop.run("recommend", "anna", "with_his_order")
    assert (near.code, 'did you mean "with_this_order"?' in near.err) == (2, True)


THANKS = """journey: thanks
about: What goes with an order.
start: {event: order_delivered}
again: always
goal: {event: subscribed}
policy: service

steps:
  - send: goes_with_it
    with: {products: recommend.with_this_order}

tests:
  - test: one letter
    when:
      - day 0 10:00: order_delivered
        product_id: bean
    expect:
      - day 0 10:00: send goes_with_it via email
      - day 0 10:00: finish
"""
LETTER = """---
subject: Goes with it
---
{% if products %}<h2>Goes well with it</h2>
{% for item in products[:1] %}
<p>{{ item.product_id }}: {{ item.name }}, {{ item.price | money }}</p>
{% endfor %}
{% endif %}
{% for item in recommend.with_this_order[1:2] %}
<p>also {{ item.name }}</p>
{% else %}<p>No more.</p>{% endfor %}
"""


@pytest.fixture
def writing_shop(tea_shop: Shop) -> Shop:
    """A letter with products, as it leaves when an order was delivered."""
    events = tea_shop.folder / "schemas" / "events.yaml"
    text = events.read_text()
    assert "order_delivered:\n    fields: {" in text
    events.write_text(
        text.replace("order_delivered:\n    fields: {", "order_delivered:\n    fields: {product_id: text, ")
    )
    tea_shop.write("journeys/thanks.yaml", THANKS)
    tea_shop.write("templates/goes_with_it.email.html", LETTER)
    assert tea_shop.run("recommend", "build").code == 0
    return tea_shop


def test_a_message_shows_products_and_what_it_showed_is_kept(writing_shop: Shop) -> None:
    shop = writing_shop
    checked = shop.run("check")
    assert "thanks" not in checked.out + checked.err, report(checked)
    _deliver(shop, "anna", consent={"email": "given"})
    assert _shown(shop) == [
        ("anna", "with_this_order", 1, "tea", "complements of trigger"),
        ("anna", "with_this_order", 2, "mill", "complements of trigger"),
    ]
    (mail,) = _mails(shop)
    assert "tea: Green tea" in mail
    assert "also A mill" in mail


@pytest.mark.parametrize(
    "consent",
    [
        {},
        {"email": "withdrawn"},
        {"sms": "given"},
        {"email": {"state": "given", "purpose": "opens"}},
    ],
)
def test_a_message_that_needs_no_consent_offers_nothing_to_who_gave_none(
    writing_shop: Shop, consent: Mapping[str, object]
) -> None:
    _deliver(writing_shop, "anna", consent=consent)
    assert _shown(writing_shop) == []
    (mail,) = _mails(writing_shop)
    assert "Goes well with it" not in mail
    assert "No more." in mail


def _deliver(shop: Shop, customer: str, consent: Mapping[str, object]) -> None:
    """A customer whose order of beans arrives, and the letter about it."""
    person = {"customer_id": customer, "email": f"{customer}@example.com", "consent": consent}
    delivered = {
        "event": "order_delivered", "customer_id": customer, "id": "d1", "at": "2026-11-20T10:00:00Z",
        "properties": {"order_id": "1", "product_id": "bean"},
    }  # fmt: skip
    shop.play()
    for name, line in (("person", person), ("delivered", delivered)):
        file = shop.write(f"{name}.jsonl", json.dumps(line))
        taken = shop.run("import", str(file), "--live")
        assert taken.code == 0, report(taken)
    shop.play()


def _shown(shop: Shop) -> list[tuple[object, ...]]:
    store = shop.store()
    try:
        with store.read() as conn:
            return list(
                rows(conn, "SELECT customer, name, place, product, source FROM shown_product ORDER BY place")
            )
    finally:
        store.close()


def _mails(shop: Shop) -> list[str]:
    return [path.read_text() for path in (shop.folder / "data").rglob("*.eml")]


def test_a_preview_shows_products_made_up(writing_shop: Shop) -> None:
    page = writing_shop.folder / "page.html"
    shown = writing_shop.run("preview", "goes_with_it", "--out", str(page))
    assert shown.code == 0, report(shown)
    assert "also" in page.read_text()


def test_a_story_says_what_it_assumes(writing_shop: Shop) -> None:
    told = writing_shop.run("test", "thanks")
    assert told.code == 0, report(told)
    assert (
        "assumed: a message is sent whatever its recommendations find (for_you, with_this_order)" in told.err
    )
