"""Records become events of ours: names, filters, fields and customer attributes, prepared once for every
foreign name.

Only fields that somebody reads are decoded: conditions, facts, `per`, `trigger.` and the product of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.compiler.catalogue.catalogue import CURRENCY, TEXT, Catalogue
from engine.core.journey import Pool
from engine.simulate.replay.foreign_values import Coercer, coercer
from engine.simulate.replay.mapping import EventRule, StreamMapping
from engine.simulate.replay.mapping_words import Check, Getter, Properties, getter
from engine.simulate.replay.stream import StreamRecord
from engine.values import Value

CODE, PRODUCT = "code", "product_id"
Taken = tuple[str, Getter, Coercer]


@dataclass(frozen=True, slots=True)
class EventTarget:
    """One event of ours that a foreign name gives. `bare`: its properties need not be decoded at all."""

    name: str
    where: tuple[Check, ...]
    fields: tuple[Taken, ...]
    customer: tuple[Taken, ...]
    currency: Getter
    bare: bool


class CustomerLine(msgspec.Struct):
    """What a line `customer_changed` says of somebody."""

    attributes: dict[str, Any] = {}
    consents: dict[str, str] = {}
    addresses: dict[str, bool] = {}


@dataclass(slots=True)
class Translator:
    """`unknown`: foreign names that are nobody's, and `misfits`: fields whose value did not fit, with their
    numbers."""

    catalogue: Catalogue
    mapping: StreamMapping
    needed: frozenset[str]
    currency: str
    shared_codes: Mapping[str, str] = field(default_factory=dict)  # code -> pool
    unknown: Counter[str] = field(default_factory=Counter)
    misfits: Counter[str] = field(default_factory=Counter)
    _targets: dict[str, tuple[EventTarget, ...]] = field(default_factory=dict)

    def targets(self, name: str) -> tuple[EventTarget, ...]:
        """What becomes of a foreign event; nothing for an unknown one, which is counted."""
        targets = self.prepared(name)
        if not targets and name not in self.mapping.products:
            self.unknown[name] += 1
        return targets

    def prepared(self, name: str) -> tuple[EventTarget, ...]:
        """As `targets`, without counting."""
        targets = self._targets.get(name)
        if targets is None:
            targets = self._targets[name] = self._prepare(name)
        return targets

    def read(
        self, target: EventTarget, record: StreamRecord
    ) -> tuple[dict[str, Value], dict[str, Value]] | None:
        """The fields of the event and the attributes of the customer; None when a filter leaves it out."""
        properties: Properties = {} if target.bare else record.properties()
        for check in target.where:
            if not check(properties):
                return None
        currency = target.currency(properties) or self.currency
        fields = self._take(target.name, target.fields, properties, currency)
        code = fields.get(CODE)
        # Conditions ask for the pool; of a code that everybody gets nothing else would lead there
        if isinstance(code, str) and code in self.shared_codes:
            fields[CODE] = self.shared_codes[code]
        if not target.customer:
            return fields, {}
        return fields, self._take("customer", target.customer, properties, currency)

    def attributes(self, said: Mapping[str, Any]) -> dict[str, Value]:
        """Attributes of a customer that are told as they are called here; unknown ones are left out."""
        known, computed = self.catalogue.attributes, self.catalogue.computed
        names = [name for name in said if name in known and name not in computed]
        taken = tuple((name, _field(name), coercer(known[name])) for name in names)
        return self._take("customer", taken, said, self.currency)

    def _take(
        self, owner: str, taken: tuple[Taken, ...], properties: Properties, currency: str
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, get, coerce in taken:
            raw = get(properties)
            if raw is None:
                continue
            value = coerce(raw, currency)
            if value is None:
                self.misfits[f"{owner}.{name}"] += 1
            else:
                values[name] = value
        return values

    def _prepare(self, name: str) -> tuple[EventTarget, ...]:
        rules = self.mapping.events.get(name)
        if rules is not None:
            return tuple(self._target(rule) for rule in rules)
        if name in self.mapping.products or self.mapping.others == "drop":
            return ()
        if self.catalogue.event_fields(name) is None:
            return ()
        return (self._target(EventRule(self.catalogue.event_name(name), (), (), ())),)

    def _target(self, rule: EventRule) -> EventTarget:
        known = self.catalogue.event_fields(rule.name) or {}
        own = dict(rule.fields)
        fields = tuple(
            (name, own.get(name) or _field(name), coercer(kind))
            for name, kind in known.items()
            if name in self.needed
        )
        customer = tuple(
            (name, get, coercer(self.catalogue.customer_type(name) or TEXT)) for name, get in rule.customer
        )
        currency = own.get(CURRENCY) or _field(CURRENCY)
        return EventTarget(
            self.catalogue.event_name(rule.name),
            rule.where,
            fields,
            customer,
            currency,
            not (fields or customer or rule.where),
        )


def _field(name: str) -> Getter:
    read = getter(name)
    assert read is not None
    return read


def shared_codes(pools: Mapping[str, Pool]) -> dict[str, str]:
    """Codes that everybody gets, with the name of their pool: an order with one names the pool."""
    return {pool.code: name for name, pool in pools.items() if pool.kind == "shared"}
