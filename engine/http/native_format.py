"""Our own bodies turned into items: `POST /events`, `PUT /customers/ID`, `PUT /products/ID`, `POST
/products`."""

from __future__ import annotations

from typing import Any

from engine.http.segment_format import consents_of
from engine.runtime.intake.items import (
    CustomerItem,
    EventItem,
    Item,
    ProductItem,
    RefusedItem,
    VisitorItem,
)

_EVENT_KEYS = ("id", "event", "customer_id", "anonymous_id", "at", "properties", "history")


def event_item(value: Any, item: int) -> list[Item] | RefusedItem:
    """`{id?, event, customer_id, anonymous_id?, at?, properties?}`: a visitor who has not signed in has the
    second id alone; where both stand, what the visitor did belongs to the customer."""
    if not isinstance(value, dict):
        return RefusedItem(item, "", "each event is an object")
    for name in value:
        # Refused and not ignored: `propertys` would lose its data without a word.
        if name not in _EVENT_KEYS:
            return RefusedItem(
                item, str(name)[:60], f"not a part of an event; the parts are: {', '.join(_EVENT_KEYS)}"
            )
    ids = [name for name in ("customer_id", "anonymous_id") if value.get(name) is not None] or ["customer_id"]
    for name, longest in (("event", 100), *((name, 200) for name in ids)):
        missing = _missing_text(value, name, item, longest)
        if missing:
            return missing
    if not isinstance(value.get("properties") or {}, dict):
        return RefusedItem(item, "properties", "this must be an object")
    for name in ("id", "at"):
        if value.get(name) is not None and not isinstance(value[name], str):
            return RefusedItem(item, name, "this must be a text")
    event = EventItem(
        item,
        value[ids[0]].strip(),
        value["event"],
        value.get("at"),
        value.get("id"),
        value.get("properties") or {},
        history=value.get("history") is True,
    )
    if len(ids) == 1:
        return [event]
    return [VisitorItem(item, value["anonymous_id"].strip(), event.customer_id), event]


def _missing_text(value: dict[str, Any], name: str, item: int, longest: int) -> RefusedItem | None:
    text = value.get(name)
    if isinstance(text, str) and 0 < len(text.strip()) <= longest:
        return None
    return RefusedItem(item, name, f'"{name}" is needed: a text of 1 to {longest} characters')


def customer_item(customer_id: str, value: Any, key: str | None) -> list[Item] | RefusedItem:
    """Attributes at the top level, beside `addresses` and `consent`; `email` and `phone` are addresses
    too. `anonymous_id`: what this visitor did belongs to the customer."""
    if not isinstance(value, dict):
        return RefusedItem(0, "", "a customer is an object of attributes")
    # A copy: what is taken out below may not be missing for whoever gave it.
    attributes = dict(value)
    visitor = attributes.pop("anonymous_id", None)
    if visitor is not None and (missing := _missing_text(value, "anonymous_id", 0, 200)):
        return missing
    addresses = attributes.pop("addresses", None) or {}
    consents = consents_of(attributes.pop("consent", None), 0)
    if isinstance(consents, RefusedItem):
        return consents
    if not isinstance(addresses, dict) or not all(
        isinstance(address, str | None)
        or (isinstance(address, list) and all(isinstance(token, str) for token in address))
        for address in addresses.values()
    ):
        return RefusedItem(
            0,
            "addresses",
            'write one text per channel or a list of tokens, for example {"push": ["token"]}; '
            "null takes it away",
        )
    customer = CustomerItem(0, customer_id, key, attributes, addresses, consents)
    return [customer] if visitor is None else [VisitorItem(0, visitor.strip(), customer_id), customer]


def product_item(value: Any, item: int, product_id: str | None = None) -> ProductItem | RefusedItem:
    """`{product_id, ...fields}`; in `PUT /products/ID` the path says which."""
    if not isinstance(value, dict):
        return RefusedItem(item, "", "a product is an object of fields")
    fields = dict(value)
    named = fields.pop("product_id", product_id)
    if not isinstance(named, str) or not 0 < len(named) <= 200:
        return RefusedItem(item, "product_id", '"product_id" is needed: a text of 1 to 200 characters')
    # Two ids in one request: to guess which one is meant would overwrite the other product.
    if product_id is not None and named != product_id:
        return RefusedItem(item, "product_id", f'the path says "{product_id}", the body says "{named[:60]}"')
    return ProductItem(item, named, fields)
