"""The choice: sources in their order until there are enough, without what is kept out, and why each other
candidate fell out. Scores are whole numbers; equal ones go by the id of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.conditions.scope import Scope
from engine.core.facts.customer import Facts
from engine.core.happening import Event
from engine.core.products.event_products import products_named
from engine.core.products.signals import is_in_stock
from engine.core.recommendations.rule import (
    CART_BACK,
    MOST_CANDIDATES,
    MOST_ITEMS,
    VIEWS_BACK,
    ExclusionKind,
    ProductExclusion,
    ProductSource,
    Recommendation,
    SeedKind,
    SourceKind,
)
from engine.values import DAY, Instant, Value

WEIGHT = 1_000
"""Of a product at which a source begins, where nothing makes it weaker."""

ORDERS_HALVE = 90 * DAY
"""An order so much older than now counts half as a beginning, one of twice the age a third."""

LAST_VIEWS = 5
"""So many products are `last viewed`, the newest first; the n-th counts 1/n."""

Weights = Mapping[str, int]
Scored = tuple[str, int]
"""Product and score."""


@dataclass(frozen=True, slots=True)
class ProductTouch:
    """Something that the customer did with products."""

    at: Instant
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerPast:
    """What a customer did, the newest first."""

    orders: tuple[ProductTouch, ...] = ()
    carts: tuple[tuple[ProductTouch, bool], ...] = ()  # and whether it names the whole cart
    views: tuple[ProductTouch, ...] = ()


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """A product that is shown, and which source it is from."""

    product: str
    score: int
    source: str
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RejectedProduct:
    """A candidate that fell out."""

    product: str
    source: str
    score: int
    why: str


@dataclass(frozen=True, slots=True)
class ChosenProducts:
    """The list, and what is not on it."""

    items: tuple[RecommendedItem, ...] = ()
    rejected: tuple[RejectedProduct, ...] = ()


@dataclass(frozen=True, slots=True)
class RecommendationTables:
    """What the nightly build knows. `pairs`: (source, product) -> others; `lists`: (source, field, value) ->
    products, ("", "") for the whole shop; both the best first. `products`: the catalogue as it is now."""

    pairs: Mapping[tuple[str, str], Sequence[Scored]] = field(default_factory=dict)
    lists: Mapping[tuple[str, str, str], Sequence[Scored]] = field(default_factory=dict)
    products: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """For whom, and by what: `trigger` are the products that the run began with."""

    past: CustomerPast = field(default_factory=CustomerPast)
    trigger: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)


def past_of(events: Sequence[tuple[str, Instant, Mapping[str, Value]]]) -> CustomerPast:
    """From events of a customer: (what it means, when, fields), the newest first. What it means: `order`,
    `cart` or `view`."""
    orders: list[ProductTouch] = []
    carts: list[tuple[ProductTouch, bool]] = []
    views: list[ProductTouch] = []
    for meaning, at, fields in events:
        done = ProductTouch(at, products_named(fields))
        if meaning == "order":
            orders.append(done)
        elif meaning == "view":
            views.append(done)
        else:
            carts.append((done, isinstance(fields.get("items") or fields.get("products"), list | tuple)))
    return CustomerPast(tuple(orders), tuple(carts), tuple(views))


def cart_of(past: CustomerPast, now: Instant) -> tuple[str, ...]:
    """What is in the cart: the lines of the newest event that names them all, and what was added since. An
    order empties it."""
    ordered_at = past.orders[0].at if past.orders else 0
    found: dict[str, None] = {}
    for done, is_whole in past.carts:
        # the newest come first, so nothing behind this one counts either
        if done.at <= ordered_at or done.at <= now - CART_BACK:
            break
        found |= dict.fromkeys(done.products)
        if is_whole:
            break
    return tuple(found)


def seeds_of(kind: SeedKind, asked: RecommendationRequest, now: Instant) -> Weights:
    """The products at which a source begins, with their weights."""
    past = asked.past
    match kind:
        case SeedKind.TRIGGER:
            return dict.fromkeys(asked.trigger, WEIGHT)
        case SeedKind.LAST_ORDER:
            return dict.fromkeys(past.orders[0].products, WEIGHT) if past.orders else {}
        case SeedKind.PAST_ORDERS:
            weights: dict[str, int] = {}
            for order in past.orders:
                weight = WEIGHT * ORDERS_HALVE // (ORDERS_HALVE + max(0, now - order.at))
                for product in order.products:
                    weights[product] = weights.get(product, 0) + weight
            return weights
        case SeedKind.CART:
            return dict.fromkeys(cart_of(past, now), WEIGHT)
        case SeedKind.LAST_VIEWED:
            recent = [done for done in past.views if done.at > now - VIEWS_BACK]
            viewed = dict.fromkeys(product for done in recent for product in done.products)
            return {product: WEIGHT // place for place, product in enumerate(list(viewed)[:LAST_VIEWS], 1)}


def values_asked(
    source: ProductSource, asked: RecommendationRequest, tables: RecommendationTables, now: Instant
) -> tuple[str, ...]:
    """The values of its field by which a source goes through lists: of an attribute, or the categories of
    products; ("",): the list of the whole shop."""
    if source.attribute:
        value = asked.values.get(source.attribute)
        return value if isinstance(value, tuple) else (value,) if isinstance(value, str) and value else ()
    if source.kind is SourceKind.SAME_CATEGORY and source.seeds is not None:
        # sorted, since a set has another order in every process
        return tuple(sorted(_categories(seeds_of(source.seeds, asked, now), tables)))
    return ("",)


def candidates(
    source: ProductSource, asked: RecommendationRequest, tables: RecommendationTables, now: Instant
) -> list[Scored]:
    """What a source offers, the best first."""
    if source.is_listed:
        own = seeds_of(source.seeds, asked, now) if source.seeds is not None else {}
        scores: dict[str, int] = {}
        for value in values_asked(source, asked, tables, now):
            scores |= dict(tables.lists.get((source.listed, source.listed_by, value), ()))
        # nobody is shown what the source begins at
        return _best({product: score for product, score in scores.items() if product not in own})
    assert source.seeds is not None
    seeds = seeds_of(source.seeds, asked, now)
    sums: dict[str, int] = {}
    for product, weight in seeds.items():
        for other, score in tables.pairs.get((source.kind, product), ()):
            sums[other] = sums.get(other, 0) + weight * score
    if source.kind is not SourceKind.BOUGHT_TOGETHER:
        # who bought or saw it needs no hint at it; what people buy again is a part of what they buy together
        sums = {product: score for product, score in sums.items() if product not in seeds}
    return _best({product: score // WEIGHT for product, score in sums.items()})


def choose(
    rule: Recommendation,
    asked: RecommendationRequest,
    tables: RecommendationTables,
    now: Instant,
    most: int = MOST_ITEMS,
) -> ChosenProducts:
    """Each source in its order, until there are `most`. Never what is out of stock, not in the catalogue, or
    kept out."""
    # product -> the words that keep it out, the first of them
    excluded: dict[str, str] = {}
    for exclusion in rule.never:
        for product in _kept_out(exclusion, asked, now):
            excluded.setdefault(product, str(exclusion))
    items: dict[str, RecommendedItem] = {}
    rejected: dict[str, RejectedProduct] = {}
    # in their order: a later source fills up what an earlier one leaves
    for source in rule.sources:
        name = str(source)
        categories = (
            _categories(seeds_of(source.seeds, asked, now), tables)
            if source.kind is SourceKind.COMPLEMENTS and source.seeds is not None
            else frozenset()
        )
        for product, score in candidates(source, asked, tables, now):
            # what fell out of one source falls out of all, with the first reason
            if product in items or product in rejected:
                continue
            fields = tables.products.get(product)
            why = _why_not(rule, product, fields, excluded, categories, source, now)
            if not why and len(items) >= most:
                why = f"there are {most} before it"
            if why:
                rejected[product] = RejectedProduct(product, name, score, why)
            else:
                items[product] = RecommendedItem(product, score, name, fields or {})
    return ChosenProducts(tuple(items.values()), tuple(rejected.values()))


def _why_not(
    rule: Recommendation,
    product: str,
    fields: Mapping[str, Value] | None,
    excluded: Mapping[str, str],
    categories: frozenset[str],
    source: ProductSource,
    now: Instant,
) -> str:
    if fields is None:
        return "it is not in the catalogue"
    if not is_in_stock(fields):
        return "it is out of stock"
    if product in excluded:
        return f"never: {excluded[product]}"
    if source.kind is SourceKind.COMPLEMENTS:
        category = fields.get("category")
        if not isinstance(category, str) or not category:
            return "it has no category"
        if category in categories:
            return f"category {category} is that of what it is to go with"
    if rule.only is not None:
        # A product is asked as an event is in `where`: its bare names are the fields.
        scope = Scope(_NOBODY, None, now, Event(0, product, "product", now, now, fields))
        if not rule.only.test(scope):
            return f"only: {rule.only.text}"
    return ""


_NOBODY = Facts("")


def _kept_out(exclusion: ProductExclusion, asked: RecommendationRequest, now: Instant) -> list[str]:
    past = asked.past
    match exclusion.kind:
        case ExclusionKind.IN_TRIGGER:
            return list(asked.trigger)
        case ExclusionKind.IN_CART:
            return list(cart_of(past, now))
        case ExclusionKind.IN_LAST_ORDER:
            return list(past.orders[0].products) if past.orders else []
        case ExclusionKind.BOUGHT | ExclusionKind.VIEWED:
            done = past.orders if exclusion.kind is ExclusionKind.BOUGHT else past.views
            since = now - exclusion.last if exclusion.last is not None else None
            return [product for one in done if since is None or one.at > since for product in one.products]


def _categories(products: Weights, tables: RecommendationTables) -> frozenset[str]:
    found = (tables.products.get(product, {}).get("category") for product in products)
    return frozenset(category for category in found if isinstance(category, str) and category)


def _best(scores: Mapping[str, int]) -> list[Scored]:
    # by the id where scores are equal, so that a list does not change by chance
    return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))[:MOST_CANDIDATES]
