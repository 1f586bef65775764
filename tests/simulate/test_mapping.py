"""The mapping file: foreign events become ours, and its mistakes are shown with their place."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from engine.project import Project
from engine.simulate.replay.mapping import FieldNames, StreamMapping, names_of, read_mapping
from engine.simulate.replay.mapping_words import check, getter

NAMES = FieldNames(
    events={"site_visited": ["page"], "cart_updated": ["total", "items", "product_id"], "subscribed": []},
    attributes=["country", "email"],
    product=["price", "in_stock"],
)


def mapped(text: str) -> StreamMapping:
    mapping, problems = read_mapping(text, "mapping.yaml", NAMES)
    assert problems == []
    assert mapping is not None
    return mapping


def test_one_foreign_event_may_give_several_of_ours() -> None:
    mapping = mapped(
        "events:\n"
        "  session_started:\n"
        "    - as: site_visited\n"
        "      fields: {page: url}\n"
        "      customer: {country: geo.country}\n"
        "    - as: subscribed\n"
        "      where: {new_visitor: true}\n"
    )
    visit, first = mapping.events["session_started"]
    properties = {"url": "/tea", "new_visitor": False, "geo": {"country": "DE"}}
    assert [(name, get(properties)) for name, get in visit.fields] == [("page", "/tea")]
    assert [(name, get(properties)) for name, get in visit.customer] == [("country", "DE")]
    assert not first.where[0](properties)
    assert first.where[0]({"new_visitor": True})


def test_a_total_is_summed_exactly_over_the_items() -> None:
    get = getter("sum of items.price * items.quantity")
    assert get is not None
    assert get({"items": [{"price": 0.1, "quantity": 3}, {"price": 19.99, "quantity": 1}]}) == Decimal(
        "20.29"
    )
    assert get({"items": [{"price": "much", "quantity": 3}]}) is None
    assert get({}) is None


def test_members_of_a_list_get_our_names() -> None:
    mapping = mapped(
        "events:\n  cart_updated:\n    fields:\n      items: {each: lines, sku: code, price: amount}\n"
    )
    ((_, get),) = mapping.events["cart_updated"][0].fields
    assert get({"lines": [{"code": "p7", "amount": 3, "x": 1}]}) == [{"sku": "p7", "price": 3}]


@pytest.mark.parametrize(
    ("words", "value", "fits"),
    [
        ("add", "add", True),
        ("add", "remove", False),
        ("true", True, True),
        ("3", 3, True),
        ("3", 3.0, True),
        ("3", None, False),
        ("not add", "remove", True),
        ("is set", None, False),
        ("is not set", None, True),
        ("at least 2", 2, True),
        ("more than 2", 2, False),
        ("at least 2", "many", False),
        ("tea", ["tea", "coffee"], True),
    ],
)
def test_where(words: str, value: object, fits: bool) -> None:
    get = getter("field")
    assert get is not None
    assert check(get, (words,))({"field": value}) is fits


def test_products() -> None:
    mapping = mapped(
        "products:\n  price_changed:\n    id: sku\n    fields: {price: new_price}\n"
        "    was: {price: old_price}\n"
    )
    (rule,) = mapping.products["price_changed"]
    assert rule.id({"sku": "p7"}) == "p7"


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "fix"),
    [
        ("events:\n  a: site_visted\n", 2, 6, "E90", 'did you mean "site_visited"?'),
        ("events:\n  cart_updated:\n    fields: {totl: x}\n", 3, 14, "E91", 'did you mean "total"?'),
        (
            "events:\n  a:\n    as: subscribed\n    customer: {contry: x}\n",
            4,
            16,
            "E91",
            'did you mean "country"?',
        ),
        ("evnts:\n  a: subscribed\n", 1, 1, "E95", 'did you mean "events"?'),
        ("products:\n  a: {fields: {price: x}}\n", 2, 6, "E92", "add  id: sku"),
        ("currency: Euro\n", 1, 11, "E93", "write  EUR"),
        ("events:\n  cart_updated:\n    fields: {total: sum over x}\n", 3, 21, "E94", "write  a_field"),
    ],
)
def test_mistakes_have_a_place_and_a_cure(text: str, line: int, column: int, code: str, fix: str) -> None:
    mapping, (problem,) = read_mapping(text, "mapping.yaml", NAMES)
    assert mapping is None
    assert (problem.span.line, problem.span.column, problem.code) == (line, column, code)
    assert problem.fix.startswith(fix)


@pytest.mark.parametrize(
    "file",
    # those with `file:` are for  import --mapping, and tried there
    [
        file
        for file in sorted((Path(__file__).parents[2] / "docs" / "mappings").glob("*.yaml"))
        if not re.search(r"(?m)^file:", file.read_text(encoding="utf-8"))
    ],
    ids=lambda f: f.stem,
)
def test_the_mappings_of_the_documentation_fit_the_sample_shop(shop: Project, file: Path) -> None:
    mapping, problems = read_mapping(
        file.read_bytes(), file.name, names_of(shop.catalogue, shop.world.channels)
    )
    assert problems == []
    assert mapping is not None
    assert mapping.events


def test_the_mappings_in_the_text_of_the_documentation_are_right(shop: Project) -> None:
    text = (Path(__file__).parents[2] / "docs" / "replay.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        _, problems = read_mapping(block, "replay.md", names_of(shop.catalogue, shop.world.channels))
        assert problems == [], block
