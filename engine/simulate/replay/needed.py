"""What stands anywhere inside compiled journeys: which fields, which segments somebody asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable

from engine.compiler.event_fields import fields_of_points
from engine.compiler.nested_values import nested_values
from engine.core.conditions.condition import Did, InSegment, Ref
from engine.core.facts.rule import FactRule
from engine.core.journey import EventTrigger, ProductTrigger, SegmentTrigger
from engine.core.journeys import Journeys
from engine.core.points.rules import TierRules


def needed_fields(journeys: Journeys, always: frozenset[str]) -> frozenset[str]:
    """The fields of events that anything reads, by the first part of their path: conditions, facts, points,
    `per`, `trigger.`."""
    names = set(always)
    for ref in nested_values(_compiled(journeys), Ref):
        if ref.source in ("event", "trigger"):
            names.add(ref.name.partition(".")[0])
    names |= fields_of(journeys.facts)
    names |= {field.partition(".")[0] for _, field in fields_of_points(journeys)}
    for journey in journeys.by_name.values():
        for start in journey.starts:
            if isinstance(start, EventTrigger | ProductTrigger) and start.per is not None:
                names.add(start.per)
    return frozenset(names)


Mine = Callable[[str], bool]
"""Whether a customer is one of those of whom something is written here."""


def everybody(_customer: str) -> bool:
    """All of them."""
    return True


def fields_of(facts: Iterable[FactRule]) -> frozenset[str]:
    """The fields of events that facts are made from, by the first part of their path."""
    return frozenset(field.partition(".")[0] for rule in facts for _, field in rule.reads())


def only_needed(journeys: Journeys, segments: Collection[str] = (), facts: Collection[str] = ()) -> Journeys:
    """The same journeys without the segments and computed facts that neither one of them nor points and tiers
    ask for, but for these `segments` and `facts`."""
    compiled = (tuple(journeys.by_name.values()), journeys.loyalty)
    names = {start.segment for start in nested_values(compiled, SegmentTrigger)} | {*segments}
    open_names = names | {name for form in nested_values(compiled, InSegment) for name in form.names}
    needed: set[str] = set()
    while open_names:
        name = open_names.pop()
        needed.add(name)
        rule = journeys.segments.get(name)
        if rule is not None:
            open_names |= {other for form in nested_values(rule, InSegment) for other in form.names} - needed
    kept = {name: rule for name, rule in journeys.segments.items() if name in needed}
    asked = {ref.name for ref in nested_values((compiled, tuple(kept.values())), Ref)}
    asked |= {tiers.fact for tiers in nested_values(journeys.loyalty, TierRules) if tiers.fact is not None}
    left = tuple(rule for rule in journeys.facts if rule.name in asked or rule.name in facts)
    return dataclasses.replace(journeys, segments=kept, facts=left)


def remembered(journeys: Journeys) -> frozenset[str]:
    """Events whose past anything may ask about, that start, end or move somebody, or change points. Any other
    event only matters to somebody who waits for it at that moment."""
    index = journeys.index
    starting = {name for name, them in index.subscribers.items() if any(each.triggers for each in them)}
    asked = {form.event for form in nested_values(_compiled(journeys), Did)}
    return frozenset(
        asked
        | starting
        | index.loyalty_events
        | {*index.facts_by_event, *index.exit_events, *index.segment_dependencies.of_event, *journeys.needs}
    )


def _compiled(journeys: Journeys) -> object:
    """All that may ask about a customer."""
    return tuple(journeys.by_name.values()), tuple(journeys.segments.values()), journeys.loyalty
