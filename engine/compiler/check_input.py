"""What a check looks at: one journey as written and as compiled, and the shop around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.compiler.project_context import ProjectContext
from engine.compiler.templates.message_set import MessageSet
from engine.core.journey import Journey, SegmentRule
from engine.core.policy import Policy
from engine.language.steps.send import Send
from engine.language.syntax import JourneyFile
from engine.problem import Problem, Span


@dataclass(frozen=True, slots=True)
class JourneyCheckInput:
    """One journey. `journey` is None where a part is missing. `code_printers`: templates that print a promo
    code. `whole`: no step was left out because its form was wrong, so that what follows from the order of
    steps is true."""

    file: JourneyFile
    journey: Journey | None
    world: ProjectContext
    code_printers: frozenset[str] = frozenset()
    whole: bool = True

    def policy(self, send: Send | None = None) -> Policy | None:
        """The policy of a message, or of the journey; None where the name is not known."""
        name = send.policy if send is not None and send.policy is not None else self.file.policy
        return self.world.policy(name.value if name else None)


Check: TypeAlias = Callable[[JourneyCheckInput], "list[Problem]"]


def code_printers(messages: MessageSet) -> frozenset[str]:
    """Templates that print a promo code in some channel or language. One that only asks whether there is a
    code (`code.value or ...`) can do without."""
    return frozenset(
        name
        for (name, _), languages in messages.of.items()
        for template in languages.values()
        if any(read.name.startswith("code.") and not read.fallback for read in template.reads())
    )


@dataclass(frozen=True, slots=True)
class ProjectCheckInput:
    """The whole project. `sources`: text of every file by its path in the project."""

    files: tuple[JourneyFile, ...]
    world: ProjectContext
    messages: MessageSet
    sources: Mapping[str, str]
    broken: frozenset[str] = frozenset()
    """Files with errors: what a template reads is not held against what they seem to give it."""
    compiled: Mapping[str, Journey] = field(default_factory=dict)
    """Journeys by name, those without errors of form."""
    segments: Mapping[str, SegmentRule] = field(default_factory=dict)

    def place_in_config(self, word: str, behind: str = "") -> Span:
        """Where a word stands in config.yaml, behind what the pattern `behind` finds; its first line where it
        does not (a default)."""
        text = self.sources.get("config.yaml", "")
        start = re.search(behind, text)
        match = re.compile(rf"(?<![\w.]){re.escape(word)}(?!\w)").search(text, start.end() if start else 0)
        at, length = (match.start(), len(word)) if match else (0, 1)
        return Span("config.yaml", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), length)


WholeCheck: TypeAlias = Callable[[ProjectCheckInput], "list[Problem]"]
