"""Which products are shown, in which order, and why the others are not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.conditions.closure import compile_condition
from engine.core.conditions.condition import Compare, Ref
from engine.core.journey import Question
from engine.core.products.event_products import products_named
from engine.core.products.signals import is_in_stock
from engine.core.recommendations.choose import (
    CustomerPast,
    ProductTouch,
    RecommendationRequest,
    RecommendationTables,
    cart_of,
    choose,
    past_of,
    seeds_of,
)
from engine.core.recommendations.rule import (
    ExclusionKind,
    ProductExclusion,
    ProductSource,
    Recommendation,
    SeedKind,
    SourceKind,
)
from engine.values import DAY, Instant, Money, Type, Value

NOW = Instant(1000 * DAY)
BESTSELLERS = ProductSource(SourceKind.BESTSELLERS)
TOGETHER = ProductSource(SourceKind.BOUGHT_TOGETHER, SeedKind.TRIGGER)
COMPLEMENTS = ProductSource(SourceKind.COMPLEMENTS, SeedKind.TRIGGER)


def ago(days: float) -> Instant:
    return Instant(NOW - int(days * DAY))


def product(category: str = "coffee", price: int = 10, **more: Value) -> dict[str, Value]:
    return {"category": category, "price": Money(Decimal(price), "EUR"), **more}


CATALOGUE: dict[str, dict[str, Value]] = {
    "arabica": product(),
    "robusta": product(),
    "decaf": product(in_stock=False),
    "cup": product("cups", 8),
    "grinder": product("machines", 160),
    "filter": product("accessories", 3, stock=0),
    "scale": {"price": Money(Decimal(30), "EUR")},
}
PAIRS = [("scale", 950), ("grinder", 900), ("robusta", 700), ("decaf", 600), ("cup", 500), ("gone", 400)]
TABLES = RecommendationTables(
    pairs={("bought together with", "arabica"): PAIRS, ("complements of", "arabica"): PAIRS},
    lists={
        ("bestsellers", "", ""): [("robusta", 50), ("filter", 45), ("cup", 40), ("grinder", 30)],
        ("bestsellers", "category", "machines"): [("grinder", 30)],
    },
    products=CATALOGUE,
)


def shown(
    rule: Recommendation, asked: RecommendationRequest | None = None, most: int = 20
) -> list[tuple[str, str]]:
    chosen = choose(rule, asked or RecommendationRequest(trigger=("arabica",)), TABLES, NOW, most)
    return [(item.product, item.source) for item in chosen.items]


def whys(rule: Recommendation, asked: RecommendationRequest | None = None) -> dict[str, str]:
    chosen = choose(rule, asked or RecommendationRequest(trigger=("arabica",)), TABLES, NOW)
    return {one.product: one.why for one in chosen.rejected}


def rule(*sources: ProductSource, **more: object) -> Recommendation:
    return replace(Recommendation("r", sources), **more)  # type: ignore[arg-type]


def test_sources_are_tried_in_their_order_until_there_are_enough() -> None:
    assert shown(rule(TOGETHER, BESTSELLERS), most=4) == [
        ("scale", "bought together with trigger"),
        ("grinder", "bought together with trigger"),
        ("robusta", "bought together with trigger"),
        ("cup", "bought together with trigger"),
    ]
    assert shown(rule(BESTSELLERS), most=2) == [("robusta", "bestsellers"), ("cup", "bestsellers")]


def test_what_is_out_of_stock_or_not_in_the_catalogue_is_never_shown_and_says_why() -> None:
    assert whys(rule(TOGETHER, BESTSELLERS)) == {
        "decaf": "it is out of stock",
        "gone": "it is not in the catalogue",
        "filter": "it is out of stock",
    }


def test_complements_are_of_another_category_than_everything_in_the_order() -> None:
    assert [product for product, _ in shown(rule(COMPLEMENTS))] == ["grinder", "cup"]
    assert whys(rule(COMPLEMENTS))["robusta"] == "category coffee is that of what it is to go with"
    assert whys(rule(COMPLEMENTS))["scale"] == "it has no category"
    both = RecommendationRequest(trigger=("arabica", "cup"))
    assert [product for product, _ in shown(rule(COMPLEMENTS), both)] == ["grinder"]


def test_only_is_asked_of_the_product() -> None:
    price = Compare(Ref("event", "price", Type("money")), "at most", Money(Decimal(150), "EUR"))
    only = Question(price, compile_condition(price), "price: at most 150 EUR")
    assert [name for name, _ in shown(rule(TOGETHER, only=only))] == ["scale", "robusta", "cup"]
    assert whys(rule(TOGETHER, only=only))["grinder"] == "only: price: at most 150 EUR"


def test_never_keeps_out_what_was_bought_lately_lies_in_the_cart_or_began_the_run() -> None:
    past = CustomerPast(
        orders=(ProductTouch(ago(10), ("robusta",)), ProductTouch(ago(100), ("cup",))),
        carts=((ProductTouch(ago(1), ("grinder",)), True),),
        views=(ProductTouch(ago(3), ("scale",)),),
    )
    asked = RecommendationRequest(past, ("arabica",))
    cases = {
        ProductExclusion(ExclusionKind.BOUGHT, 90 * DAY, "bought in last 90 days"): "robusta",
        ProductExclusion(ExclusionKind.IN_CART): "grinder",
        ProductExclusion(ExclusionKind.VIEWED, 7 * DAY, "viewed in last 7 days"): "scale",
        ProductExclusion(ExclusionKind.IN_LAST_ORDER): "robusta",
    }
    for exclusion, out in cases.items():
        fallen = whys(rule(TOGETHER, never=(exclusion,)), asked)
        assert fallen[out] == f"never: {exclusion}"
    ever = whys(rule(TOGETHER, never=(ProductExclusion(ExclusionKind.BOUGHT),)), asked)
    assert ever["cup"] == "never: bought"


def test_what_was_bought_stays_in_unless_never_takes_it_out() -> None:
    again = RecommendationTables(
        {("bought together with", "arabica"): [("arabica", 9), ("cup", 5)]}, {}, CATALOGUE
    )
    asked = RecommendationRequest(trigger=("arabica",))
    assert [item.product for item in choose(rule(TOGETHER), asked, again, NOW).items] == ["arabica", "cup"]
    without = rule(TOGETHER, never=(ProductExclusion(ExclusionKind.IN_TRIGGER),))
    assert [item.product for item in choose(without, asked, again, NOW).items] == ["cup"]


def test_bestsellers_of_an_attribute_are_those_with_its_value() -> None:
    of = ProductSource(SourceKind.BESTSELLERS, attribute="favourite_category")
    assert shown(rule(of), RecommendationRequest(values={"favourite_category": "machines"})) == [
        ("grinder", "bestsellers of favourite_category")
    ]
    assert shown(rule(of), RecommendationRequest()) == []
    several = RecommendationRequest(values={"favourite_category": ("machines", "cups")})
    assert [name for name, _ in shown(rule(of), several)] == ["grinder"]


def test_the_same_category_is_that_of_the_products_without_these() -> None:
    same = ProductSource(SourceKind.SAME_CATEGORY, SeedKind.TRIGGER)
    coffee = RecommendationTables(
        lists={("bestsellers", "category", "coffee"): [("arabica", 9), ("robusta", 8)]}, products=CATALOGUE
    )
    chosen = choose(rule(same), RecommendationRequest(trigger=("arabica",)), coffee, NOW)
    assert [item.product for item in chosen.items] == ["robusta"]


def test_equal_scores_go_by_the_id() -> None:
    tied = RecommendationTables(
        {("bought together with", "a"): [("cup", 5), ("arabica", 5)], ("bought together with", "b"): []},
        {},
        CATALOGUE,
    )
    chosen = choose(rule(TOGETHER), RecommendationRequest(trigger=("b", "a")), tied, NOW)
    assert [item.product for item in chosen.items] == ["arabica", "cup"]


def test_an_older_order_counts_less_as_a_beginning() -> None:
    past = CustomerPast(orders=(ProductTouch(NOW, ("cup",)), ProductTouch(ago(90), ("scale", "cup"))))
    assert seeds_of(SeedKind.PAST_ORDERS, RecommendationRequest(past), NOW) == {"cup": 1500, "scale": 500}
    assert seeds_of(SeedKind.LAST_ORDER, RecommendationRequest(past), NOW) == {"cup": 1000}


def test_the_last_five_products_count_as_viewed_last() -> None:
    views = [ProductTouch(ago(day), (f"p{day}",)) for day in (1, 2, 3, 4, 5, 6)]
    past = CustomerPast(views=(ProductTouch(ago(0), ("p1",)), *views, ProductTouch(ago(100), ("old",))))
    seeds = seeds_of(SeedKind.LAST_VIEWED, RecommendationRequest(past), NOW)
    assert seeds == {"p1": 1000, "p2": 500, "p3": 333, "p4": 250, "p5": 200}


def test_a_cart_holds_what_its_newest_whole_line_names_and_what_came_after() -> None:
    carts = (
        (ProductTouch(ago(1), ("cup",)), False),
        (ProductTouch(ago(2), ("scale", "arabica")), True),
        (ProductTouch(ago(3), ("robusta",)), False),
    )
    assert cart_of(CustomerPast(carts=carts), NOW) == ("cup", "scale", "arabica")
    bought = CustomerPast(orders=(ProductTouch(ago(1.5), ()),), carts=carts)
    assert cart_of(bought, NOW) == ("cup",)
    assert cart_of(CustomerPast(carts=((ProductTouch(ago(31), ("cup",)), True),)), NOW) == ()


def test_what_an_event_names_is_found_under_the_names_that_shops_use() -> None:
    assert products_named({"product_id": "a"}) == ("a",)
    assert products_named({"product_id": ("a", "b")}) == ("a", "b")
    assert products_named({"items": [{"sku": "a"}, {"product_id": 7, "sku": "x"}, {"sku": "a"}]}) == (
        "a",
        "7",
    )
    assert products_named({"products": [{"id": "a"}]}) == ("a",)
    assert products_named({"sku": "a"}) == ("a",)
    assert products_named({"total": "a", "items": [{"name": "no id"}]}) == ()


def test_events_say_what_was_bought_looked_at_and_put_into_the_cart() -> None:
    past = past_of(
        [
            ("cart", ago(1), {"items": [{"sku": "a"}]}),
            ("order", ago(2), {"items": [{"sku": "b"}]}),
            ("view", ago(3), {"product_id": "c"}),
        ]
    )
    assert past == CustomerPast(
        (ProductTouch(ago(2), ("b",)),),
        ((ProductTouch(ago(1), ("a",)), True),),
        (ProductTouch(ago(3), ("c",)),),
    )


def test_a_product_is_in_stock_unless_the_catalogue_says_that_none_is_left() -> None:
    assert is_in_stock({})
    assert is_in_stock({"stock": 3})
    assert is_in_stock({"in_stock": True, "stock": None})
    assert not is_in_stock({"in_stock": False, "stock": 3})
    assert not is_in_stock({"stock": 0})
    assert is_in_stock({"in_stock": True, "stock": 0}), "can be ordered all the same"


NAMES = st.sampled_from(["arabica", "robusta", "decaf", "cup", "grinder", "filter", "scale", "gone"])
SCORED = st.lists(st.tuples(NAMES, st.integers(0, 3)), max_size=8, unique_by=lambda pair: pair[0])


@given(
    pairs=st.dictionaries(st.tuples(st.just("bought together with"), NAMES), SCORED, max_size=4),
    best=SCORED,
    trigger=st.lists(NAMES, max_size=3, unique=True),
    bought=st.lists(NAMES, max_size=3, unique=True),
    most=st.integers(1, 5),
)
def test_no_list_ever_holds_what_is_kept_out_and_every_candidate_is_accounted_for(
    pairs: dict[tuple[str, str], list[tuple[str, int]]],
    best: list[tuple[str, int]],
    trigger: list[str],
    bought: list[str],
    most: int,
) -> None:
    tables = RecommendationTables(pairs, {("bestsellers", "", ""): best}, CATALOGUE)
    asked = RecommendationRequest(CustomerPast(orders=(ProductTouch(ago(1), tuple(bought)),)), tuple(trigger))
    never = (ProductExclusion(ExclusionKind.BOUGHT), ProductExclusion(ExclusionKind.IN_TRIGGER))
    chosen = choose(rule(TOGETHER, BESTSELLERS, never=never), asked, tables, NOW, most)
    items = [item.product for item in chosen.items]
    assert len(items) == len(set(items)) <= most
    assert not set(items) & {*bought, *trigger, "decaf", "filter", "gone"}
    offered = {name for name, _ in best} | {
        name for product in trigger for name, _ in pairs.get(("bought together with", product), [])
    }
    assert offered == {*items, *(one.product for one in chosen.rejected)}
