"""What a question may look at, and how a name is read there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.core.conditions.condition import Ref
from engine.core.enrollment import Enrollment
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import FactRule, Facts
from engine.core.happening import Event
from engine.values import Instant, Value


@dataclass(slots=True)
class Scope:
    """What a question may look at: a customer, one of their runs (None: before a start, segments), the moment, and
    the event whose fields bare names mean inside `where`."""

    facts: Facts
    run: Enrollment | None
    now: Instant
    event: Event | None = None


Reader: TypeAlias = Callable[[Scope], Value]
Rules: TypeAlias = Mapping[str, FactRule]

NO_RULES: Rules = {}


def reader(ref: Ref, rules: Rules = NO_RULES) -> Reader:
    """How a name is read; None where there is nothing."""
    name = ref.name
    match ref.source:
        case "customer":
            rule = rules.get(name)
            if rule is not None and rule.last is not None:
                return lambda scope: windowed_value(rule, scope.facts, scope.now)
            return lambda scope: scope.facts.values.get(name)
        case "trigger":
            return lambda scope: scope.run.trigger.get(name) if scope.run is not None else None
        case "product":
            return lambda scope: _product(scope).get(name)
        case "code":
            return lambda scope: _code(scope, name)
        case "event":
            return lambda scope: scope.event.fields.get(name) if scope.event is not None else None


def read(ref: Ref, scope: Scope, rules: Rules = NO_RULES) -> Value:
    """The value of a name now; None where there is nothing."""
    return reader(ref, rules)(scope)


_NOTHING: Mapping[str, Value] = {}


def _product(scope: Scope) -> Mapping[str, Value]:
    if scope.run is None or scope.run.product_id is None:
        return _NOTHING
    return scope.facts.products.get(scope.run.product_id, _NOTHING)


def _code(scope: Scope, name: str) -> Value:
    code = scope.run.code if scope.run is not None else None
    if code is None:
        return None
    match name:
        case "value":
            return code.value
        case "expires":
            return code.expires
        case "used":
            return code.used
        case _:
            return None
