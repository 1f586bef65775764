"""Journeys that write, with whom they reach: what two of them are laid beside each other by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.competing.schedule import Schedule, schedule
from engine.compiler.competing.target_group import TargetGroup, TargetGroupReader
from engine.compiler.nested_values import nested_values
from engine.core.conditions.condition import InSegment, InsideJourney, IsOneOf, Not, Ref
from engine.core.journey import Journey, SegmentTrigger
from engine.language.syntax import JourneyFile

COMPARED = 50
"""Journeys of one start, or of one event, that each is laid beside: of hundreds of one kind each is told."""

TOLD = 8
"""Journeys that each is told of, one by one: with so many the next one says nothing new."""

_ABOUT_A_PRODUCT = frozenset(("product_id", "sku", "category"))


@dataclass(frozen=True, slots=True)
class WritingJourney:
    """A journey that writes. `entry`: of whom it is true when they come in; `stays`: as long as they are
    inside."""

    file: JourneyFile
    journey: Journey
    schedule: Schedule
    entry: TargetGroup
    stays: TargetGroup
    named: frozenset[str] = frozenset()  # journeys that it asks about: its author thought of them
    sold: frozenset[str] = frozenset()  # what its goal asks for

    @property
    def name(self) -> str:
        """Of the journey."""
        return self.journey.name


def writing_journeys(checked: ProjectCheckInput) -> list[WritingJourney]:
    """Those that somebody can be inside, in the order of their files."""
    reader = TargetGroupReader(checked.world.catalogue.facts, checked.segments)
    files = sorted(checked.files, key=lambda file: file.span)
    return [one for file in files if (one := _written(file, checked, reader)) is not None]


def _written(
    file: JourneyFile, checked: ProjectCheckInput, reader: TargetGroupReader
) -> WritingJourney | None:
    journey = checked.compiled.get(file.name.value)
    if journey is None or journey.state not in ("live", "paused") or file.span.file in checked.broken:
        return None
    segments = [InSegment((start.segment,)) for start in journey.starts if isinstance(start, SegmentTrigger)]
    entry = [journey.who.condition] if journey.who is not None else []
    ends = [asked.condition for asked in (journey.exit_if, journey.goal.when) if asked is not None]
    # to look through all steps takes longer than the rest, and hardly any journey asks
    asked = (
        (journey.who, journey.exit_if, journey.goal.when, journey.steps) if "inside" in file.source else ()
    )
    policies = {journey.policy.name: journey.policy}
    planned = schedule(file, checked.world)
    policies |= {message.policy.name: message.policy for message in planned.sure}
    return WritingJourney(
        file, journey, planned,
        # with several starts nobody knows by which one they come in
        reader.target_group(*entry, *(segments if len(journey.starts) == 1 else [])),
        reader.target_group(*(Not(condition) for condition in ends)),
        frozenset(name for condition in nested_values(asked, InsideJourney) for name in condition.journeys)
        | {name for policy in policies.values() for name in policy.not_inside},
        frozenset(_sold(journey)),
    )  # fmt: skip


def _sold(journey: Journey) -> Iterator[str]:
    where = journey.goal.where
    for form in TargetGroupReader({}, {}).target_group(where.condition).lines if where is not None else ():
        if isinstance(form, IsOneOf) and form.ref.name.rpartition(".")[2] in _ABOUT_A_PRODUCT:
            yield from (f"{form.ref.name}: {value}" for value in form.values if not isinstance(value, Ref))


def are_apart(one: WritingJourney, other: WritingJourney) -> bool:
    """Nobody is in both, or their authors have said what then happens."""
    names = one.journey.name, other.journey.name
    return (
        names[1] in one.named
        or names[0] in other.named
        or any(
            mine.excludes(theirs) for mine in (one.entry, one.stays) for theirs in (other.entry, other.stays)
        )
    )
