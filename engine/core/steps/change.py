"""`set`, `add` and `remove`: writing attributes of the customer, once per run and step."""

from __future__ import annotations

from typing import Literal

from engine.core.condition import Constant, Ref
from engine.core.effects import Change
from engine.core.fold import apply_change, changed_value
from engine.core.happening import Changed
from engine.core.journey import ChangeStep
from engine.core.run import Run
from engine.core.spoken import words
from engine.values import Type, Value, local_date

CONSENT = "consent."


def change(run: Run, step: ChangeStep) -> int:
    """Writes the attributes of a step; a step that was passed before in this run changes nothing."""
    if step.id in run.it.done:
        return step.next
    run.it.done.add(step.id)
    for (name, written), kind in zip(step.values, step.types, strict=True):
        _write(run, step, name, written, kind)
    return step.next


def _write(
    run: Run,
    step: ChangeStep,
    name: str,
    written: Constant | Ref | Literal["now", "today", "unset"],
    kind: Type,
) -> None:
    value = _value(run, written, kind)
    run.effects.append(Change(name, step.how, value, f"{run.it.id}:{step.id}:{name}", step.note))
    run.say(step.how, step, name, words(value, kind) if value is not None else "unset")
    facts = run.turn.touch("values", "reach")
    if name.startswith(CONSENT):
        purpose = run.journey.policy.consent or "marketing"
        consents = {(name.removeprefix(CONSENT), purpose): str(value)}
        apply_change(facts, Changed(run.turn.number, run.now, consents=consents))
    else:
        new = changed_value(facts.values.get(name), step.how, value)
        change = Changed(run.turn.number, run.now, values={name: new})
        apply_change(facts, change, run.turn.journeys.resolve_zone)
    run.turn.changed.add(name)


def _value(run: Run, written: Constant | Ref, kind: Type) -> Value:
    if isinstance(written, Ref):
        return run.read(written)
    if kind.kind in ("date", "time", "birthday") or written == "unset":
        match written:
            case "now":
                return run.now
            case "today":
                return local_date(run.now, run.turn.facts.zone)
            case "unset":
                return None
            case _:
                pass
    return written
