"""A channel `via: outbox` in config.yaml: files to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.config.channels.via import ViaOptions
from engine.language.grammar import Key


@dataclass(frozen=True, slots=True)
class OutboxOptions(ViaOptions):
    """`folder`: where the files go, from the folder of the project."""

    via: ClassVar[str] = "outbox"
    folder: str = "data/outbox"


KEYS = (
    Key("folder", "text", "where the files go, from the folder of the project", example="data/outbox"),
    Key("from", "text", "the sender", example='"Bean There <hello@shop.example>"'),
    Key("reply_to", "text", "where answers go", example="help@shop.example"),
)
