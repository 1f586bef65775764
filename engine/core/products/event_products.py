"""The products that an event is about, whatever the shop's system calls them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.values import Value

ID_NAMES = ("product_id", "sku", "id")
"""What the id of a product is called in a line of an order or a cart; the first that is there counts."""

LIST_NAMES = ("items", "products")
"""Where the lines of an order or a cart stand; the e-commerce events of Segment have the last name."""

MOST_PRODUCTS = 100
"""So many products of one event count; an order rarely has more."""

_NAMES = frozenset(("product_id", "sku", *LIST_NAMES))

# By name: asked for every event, and `list | tuple` makes a type each time
_LISTS = (list, tuple)
_IDS = (str, int)


def products_named(fields: Mapping[str, Value | Mapping[str, Value]]) -> tuple[str, ...]:
    """Ids in the order of the event, each once: `product_id`, a list of them, and those of `items`."""
    # Most events are about none
    if fields.keys().isdisjoint(_NAMES):
        return ()
    named = fields.get("product_id")
    found: list[object] = list(named) if isinstance(named, _LISTS) else [named]
    for name in LIST_NAMES:
        lines = fields.get(name)
        for line in lines if isinstance(lines, _LISTS) else ():
            if isinstance(line, Mapping):
                found.append(next((line[key] for key in ID_NAMES if line.get(key) is not None), None))
            else:
                found.append(line)
    if len(found) == 1 and found[0] is None:
        found = [fields.get("sku")]
    known = dict.fromkeys(str(product) for product in found if isinstance(product, _IDS) and product != "")
    return tuple(known)[:MOST_PRODUCTS]
