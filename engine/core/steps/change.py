"""`set`, `add` and `remove`: writing attributes of the customer, once per run and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.core.conditions.condition import Constant, Ref
from engine.core.conditions.trace_values import words
from engine.core.decision import loyalty
from engine.core.decision.effects import Change
from engine.core.decision.transition import Transition
from engine.core.facts.fold import apply_change, changed_value
from engine.core.happening import ProfileChanged
from engine.core.journey import Step
from engine.core.points.entering import whole_points
from engine.core.points.rules import POINTS
from engine.values import Type, Value, local_date


@dataclass(frozen=True, slots=True)
class ChangeStep(Step):
    """`set`, `add` or `remove`, of one attribute or several."""

    how: Literal["set", "add", "remove"]
    # Attribute, and a constant, a reference, or one of three words that are made a value when the
    # step is done.
    values: tuple[tuple[str, Constant | Ref | Literal["now", "today", "unset"]], ...]
    types: tuple[Type, ...]
    note: str


CONSENT = "consent."


def keeps_points(transition: Transition) -> bool:
    """Whether points are a ledger here, and no attribute."""
    loyalty = transition.context.journeys.loyalty
    return loyalty is not None and loyalty.points is not None


def change(transition: Transition, step: ChangeStep) -> int:
    """Writes the attributes of a step; a step that was passed before in this run changes nothing."""
    # After a migration a run may pass a step that has moved a second time; points are given once (2.14).
    if step.id in transition.enrollment.done:
        return step.next
    transition.enrollment.done.add(step.id)
    for (name, written), kind in zip(step.values, step.types, strict=True):
        value = _value(transition, written, kind)
        transition.effects.append(
            Change(name, step.how, value, f"{transition.enrollment.id}:{step.id}:{name}", step.note)
        )
        transition.add_trace(step.how, step, name, words(value, kind) if value is not None else "unset")
        if name == POINTS and keeps_points(transition):
            # A ledger, never a number that is set: what it comes to follows from all of its lines.
            loyalty.of_step(transition, step.id, whole_points(value), step.note)
            continue
        # Written into these facts at once, beside the effect: the next step and its questions look at it.
        facts = transition.context.writable("values", "reach")
        if name.startswith(CONSENT):
            purpose = transition.journey.policy.consent or "marketing"
            consents = {(name.removeprefix(CONSENT), purpose): str(value)}
            apply_change(facts, ProfileChanged(transition.context.number, transition.now, consents=consents))
        else:
            new = changed_value(facts.values.get(name), step.how, value)
            change = ProfileChanged(transition.context.number, transition.now, values={name: new})
            apply_change(facts, change, transition.context.journeys.resolve_zone)
        transition.context.changed_attributes.add(name)
    return step.next


def _value(transition: Transition, written: Constant | Ref, kind: Type) -> Value:
    if isinstance(written, Ref):
        return transition.read(written)
    # The words mean a moment only where the attribute can hold one: a text may be set to "now".
    if kind.kind in ("date", "time", "birthday") or written == "unset":
        match written:
            case "now":
                return transition.now
            case "today":
                return local_date(transition.now, transition.context.facts.zone)
            case "unset":
                return None
            case _:
                pass
    return written


EXECUTES = {ChangeStep: change}
