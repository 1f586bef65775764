"""Products as YML has them, the format of Ukrainian and other marketplaces: `yml_catalog` with currencies,
categories with parents, offers and their params."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.runtime.feeds.amount_parser import as_bool, currency_of, price
from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import FeedItem, InvalidFeedValue, shown
from engine.runtime.feeds.google_merchant import OfferedProduct, first
from engine.runtime.feeds.xml_elements import add, elements, local, text_of

ROOTS = ("yml_catalog",)
ITEMS = ("offer",)
OTHERS = ("category", "currency")
_DEEPEST = 20
_STOCK = ("quantity_in_stock", "stock_quantity", "quantity", "count")
PARENTS, CURRENCY = "category names", "currency"
"""What an item says that no element of it has; no element can be called so."""


def items(stream: BoundedStream) -> Iterator[FeedItem]:
    """The offers of a feed. Raises FeedError."""
    names: dict[str, tuple[str, str]] = {}  # category -> name, parent
    main = ""
    number = 0
    for element in elements(stream, ROOTS, ITEMS, OTHERS):
        match local(element):
            case "category":
                names[element.get("id", "").strip()] = text_of(element), element.get("parentId", "").strip()
            case "currency":
                if not main or element.get("rate", "").strip() in ("1", "1.0"):
                    main = element.get("id", "").strip()
            case _:
                number += 1
                said = _said(element)
                own = [_path(category, names) for category in _listed(said.get("category_id"))]
                said[PARENTS] = own[0] if own else []
                said[CURRENCY] = currency_of(first(said.get("currency_id", "")) or main)
                yield FeedItem(number, element.sourceline or 0, said)


def _said(offer: Any) -> dict[str, Any]:
    own = {name: offer.get(name).strip() for name in ("id", "available", "group_id") if offer.get(name)}
    params: dict[str, Any] = {}
    for child in offer:
        name, value = local(child), text_of(child)
        if not value or len(child):
            continue
        if name == "param":
            unit = child.get("unit", "").strip()
            add(params, child.get("name", ""), f"{value} {unit}" if unit else value)
        else:
            add(own, name, value)
    # an element of the format counts before a param of the same name
    return {**params, **own}


def _path(category: str, names: Mapping[str, tuple[str, str]]) -> list[str]:
    """The names of a category, the outermost first; a circle of parents has an end."""
    path: dict[str, str] = {}
    while category in names and category not in path and len(path) < _DEEPEST:
        path[category], category = names[category]
    return list(path.values())[::-1]


def offered(said: Mapping[str, Any]) -> OfferedProduct:
    """What an offer means. Raises InvalidFeedValue."""
    values = {name: value for name, value in said.items() if name not in ("id", PARENTS, CURRENCY)}
    currency = said[CURRENCY]
    if not said.get("price"):
        raise InvalidFeedValue("price", "", "is missing", "write  <price>199.90</price>")
    values["price"] = price("price", first(said["price"]), currency)
    for name in ("oldprice", "old_price", "price_old"):
        if said.get(name):
            values["old_price"] = price(name, first(said[name]), currency)
    if "available" in said:
        available = as_bool(first(said["available"]))
        if available is None:
            raise InvalidFeedValue(
                "available", said["available"], f"{shown(said['available'])} is neither true nor false",
                'write  available="true"',
            )  # fmt: skip
        values["in_stock"] = available
    stock = next((first(said[name]) for name in _STOCK if said.get(name)), "")
    if stock:
        values["stock"] = stock
        values.setdefault("in_stock", stock.strip("0.") != "" and not stock.startswith("-"))
    path = said[PARENTS]
    if path:
        values |= {"category": path[-1], "category_path": " > ".join(path), "categories": path}
    parts = (first(said.get(name, "")) for name in ("type_prefix", "vendor", "model"))
    name = first(said.get("name", "")) or " ".join(filter(None, parts))
    if name:
        values["name"] = name
    if said.get("picture"):
        values["image"], values["images"] = first(said["picture"]), _listed(said["picture"])
    if said.get("vendor"):
        values["brand"] = first(said["vendor"])
    return OfferedProduct(values)


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
