"""What a batch of messages needs for its recommendations: a fixed number of statements, however many
customers and products there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.recommendations.choose import (
    CustomerPast,
    RecommendationRequest,
    RecommendationTables,
    candidates,
    past_of,
    seeds_of,
    values_asked,
)
from engine.core.recommendations.rule import (
    CART_BACK,
    ORDERS_BACK,
    VIEWS_BACK,
    ExclusionKind,
    ProductSource,
    Recommendation,
    SeedKind,
    SourceKind,
)
from engine.store.products import catalogue as products
from engine.store.recommendations.build import ORDER_EVENT, VIEW_EVENT, current
from engine.store.serialization import dump, load_values
from engine.store.sql import LINES, rows
from engine.values import Instant, Value

EVENTS = 100
"""So many events of a kind are read of a customer, the newest."""

CART_EVENTS = ("cart_updated", "product_added")
"""What puts something into a cart; the e-commerce events of Segment have the last name."""

_MEANING = {ORDER_EVENT: "order", VIEW_EVENT: "view", **dict.fromkeys(CART_EVENTS, "cart")}
_ORDERS = (SeedKind.LAST_ORDER, SeedKind.PAST_ORDERS, ExclusionKind.BOUGHT, ExclusionKind.IN_LAST_ORDER)
_CART = (SeedKind.CART, ExclusionKind.IN_CART)
_VIEWS = (SeedKind.LAST_VIEWED, ExclusionKind.VIEWED)

_EVENTS = (
    "SELECT bucket, customer, name, at, fields FROM (SELECT e.bucket, e.customer, e.name, e.number,"  # noqa: S608 - texts of this module
    " e.occurred_at AS at, CAST(e.fields AS TEXT) AS fields,"
    " row_number() OVER (PARTITION BY e.bucket, e.customer, e.name"
    f" ORDER BY e.occurred_at DESC, e.number DESC) AS place FROM {LINES} CROSS JOIN event e"
    " WHERE e.bucket = CAST({cell0} AS INTEGER) AND e.customer = {cell1} AND e.name = {cell2}"
    f" AND e.occurred_at > CAST({{cell3}} AS BIGINT)) newest WHERE place <= {EVENTS}"
    " ORDER BY at DESC, number DESC"
)
_PAIRS = (
    f"SELECT r.source, r.product, r.other, r.score FROM {LINES} CROSS JOIN recommended_pair r"  # noqa: S608 - as above
    " WHERE r.build = CAST(? AS BIGINT) AND r.source = {cell0} AND r.product = {cell1}"
    " ORDER BY r.source, r.product, r.score DESC, r.other"
)
_LISTS = (
    f"SELECT r.source, r.field, r.value, r.product, r.score FROM {LINES} CROSS JOIN recommended_list r"  # noqa: S608 - as above
    " WHERE r.build = CAST(? AS BIGINT) AND r.source = {cell0} AND r.field = {cell1} AND r.value = {cell2}"
    " ORDER BY r.source, r.field, r.value, r.place"
)


@dataclass(frozen=True, slots=True)
class WantedRecommendation:
    """Recommendations for one message. `values`: attributes and facts of the customer."""

    bucket: int
    customer: str
    rules: tuple[Recommendation, ...]
    trigger: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedRecommendations:
    """What was read: of each wanted one what is known of its customer, and the tables for all."""

    asked: tuple[RecommendationRequest, ...]
    tables: RecommendationTables


def load(conn: Connection, wanted: Sequence[WantedRecommendation], now: Instant) -> LoadedRecommendations:
    """Five statements at most for orders, carts and views, the products that sources begin at, pairs, lists,
    and the candidates."""
    pasts = _pasts(conn, wanted, now)
    asked = tuple(
        RecommendationRequest(pasts.get((one.bucket, one.customer), CustomerPast()), one.trigger, one.values)
        for one in wanted
    )
    build = current(conn)
    seeds = {
        product
        for one, known in zip(wanted, asked, strict=True)
        for source in _sources(one)
        if source.seeds is not None
        for product in seeds_of(source.seeds, known, now)
    }
    begun = RecommendationTables(products=products.find(conn, seeds) if seeds else {})
    tables = RecommendationTables(
        _pairs(conn, wanted, asked, build, now),
        _lists(conn, wanted, asked, begun, build, now),
        begun.products,
    )
    offered = {
        product
        for one, known in zip(wanted, asked, strict=True)
        for source in _sources(one)
        for product, _ in candidates(source, known, tables, now)
    }
    more = offered - tables.products.keys()
    found = products.find(conn, more) if more else {}
    return LoadedRecommendations(
        asked, RecommendationTables(tables.pairs, tables.lists, {**tables.products, **found})
    )


def _sources(wanted: WantedRecommendation) -> Iterable[ProductSource]:
    return dict.fromkeys(source for rule in wanted.rules for source in rule.sources)


def _pasts(
    conn: Connection, wanted: Sequence[WantedRecommendation], now: Instant
) -> dict[tuple[int, str], CustomerPast]:
    """What these customers did, as far back as one of their recommendations looks."""
    lines: dict[tuple[int, str, str], int] = {}
    for one in wanted:
        for name, since in _needs(one.rules, now).items():
            key = (one.bucket, one.customer, name)
            lines[key] = min(lines.get(key, since), since)
    if not lines:
        return {}
    found: dict[tuple[int, str], list[tuple[str, Instant, Mapping[str, Value]]]] = {}
    asked = dump([[*key, since] for key, since in sorted(lines.items())])
    for bucket, customer, name, at, fields in rows(conn, _EVENTS, (asked,)):
        found.setdefault((bucket, customer), []).append((_MEANING[name], at, load_values(fields)))
    return {person: past_of(events) for person, events in found.items()}


def _needs(rules: Iterable[Recommendation], now: Instant) -> dict[str, int]:
    """Event -> since when it is looked at."""
    since: dict[str, int] = {}
    for rule in rules:
        if rule.looks_at(*_ORDERS, *_CART):
            since[ORDER_EVENT] = now - ORDERS_BACK
        if rule.looks_at(*_CART):
            since |= dict.fromkeys(CART_EVENTS, now - CART_BACK)
        if rule.looks_at(*_VIEWS):
            since[VIEW_EVENT] = now - VIEWS_BACK
    return since


def _pairs(
    conn: Connection,
    wanted: Sequence[WantedRecommendation],
    asked: Sequence[RecommendationRequest],
    build: int,
    now: Instant,
) -> dict[tuple[str, str], list[tuple[str, int]]]:
    keys = {
        (source.kind.value, product)
        for one, known in zip(wanted, asked, strict=True)
        for source in _sources(one)
        if source.seeds is not None and source.kind is not SourceKind.SAME_CATEGORY
        for product in seeds_of(source.seeds, known, now)
    }
    pairs: dict[tuple[str, str], list[tuple[str, int]]] = {}
    if keys:
        for source, product, other, score in rows(conn, _PAIRS, (dump(sorted(keys)), build)):
            pairs.setdefault((source, product), []).append((other, score))
    return pairs


def _lists(
    conn: Connection,
    wanted: Sequence[WantedRecommendation],
    asked: Sequence[RecommendationRequest],
    begun: RecommendationTables,
    build: int,
    now: Instant,
) -> dict[tuple[str, str, str], list[tuple[str, int]]]:
    keys: set[tuple[str, str, str]] = set()
    for one, known in zip(wanted, asked, strict=True):
        for source in _sources(one):
            for value in values_asked(source, known, begun, now) if source.is_listed else ():
                keys.add((source.listed.value, source.listed_by, value))
    lists: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    if keys:
        for source_, name, value, product, score in rows(conn, _LISTS, (dump(sorted(keys)), build)):
            lists.setdefault((source_, name, value), []).append((product, score))
    return lists
