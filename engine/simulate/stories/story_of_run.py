"""A real run as a story: what was so before it, what happened, what was decided, ready for `tests:` of its
journey (design/language 2.16). It names nobody: only what the journey asks about is in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.compiler.catalogue.catalogue import PRODUCT_STARTS, REPEATED
from engine.core.enrollment import Enrollment
from engine.core.journey import ProductTrigger, SegmentTrigger
from engine.simulate.stories.given_of_run import StoryDetail, given_lines
from engine.simulate.stories.story_lines import words_for
from engine.simulate.stories.story_scalars import scalar, value_words
from engine.simulate.stories.story_source import PRODUCT, StorySource
from engine.values import MINUTE, Instant, Type, Value, at_local

_Line = tuple[Instant, int, str]
"""A line of `when` with its moment and order of receipt."""

_LAST = 1 << 62
"""Behind everything of its moment."""


@dataclass(frozen=True, slots=True)
class StoryText:
    """A story as YAML, an item of `tests:`: everything down to `expect`, and what it expects."""

    head: str
    expected: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole of it."""
        if not self.expected:
            return f"{self.head}  expect: nothing\n"
        return f"{self.head}  expect:\n" + "".join(f"    - {line}\n" for line in self.expected)


def story_of_run(source: StorySource, name: str, detail: StoryDetail) -> StoryText:
    """The story of a run, which tells so much of what was before it."""
    return _Writer(source).story(name, detail)


