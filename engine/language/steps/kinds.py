"""What a kind of step is, and the register of them by verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.language.grammar import ID, WAS, Construct, Key
from engine.language.map_reader import MapReader
from engine.language.syntax import Step

VERBS = ("send", "wait", "if", "choose", "split", "set", "add", "remove", "code", "webhook", "exit")
"""In the order in which people are told about them."""

Parse = Callable[[MapReader], "Step | None"]


@dataclass(frozen=True, slots=True)
class StepKind:
    """A verb with its keys and what turns them into a step."""

    construct: Construct
    parse: Parse

    @property
    def verb(self) -> str:
        """The key that names the step."""
        return self.construct.name


def step_keys(
    verb: str, keys: tuple[Key, ...], about: str, other_words: tuple[tuple[str, str], ...] = ()
) -> Construct:
    """The table of a step: its own keys, then `id` and `was`, which all have."""
    return Construct(verb, f'"{verb}"', (*keys, ID, WAS), about, other_words)
