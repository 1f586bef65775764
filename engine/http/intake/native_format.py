"""Our own bodies turned into items: `POST /events`, `PUT /customers/ID`, `PUT /products/ID`, `POST
/products`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.http.intake.strict_json import MAX_NODES, storable_consent, unstorable, without_unstorable
from engine.runtime.intake.consent_reading import take_consent
from engine.runtime.intake.items import (
    CustomerItem,
    EventItem,
    Item,
    ProductItem,
    RefusedItem,
    VisitorItem,
    id_text,
)
from engine.runtime.intake.quarantine import CUSTOMER_KEYS
from engine.values import iso, moment_of

_EVENT_KEYS = ("id", "event", "customer_id", "anonymous_id", "at", "properties", "history")
_VISITOR = ("anonymous_id", "anonymousId")
_REACHED = ("email", "phone", "addresses")
_AN_ID = "1 to 200 characters"
_LONGEST_EVENT = 100


def event_item(value: Any, item: int, is_plain: bool = False) -> list[Item] | RefusedItem:
    """`{id?, event, customer_id, anonymous_id?, at?, properties?, history?}`: a visitor who has not signed in
    has the second id alone; where both stand, what the visitor did belongs to the customer. `is_plain`: as
    `plain_items` told."""
    # first: no text that follows may hold what no database keeps
    value, dropped = without_unstorable(value, item, ("properties",), is_plain=is_plain)
    if isinstance(value, RefusedItem):
        return value
    if not isinstance(value, dict):
        return RefusedItem(item, "", "each event is an object")
    for name in value:
        # Refused and not ignored: `propertys` would lose its data without a word.
        if name not in _EVENT_KEYS and name not in CUSTOMER_KEYS and name not in _VISITOR:
            return RefusedItem(
                item, str(name)[:60], f"not a part of an event; the parts are: {', '.join(_EVENT_KEYS)}"
            )
    event, who, visitor = value.get("event"), customer_of(value, item), visitor_of(value, item)
    if not isinstance(event, str) or not 0 < len(event.strip()) <= _LONGEST_EVENT:
        return RefusedItem(item, "event", f'"event" is needed: a text of 1 to {_LONGEST_EVENT} characters')
    if isinstance(visitor, RefusedItem):
        return visitor
    if isinstance(who, RefusedItem):
        # an id that is there and wrong is a mistake; only where there is none the visitor is meant
        if visitor is None or any(value.get(name) is not None for name in CUSTOMER_KEYS):
            return who
        who = visitor
    if not isinstance(value.get("properties") or {}, dict):
        return RefusedItem(item, "properties", "this must be an object")
    history = value.get("history")
    if history is not None and not isinstance(history, bool):
        return RefusedItem(item, "history", "this is true or false, without quotes")
    key, at = value.get("id"), value.get("at")
    if key is not None and id_text(key) is None:
        return RefusedItem(item, "id", f"an id is a text of {_AN_ID}")
    if at is not None and not isinstance(at, str):
        moment = moment_of(at)
        if moment is None:
            why = "write ISO 8601, such as 2026-11-27T10:00:00Z, or seconds or milliseconds since 1970"
            return RefusedItem(item, "at", f"this is no moment; {why}")
        at = iso(moment)
    happened = EventItem(
        item, who, event, at or None, id_text(key) if key is not None else None,
        value.get("properties") or {}, history=history is True, dropped=dropped,
    )  # fmt: skip
    # who they are comes before what they did
    return [happened] if visitor in (None, who) else [VisitorItem(item, visitor, who), happened]


def customer_of(value: Mapping[str, Any], item: int) -> str | RefusedItem:
    """Whom an item is about, under any name that is used for it. Two names that differ are nobody."""
    given = {text for name in CUSTOMER_KEYS if name in value and (text := id_text(value[name])) is not None}
    if len(given) == 1:
        return given.pop()
    if given:
        named = [name for name in CUSTOMER_KEYS if name in value]
        return RefusedItem(item, named[0], f"{' and '.join(named)} say two different things")
    return RefusedItem(item, "customer_id", f'"customer_id" is needed: a text of {_AN_ID}')


def visitor_of(value: Mapping[str, Any], item: int) -> str | RefusedItem | None:
    """The id of a visitor who has not signed in, or had not; None where there is none."""
    named = [name for name in _VISITOR if value.get(name) is not None]
    if not named:
        return None
    given = {id_text(value[name]) for name in named}
    if len(given) > 1 or None in given:
        return RefusedItem(item, named[0], f"this is one text of {_AN_ID}")
    return given.pop()


def customer_item(customer_id: str, value: Any, key: str | None) -> list[Item] | RefusedItem:
    """Attributes at the top level, beside `addresses` and `consent`; `email` and `phone` are addresses
    too. `anonymous_id`: what this visitor did belongs to the customer. What cannot be stored or read is left
    out alone."""
    if not isinstance(value, dict):
        return RefusedItem(0, "", "a customer is an object of attributes")
    dropped: list[RefusedItem] = []
    # How the customer is reached, and a withdrawal above all, counts whatever stands beside it.
    value = dict(value)
    consent = take_consent(value)
    # Before each is looked at by itself.
    if len(value) > MAX_NODES:
        dropped.append(RefusedItem(0, "", f"one item may hold at most {MAX_NODES} values"))
        value = {name: value[name] for name in _REACHED if name in value}
    attributes: dict[str, Any] = {}
    for name, inner in value.items():
        # Each by itself: a name or a text that no database keeps takes nothing else along.
        fault = unstorable({name: inner}, 0)
        if fault is not None and name != "addresses":
            dropped.append(fault)
        else:
            attributes[name] = inner
    visitor = visitor_of(attributes, 0)
    if isinstance(visitor, RefusedItem):
        dropped.append(visitor)
        visitor = None
    # ids are no attributes
    for name in _VISITOR:
        attributes.pop(name, None)
    addresses = attributes.pop("addresses", None) or {}
    if not isinstance(addresses, dict):
        dropped.append(_wrong_addresses("addresses"))
        addresses = {}
    right: dict[str, Any] = {}
    for name, address in addresses.items():
        fault = unstorable({name: address}, 0)
        if fault is not None:
            dropped.append(RefusedItem(0, f"addresses.{fault.field}", fault.why))
        elif not _is_address(address):
            dropped.append(_wrong_addresses(f"addresses.{name}"))
        else:
            right[name] = address
    consent, wrong = storable_consent(consent, 0)
    customer = CustomerItem(
        0, customer_id, key, attributes, right, consent=consent, dropped=(*dropped, *wrong)
    )
    return [customer] if visitor is None else [VisitorItem(0, visitor, customer_id), customer]


def _is_address(address: Any) -> bool:
    if isinstance(address, list):
        return all(isinstance(token, str) for token in address)
    return address is None or (isinstance(address, str | int | float) and not isinstance(address, bool))


def _wrong_addresses(field: str) -> RefusedItem:
    why = (
        'write one text per channel or a list of tokens, for example {"push": ["token"]}; null takes it away'
    )
    return RefusedItem(0, field, why)


def product_item(
    value: Any, item: int, is_plain: bool = False, *, product_id: str | None = None
) -> ProductItem | RefusedItem:
    """`{product_id, ...fields}`; in `PUT /products/ID` the path says which. `is_plain`: as `plain_items`
    told."""
    refused = None if is_plain else unstorable(value, item)
    if refused is not None:
        return refused
    if not isinstance(value, dict):
        return RefusedItem(item, "", "a product is an object of fields")
    fields = dict(value)
    # taken out: the id is no field of the product
    named = id_text(fields.pop("product_id", product_id))
    if named is None:
        return RefusedItem(item, "product_id", f'"product_id" is needed: a text of {_AN_ID}')
    # Two ids in one request: to guess which one is meant would overwrite the other product.
    if product_id is not None and named != product_id:
        return RefusedItem(item, "product_id", f'the path says "{product_id}", the body says "{named[:60]}"')
    return ProductItem(item, named, fields)
