"""The words of a shop: attributes, facts, events and product fields with their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.core.facts.customer import OWN_CAPS
from engine.core.facts.rule import FactRule
from engine.core.points.rules import EXPIRING, PENDING, POINTS
from engine.core.products.prices import LOWEST
from engine.core.products.watched import WATCH_EVENTS, TouchKind
from engine.values import Type

TEXT = Type("text")
NUMBER = Type("number")
MONEY = Type("money")
TIME = Type("time")
YES_NO = Type("true/false")
TEXTS = Type("list of text")

BUILT_IN: Mapping[str, Type] = MappingProxyType(
    {
        "email": TEXT,
        "phone": TEXT,
        "first_name": TEXT,
        "last_name": TEXT,
        "language": TEXT,
        "timezone": TEXT,
        "country": TEXT,
        # What customers choose on the preference page (`core/lifecycle/cascade.py` keeps to both).
        "break_until": TIME,
        "frequency": Type("one of", tuple(OWN_CAPS)),
    }
)

_ABOUT_RUNS: Mapping[str, Type] = {"journey": TEXT, "step": TEXT, "template": TEXT, "channel": TEXT}

OWN_EVENTS: Mapping[str, Mapping[str, Type]] = MappingProxyType(
    {
        "journey_started": {"journey": TEXT},
        "journey_finished": {"journey": TEXT},
        "goal_reached": {"journey": TEXT},
        "message_handed": _ABOUT_RUNS,
        "message_bounced": _ABOUT_RUNS,
        "message_clicked": _ABOUT_RUNS,
        "code_made": {"journey": TEXT, "step": TEXT, "pool": TEXT, "value": TEXT, "expires": TIME},
        "code_used": {"code": TEXT, "code_value": TEXT, "order_id": TEXT, "total": MONEY},
    }
)
"""Events that the engine emits itself (design/language 2.1)."""

POINTS_EVENTS: Mapping[str, Mapping[str, Type]] = MappingProxyType(
    {
        "points_earned": {"points": NUMBER, "balance": NUMBER},
        "points_spent": {"points": NUMBER, "balance": NUMBER},
        "points_expiring": {"points": NUMBER, "on": Type("date")},
        "points_expired": {"points": NUMBER, "balance": NUMBER},
    }
)
"""Events about points, which the engine emits where config.yaml has `points:`."""

REPEATED = frozenset(
    (*OWN_EVENTS, "points_earned", "points_expiring", "points_expired", "tier_reached", "tier_left")
)
"""Events that follow from others: who plays a recorded stream makes them again."""

CUSTOMER_CHANGED = "customer_changed"
"""A line of a recorded stream that is no event: what somebody is, as `attributes`, `consents` (channel ->
state) and `addresses` (channel -> whether there is one)."""

PRODUCT_CHANGED = "product_changed"
"""A line of a recorded stream that is no event: `product_id` and the fields of a product that changed."""

SNAPSHOT_LINE = "$snapshot"
"""The first line of a recorded stream that was written for a review: what was counted in the store."""

FILE_LINE = "$file"
"""A line behind it: `path` and `text` of a file that was published."""

HISTORY_MARK = "$history"
"""A property of events of a recorded stream that a shop imported as history: facts learn of them, and nobody
starts."""

_PRODUCT_KINDS = ("price_drop", "back_in_stock", "low_stock")

_PRODUCT_EVENT: Mapping[str, Type] = {
    "kind": Type("one of", _PRODUCT_KINDS),
    "product_id": TEXT,
    "old_price": MONEY,
    "new_price": MONEY,
    "by": NUMBER,
    "products": TEXTS,
}

PRODUCT_STARTS: Mapping[str, Mapping[str, Type]] = MappingProxyType(
    dict.fromkeys(_PRODUCT_KINDS, _PRODUCT_EVENT)
)
"""The kinds of a product start and the fields of their `trigger` (design/language 2.4)."""

CODE: Mapping[str, Type] = MappingProxyType(
    {"value": TEXT, "expires": TIME, "used": YES_NO, "text": TEXT, "offer": TEXT}
)
"""The run's latest code: `code.x`."""

