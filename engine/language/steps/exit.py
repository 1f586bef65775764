"""`exit` - the end of the run, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.steps.kinds import StepKind, StoryForm, step_keys
from engine.language.syntax import Step, Text


@dataclass(frozen=True, slots=True)
class Exit(Step):
    """`exit: reason`."""

    hashed: ClassVar[str] = "Exit - id was reason"
    verb: ClassVar[str] = "exit"
    reason: Text

    def words(self) -> str:
        """`exit no_reaction`."""
        return f"exit {self.reason.value}"

    def always_exits(self) -> bool:
        """That is what it is for."""
        return True


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


KINDS = (
    StepKind(
        11, CONSTRUCT, Exit, parse_exit, "exit: no_reaction",
        other_verbs=("stop", "end", "quit", "return", "finish"),
        story=(
            StoryForm(
                "exit", "end", "exit {subject}", r"exit \S.*", "exit reason",
                meant=lambda _, words: f"exit {words or 'no_reaction'}", history="leaves: {subject}",
            ),
        ),
    ),
)  # fmt: skip
