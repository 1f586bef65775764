"""What a question may look at, and how a name is read there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from engine.core.conditions.condition import Ref
from engine.core.enrollment import Enrollment
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactRule
from engine.core.happening import Event
from engine.values import Instant, Value


class Scope(Struct):
    """What a question may look at."""

    facts: Facts
    run: Enrollment | None  # None: before a start, and for segments
    now: Instant
    event: Event | None = None  # whose fields bare names mean, inside `where`

    def product_field(self, name: str) -> Value:
        """A field of the catalogue as it is now, for the product that the run is about."""
        if self.run is None or self.run.product_id is None:
            return None
        product = self.facts.products.get(self.run.product_id)
        return product.get(name) if product is not None else None

    def code_field(self, name: str) -> Value:
        """`value`, `expires`, `used`, `text` or `offer` of the latest code of the run."""
        code = self.run.code if self.run is not None else None
        if code is None:
            return None
        match name:
            case "value":
                return code.value
            case "expires":
                return code.expires
            case "used":
                return code.used
            case "text":
                return code.text or None
            case "offer":
                return code.offer or None
            case _:
                return None


Reader: TypeAlias = Callable[[Scope], Value]
Rules: TypeAlias = Mapping[str, FactRule]

NO_RULES: Rules = {}


def reader(ref: Ref, rules: Rules = NO_RULES) -> Reader:
    """How a name is read; None where there is nothing."""
    name = ref.name
    # What can be known before anybody is asked is decided here, once: the closures are asked at every event.
    match ref.source:
        case "customer":
            rule = rules.get(name)
            if rule is not None and rule.last is not None:
                return lambda scope: windowed_value(rule, scope.facts, scope.now)
            return lambda scope: scope.facts.values.get(name)
        case "trigger":
            return lambda scope: scope.run.trigger.get(name) if scope.run is not None else None
        case "product":
            return lambda scope: scope.product_field(name)
        case "code":
            return lambda scope: scope.code_field(name)
        case "paths":
            return lambda scope: scope.run.paths.get(name) if scope.run is not None else None
        case "recommend":
            return lambda _scope: None
        case "event":
            return lambda scope: scope.event.fields.get(name) if scope.event is not None else None


def read(ref: Ref, scope: Scope, rules: Rules = NO_RULES) -> Value:
    """The value of a name now; None where there is nothing."""
    return reader(ref, rules)(scope)
