"""What a story of a run is given: the customer as they were before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event
from engine.core.happening import Event, ProfileChanged
from engine.core.lifecycle.trigger import admitting
from engine.core.steps.split import SplitStep
from engine.simulate.stories.story_scalars import length_words, value_words
from engine.simulate.stories.story_source import StorySource
from engine.values import MINUTE, Instant

MOST_BEFORE = 30
"""So many events of one name are told of the time before, the latest."""


@dataclass(frozen=True, slots=True)
class StoryDetail:
    """How much is told of what was before. `exact`: to the minute, where round lengths of time come out
    otherwise; `every_path`: also at splits that the run did not come to, and another one of the story
    does."""

    exact: bool = False
    every_path: bool = False


def given_lines(source: StorySource, first: Instant, detail: StoryDetail) -> Iterator[str]:
    """The lines of `given`. `first`: the moment of the first line of `when`, from which is counted back."""
    if source.zone.key != source.journeys.timezone:
        yield f"timezone: {source.zone.key}"
    yield from _values(source)
    # A story whose journey takes everybody in a segment would begin with whoever is in it
    taken = {trigger.segment for trigger in admitting(source.journey)}
    if members := (source.members & source.journey.dependencies.segments) - taken:
        yield f"segments: [{', '.join(sorted(members))}]"
    there = {
        run.journey
        for run in source.timeline.runs
        if source.is_before(run.started_at, run.started_number)
        and (run.ended_at is None or run.ended_at > source.begin[0])
    }
    if there := there & source.others:
        yield f"inside: [{', '.join(sorted(there))}]"
    yield from _did(source, first, exact=detail.exact)
    yield from _reach(source)
    seen = [each for each in source.timeline.products if each.product_id == source.run.product_id]
    # What a run looks at when it begins is what is given: the catalogue hears of a start beforehand
    known = next((each.fields for each in reversed(seen) if each.at <= source.run.started_at), {})
    product = [
        f"{name}: {value_words(value, kind, source.zone)}"
        for name, kind in source.of_product.items()
        if (value := known.get(name)) is not None
    ]
    if product:
        yield "product: {" + ", ".join(product) + "}"
    if paths := _paths(source, every=detail.every_path):
        yield "paths: {" + ", ".join(f"{split}: {path}" for split, path in paths.items()) + "}"
    if source.run.holdout:
        yield "holdout: true"


def _paths(source: StorySource, *, every: bool) -> dict[str, str]:
    splits = {step.id: step for step in source.journey.steps if isinstance(step, SplitStep)}
    taken = {split: path for split, path in source.run.paths.items() if split in splits}
    if not every:
        return taken
    # Somebody goes the same way each time; nobody knows that of a split they never came to
    others = [run.paths for run in source.timeline.runs if run.journey == source.run.journey]
    known = {split: path for paths in others for split, path in paths.items() if split in splits}
    return {split: step.paths[0][0] for split, step in splits.items()} | known | taken


def _values(source: StorySource) -> Iterator[str]:
    facts, first = _before(source), source.journeys.first_values()
    known, ledger = source.asked - {"timezone"}, source.catalogue.ledger
    for name in sorted(known - ledger):
        value = facts.values.get(name)
        if value != first.get(name) and (kind := source.kind(name, value)) is not None:
            yield f"{name}: {value_words(value, kind, source.zone)}"
    # What follows from the ledger of points: as the run was decided by it, else as it is now
    reads = {name: words for trace in reversed([*source.traces_of(source.run)]) for name, words in trace.read}
    for name in sorted(known & ledger):
        value = source.timeline.ledger.get(name)
        if name in reads:
            yield f"{name}: {reads[name]}"
        elif (kind := source.kind(name, value)) is not None:
            yield f"{name}: {value_words(value, kind, source.zone)}"


def _before(source: StorySource) -> Facts:
    """Attributes and facts in the moment before the story begins."""
    facts = Facts("", source.zone.key, "customer", source.journeys.first_values())
    rules = source.catalogue.facts.values()
    past: list[tuple[Instant, int, Event | ProfileChanged]] = [
        *((event.occurred_at, event.number, event) for event in source.timeline.events),
        *((change.at, change.number, change) for change in source.timeline.profile),
    ]
    for at, number, what in sorted(past, key=lambda entry: entry[:2]):
        if isinstance(what, ProfileChanged):
            # What somebody is counts for what they do at the same moment
            facts.values.update(what.values if source.is_known(what) else {})
        elif source.is_before(at, number):
            apply_event(facts, what, rules, None)
    return facts


def _did(source: StorySource, first: Instant, *, exact: bool) -> Iterator[str]:
    """Events before the story that somebody asks about, the latest of each name."""
    before: dict[str, list[Event]] = {}
    for event in source.timeline.events:
        if event.name in source.remembered and source.is_before(event.occurred_at, event.number):
            before.setdefault(event.name, []).append(event)
    shown = []
    for name, events in sorted(before.items()):
        ago = [_ago(source, event, first, exact=exact) for event in events[-MOST_BEFORE:]]
        words = ", ".join(ago)
        shown.append(f"{name}: {words}" if len(ago) == 1 else f"{name}: [{words}]")
    if shown:
        yield "did: {" + ", ".join(shown) + "}"


def _ago(source: StorySource, event: Event, first: Instant, *, exact: bool) -> str:
    past = Instant(max(first - event.occurred_at, 0))
    ago = f"{max(round(past / MINUTE), 1)} minutes" if exact else length_words(past)
    fields = source.fields_of(event)
    return f"{{at: {ago} ago, {', '.join(fields)}}}" if fields else f"{ago} ago"


def _reach(source: StorySource) -> Iterator[str]:
    addresses: dict[str, bool] = {}
    consents: dict[str, str] = {}
    for change in source.timeline.profile:
        if source.is_known(change):
            addresses |= {channel: there is not None for channel, there in change.addresses.items()}
            consents |= {channel: state for (channel, _), state in change.consents.items()}
    assumed = source.timeline.assumed_reach
    unreachable = [channel for channel in source.channels if not addresses.get(channel, assumed)]
    silent = [
        channel
        for channel in source.channels
        if source.needs_consent
        and channel not in unreachable
        and consents.get(channel, "given" if assumed else "none") != "given"
    ]
    if unreachable:
        yield f"unreachable: [{', '.join(unreachable)}]"
    if silent:
        yield f"no_consent: [{', '.join(silent)}]"
