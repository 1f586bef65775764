"""What a segment asks, through the facts that it names: two versions are compared by it. And how far back a
question looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.conditions.condition import Condition, Did
from engine.core.conditions.dependencies import dependencies_of, forms, refs
from engine.core.conditions.scope import Rules
from engine.core.definition import definition
from engine.core.facts.rule import FactRule
from engine.core.journey import SegmentRule
from engine.core.journeys import Journeys


@dataclass(frozen=True, slots=True)
class SegmentMeaning:
    """The condition as it is written, and the definitions of the facts in it. `looks_back`: how far it looks
    for each fact and event that it counts, in milliseconds; None: to the beginning."""

    written: str
    facts: tuple[str, ...]
    looks_back: tuple[tuple[str, int | None], ...]

    @classmethod
    def of(cls, rule: SegmentRule, journeys: Journeys) -> SegmentMeaning:
        """Of a segment among what is published with it."""
        condition, known = rule.question.condition, journeys.index.rules
        facts = _facts(condition, known)
        return cls(
            definition(condition),
            tuple(f"{fact.name} {fact.fingerprint}" for fact in facts),
            tuple(looks_back(condition, known).items()),
        )

    def limits(self, length: int) -> list[str]:
        """What it counts from before a stretch of this length in milliseconds, whose events are all that is
        known."""
        return beyond(dict(self.looks_back), length)


def looks_back(condition: Condition, known: Rules) -> dict[str, int | None]:
    """How far a condition looks for each fact and event that it counts, in milliseconds; None: to the
    beginning. `known`: the facts."""
    looks: dict[str, int | None] = dict(dependencies_of(condition).history)
    did = (form for form in forms(condition) if isinstance(form, Did))
    looks |= {form.event: None for form in did if form.last is None}
    return looks | {fact.name: fact.last for fact in _facts(condition, known)}


def beyond(looks: Mapping[str, int | None], length: int) -> list[str]:
    """What is counted from before a stretch of this length in milliseconds, whose events are all that is
    known."""
    return [name for name, back in looks.items() if back is None or back > length]


def _facts(condition: Condition, known: Rules) -> list[FactRule]:
    names = (ref.name for ref in refs(condition) if ref.source == "customer")
    return [known[name] for name in dict.fromkeys(names) if name in known]


def changed_segments(old: Journeys, new: Journeys) -> dict[str, SegmentMeaning]:
    """Segments of the new version that are other ones than before, also through a fact, or were not there."""
    former = {name: SegmentMeaning.of(rule, old) for name, rule in old.segments.items()}
    present = {name: SegmentMeaning.of(rule, new) for name, rule in new.segments.items()}
    return {name: meaning for name, meaning in present.items() if former.get(name) != meaning}
