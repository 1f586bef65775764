"""Products as Google Merchant Center wants them (also Meta, Pinterest, Bing): XML by RSS 2.0 or Atom with the
namespace `g:`, and the same names as the columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.runtime.feeds.amount_parser import price
from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import FeedItem, InvalidFeedValue, shown
from engine.runtime.feeds.xml_elements import add, elements, text_of
from engine.values import Instant, moment_of

ATOM = "{http://www.w3.org/2005/Atom}"
_GOOGLE = "{http://base.google.com/ns/1.0"
ROOTS = ("rss", f"{ATOM}feed", "feed", "{http://purl.org/atom/ns#}feed")
ITEMS = ("item", f"{ATOM}entry", "entry", "{http://purl.org/atom/ns#}entry")

COLUMNS = frozenset({"title", "link", "availability", "image_link", "price", "product_type", "gtin"})
"""Beside `id`, two of these make a table one of this kind."""

_IN_STOCK = frozenset({"in_stock", "limited_availability"})
_NOT_IN_STOCK = frozenset(
    {"out_of_stock", "preorder", "pre_order", "backorder", "back_order", "available_for_order",
     "discontinued", "sold_out", "pending"}
)  # fmt: skip
_STOCK = ("quantity", "sell_on_google_quantity", "quantity_to_sell_on_facebook", "inventory")


@dataclass(frozen=True, slots=True)
class OfferedProduct:
    """What a feed offers: values by the names that products have here beside the feed's own, and the next
    moment at which its price changes by itself (None: it does not)."""

    values: Mapping[str, Any]
    turns_at: Instant | None = None


def items(stream: BoundedStream) -> Iterator[FeedItem]:
    """The products of an XML feed. Raises FeedError."""
    for number, element in enumerate(elements(stream, ROOTS, ITEMS), 1):
        own: dict[str, Any] = {}
        plain: dict[str, Any] = {}
        for child in element:
            if len(child):  # <g:shipping> and its like are no fields of a product
                continue
            space, _, name = child.tag.rpartition("}")
            value = text_of(child)
            if name == "link" and not value:
                value = child.get("href", "").strip()
            if value:
                add(own if space == _GOOGLE else plain, name, value)
        if "summary" in plain:  # what Atom calls it
            plain.setdefault("description", plain["summary"])
        # <id> of Atom is that of the entry; <g:id> is that of the product
        yield FeedItem(number, element.sourceline or 0, {**plain, **own})


def is_merchant(names: set[str]) -> bool:
    """Whether a table or an object has the names of this format."""
    return "id" in names and len(COLUMNS & names) > 1


def offered(said: Mapping[str, Any], now: Instant) -> OfferedProduct:
    """What an item means at `now`. Raises InvalidFeedValue."""
    values = dict(said)
    if not (written := first(said.get("price"))):
        raise InvalidFeedValue("price", "", "is missing", "write  19.99 EUR")
    usual = price("price", written)
    values["price"], turns_at = usual, None
    sale = first(said.get("sale_price", ""))
    if sale:
        start, end = _period(first(said.get("sale_price_effective_date", "")))
        reduced = price("sale_price", sale)
        if (start is None or start <= now) and (end is None or now < end):
            values["price"], values["old_price"] = reduced, usual
            turns_at = end
        elif start is not None and now < start:
            turns_at = start
    for name in ("sale_price", "sale_price_effective_date", "availability"):
        values.pop(name, None)
    availability = first(said.get("availability", ""))
    if availability:
        values["in_stock"] = _in_stock(availability)
    stock = next((first(said[name]) for name in _STOCK if said.get(name)), "")
    if stock:
        values["stock"] = stock
    # the last one is the narrowest
    path = [part.strip() for part in first(said.get("product_type", "")).split(">") if part.strip()]
    if path:
        values |= {"category": path[-1], "category_path": " > ".join(path), "categories": path}
    for ours, theirs in (("name", "title"), ("url", "link"), ("image", "image_link")):
        if said.get(theirs):
            values[ours] = first(said[theirs])
    return OfferedProduct(values, turns_at)


def first(value: object) -> str:
    """A value, or the first of several."""
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return "" if value is None else str(value).strip()


def _in_stock(written: str) -> bool:
    word = "_".join(written.casefold().replace("_", " ").split())
    word = word.rpartition("/")[2].replace("instock", "in_stock").replace("outofstock", "out_of_stock")
    if word in _IN_STOCK or word in _NOT_IN_STOCK:
        return word in _IN_STOCK
    raise InvalidFeedValue(
        "availability", written, f"{shown(written)} is no availability",
        "write  in_stock, out_of_stock, preorder  or  backorder",
    )  # fmt: skip


def _period(written: str) -> tuple[Instant | None, Instant | None]:
    if not written:
        return None, None
    start, _, end = (part.strip() for part in written.partition("/"))
    moments = [moment_of(part) if part else None for part in (start, end)]
    if any(part and moment is None for part, moment in zip((start, end), moments, strict=True)):
        raise InvalidFeedValue(
            "sale_price_effective_date", written, f"{shown(written)} is no period",
            "write two moments: 2026-11-27T00:00+02:00/2026-11-30T23:59+02:00",
        )  # fmt: skip
    return moments[0], moments[1]
