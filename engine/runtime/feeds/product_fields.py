"""Which field of schemas/product.yaml gets which value of a feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.compiler.catalogue.catalogue import MONEY, NUMBER, TEXT, YES_NO, Catalogue
from engine.compiler.catalogue.typed import FieldReader, TypedFields
from engine.runtime.feeds.amount_parser import amount, as_bool
from engine.runtime.feeds.feed_item import LONGEST_VALUE, InvalidFeedValue, feed_name
from engine.values import Type

KNOWN: Mapping[str, Type] = {
    "price": MONEY, "in_stock": YES_NO, "stock": NUMBER, "name": TEXT, "url": TEXT, "image": TEXT,
    "category": TEXT,
}  # fmt: skip
"""Fields that are taken whether schemas/product.yaml names them or not: starts by a product and
recommendations go by them."""

_ALSO = {
    "about": ("description",), "title": ("name",), "link": ("url",), "image_link": ("image",),
    "brand": ("vendor",), "vendor": ("brand",), "old_price": ("oldprice",),
    "images": ("additional_image_link",),
    "categories": ("category",),
}  # fmt: skip
"""Fields that shops declare, and what feeds call the same."""


class ProductFields:
    """The reader of one catalogue. Make it once, use it for every item."""

    def __init__(self, catalogue: Catalogue, currency: str, chosen: Mapping[str, str] | None = None) -> None:
        """`chosen`: our field -> the name in the feed, as config.yaml says it; `currency`: of the shop."""
        self.types = {**KNOWN, **catalogue.product}
        self._sources = {
            name: (feed_name(chosen[name]),) if chosen and name in chosen else (name, *_ALSO.get(name, ()))
            for name in self.types
        }
        self._typing = FieldReader(self.types, currency)

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that a feed's values give, in the form in which they are typed."""
        fields: dict[str, Any] = {}
        for name, sources in self._sources.items():
            for source in sources:
                if source in values:
                    fields[name] = _fitting(name, values[source], self.types[name], values)
                    break
        return fields

    def own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a row that has our own names."""
        return {name: values[name] for name in self.types if name in values}

    def typed(self, fields: Mapping[str, Any]) -> TypedFields:
        """As the store keeps them; None takes a field away."""
        for name, value in fields.items():
            if isinstance(value, str) and len(value) > LONGEST_VALUE:
                raise InvalidFeedValue(
                    name, value, f"is longer than {LONGEST_VALUE:,} characters", "shorten it, or leave it out"
                )
        return self._typing.read(fields)


def _fitting(name: str, value: Any, kind: Type, values: Mapping[str, Any]) -> Any:
    if isinstance(value, list) and kind.kind not in ("list of text", "list of"):
        value = value[0] if value else None
    if not isinstance(value, str):
        return value
    match kind.kind:
        case "true/false":
            yes = as_bool(value)
            return value if yes is None else yes
        case "number":
            return value.replace(",", ".") if value.count(",") == 1 and "." not in value else value
        case "money":
            return amount(name, value)
        case "one of":
            # the word of schemas/product.yaml for a value: the same in other letters, or an outer category
            path = values.get("categories") if name == "category" else None
            own = {choice.casefold(): choice for choice in kind.choices}
            candidates = [value, *reversed(path)] if isinstance(path, list) else [value]
            return next((own[word.casefold()] for word in candidates if word.casefold() in own), value)
        case _:
            return value


def fix_of(types: Mapping[str, Type], name: str) -> str:
    """What to do about a value that does not fit the type of its field."""
    kind = types.get(name)
    if kind is not None and kind.kind == "one of":
        return "add the word to schemas/product.yaml, or declare the field as text"
    return "correct it, or declare the field otherwise in schemas/product.yaml"
