"""A run that is told as a story: what its journey asks about, and where each moment stands in the story."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.nested_values import nested_values
from engine.core.conditions.condition import Did, InsideJourney, Ref
from engine.core.decision.effects import Trace
from engine.core.enrollment import Enrollment
from engine.core.facts.rule import FactRule
from engine.core.happening import Event, ProfileChanged
from engine.core.journey import EventTrigger, Journey, ProductTrigger, SendStep
from engine.core.journeys import Journeys
from engine.core.lifecycle.trigger import admitting
from engine.core.products.event_products import ID_NAMES
from engine.simulate.stories.customer_timeline import CustomerTimeline
from engine.simulate.stories.story_scalars import value_words
from engine.values import Instant, Type, Value, at_local, local_date, to_datetime

PRODUCT = "product_id"


@dataclass(frozen=True)
class StorySource:
    """One run with everything around it. `zone`: the customer's when it began, in which all moments of the
    story are; `until`: what came after it is left out, the present of a run that is still open."""

    run: Enrollment
    timeline: CustomerTimeline
    journey: Journey
    journeys: Journeys
    catalogue: Catalogue
    zone: ZoneInfo
    until: Instant

    # --- moments ---

    @cached_property
    def day_0(self) -> dt.date:
        """The day on which the run began."""
        return local_date(self.run.started_at, self.zone)

    @cached_property
    def begin(self) -> tuple[Instant, int]:
        """Where the story begins, as moment and order of receipt: with what started the run; what the clock
        started may have something before it on day 0."""
        if self.run.occurrence is not None:
            return min(at_local(self.day_0, dt.time.min, self.zone), self.run.started_at), 0
        return self.run.started_at, self.run.started_number

    @cached_property
    def end(self) -> Instant:
        """The last moment of the story."""
        ended = self.run.ended_at if self.run.ended_at is not None else self.until
        # A goal may be reached after it, as long as the run is watched
        return max(ended, self.run.goal_at or ended, self.run.started_at)

    def is_before(self, at: Instant, number: int) -> bool:
        """Whether something came before the story."""
        return (at, number) < self.begin

    def is_within(self, at: Instant) -> bool:
        """Whether something came while the story goes on."""
        return self.begin[0] <= at <= self.end

    def is_known(self, change: ProfileChanged) -> bool:
        """Whether it was known when the story began: also of what began before it was heard of."""
        return change.at <= self.begin[0] or change.number < self.begin[1]

    def moment(self, at: Instant) -> str:
        """`day 0 18:30`."""
        here = to_datetime(at, self.zone)
        return f"day {(here.date() - self.day_0).days} {here:%H:%M}"

    @cached_property
    def admitted_from(self) -> str | None:
        """The segment in which the customer was from the beginning, where that is what began the run."""
        timeline, start = self.timeline, (self.run.started_at, self.run.started_number)
        heard = {(event.occurred_at, event.number) for event in timeline.events}
        heard |= {(change.at, change.number) for change in timeline.memberships}
        if self.run.occurrence is not None or start in heard:
            return None
        members = self.members
        return next((each.segment for each in admitting(self.journey) if each.segment in members), None)

    @cached_property
    def members(self) -> frozenset[str]:
        """The segments that the customer is in when the story begins."""
        found: set[str] = set()
        for change in self.timeline.memberships:
            if self.is_before(change.at, change.number):
                (found.add if change.member else found.discard)(change.segment)
        return frozenset(found)

    # --- words ---

    @cached_property
    def aliases(self) -> dict[tuple[str, str], str]:
        """What keeps runs apart, or finds what an event takes back, such as the number of an order, may name
        somebody: the story calls it otherwise, and the same by the same name. Filled while it is written."""
        return {}

    def fields_of(self, event: Event) -> list[str]:
        """`total: 40 EUR` for each field that anything reads."""
        kinds = self.catalogue.event_fields(event.name) or {}
        return [
            f"{name}: {self._field(name, value, kinds[name])}"
            for name, value in event.fields.items()
            if name in kinds and name in self.fields and value is not None
        ]

    def _field(self, name: str, value: Value, kind: Type) -> str:
        if name not in self._keys or not isinstance(value, str):
            return value_words(value, kind, self.zone)
        return self.aliases.setdefault((name, value), f"{name}-{len(self.aliases) + 1}")

    @cached_property
    def _keys(self) -> frozenset[str]:
        starts = (each for each in self.journey.starts if isinstance(each, EventTrigger | ProductTrigger))
        keys = {start.per for start in starts if start.per is not None}
        return frozenset(
            keys.union(counter.key for rule in self.facts for counter in rule.less) - {*ID_NAMES}
        )

    # --- what is asked ---

    def traces_of(self, run: Enrollment) -> Iterator[Trace]:
        """What a run did."""
        return (trace for trace in self.timeline.traces if trace.enrollment == run.id)

    @cached_property
    def refs(self) -> frozenset[Ref]:
        """Every name that anything in the journey reads."""
        return frozenset(nested_values(self.journey, Ref))

    @cached_property
    def asked(self) -> frozenset[str]:
        """Attributes and facts among them."""
        return frozenset(ref.name for ref in self.refs if ref.source == "customer")

    @cached_property
    def of_product(self) -> Mapping[str, Type]:
        """Fields of the product among them."""
        names = {ref.name.partition(".")[0] for ref in self.refs if ref.source == "product"}
        return {name: kind for name, kind in self.catalogue.product_fields.items() if name in names}

    @cached_property
    def facts(self) -> tuple[FactRule, ...]:
        """The definitions of the facts that are asked."""
        return tuple(rule for rule in self.catalogue.facts.values() if rule.name in self.asked)

    @cached_property
    def remembered(self) -> frozenset[str]:
        """Events whose past is asked about, but by facts that a story sets."""
        asked = {form.event for form in nested_values(self.journey, Did)}
        return frozenset(asked.union(*(rule.events for rule in self.facts if rule.last is not None)))

    @cached_property
    def heard(self) -> frozenset[str]:
        """Events that change anything for the run."""
        # With `per`, what starts another run is nothing to this one
        starts = {
            each.event for each in self.journey.starts if isinstance(each, EventTrigger) and not each.per
        }
        moving = (rule.events for rule in self.facts)
        return frozenset(self.journey.dependencies.events).union(starts, self.remembered, *moving)

    @cached_property
    def fields(self) -> frozenset[str]:
        """Fields of events that anything reads: the journey, and the facts that it asks about."""
        names = {ref.name for ref in self.refs if ref.source in ("event", "trigger")}
        names |= {field for rule in self.facts for _, field in rule.reads()}
        for start in self.journey.starts:
            if isinstance(start, EventTrigger | ProductTrigger) and start.per is not None:
                names.add(start.per)
        if self.of_product:
            names.add(PRODUCT)
        return frozenset(name.partition(".")[0] for name in names)

    @cached_property
    def others(self) -> frozenset[str]:
        """Other journeys that count for this one: conditions and policies ask whether somebody is inside."""
        asked = {name for form in nested_values(self.journey, InsideJourney) for name in form.journeys}
        silent = (name for step in self.sends for name in step.policy.not_inside)
        return frozenset(asked.union(silent) - {self.journey.name})

    @cached_property
    def sends(self) -> tuple[SendStep, ...]:
        """Its messages."""
        return tuple(step for step in self.journey.steps if isinstance(step, SendStep))

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channels of its messages, in their order."""
        return tuple(dict.fromkeys(channel for step in self.sends for channel in step.channels))

    @property
    def needs_consent(self) -> bool:
        """Whether a message goes only to whoever agreed."""
        return any(step.policy.consent is not None for step in self.sends)

    def kind(self, name: str, value: Value) -> Type | None:
        """The type of an attribute or fact that is told; None: it is not set, or nobody knows it."""
        return self.catalogue.customer_type(name) if value is not None else None
