"""`exit` - the end of the run, with its reason."""

from __future__ import annotations

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import Exit

CONSTRUCT = step_keys(
    "exit",
    (Key("exit", "text", "the reason, for the statistics", needed=True, example="no_reaction"),),
    "Ends the run.",
    (("reason", "write  exit: the_reason"), ("if", "put the exit under  then:  of a step  - if: ...")),
)


def parse_exit(reader: MapReader) -> Exit | None:
    """An `exit` step."""
    reason = reader.text("exit")
    step_id, was = reader.name("id"), reader.name("was")
    return None if reason is None else Exit(reader.at, step_id, was, reason)


KIND = StepKind(CONSTRUCT, parse_exit)
