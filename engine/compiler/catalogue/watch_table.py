"""`watch:` in schemas/events.yaml: which events touch products, and how (design/language 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.compiler.catalogue.catalogue import Catalogue, path_type
from engine.compiler.catalogue.catalogue_file import unknown_event
from engine.core.products.event_products import ID_NAMES, LIST_NAMES
from engine.core.products.watched import WATCH_EVENTS, TouchKind
from engine.language.map_reader import MapReader
from engine.language.syntax import Text

KINDS: tuple[TouchKind, ...] = ("viewed", "cart", "wishlist", "bought")

PRODUCT_PLACES = ("product_id", "sku", *(f"{place}.{name}" for place in LIST_NAMES for name in ID_NAMES))
"""Where the products of an event are looked for."""


def read_watch(reader: MapReader | None, catalogue: Catalogue, order: str) -> Mapping[str, TouchKind]:
    """The events with the way in which each touches products. `order`: the event that is an order, for who
    says nothing of `bought`."""
    watch: dict[str, TouchKind] = {}
    told: Iterable[TouchKind] = KINDS if reader is None else ()
    if reader is not None:
        told = [kind for kind in KINDS if reader.node(kind) is None]
        for kind in KINDS:
            for event in reader.texts(kind):
                _add(reader, watch, event, kind, catalogue)
    usual = {**WATCH_EVENTS, order: "bought"} if order else WATCH_EVENTS
    for event_name, usual_kind in usual.items():
        if usual_kind in told:
            watch.setdefault(event_name, usual_kind)
    return watch


def _add(
    reader: MapReader, watch: dict[str, TouchKind], event: Text, kind: TouchKind, catalogue: Catalogue
) -> None:
    name = catalogue.event_name(event.value)
    fields = catalogue.events.get(name)
    if fields is None:
        reader.context.problems.append(unknown_event(event, catalogue))
    elif not any(path_type(fields, place) for place in PRODUCT_PLACES):
        reader.context.wrong(
            event,
            "does not say which product it is about",
            "products are looked for in product_id, and in the lines of items or products",
            f"give it the field  product_id: text  or take it out of  {kind}:",
            "E113",
        )
    elif watch.get(name, kind) != kind:
        reader.context.wrong(
            event,
            f"stands under  {watch[name]}:  too",
            "an event touches a product in one way",
            "remove one of the two",
            "E114",
        )
    else:
        watch[name] = kind