@dataclass(slots=True)
class _Writer:
    source: StorySource
    runs: list[Enrollment] = field(default_factory=list)
    moved: Mapping[Instant, Instant] = field(default_factory=dict)

    def story(self, name: str, detail: StoryDetail) -> StoryText:
        source = self.source
        lines = [
            *self._events(),
            *self._changes(),
            *self._memberships(),
            *self._journeys(),
            *self._products(),
        ]
        self.runs = self._runs({(at, number) for at, number, _ in lines})
        lines = sorted([*lines, *self._reactions()], key=lambda line: line[:2])
        traces = [trace for run in self.runs for trace in source.traces_of(run) if trace.at <= source.end]
        self.moved = _moved(lines, {trace.at for trace in traces})
        begin = at_local(source.day_0, dt.time.min, source.zone)
        first = min((self.moved.get(at, at) for at, _, _ in lines), default=begin)
        given = [*given_lines(source, Instant(first // MINUTE * MINUTE), detail)]
        head = [f"- test: {scalar(name)}", f"  from: {source.day_0}"]
        if given:
            head += ["  given:", *(f"    {line}" for line in given)]
        if lines:
            head.append("  when:")
        for at, _, words in lines:
            what, *fields = words.split("\n")
            head += [f"    - {self._moment(at)}: {what}", *(f"      {each}" for each in fields)]
        expected = [
            f"{self._moment(trace.at)}: {line}"
            for trace in sorted(traces, key=lambda trace: trace.at)
            if (line := words_for(trace, source.journey, source.catalogue.attributes)) is not None
        ]
        return StoryText("\n".join(head) + "\n", tuple(expected))

    def _runs(self, places: Collection[tuple[Instant, int]]) -> list[Enrollment]:
        """The run, and those of its journey that the lines of the story begin beside it."""
        source, run = self.source, self.source.run
        return [run] + [
            other
            for other in source.timeline.runs
            if other.journey == run.journey
            and other.id != run.id
            and source.is_within(other.started_at)
            and (other.started_at, other.started_number) > (run.started_at, run.started_number)
            and (other.occurrence is not None or (other.started_at, other.started_number) in places)
        ]

    def _moment(self, at: Instant) -> str:
        return self.source.moment(self.moved.get(at, at))

    def _events(self) -> Iterator[_Line]:
        source = self.source
        start = (source.run.started_at, source.run.started_number)
        for event in source.timeline.events:
            at, number = event.occurred_at, event.number
            counts = (at, number) == start or (
                event.name in source.heard and source.is_within(at) and not source.is_before(at, number)
            )
            # What follows from others comes by itself, unless the others are what was before the story
            is_repeated = event.name in REPEATED and (at, number) != start
            if not event.starts or is_repeated or event.name in PRODUCT_STARTS or not counts:
                continue
            yield at, number, "\n".join([event.name, *source.fields_of(event)])
        triggers = (each for each in source.journey.starts if isinstance(each, ProductTrigger))
        if "kind" in source.run.trigger and any(triggers):
            yield *start, self._product_start()

    def _product_start(self) -> str:
        trigger = self.source.run.trigger
        kinds: Mapping[str, Type] = self.source.catalogue.event_fields(str(trigger["kind"])) or {}
        fields = [
            f"{name}: {value_words(trigger[name], kinds[name], self.source.zone)}"
            for name in (PRODUCT, "old_price", "new_price")
            if name in kinds and trigger.get(name) is not None
        ]
        return "\n".join([str(trigger["kind"]), *fields])

    def _changes(self) -> Iterator[_Line]:
        """What was learned of the customer meanwhile, with what they agreed to or no longer do."""
        source = self.source
        for change in source.timeline.profile:
            if not source.is_within(change.at) or source.is_known(change):
                continue
            fields = [
                f"{name}: {'unset' if value is None else value_words(value, kind, source.zone)}"
                for name, value in change.values.items()
                if name in source.asked and (kind := source.catalogue.customer_type(name)) is not None
            ]
            if source.needs_consent:
                fields += [
                    f"consent.{channel}: {state}"
                    for (channel, _), state in change.consents.items()
                    if channel in source.channels
                ]
            if fields:
                yield change.at, change.number, "\n".join(["set", *fields])

    def _memberships(self) -> Iterator[_Line]:
        source = self.source
        if (segment := source.admitted_from) is not None:
            # A story would take a member at the beginning of day 0
            yield *source.begin, f"enters {segment}"
        triggers = {start.segment for start in source.journey.starts if isinstance(start, SegmentTrigger)}
        asked = triggers | source.journey.dependencies.segments
        for change in source.timeline.memberships:
            is_now = source.is_within(change.at) and not source.is_before(change.at, change.number)
            if change.segment in asked and is_now:
                yield change.at, change.number, f"{'enters' if change.member else 'leaves'} {change.segment}"

    def _journeys(self) -> Iterator[_Line]:
        """Runs of other journeys begin and end."""
        source = self.source
        for run in source.timeline.runs:
            if run.journey not in source.others:
                continue
            begins, number = run.started_at, run.started_number
            if source.is_within(begins) and not source.is_before(begins, number):
                yield begins, number, f"enters {run.journey}"
            if run.ended_at is not None and source.begin[0] < run.ended_at <= source.end:
                yield run.ended_at, _LAST, f"leaves {run.journey}"

    def _products(self) -> Iterator[_Line]:
        """The catalogue says something else of the product that the run is about."""
        source = self.source
        known: Mapping[str, Value] = {}
        for seen in source.timeline.products:
            if seen.product_id != source.run.product_id:
                continue
            fields = [
                f"product.{name}: {value_words(value, kind, source.zone)}"
                for name, kind in source.of_product.items()
                if (value := seen.fields.get(name)) is not None and value != known.get(name)
            ]
            known = seen.fields
            if fields and source.run.started_at < seen.at <= source.end:
                yield seen.at, seen.number, "\n".join(["set", *fields])

    def _reactions(self) -> Iterator[_Line]:
        for messages in (each for run in self.runs for each in run.sent.values()):
            for message in messages:
                for kind, at in (("clicked", message.clicked_at), ("opened", message.opened_at)):
                    if at is not None and self.source.is_within(at):
                        yield at, message.number, f"{kind} {message.template}"
                if message.bounced:
                    yield message.handed_at, message.number, f"bounced {message.template}"


def _moved(lines: Sequence[_Line], decided: Collection[Instant]) -> dict[Instant, Instant]:
    """Where lines stand that cannot stand in their own minute. A story does what is due behind all lines of a
    minute, so that what came after something that was due goes to the next one; and it takes equal lines of
    one minute for one."""
    moved: dict[Instant, Instant] = {}
    due = set(decided).difference(at for at, _, _ in lines)
    latest, seen = Instant(0), set[str]()
    for at, _, words in lines:
        minute = Instant(at // MINUTE * MINUTE)
        is_late = any(minute <= moment < at for moment in due)
        place = max(latest, Instant(minute + MINUTE) if is_late else minute)
        if place == latest and words in seen:
            place = Instant(place + MINUTE)
        if place != latest:
            latest, seen = place, set()
        seen.add(words)
        if place != minute:
            moved[at] = place
    return moved
