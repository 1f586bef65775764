"""Which fields of which events anything published reads: without the others an event is as good as whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.compiler.catalogue.catalogue import CURRENCY, Catalogue, path_type, paths
from engine.compiler.nested_values import nested_values
from engine.compiler.templates.message_set import MessageSet
from engine.core.conditions.condition import Did, Ref
from engine.core.journey import Awaited, EventTrigger, Journey, ProductTrigger, SendStep
from engine.core.journeys import Journeys

_ALWAYS = frozenset(("code", "product_id"))
"""A code that was used is marked, and a run looks at the product of its event: whoever asks for it."""

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class NeededFields:
    """`by_event`: paths that something reads, such as `items.category`; None: nobody knows, so every field
    counts as read."""

    by_event: Mapping[str, frozenset[str]] | None = None

    def needs(self, event: str, place: str) -> bool:
        """Whether anything reads what stands at a place of an event, such as `items[2].price`."""
        if self.by_event is None:
            return True
        place = _INDEX.sub("", place)
        read = self.by_event.get(event, _ALWAYS)
        return any(
            path == place or path.startswith(f"{place}.") or place.startswith(f"{path}.") for path in read
        )


def needed_fields(journeys: Journeys, messages: MessageSet, catalogue: Catalogue) -> NeededFields:
    """What conditions, facts, starts, segments and templates read, per event."""
    read: defaultdict[str, set[str]] = defaultdict(lambda: set(_ALWAYS))
    for rule in journeys.facts:
        for event, name in rule.reads():
            read[event].add(name)
    for event, name in fields_of_points(journeys):
        read[event].add(name)
    of_template = _by_template(messages)
    for journey in journeys.by_name.values():
        for event, name in _of_journey(journey, of_template):
            read[event].add(name)
    for form in nested_values((tuple(journeys.by_name.values()), tuple(journeys.segments.values())), Did):
        read[form.event].update(_event_refs(form.where))
    for event, names in read.items():
        fields = catalogue.event_fields(event) or {}
        # Whoever reads an amount reads the currency that stands beside it.
        amounts = [name for name in paths(fields) if _reads(names, name) and _is_money(fields, name)]
        names.update(f"{name.rpartition('.')[0]}.{CURRENCY}" if "." in name else CURRENCY for name in amounts)
        if amounts:
            names.add(CURRENCY)
    return NeededFields({event: frozenset(names) for event, names in read.items()})


def fields_of_points(journeys: Journeys) -> Iterator[tuple[str, str]]:
    """(event, field) of all that the table of points reads, and what takes points back and spends them."""
    rules = journeys.loyalty.points if journeys.loyalty is not None else None
    if rules is None:
        return
    for line in rules.earn:
        if line.gives.field is not None:
            yield line.event, line.gives.field
        yield from ((line.event, name) for name in _event_refs(line.where))
        yield from ((line.event, key) for key in rules.keys)
    for counter in rules.less:
        yield counter.event, counter.key
        if counter.field is not None:
            yield counter.event, counter.field
    yield from rules.spent_by


def _is_money(fields: Mapping[str, object], name: str) -> bool:
    kind = path_type(fields, name)  # type: ignore[arg-type]  # a mapping of types, as the catalogue holds it
    return kind is not None and kind.kind == "money"


def _reads(names: set[str], name: str) -> bool:
    return name in names or any(name.startswith(f"{path}.") for path in names)


def _of_journey(journey: Journey, of_template: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """(event, field) of everything that one journey asks for."""
    starting = [
        start.event if isinstance(start, EventTrigger) else start.kind
        for start in journey.starts
        if isinstance(start, EventTrigger | ProductTrigger)
    ]
    trigger = {ref.name for ref in nested_values(journey, Ref) if ref.source == "trigger"}
    for send in nested_values(journey.steps, SendStep):
        trigger |= of_template.get(send.template, set())
    for event in starting:
        yield from ((event, name) for name in trigger)
    for start in journey.starts:
        if isinstance(start, EventTrigger):
            yield from ((start.event, name) for name in _event_refs(start.where))
            if start.per is not None:
                yield start.event, start.per
    awaited = [(asked.events, asked.where) for asked in nested_values(journey, Awaited)]
    for events, where in (*awaited, (journey.goal.events, journey.goal.where)):
        yield from ((event, name) for event in events for name in _event_refs(where))


def _event_refs(compiled: object) -> set[str]:
    return {ref.name for ref in nested_values(compiled, Ref) if ref.source == "event"}


def _by_template(messages: MessageSet) -> Mapping[str, set[str]]:
    """What each template, in any channel and language, reads of the event that began the run; a loop over a
    list reads the whole list."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for (template, _), languages in messages.of.items():
        for compiled in languages.values():
            read = (name.name for name in compiled.reads() if name.name.startswith("trigger."))
            names[template].update(name.removeprefix("trigger.") for name in read)
    return names