CURRENCY = "currency"
"""The sibling field that says the currency of an amount in an event."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All names with their types. `also` maps other names of an event to its own; `events` holds the
    declared ones."""

    attributes: Mapping[str, Type] = field(default_factory=lambda: dict(BUILT_IN))
    facts: Mapping[str, FactRule] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)
    product: Mapping[str, Type] = field(default_factory=dict)  # as declared; what is read: `product_fields`
    # Events that touch products, and how.
    watch: Mapping[str, TouchKind] = field(default_factory=lambda: WATCH_EVENTS)
    ledger: frozenset[str] = frozenset()
    """Those of the attributes that follow from the ledger of points and are never set."""

    @property
    def computed(self) -> frozenset[str]:
        """What nobody sets by hand: facts, and what follows from the ledger."""
        return self.ledger.union(self.facts)

    @property
    def settable(self) -> tuple[str, ...]:
        """The attributes that a shop sets."""
        return tuple(name for name in self.attributes if name not in self.ledger)

    def customer_type(self, name: str) -> Type | None:
        """The type of an attribute or fact; None when there is none of that name."""
        own = self.attributes.get(name)
        if own is not None:
            return own
        rule = self.facts.get(name)
        return rule.type if rule else None

    def customer_names(self) -> list[str]:
        """Attributes and facts."""
        return [*self.attributes, *self.facts]

    @property
    def product_fields(self) -> dict[str, Type]:
        """What can be read of a product: what is declared, and what is computed from its price."""
        price = self.product.get("price")
        if price is None or price.kind not in ("money", "number"):
            return dict(self.product)
        return {**self.product, LOWEST: price}

    def event_fields(self, name: str) -> Mapping[str, Type] | None:
        """The fields of an event under any of its names, those of the engine included; None: there is no
        such event."""
        own = self.event_name(name)
        return self.events.get(own) or OWN_EVENTS.get(own) or PRODUCT_STARTS.get(own) or self.events.get(own)

    def event_name(self, name: str) -> str:
        """The event's own name for any of its names."""
        return self.also.get(name, name)

    def event_names(self) -> list[str]:
        """Every name that may stand where an event is asked for."""
        return [*self.events, *self.also, *OWN_EVENTS, *PRODUCT_STARTS]

    def amounts(self) -> frozenset[str]:
        """Names that hold a number or an amount of money wherever they stand: attributes, facts, fields of
        any event, and `trigger.x`, `product.x`."""
        typed = [(name, self.customer_type(name)) for name in self.customer_names()]
        for fields in (*self.events.values(), *OWN_EVENTS.values(), *PRODUCT_STARTS.values()):
            for path in paths(fields):
                typed += [(path, path_type(fields, path)), (f"trigger.{path}", path_type(fields, path))]
        product = self.product_fields
        typed += [(f"product.{path}", path_type(product, path)) for path in paths(product)]
        others = {name for name, kind in typed if kind is None or kind.kind not in ("number", "money")}
        return frozenset(name for name, _ in typed if name not in others)

    def cannot_be_missing(self) -> frozenset[str]:
        """Facts that always have a value: counts and sums."""
        counts = ("count", "sum", "number of different")
        always = self.ledger & {POINTS, PENDING, EXPIRING}
        return always.union(name for name, rule in self.facts.items() if rule.how in counts)


def path_type(fields: Mapping[str, Type], path: str) -> Type | None:
    """The type at a path: a field, or what `items.category` ends in inside a list."""
    if path in fields:
        return fields[path]
    head, dot, rest = path.partition(".")
    outer = fields.get(head)
    if not dot or outer is None or outer.kind != "list of":
        return None
    return path_type(dict(outer.items), rest)


def paths(fields: Mapping[str, Type]) -> Iterator[str]:
    """Every path into the fields, those inside lists too."""
    for name, kind in fields.items():
        yield name
        if kind.kind == "list of":
            yield from (f"{name}.{inner}" for inner in paths(dict(kind.items)))
