"""Values that look right in a message: by name where a name says what it is, else by type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from engine.core.journey import Offer
from engine.values import DAY, Birthday, Instant, Money, Type, Value, local_date, zone

PEOPLE: Mapping[str, Mapping[str, str]] = {
    "de": {"first_name": "Anna", "last_name": "Berger", "country": "DE", "timezone": "Europe/Berlin"},
    "bg": {"first_name": "Елена", "last_name": "Петрова", "country": "BG", "timezone": "Europe/Sofia"},
    "uk": {"first_name": "Оксана", "last_name": "Шевченко", "country": "UA", "timezone": "Europe/Kyiv"},
    "fr": {"first_name": "Chloé", "last_name": "Moreau", "country": "FR", "timezone": "Europe/Paris"},
}
_ANYBODY = {"first_name": "Emma", "last_name": "Miller", "country": "GB", "timezone": "Europe/London"}
_BY_NAME = {
    "name": "Ethiopia Yirgacheffe 250 g", "category": "coffee", "order_id": "10042", "cart_id": "c-77",
    "product_id": "p-100",
    "sku": "YIRG-250", "code": "HELLO-7K3M-9QXA", "pool": "HELLO10", "token": "t0k3n",
    "reason": "changed my mind",
    "currency": "EUR",
}  # fmt: skip
_SECOND: Mapping[str, Value] = {
    "name": "Paper filters, 100", "category": "accessories", "product_id": "p-200", "sku": "FILTER-100",
    "quantity": 1,
}  # fmt: skip
"""What is different in the second item of a list."""
_LINKS = ("url", "link", "image", "photo", "picture")


def person(language: str) -> dict[str, Value]:
    """The built-in attributes of somebody who speaks a language; nobody's real data."""
    return {
        **PEOPLE.get(language.partition("-")[0], _ANYBODY),
        "email": "emma@example.com",
        "phone": "+15550100123",
        "language": language,
    }


class SampleValues:
    """Makes values as of a moment; amounts are in the shop's currency, links lead to the shop."""

    def __init__(self, now: Instant, currency: str, shop_url: str, timezone: str) -> None:
        self._now, self._currency, self._shop_url = now, currency, shop_url.rstrip("/")
        self._today = local_date(now, zone(timezone))

    def fields(self, types: Mapping[str, Type]) -> dict[str, Value]:
        """A value for every field; where there are items, their prices add up to the total."""
        values = {name: self.value(name, kind) for name, kind in types.items()}
        items = values.get("items")
        if isinstance(items, list):
            amounts = [
                price.amount * (quantity if isinstance(quantity := item.get("quantity"), int) else 1)
                for item in items
                if isinstance(price := item.get("price"), Money)
            ]
            # Whoever looks at a preview adds up; a letter whose sum is wrong looks like a mistake of ours.
            if amounts and "total" in values:
                values["total"] = Money(sum(amounts, Decimal(0)), self._currency)
        return values

    def value(self, name: str, kind: Type) -> Value:
        """A value of a type."""
        match kind.kind:
            case "number":
                return 2 if name == "quantity" else 3
            case "money":
                return Money(Decimal("24.90"), self._currency)
            case "true/false":
                return True
            case "one of":
                return kind.choices[0] if kind.choices else ""
            case "date":
                return self._today + dt.timedelta(days=7)
            case "time":
                return Instant(self._now + 3 * DAY)
            case "birthday":
                return Birthday(self._today.month, min(self._today.day, 28), 1990)
            case "list of text":
                return (self.text(name),)
            case "list of":
                first = self.fields(dict(kind.items))
                second = {**_SECOND, "price": Money(Decimal("12.50"), self._currency)}
                return [
                    dict(first),
                    {name: second.get(name, value) for name, value in first.items()},
                ]
            case _:
                return self.text(name)

    def text(self, name: str) -> str:
        """A text that fits a name."""
        if name.endswith(_LINKS):
            return f"{self._shop_url}/{name}"
        return _BY_NAME.get(name) or name.replace("_", " ")

    def code(self, offer: Offer | None) -> dict[str, Value]:
        """A promo code of an offer, with its words."""
        pattern = "HELLO-????-????"
        words: dict[str, Value] = {}
        if offer is not None:
            pattern = offer.pool.pattern or offer.pool.code or pattern
            named = (("text", offer.text or offer.pool.text), ("offer", offer.name or offer.pool.name))
            words = {name: word for name, word in named if word}
        letters = "7K3M9QXAW2HR"
        drawn = [letters[place % len(letters)] if sign == "?" else sign for place, sign in enumerate(pattern)]
        return {"value": "".join(drawn), "expires": Instant(self._now + 3 * DAY), "pool": "preview", **words}
