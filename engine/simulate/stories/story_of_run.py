"""A real run as a story: what was so before it, what happened, what was decided, ready for `tests:` of its
journey (design/language 2.16). It names nobody: only what the journey asks about is in it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from engine.compiler.catalogue.catalogue import PRODUCT_STARTS, REPEATED, Catalogue
from engine.compiler.inside import inside
from engine.core.conditions.condition import Did, Ref
from engine.core.decision.effects import Trace
from engine.core.enrollment import Enrollment
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event
from engine.core.happening import Event
from engine.core.journey import EventTrigger, Journey, ProductTrigger, SegmentTrigger, SendStep
from engine.core.journeys import Journeys
from engine.core.products.named import ID_NAMES
from engine.core.steps.split import SplitStep
from engine.simulate.stories.story_lines import words_for
from engine.values import DAY, HOUR, MINUTE, Birthday, Instant, Money, Type, Value, local_date, to_datetime

_PLAIN = re.compile(r"[A-Za-z_/][\w ./+%-]*", re.ASCII)
"""Texts that every reader of YAML takes for themselves; what begins as a number or a date does is quoted."""

_YAML_WORDS = frozenset(("true", "false", "yes", "no", "y", "n", "on", "off", "null"))

_UNTOLD = re.compile(r"[^\w\s!-~]|[^\S ]|(?<={)[{%]")
"""What may be changed or refused where it stands in a file: spaces and dashes of its own, invisible
characters, templating."""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What was learned of the customer from outside, in the words of the store's history: attributes,
    addresses by channel (None: it went away), consents by channel."""

    at: Instant
    number: int
    attributes: Mapping[str, Value]
    addresses: Mapping[str, str | None]
    consents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SegmentMove:
    """The customer entered a segment or left it."""

    at: Instant
    number: int
    segment: str
    enters: bool


@dataclass(frozen=True, slots=True)
class RecordedTimeline:
    """Everything that the store has of a customer, each list oldest first. `ledger`: what follows from their
    points now."""

    events: Sequence[Event]
    profile: Sequence[ProfileChange]
    moves: Sequence[SegmentMove]
    traces: Sequence[Trace]
    ledger: Mapping[str, Value]


def story_of_run(
    run: Enrollment,
    timeline: RecordedTimeline,
    journey: Journey,
    journeys: Journeys,
    catalogue: Catalogue,
    zone: ZoneInfo,
    name: str,
    until: Instant,
) -> str:
    """The story as YAML, an item of `tests:`. `zone`: the customer's, in which all its moments are; `until`:
    what came after it is left out, the present of a run that is still open."""
    return _Writer(run, timeline, journey, journeys, catalogue, zone, until).text(name)


