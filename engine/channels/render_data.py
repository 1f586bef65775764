"""What a template may read, made from the values of the core: plain data that knows its own name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from engine.compiler.catalogue.catalogue import OWN_EVENTS, PRODUCT_STARTS, Catalogue
from engine.compiler.templates.filters import TemplateShare
from engine.compiler.templates.jinja import NamedData
from engine.config import Shop
from engine.values import Instant, Type, Value, to_datetime

_CODE: Mapping[str, Type] = {"expires": Type("time")}
_GROUPS = ("trigger", "code", "with", "with_times", "paths", "recommended")
_TIME = Type("time")


@dataclass(frozen=True, slots=True)
class RenderValues:
    """Everything of one message that comes from the store. `customer`: attributes and facts; `names`: as in
    `Send`; `product`: the present state of the catalogue for the run's product; `zone`: the customer's;
    `recommend`: the lists of products, by name."""

    customer: Mapping[str, Value]
    names: Mapping[str, Value | Mapping[str, Value]] = field(default_factory=dict)
    product: Mapping[str, Value] = field(default_factory=dict)
    zone: dt.tzinfo = dt.UTC
    recommend: Mapping[str, Sequence[ProductNames]] = field(default_factory=dict)


class ProductNames(NamedData):
    """A recommended product as a template reads it: `product_id` and the fields of the catalogue. `is_read`:
    the template showed something of it. `place` in its list, `source`: where it is from."""

    __slots__ = ("is_read", "place", "product", "source")

    def __init__(
        self,
        product: str,
        place: int,
        source: str,
        fields: Mapping[str, Value],
        types: FieldTypes,
        zone: dt.tzinfo,
    ) -> None:
        super().__init__("item", {**_named("item", fields, types.product, zone), "product_id": product})
        self.product, self.place, self.source, self.is_read = product, place, source, False

    def __getitem__(self, name: str) -> object:
        self.is_read = True
        return super().__getitem__(name)


@dataclass(frozen=True, slots=True)
class FieldTypes:
    """The types that tell a moment from a number, and who the shop is."""

    shop: Shop
    attributes: Mapping[str, Type] = field(default_factory=dict)
    product: Mapping[str, Type] = field(default_factory=dict)
    events: Mapping[str, Type] = field(default_factory=dict)  # fields of any event that hold a time

    @classmethod
    def of(cls, shop: Shop, catalogue: Catalogue) -> FieldTypes:
        """Those of a project: attributes and facts, products, and what is a time in events."""
        facts = {name: rule.type for name, rule in catalogue.facts.items()}
        events = (
            *catalogue.events.values(),
            *PRODUCT_STARTS.values(),
            *OWN_EVENTS.values(),
        )
        moments = {name: kind for fields in events for name, kind in fields.items() if _holds_a_time(kind)}
        return cls(shop, {**catalogue.attributes, **facts}, catalogue.product_fields, moments)


def _holds_a_time(kind: Type) -> bool:
    return kind.kind == "time" or any(_holds_a_time(inner) for _, inner in kind.items)


def names_of(values: RenderValues, field_types: FieldTypes, links: Mapping[str, str]) -> dict[str, object]:
    """`customer`, `trigger`, `product`, `code`, `paths`, `shop`, `links` and the values of `with`, ready for
    a template."""
    zone = values.zone
    given = values.names
    names: dict[str, object] = {
        name: _plain(name, value, None, zone)  # type: ignore[arg-type]
        for name, value in given.items()
        if name not in _GROUPS
    }
    times = given.get("with_times")
    moments = times if isinstance(times, tuple | list) else ()
    names |= {
        name: _plain(name, value, _TIME if name in moments else None, zone)
        for name, value in _mapping(given.get("with")).items()
    }
    names |= {
        name: values.recommend.get(str(listed), ())
        for name, listed in _mapping(given.get("recommended")).items()
    }
    shop = field_types.shop
    names |= {
        "customer": _named("customer", values.customer, field_types.attributes, zone),
        "trigger": _named("trigger", _mapping(given.get("trigger")), field_types.events, zone),
        "code": _named("code", _mapping(given.get("code")), _CODE, zone),
        "paths": _named("paths", _mapping(given.get("paths")), {}, zone),
        "product": _named("product", values.product, field_types.product, zone),
        "shop": NamedData(
            "shop",
            {
                "name": shop.name,
                "url": shop.url,
                "address": shop.address,
                "logo": shop.logo,
                "colour": shop.colour,
            },
        ),
        "links": NamedData("links", links),
        "recommend": NamedData("recommend", values.recommend),
        "_zone": zone,
    }
    return names


def _mapping(value: object) -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


def _named(owner: str, values: Mapping[str, Value], types: Mapping[str, Type], zone: dt.tzinfo) -> NamedData:
    named: dict[str, object] = {}
    for name, value in values.items():
        if type(value) is str:  # most are, and need no name of their own
            named[name] = value if value.strip() else None
        else:
            named[name] = _plain(f"{owner}.{name}", value, types.get(name), zone)
    return NamedData(owner, named)


def _plain(name: str, value: Value, kind: Type | None, zone: dt.tzinfo) -> object:
    """Moments in the customer's zone, lists of maps by name, and a text of blanks is nothing: never `Hi
    !`."""
    if isinstance(value, str):
        return value if value.strip() else None
    if kind is not None and not isinstance(value, bool):
        if kind.kind == "time" and isinstance(value, int):
            return to_datetime(Instant(value), zone)
        if kind.kind == "share" and isinstance(value, int | Decimal):
            return TemplateShare(value)
    if isinstance(value, list):
        fields = dict(kind.items) if kind is not None else {}
        return [_named(name, cast("Mapping[str, Value]", item), fields, zone) for item in value]
    return value
