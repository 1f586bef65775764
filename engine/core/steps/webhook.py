"""`webhook`: a call to another system that the run does not wait for."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.conditions.condition import Constant, Ref
from engine.core.decision.effects import Call
from engine.core.decision.transition import Transition, times_of_with, values_of_with
from engine.core.journey import Step
from engine.ids import derive
from engine.values import Instant, iso


@dataclass(frozen=True, slots=True)
class WebhookStep(Step):
    webhook: str
    values: tuple[tuple[str, Constant | Ref], ...]


def call(transition: Transition, step: WebhookStep) -> int:
    """Asks for the call, once per run and step; its key lets the receiver drop a second delivery."""
    # Once, also where a migration leads past the step a second time (2.14).
    if step.id not in transition.enrollment.done:
        transition.enrollment.done.add(step.id)
        key = derive(transition.enrollment.id, step.id, "webhook")
        values = dict(values_of_with(transition, step.values))
        for name in times_of_with(step.values):
            # The receiver cannot tell milliseconds from a number.
            if isinstance(at := values[name], int):
                values[name] = iso(Instant(at))
        if any(isinstance(value, Ref) and value.source == "code" for _, value in step.values):
            transition.enrollment.carry_code()
        transition.effects.append(Call(key, transition.enrollment.id, step.webhook, values))
        transition.add_trace("webhook", step, step.webhook)
    return step.next


EXECUTES = {WebhookStep: call}
