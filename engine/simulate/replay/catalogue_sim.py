"""The catalogue of a replay, and who touched which product: what `start: product:` needs
(design/language 2.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from engine.compiler.catalogue.catalogue import Catalogue
from engine.core.happening import Event, ProductChanged
from engine.core.journey import ProductTrigger
from engine.core.journeys import Journeys
from engine.simulate.replay.customers import Customers
from engine.simulate.replay.foreign_values import coercer
from engine.simulate.replay.mapping import ProductRule
from engine.simulate.replay.mapping_words import Getter, Properties
from engine.values import UTC, Instant, Money, Value, minus, plus

TOUCHES: Mapping[str, str] = {
    "product_viewed": "viewed",
    "cart_updated": "cart",
    "product_added": "cart",
    "wishlist_added": "wishlist",
}
"""Which events make a watcher of which kind."""

Kind = Literal["price_drop", "back_in_stock", "low_stock"]


@dataclass(frozen=True, slots=True)
class ProductChange:
    """One change of one product that may start a journey. `by` in percent of the old price."""

    kind: Kind
    product: str
    old: Money | None
    new: Money | None
    by: Decimal


@dataclass(slots=True)
class SimulatedCatalogue:
    """Products as they are now. Touches are kept only where a journey starts from a product."""

    journeys: Journeys
    customers: Customers
    catalogue: Catalogue
    currency: str
    products: dict[str, dict[str, Value]] = field(default_factory=dict)
    # product -> customer -> kind
    _touches: dict[str, dict[str, dict[str, Instant]]] = field(default_factory=dict)
    # product -> customers with runs
    _readers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _starts: tuple[tuple[str, ProductTrigger], ...] = ()
    _only: dict[str, Journeys] = field(default_factory=dict)
    _collected: dict[tuple[str, str], list[ProductChange]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Which journeys start from products, and what each of them alone hears."""
        self._starts = tuple(
            (journey.name, trigger)
            for journey in self.journeys.by_name.values()
            for trigger in journey.starts
            if isinstance(trigger, ProductTrigger) and journey.state == "live"
        )
        for name, trigger in self._starts:
            # The same journeys, of which only one starts from this kind of change
            by_name = {
                journey.name: journey
                if journey.name == name
                else replace(
                    journey,
                    starts=tuple(
                        start
                        for start in journey.starts
                        if not (isinstance(start, ProductTrigger) and start.kind == trigger.kind)
                    ),
                )
                for journey in self.journeys.by_name.values()
            }
            self._only[name] = replace(self.journeys, by_name=by_name)

    @property
    def touches(self) -> bool:
        """Whether anybody asks who touched a product."""
        return bool(self._starts)

    @property
    def reads(self) -> bool:
        """Whether a condition looks at the catalogue."""
        return any(journey.dependencies.product for journey in self.journeys.by_name.values())

    def touch(self, customer: str, event: Event) -> None:
        """A customer looked at products, put them into the cart or onto the wishlist."""
        kind = TOUCHES.get(event.name)
        if kind is None:
            return
        for product in _products_of(event.fields):
            self._touches.setdefault(product, {}).setdefault(customer, {})[kind] = event.occurred_at

    def show(self, customer: str, product: str, now: Instant) -> None:
        """A customer's run may be about a product: it sees the catalogue, and hears of changes."""
        known = self.products.get(product)
        if known is not None:
            self.customers.state(customer, now).facts.products[product] = known
        self._readers[product].add(customer)

    def change(self, rule: ProductRule, properties: Properties, now: Instant) -> None:
        """A product changed: runs about it are told, and who watches it may start."""
        product = rule.id(properties)
        if not isinstance(product, str | int) or not all(check(properties) for check in rule.where):
            return
        product = str(product)
        before = self.products.setdefault(product, {})
        # A stream may say what the price was: that outweighs what is known here, which may be nothing
        before |= self._values(rule.was, properties)
        after = {**before, **self._values(rule.fields, properties)}
        self.products[product] = after
        for customer in sorted(self._readers.get(product, ())):
            state = self.customers.state(customer, now)
            if not any(run.product_id == product for run in state.enrollments.values()):
                self._readers[product].discard(customer)
            elif after != before:
                number = self.customers.decider.next_number()
                self.customers.happen(customer, ProductChanged(number, now, product, after), now)
        changes: list[ProductChange] = []
        old, new = before.get("price"), after.get("price")
        if (
            isinstance(old, Money)
            and isinstance(new, Money)
            and old.currency == new.currency
            and 0 <= new.amount < old.amount
        ):
            by = (old.amount - new.amount) / old.amount * 100
            changes.append(ProductChange("price_drop", product, old, new, by))
        if before.get("in_stock") is False and after.get("in_stock") is True:
            changes.append(ProductChange("back_in_stock", product, None, None, Decimal(0)))
        for change in changes:
            self._announce(change, now)

    def _values(self, fields: tuple[tuple[str, Getter], ...], properties: Properties) -> dict[str, Value]:
        values: dict[str, Value] = {}
        currency = properties.get("currency") or self.currency
        for name, get in fields:
            kind, raw = self.catalogue.product.get(name), get(properties)
            value = coercer(kind)(raw, currency) if kind is not None and raw is not None else None
            if value is not None:
                values[name] = value
        return values

    def _announce(self, drop: ProductChange, now: Instant) -> None:
        people = self._touches.get(drop.product, {})
        for name, trigger in self._starts:
            if trigger.kind != drop.kind or (trigger.by is not None and drop.by < trigger.by):
                continue
            since = minus(now, trigger.within, UTC)
            for customer, touched in list(people.items()):
                kinds = trigger.watchers or tuple(touched)
                if any(touched.get(kind, since) > since for kind in kinds):
                    self._collect(name, trigger, customer, drop, now)

    def _collect(
        self, name: str, trigger: ProductTrigger, customer: str, drop: ProductChange, now: Instant
    ) -> None:
        if trigger.collect is None:
            self._start(name, customer, [drop], now)
            return
        key = (name, customer)
        drops = self._collected.setdefault(key, [])
        drops.append(drop)
        # The first drop opens the window; the others only join it
        if len(drops) == 1:
            end = plus(now, trigger.collect, UTC)
            self.customers.at(end, lambda then: self._start(name, customer, self._collected.pop(key), then))

    def _start(self, name: str, customer: str, drops: list[ProductChange], now: Instant) -> None:
        """One start with the largest drop, all products beside it; only this journey hears of it."""
        largest = max(drops, key=lambda drop: drop.by)
        fields: dict[str, Value] = {"product_id": largest.product, "by": largest.by}
        fields |= {"products": tuple(dict.fromkeys(drop.product for drop in drops))}
        if largest.old is not None and largest.new is not None:
            fields |= {"old_price": largest.old, "new_price": largest.new}
        self.show(customer, largest.product, now)
        event = Event(self.customers.decider.next_number(), "", largest.kind, now, now, fields)
        # Others may watch the same product by other rules: what their rules say, not this event, starts them
        self.customers.happen(customer, event, now, self._only[name])


def _products_of(fields: Mapping[str, Value]) -> list[str]:
    product = fields.get("product_id")
    if isinstance(product, str):
        return [product]
    if isinstance(product, tuple):
        return list(product)
    items = fields.get("items")
    return [str(one["product_id"]) for one in items if "product_id" in one] if isinstance(items, list) else []
