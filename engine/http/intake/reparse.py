"""A kept item read once more in the way in which it came in, as if it came now but had happened then."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from engine.http.intake.native_format import customer_item, event_item, product_item
from engine.http.intake.segment_format import CALLS, translate
from engine.http.intake.strict_json import decode
from engine.http.problems import Refusal
from engine.runtime.intake.items import CustomerItem, EventItem, Item, RefusedItem
from engine.store.inbox.refusals import KeptItem
from engine.values import iso

_PAST = "past "


def reopen(kept: KeptItem, place: int) -> list[Item] | RefusedItem:
    """The items of a kept one, numbered `place`; for ways that HTTP has."""
    try:
        value = decode(kept.body.encode())
        if isinstance(value, str):  # a line that was no JSON
            value = decode(value.encode("utf-8", "surrogatepass"))
    except Refusal as refusal:
        return RefusedItem(place, "", f"{refusal.title}. {refusal.detail}", kept=True)
    kind = kept.way.removeprefix(_PAST)
    match kind:
        case "event":
            items: list[Item] | Item | RefusedItem = event_item(value, place)
        case "customer":
            items = customer_item(value["customer_id"], value["said"], value["repeat"])
        case "product":
            items = product_item(value, place)
        case _:
            named = kind if kind in CALLS else None
            items = translate(value, named, place, kept.at, None, history=kept.way.startswith(_PAST))
    if isinstance(items, RefusedItem):
        return replace(items, item=place, kept=True)
    return [at_its_time(item, kept, place) for item in (items if isinstance(items, list) else [items])]


def at_its_time(item: Item, kept: KeptItem, place: int) -> Item:
    """What said no moment of its own happened when it was received."""
    if isinstance(item, EventItem | CustomerItem):
        return structs.replace(item, item=place, at=item.at or iso(kept.at))
    return structs.replace(item, item=place)
