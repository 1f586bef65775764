"""`code` - a promo code from a pool."""

from __future__ import annotations

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import Code

CONSTRUCT = step_keys(
    "code",
    (
        Key("code", "pool", "the pool: a name under codes: in config.yaml", needed=True, example="WELCOME10"),
        Key("valid", "length", "how long it can be used", needed=True, example="7 days",
            why="the date stands in the message"),
    ),
    "Takes a code from a pool.",
    (("expires", "valid"), ("valid_for", "valid"), ("expires_in", "valid"), ("for", "valid"), ("pool", "code")),
)  # fmt: skip


def parse_code(reader: MapReader) -> Code | None:
    """A `code` step."""
    pool, valid = reader.text("code"), reader.length("valid")
    step_id, was = reader.name("id"), reader.name("was")
    return None if pool is None or valid is None else Code(reader.at, step_id, was, pool, valid)


KIND = StepKind(CONSTRUCT, parse_code)
