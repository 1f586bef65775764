"""`webhook` - a call to another system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, StoryForm, step_keys
from engine.language.syntax import Pair, Step, Text


@dataclass(frozen=True, slots=True)
class Webhook(Step):
    """`webhook: name` with `with`."""

    hashed: ClassVar[str] = "Webhook - id was name values"
    verb: ClassVar[str] = "webhook"
    name: Text
    values: tuple[Pair, ...]

    def words(self) -> str:
        """`webhook crm_call_task`."""
        return f"webhook {self.name.value}"


CONSTRUCT = step_keys(
    "webhook",
    (
        Key("webhook", "webhook", "a name under webhooks: in config.yaml", needed=True,
        example="crm_call_task"),
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


KINDS = (
    StepKind(
        10, CONSTRUCT, Webhook, parse_webhook, "webhook: crm_call_task",
        other_verbs=("http", "call_webhook", "request"),
        is_instant=True,
        story=(
            StoryForm(
                "webhook", "side effect", "webhook {subject}", r"webhook \S+", "webhook x",
                meant=lambda name, _: f"webhook {name}", history="calls the webhook {subject}",
            ),
        ),
    ),
)  # fmt: skip
