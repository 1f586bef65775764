"""The catalogue of a replay, and who touched which product: what `start: product:` needs
(design/language 2.4)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from engine.compiler.catalogue.catalogue import Catalogue
from engine.core.handlers.product_starts import may_concern
from engine.core.happening import Event, ProductChanged
from engine.core.journey import ProductTrigger
from engine.core.journeys import Journeys
from engine.core.products.prices import PriceHistory, price_of, with_lowest
from engine.core.products.signals import signals_of
from engine.core.products.watched import seen_price, touched_products, with_touch
from engine.simulate.replay.customers import ReplayCustomers
from engine.simulate.replay.foreign_values import coercer
from engine.simulate.replay.mapping import ProductRule
from engine.simulate.replay.mapping_words import Getter, Properties
from engine.values import Instant, Value


@dataclass(slots=True)
class SimulatedCatalogue:
    """Products as they are now. Touches are kept only where a journey starts from a product."""

    journeys: Journeys
    customers: ReplayCustomers
    catalogue: Catalogue
    currency: str
    products: dict[str, dict[str, Value]] = field(default_factory=dict)
    _prices: dict[str, PriceHistory] = field(default_factory=lambda: defaultdict(PriceHistory))
    # product -> customer -> kind of touch -> the last touch
    _touches: dict[str, dict[str, dict[str, Instant]]] = field(default_factory=dict)
    # product -> customers with runs
    _readers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _triggers: tuple[ProductTrigger, ...] = ()

    def __post_init__(self) -> None:
        """Which starts somebody has to be found for."""
        starts = self.journeys.index.product_starts
        self._triggers = tuple(trigger for _, triggers in starts for trigger in triggers)

    @property
    def touches(self) -> bool:
        """Whether anybody asks who touched a product."""
        return bool(self._triggers)

    @property
    def reads(self) -> bool:
        """Whether a condition looks at the catalogue."""
        return any(journey.dependencies.product for journey in self.journeys.by_name.values())

    def touch(self, customer: str, event: Event) -> None:
        """A customer looked at products, put them into the cart or onto the wishlist, or bought them."""
        watch = self.journeys.watch
        for product in touched_products(event, watch):
            people = self._touches.setdefault(product, {})
            people[customer] = with_touch(people.get(customer, {}), event, watch[event.name])

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
        prices = self._prices[product]
        # A stream may say what the price was: that outweighs what is known here, which may be nothing
        was = self._values(rule.was, properties)
        before |= was
        if was and not prices.last_at:
            prices.note(Instant(0), price_of(before))
        after = with_lowest(before, {**before, **self._values(rule.fields, properties)}, prices, now)
        self.products[product] = after
        if after == before:
            return
        shown = self._readers.get(product, ())
        readers = {customer for customer in shown if self._reads(customer, product, now)}
        people = self._touches.get(product, {}) if signals_of(product, before, after, self.currency) else {}
        seen = {customer: seen_price(prices, touches, now) for customer, touches in people.items()}
        if price_of(before) != price_of(after):
            prices.note(now, price_of(after))
        watchers = {
            customer
            for customer, touches in people.items()
            if may_concern(
                self._triggers,
                signals_of(product, before, after, self.currency, seen[customer]),
                touches,
                now,
            )
        }
        # A run that begins looks at the product, too.
        self._readers[product] = readers | watchers
        for customer in sorted(readers | watchers):
            number, touches = self.customers.decider.next_number(), people.get(customer, {})
            price = seen.get(customer)
            changed = ProductChanged(number, now, product, after, before, touches, price)
            self.customers.happen(customer, changed, now)

    def _reads(self, customer: str, product: str, now: Instant) -> bool:
        """Whether a run of the customer looks at a product, or may begin with it."""
        state = self.customers.state(customer, now)
        return any(run.product_id == product for run in state.enrollments.values()) or any(
            signal.product == product
            for collecting in state.collecting.values()
            for signal in collecting.signals
        )

    def _values(self, fields: tuple[tuple[str, Getter], ...], properties: Properties) -> dict[str, Value]:
        values: dict[str, Value] = {}
        currency = properties.get("currency") or self.currency
        for name, get in fields:
            kind, raw = self.catalogue.product.get(name), get(properties)
            value = coercer(kind)(raw, currency) if kind is not None and raw is not None else None
            if value is not None:
                values[name] = value
        return values
