"""The world of a story before its first line: one customer, one journey, everybody reachable
(design/language 2.16)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from msgspec import structs

from engine.compiler.literals import ShopLocale
from engine.compiler.project_context import ProjectContext
from engine.core.decision.loyalty import noted
from engine.core.facts.customer import CustomerState, Facts, Reach, is_zone
from engine.core.facts.fold import apply_event
from engine.core.facts.learned import Learned
from engine.core.happening import Event
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.core.points.ledger import MEMORY
from engine.core.products.prices import PriceHistory, price_of
from engine.core.products.watched import touched_products, with_touch
from engine.core.steps.split import SplitStep
from engine.language.quantities import zone_fix
from engine.language.syntax import Given, Moment, Story, Text
from engine.language.wording import quoted
from engine.problem import Problem
from engine.simulate.stories.story_values import StoryValues
from engine.values import Instant, Value, at_local, minus, zone

DAY_0 = dt.date(2026, 3, 2)
CUSTOMER = "the customer of the story"


@dataclass(frozen=True, slots=True)
class StorySetup:
    """Everything a story starts from. `zone` is the customer's on day 0: all labels stay in it. `products`:
    the catalogue, as far as the story speaks of it; `touches`: when the customer touched each of them."""

    journey: Journey
    journeys: Journeys
    state: CustomerState
    zone: ZoneInfo
    day_0: dt.date
    products: dict[str, Mapping[str, Value]]
    touches: dict[str, Mapping[str, Instant]] = field(default_factory=dict)
    prices: dict[str, PriceHistory] = field(default_factory=dict)  # of the products

    def touch(self, event: Event) -> None:
        """Notes the products that an event of the customer touches."""
        watch = self.journeys.watch
        for product in touched_products(event, watch):
            self.touches[product] = with_touch(self.touches.get(product, {}), event, watch[event.name])

    def at(self, moment: Moment) -> Instant:
        """The instant of `day 0 18:30`."""
        return at_local(self.day_0 + dt.timedelta(days=moment.day), moment.time, self.zone)

    @property
    def begin(self) -> Instant:
        """The first moment of day 0."""
        return at_local(self.day_0, dt.time.min, self.zone)


def build_setup(
    journey: Journey, journeys: Journeys, story: Story, project: ProjectContext
) -> tuple[StorySetup, StoryValues]:
    """The stage of a story, and the reader of its words with the problems found so far."""
    given = story.given
    words = StoryValues(project.catalogue, project.local)
    zone_name, why = _zone(story, words, project)
    words.local = ShopLocale(project.config.currency, zone(zone_name))
    values = journeys.first_values()
    facts = Facts(CUSTOMER, zone_name, why, values, assumed_reach=True)
    facts.segments = frozenset(name.value for name in given.segments if check_segment(name, journeys, words))
    facts.inside = frozenset(
        name.value for name in given.inside if check_other_journey(name, journey, project, words)
    )
    facts.reach = _reach(story, journeys, project, words)
    products: dict[str, Mapping[str, Value]] = dict.fromkeys(_product_ids(story), given_product(story, words))
    facts.products = dict(products)
    stage = StorySetup(
        journey := replace(journey, state="live", holdout=100 if given.holdout else 0),
        _alone(journey, journeys, _paths(story, journey, words)),
        CustomerState(facts),
        zone(zone_name),
        story.start_day or DAY_0,
        products,
        # What a product costs in `given` it has always cost.
        prices={name: PriceHistory([(Instant(0), price_of(values))]) for name, values in products.items()},
    )
    # Facts that the story names outweigh those that its events of before would give
    _events_before(stage, story, words, project)
    computed = journeys.loyalty.facts if journeys.loyalty is not None else ()
    if any(pair.name.value in computed for pair in given.values):
        # What the story says is where the ledger begins.
        facts.fact_state.pop(MEMORY, None)
    if MEMORY in facts.fact_state:
        # What was earned before ends, and can be spent, at moments of its own.
        stage.state.points_due = stage.begin
    for pair in given.values:
        value = words.attribute(pair)
        if value is None:
            facts.values.pop(pair.name.value, None)
        else:
            facts.values[pair.name.value] = value
    if given.timezone is None:
        facts.timezone, facts.timezone_why = journeys.resolve_zone(facts.values)
        stage = replace(stage, zone=facts.zone)
    else:
        facts.values["timezone"] = zone_name
    return stage, words


def _product_ids(story: Story) -> Iterator[str]:
    """The products that the story speaks of."""
    yield from (pair.value.value for pair in story.given.product if pair.name.value == "product_id")
    fields = [field for line in story.when for field in line.fields]
    fields += [field for did in story.given.did for field in did.fields]
    while fields:
        field = fields.pop(0)
        values = field.value if isinstance(field.value, tuple) else (field.value,)
        for value in values:
            if isinstance(value, tuple):  # a line of a cart
                fields += value
            elif field.name.value == "product_id":
                yield value.value


def first_moment(stage: StorySetup, story: Story) -> Instant:
    """What `did: {order_placed: 3 days ago}` counts from: the first line of `when`, else the beginning of
    day 0."""
    # never a line of `expect`: what happens must not depend on what is expected of it
    return min((stage.at(line.at) for line in story.when), default=stage.begin)


def _alone(journey: Journey, journeys: Journeys, paths: dict[str, str]) -> Journeys:
    """Only the journey under test runs; segments change by the lines of the story alone, and nothing was
    learned."""
    return replace(
        journeys,
        by_name={journey.name: journey},
        segments={},
        global_holdout=0,
        paths=paths,
        learned=Learned(),
    )


def _zone(story: Story, words: StoryValues, project: ProjectContext) -> tuple[str, str]:
    given = story.given.timezone
    if given is None:
        return project.config.timezone, "project"
    if is_zone(given.value):
        return given.value, "customer"
    fix = zone_fix(given.value)
    why = "a zone is written as region and city"
    words.problems.append(Problem(given.span, "E30", f"{quoted(given.value)} is not a time zone", why, fix))
    return project.config.timezone, "project"


def check_segment(name: Text, journeys: Journeys, words: StoryValues) -> bool:
    """Whether there is such a segment; a problem if not."""
    if name.value in journeys.segments:
        return True
    words.unknown("E60", name, "segment", journeys.segments, "segments are the files in journeys/segments/")
    return False


def check_other_journey(name: Text, journey: Journey, project: ProjectContext, words: StoryValues) -> bool:
    """Whether there is such a journey beside the one under test; a problem if not."""
    others = project.journeys - {journey.name}
    if name.value in others:
        return True
    if name.value == journey.name:
        what = f"this story is about {quoted(name.value)}, so its own lines say when somebody is inside"
        why = "inside: in a story is for the other journeys, which do not run there"
        words.problems.append(Problem(name.span, "E58", what, why, "remove the name"))
    else:
        words.unknown("E74", name, "journey", others, "journeys are the files in journeys/")
    return False


def _reach(story: Story, journeys: Journeys, project: ProjectContext, words: StoryValues) -> dict[str, Reach]:
    """Every channel reaches the customer, but for those that `given` closes."""
    reach: dict[str, Reach] = {}
    purposes = {policy.consent for policy in journeys.policies.values() if policy.consent is not None}
    for name in story.given.no_consent:
        if _is_channel(name, project, words):
            reach[name.value] = Reach(consents=dict.fromkeys(purposes | {"marketing"}, "none"))
    for name in story.given.unreachable:
        if _is_channel(name, project, words):
            reach[name.value] = structs.replace(reach.get(name.value, Reach()), address="")
    return reach


def _is_channel(name: Text, project: ProjectContext, words: StoryValues) -> bool:
    if name.value in project.channels:
        return True
    words.unknown("E61", name, "channel", project.channels, "channels stand in config.yaml")
    return False


def _paths(story: Story, journey: Journey, words: StoryValues) -> dict[str, str]:
    splits = {step.id: step for step in journey.steps if isinstance(step, SplitStep)}
    forced: dict[str, str] = {}
    for pair in story.given.paths:
        split = splits.get(pair.name.value)
        if split is None:
            words.unknown("E58", pair.name, "split", splits, "the splits are those of this journey")
            continue
        names = [name for name, _, _ in split.paths]
        if pair.value.value not in names:
            words.unknown(
                "E58", pair.value, "path", names, f"the paths are those of the split {quoted(split.id)}"
            )
            continue
        forced[split.id] = pair.value.value
    return forced


def given_product(story: Story, words: StoryValues) -> dict[str, Value]:
    """The fields of `given: {product: ...}`; `product_id` beside them says which product it is."""
    fields: dict[str, Value] = {}
    for pair in story.given.product:
        kind = words.catalogue.product_fields.get(pair.name.value)
        if kind is None and pair.name.value == "product_id":
            continue
        if kind is None:
            words.unknown("E11", pair.name, "field of a product", words.catalogue.product_fields)
        else:
            fields[pair.name.value] = words.value(pair.value, kind)
    return fields


def _events_before(stage: StorySetup, story: Story, words: StoryValues, project: ProjectContext) -> None:
    """`did` makes events, oldest first; they move facts and memory, and start nothing."""
    first = first_moment(stage, story)
    events: list[tuple[Instant, str, dict[str, Value]]] = []
    for did in story.given.did:
        known = project.catalogue.event_fields(did.event.value)
        if known is None:
            words.unknown("E10", did.event, "event", project.catalogue.event_names())
            continue
        name = project.catalogue.event_name(did.event.value)
        at = minus(first, did.ago.duration, stage.zone)
        events.append((at, name, words.fields(did.fields, known, f"the event {quoted(name)}")))
    events.sort(key=lambda one: one[0])
    for number, (at, name, fields) in enumerate(events, start=1 - len(events)):
        event = Event(number, f"before-{number}", name, at, at, fields, starts=False)
        apply_event(stage.state.facts, event, project.catalogue.facts.values(), None)
        if stage.journeys.loyalty is not None:
            noted(stage.state.facts, stage.journeys.loyalty, event, at)
        stage.touch(event)


def problem_of_path(story: Story, split: str, paths: Iterable[str]) -> Problem:
    """E58: the story reaches a split and does not say which way."""
    first, span = next(iter(paths)), story.name.span
    what = f"this test reaches the split {quoted(split)} and does not say which path"
    why = "a story must come out the same every time"
    if story.given.paths:
        fix = f"add to the  paths:  of its  given:\n         {split}: {first}"
    elif story.given != Given():
        fix = f"add to its  given:\n         paths: {{{split}: {first}}}"
    else:
        fix = f"write  given: {{paths: {{{split}: {first}}}}}"
    return Problem(span, "E58", what, why, fix)
