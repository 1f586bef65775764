"""`webhook`: a call to another system that the run does not wait for."""

from __future__ import annotations

from engine.core.effects import Call
from engine.core.journey import WebhookStep
from engine.core.run import Run, given_values
from engine.ids import derive


def call(run: Run, step: WebhookStep) -> int:
    """Asks for the call, once per run and step; its key lets the receiver drop a second delivery."""
    if step.id not in run.it.done:
        run.it.done.add(step.id)
        key = derive(run.it.id, step.id, "webhook")
        run.effects.append(Call(key, run.it.id, step.webhook, given_values(run, step.values)))
        run.say("webhook", step, step.webhook)
    return step.next