@dataclass(slots=True)
class _Writer:
    run: Enrollment
    timeline: RecordedTimeline
    journey: Journey
    journeys: Journeys
    catalogue: Catalogue
    zone: ZoneInfo
    until: Instant
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        lines = [f"- test: {_scalar(name)}", f"  from: {self._day_0}"]
        given, when, expect = [*self._given()], [*self._when()], [*self._expect()]
        if given:
            lines += ["  given:", *(f"    {line}" for line in given)]
        if when:
            lines += ["  when:", *(f"    {line}" for line in when)]
        lines += ["  expect:", *(f"    {line}" for line in expect)] if expect else ["  expect: nothing"]
        return "\n".join(lines) + "\n"

    @property
    def _day_0(self) -> dt.date:
        return local_date(self.run.started_at, self.zone)

    def _moment(self, at: Instant) -> str:
        here = to_datetime(at, self.zone)
        return f"day {(here.date() - self._day_0).days} {here:%H:%M}"

    def _is_before(self, at: Instant, number: int) -> bool:
        return (at, number) < (self.run.started_at, self.run.started_number)

    def _is_known(self, change: ProfileChange) -> bool:
        """Whether it was known when the run was begun: also of what began before it was heard of."""
        return change.at <= self.run.started_at or change.number < self.run.started_number

    def _own_traces(self) -> Iterator[Trace]:
        return (trace for trace in self.timeline.traces if trace.enrollment == self.run.id)

    # --- given ---

    def _given(self) -> Iterator[str]:
        facts, asked = self._before(), self._asked()
        known = {name for name in asked if name != "timezone"}
        if self.zone.key != self.journeys.timezone:
            yield f"timezone: {self.zone.key}"
        first = self.journeys.first_values()
        for name in sorted(known):
            value, kind = facts.values.get(name), self.catalogue.customer_type(name)
            if name not in self.catalogue.ledger and kind and value is not None and value != first.get(name):
                yield f"{name}: {self._value(value, kind)}"
        # What follows from the ledger of points: as the run was decided by it, else as it is now
        reads = {name: words for trace in reversed([*self._own_traces()]) for name, words in trace.read}
        for name in sorted(known & self.catalogue.ledger):
            value, kind = self.timeline.ledger.get(name), self.catalogue.customer_type(name)
            if name in reads:
                yield f"{name}: {reads[name]}"
            elif kind is not None and value is not None:
                yield f"{name}: {self._value(value, kind)}"
        members = self._members()
        if members:
            yield f"segments: [{', '.join(sorted(members))}]"
        yield from self._did()
        yield from self._reach()
        splits = {step.id for step in self.journey.steps if isinstance(step, SplitStep)}
        paths = {step: path for step, path in self.run.paths.items() if step in splits}
        if paths:
            yield "paths: {" + ", ".join(f"{step}: {path}" for step, path in paths.items()) + "}"
        if self.run.holdout:
            yield "holdout: true"

    def _before(self) -> Facts:
        """Attributes and facts in the moment before the run began."""
        facts = Facts("", self.zone.key, "customer", self.journeys.first_values())
        rules = self.catalogue.facts.values()
        past: list[tuple[Instant, int, Event | ProfileChange]] = [
            *((event.occurred_at, event.number, event) for event in self.timeline.events),
            *((change.at, change.number, change) for change in self.timeline.profile),
        ]
        for at, number, what in sorted(past, key=lambda entry: entry[:2]):
            if isinstance(what, ProfileChange):
                # What somebody is counts for what they do at the same moment
                facts.values.update(what.attributes if self._is_known(what) else {})
            elif self._is_before(at, number):
                apply_event(facts, what, rules, None)
        return facts

    def _asked(self) -> frozenset[str]:
        """Attributes and facts that anything in the journey reads."""
        return frozenset(ref.name for ref in inside(self.journey, Ref) if ref.source == "customer")

    def _members(self) -> set[str]:
        members: set[str] = set()
        for move in self.timeline.moves:
            if self._is_before(move.at, move.number):
                (members.add if move.enters else members.discard)(move.segment)
        return members & self.journey.dependencies.segments

    def _did(self) -> Iterator[str]:
        """Events before the run that a `did` asks about, of each the latest."""
        asked = {form.event for form in inside(self.journey, Did)}
        latest: dict[str, Event] = {}
        for event in self.timeline.events:
            if event.name in asked and self._is_before(event.occurred_at, event.number):
                latest[event.name] = event
        if latest:
            ago = (
                f"{name}: {_length(Instant(self.run.started_at - event.occurred_at))} ago"
                for name, event in sorted(latest.items())
            )
            yield "did: {" + ", ".join(ago) + "}"

    def _reach(self) -> Iterator[str]:
        addresses: dict[str, bool] = {}
        consents: dict[str, str] = {}
        for change in self.timeline.profile:
            if self._is_known(change):
                addresses |= {channel: there is not None for channel, there in change.addresses.items()}
                consents |= change.consents
        steps = [step for step in self.journey.steps if isinstance(step, SendStep)]
        channels = list(dict.fromkeys(channel for step in steps for channel in step.channels))
        needs = any(step.policy.consent is not None for step in steps)
        unreachable = [channel for channel in channels if not addresses.get(channel)]
        silent = [
            channel
            for channel in channels
            if needs and channel not in unreachable and consents.get(channel) != "given"
        ]
        if unreachable:
            yield f"unreachable: [{', '.join(unreachable)}]"
        if silent:
            yield f"no_consent: [{', '.join(silent)}]"

    # --- when ---

    def _when(self) -> Iterator[str]:
        lines: list[tuple[Instant, int, str]] = [
            *self._events(), *self._changes(), *self._moves(), *self._reactions(),
        ]  # fmt: skip
        for at, _, words in sorted(lines, key=lambda line: line[:2]):
            head, *fields = words.split("\n")
            yield f"- {self._moment(at)}: {head}"
            yield from (f"  {field}" for field in fields)

    def _is_within(self, at: Instant) -> bool:
        end = self.run.ended_at if self.run.ended_at is not None else self.until
        return self.run.started_at <= at <= max(end, self.run.started_at)

    def _events(self) -> Iterator[tuple[Instant, int, str]]:
        asked, needed = self._asked(), self._fields()
        heard = set(self.journey.dependencies.events)
        heard |= {start.event for start in self.journey.starts if isinstance(start, EventTrigger)}
        for rule in self.catalogue.facts.values():
            heard.update(rule.events if rule.name in asked else ())
        start = (self.run.started_at, self.run.started_number)
        for event in self.timeline.events:
            place = (event.occurred_at, event.number)
            counts = place == start or (
                place > start and self._is_within(event.occurred_at) and event.name in heard
            )
            if not event.starts or event.name in REPEATED or event.name in PRODUCT_STARTS or not counts:
                continue
            kinds = self.catalogue.event_fields(event.name) or {}
            fields = [
                f"{name}: {self._alias(name, value) or self._value(value, kinds[name])}"
                for name, value in event.fields.items()
                if name in kinds and name in needed and value is not None
            ]
            yield event.occurred_at, event.number, "\n".join([event.name, *fields])
        if "kind" in self.run.trigger and any(
            isinstance(each, ProductTrigger) for each in self.journey.starts
        ):
            yield self.run.started_at, self.run.started_number, self._product_start()

    def _alias(self, name: str, value: Value) -> str | None:
        """What keeps runs apart, such as the number of an order, may name somebody: the story calls it
        otherwise, and the same by the same name. None: the value of this field is told."""
        keys = {
            start.per for start in self.journey.starts if isinstance(start, EventTrigger | ProductTrigger)
        }
        if name not in keys - {*ID_NAMES} or not isinstance(value, str):
            return None
        return self.aliases.setdefault((name, value), f"{name}-{len(self.aliases) + 1}")

    def _product_start(self) -> str:
        trigger = self.run.trigger
        kinds: Mapping[str, Type] = self.catalogue.event_fields(str(trigger["kind"])) or {}
        fields = [
            f"{name}: {self._value(trigger[name], kinds[name])}"
            for name in ("product_id", "old_price", "new_price")
            if name in kinds and trigger.get(name) is not None
        ]
        return "\n".join([str(trigger["kind"]), *fields])

    def _fields(self) -> frozenset[str]:
        """Fields of events that anything reads: the journey, and the facts that it asks about."""
        names = {
            ref.name.partition(".")[0]
            for ref in inside(self.journey, Ref)
            if ref.source in ("event", "trigger")
        }
        for rule in self.catalogue.facts.values():
            if rule.name in self._asked() and rule.field is not None:
                names.add(rule.field.partition(".")[0])
        for start in self.journey.starts:
            if isinstance(start, EventTrigger | ProductTrigger) and start.per is not None:
                names.add(start.per)
        return frozenset(names)

    def _changes(self) -> Iterator[tuple[Instant, int, str]]:
        asked = self._asked()
        for change in self.timeline.profile:
            if not self._is_within(change.at) or self._is_known(change):
                continue
            fields = [
                f"{name}: {self._value(value, kind) if value is not None else 'unset'}"
                for name, value in change.attributes.items()
                if name in asked and (kind := self.catalogue.customer_type(name)) is not None
            ]
            if fields:
                yield change.at, change.number, "\n".join(["set", *fields])

    def _moves(self) -> Iterator[tuple[Instant, int, str]]:
        triggers = {start.segment for start in self.journey.starts if isinstance(start, SegmentTrigger)}
        for move in self.timeline.moves:
            if move.segment in triggers | self.journey.dependencies.segments and self._is_within(move.at):
                yield move.at, move.number, f"{'enters' if move.enters else 'leaves'} {move.segment}"

    def _reactions(self) -> Iterator[tuple[Instant, int, str]]:
        for messages in self.run.sent.values():
            for message in messages:
                for kind, at in (("clicked", message.clicked_at), ("opened", message.opened_at)):
                    if at is not None and self._is_within(at):
                        yield at, message.number, f"{kind} {message.template}"
                if message.bounced:
                    yield message.handed_at, message.number, f"bounced {message.template}"

    # --- expect ---

    def _expect(self) -> Iterator[str]:
        for trace in self._own_traces():
            words = words_for(trace, self.journey, self.catalogue.attributes)
            if words is not None:
                yield f"- {self._moment(trace.at)}: {words}"

    def _value(self, value: Value, kind: Type) -> str:
        if kind.kind == "time" and isinstance(value, int):
            return f"{to_datetime(Instant(value), self.zone):%Y-%m-%d %H:%M}"
        if kind.kind == "list of" and isinstance(value, list):
            kinds = dict(kind.items)
            shown = []
            for row in value:
                # An item's field is a value like any other
                parts = (
                    f"{name}: {self._value(cast('Value', inner), kinds[name])}"
                    for name, inner in row.items()
                    if name in kinds
                )
                shown.append(f"{{{', '.join(parts)}}}")
            return f"[{', '.join(shown)}]"
        return _written(value)


def _written(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Money():
            return f"{value.amount:f} {value.currency}"
        case Birthday():
            # The year is nobody's business
            return f"2000-{value.month:02}-{value.day:02}"
        case tuple():
            return f"[{', '.join(_scalar(word) for word in value)}]"
        case str():
            return _scalar(value)
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS and not text.endswith(" "):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _UNTOLD.sub(lambda found: f"\\U{ord(found[0]):08x}", escaped) + '"'


def _length(length: Instant) -> str:
    """A length of time in words: to the minute below ten hours, to the hour below ten days."""
    many, unit = next(
        (length // size, name)
        for size, name, least in ((DAY, "day", 10 * DAY), (HOUR, "hour", 10 * HOUR), (MINUTE, "minute", 0))
        if length >= least
    )
    many = max(many, 1)
    return f"{many} {unit}" if many == 1 else f"{many} {unit}s"
