"""`webhook` - a call to another system."""

from __future__ import annotations

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import Webhook

CONSTRUCT = step_keys(
    "webhook",
    (
        Key("webhook", "webhook", "a name under webhooks: in config.yaml", needed=True, example="crm_call_task"),
        Key("with", "map", "values that are sent along", example="{reason: lapsed}"),
    ),
    "Calls another system.",
    (
        ("url", "the address stands under  webhooks:  in config.yaml"), ("data", "with"), ("body", "with"),
        ("payload", "with"), ("method", "it is always a POST; remove the line"),
        ("headers", "secrets stand under  webhooks:  in config.yaml"),
    ),
)  # fmt: skip


def parse_webhook(reader: MapReader) -> Webhook | None:
    """A `webhook` step."""
    name = reader.text("webhook")
    step_id, was, values = reader.name("id"), reader.name("was"), reader.pairs("with")
    return None if name is None else Webhook(reader.at, step_id, was, name, values)


KIND = StepKind(CONSTRUCT, parse_webhook)
