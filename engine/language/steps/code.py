"""`code` - a promo code from a pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, StoryForm, step_keys
from engine.language.syntax import Length, Step, Text


@dataclass(frozen=True, slots=True)
class Code(Step):
    """`code: POOL` with `valid`; a choice between pools says it itself."""

    hashed: ClassVar[str] = "Code - id was pool valid"
    verb: ClassVar[str] = "code"
    pool: Text
    valid: Length | None

    def words(self) -> str:
        """`code WELCOME10`."""
        return f"code {self.pool.value}"


CONSTRUCT = step_keys(
    "code",
    (
        Key("code", "pool", "the pool: a name under codes: in config.yaml", needed=True, example="WELCOME10"),
        Key("valid", "length", "how long it can be used; a choice between pools says it itself",
            example="7 days", why="the date stands in the message"),
    ),
    "Takes a code from a pool.",
    (("expires", "valid"), ("valid_for", "valid"), ("expires_in", "valid"), ("for", "valid"), ("pool",
    "code")),
)  # fmt: skip


def parse_code(reader: MapReader) -> Code | None:
    """A `code` step."""
    pool, valid = reader.text("code"), reader.length("valid")
    step_id, was = reader.name("id"), reader.name("was")
    return None if pool is None else Code(reader.at, step_id, was, pool, valid)


KINDS = (
    StepKind(
        9, CONSTRUCT, Code, parse_code,
        other_verbs=("coupon", "promo"),
        story=(
            StoryForm(
                "code", "side effect", "code {subject}", r"code \S+", "code x",
                meant=lambda name, _: f"code {name}", history="gets the code {detail} of {subject}",
            ),
        ),
    ),
)  # fmt: skip
