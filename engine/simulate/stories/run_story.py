"""Runs one story of a journey on its own clock, through the same `decide` as everything else
(design/language 2.16)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.compiler.catalogue.catalogue_file import unknown_event
from engine.compiler.project_context import ProjectContext
from engine.core.decide import next_due
from engine.core.decision.effects import Decision, Send
from engine.core.facts.customer import CustomerState
from engine.core.happening import (
    Event,
    Happening,
    InsideChanged,
    MemberAdmitted,
    MessageOutcome,
    Occurrence,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
)
from engine.core.journey import DateTrigger, Journey, SendStep, TimedTrigger
from engine.core.journeys import Journeys
from engine.core.lifecycle.trigger import admitting
from engine.core.products.prices import PriceHistory, price_of, with_lowest
from engine.core.products.watched import seen_price
from engine.core.steps.split import SplitStep
from engine.core.timing.occurrence import next_occurrence
from engine.language.syntax import Field, Story, StoryLine, Text
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean, in_order
from engine.simulate.decider import Decider
from engine.simulate.stories.ledger_rows import ledger_lines
from engine.simulate.stories.story_lines import ComparedRow, TraceLine, compare, note_for, passed, words_for
from engine.simulate.stories.story_setup import (
    StorySetup,
    build_setup,
    check_other_journey,
    check_segment,
    given_product,
    problem_of_path,
)
from engine.simulate.stories.story_values import StoryValues, field_types
from engine.values import DAY, Instant, Value, to_datetime

_OF_MOMENTS = frozenset({"E58", "E59"})
"""Mistakes that are best seen beside what happened; after all others a story does not say what its author
meant."""

AFTERWARDS = 90 * DAY
"""How long a story is watched after its last line."""

MOST_NOTES = 10
"""Lines that explain a story that fails; a journey with more questions is told by its first ones."""

MOST_WAKES = 20_000
"""Journeys always move forward; one that does not is a defect of ours and must not hang the tests."""


@dataclass(frozen=True, slots=True)
class StoryResult:
    """What became of one story. `reached`: ids of the steps that it walked through. `notes`: why somebody did
    not enter, and what questions found, for one that failed."""

    story: Story
    rows: tuple[ComparedRow, ...]
    problems: tuple[Problem, ...]
    reached: frozenset[str]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """It could be run, and everything came as expected."""
        return not self.problems and passed(self.rows)


def run_story(
    journey: Journey, journeys: Journeys, story: Story, project: ProjectContext, *, of_ledger: bool = False
) -> StoryResult:
    """Runs a story of `journey`. `journeys` and `world`: the whole project, for facts, policies and names.
    `of_ledger`: the story lists everything that the ledger of points says."""
    stage, words = build_setup(journey, journeys, story, project)
    if words.problems:
        return StoryResult(story, (), tuple(in_order(words.problems)), frozenset())
    teller = _Teller(stage, words, story, journeys, project)
    teller.run()
    expected = [_label(stage, stage.at(line.at), line.words.value) for line in story.expect]
    # What is not said clearly is the cause: a message that is not sent then only follows from it
    if causes := [problem for problem in words.problems if problem.code not in _OF_MOMENTS]:
        return StoryResult(story, (), tuple(in_order(causes)), frozenset(teller.reached))
    rows = compare(expected, teller.happened, of_ledger=of_ledger)
    return StoryResult(
        story, rows, tuple(in_order(words.problems)), frozenset(teller.reached), _notes(teller, rows)
    )


def word_problems(story: Story, project: ProjectContext) -> tuple[Problem, ...]:
    """What is wrong with the values of a story by itself: told also where its journey cannot run."""
    words = StoryValues(project.catalogue, project.local)
    for pair in story.given.values:
        words.attribute(pair)
    given_product(story, words)
    for line in story.when:
        known = words.catalogue.event_fields(line.word.value) if line.kind == "event" else None
        if known is not None:
            name = words.catalogue.event_name(line.word.value)
            words.fields(line.fields, known, f"the event {quoted(name)}")
    return tuple(in_order(words.problems))


def _notes(teller: _Teller, rows: tuple[ComparedRow, ...]) -> tuple[str, ...]:
    """Only where something is missing: what came unasked says itself what it is."""
    if all(row.mark != "-" for row in rows):
        return ()
    if not teller.happened and not teller.notes:
        return (_why_nobody(teller),)
    return tuple(dict.fromkeys(f"{note.label}: {note.text}" for note in teller.notes))[:MOST_NOTES]


def _why_nobody(teller: _Teller) -> str:
    """Why a story in which nothing happens has no start."""
    facts = teller.state.facts
    for trigger in teller.stage.journey.starts:
        if isinstance(trigger, DateTrigger):
            name = trigger.ref.name
            if facts.values.get(name) is None:
                return f"nobody enters: {name} is not set; say it under  given:"
            if not trigger.yearly and next_occurrence(trigger, facts, teller.stage.begin) is None:
                return f"nobody enters: {name} is past, and comes once; with  every: year  it returns"
    return "nobody enters: no line of this story starts the journey"


def _label(stage: StorySetup, at: Instant, text: str) -> TraceLine:
    local = to_datetime(at, stage.zone)
    return TraceLine((local.date() - stage.day_0).days, local.hour * 60 + local.minute, text)


@dataclass(slots=True)
class _Teller:
    stage: StorySetup
    words: StoryValues
    story: Story
    journeys: Journeys  # of the whole project
    project: ProjectContext
    happened: list[TraceLine] = field(default_factory=list)
    notes: list[TraceLine] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)  # template -> key, enrollment
    templates: dict[str, str] = field(default_factory=dict)  # key -> template
    state: CustomerState = field(init=False)
    decider: Decider = field(init=False)
    fired: set[int] = field(default_factory=set)  # places of clock and date starts
    admitted: list[str] = field(default_factory=list)  # segments whose members are still to be taken
    through: Instant = field(init=False)  # every moment up to here is done

    def run(self) -> None:
        self.state = self.stage.state
        self.decider = Decider(self.stage.journeys, self._record)
        self.through = Instant(self.stage.begin - 1)
        lines = self._lines()
        last = max(
            [self.stage.at(line.at) for line in self.story.when]
            + [self.stage.at(line.at) for line in self.story.expect],
            default=None,
        )
        end = self._end(last)
        members = self.state.facts.segments
        self.admitted = [each.segment for each in admitting(self.stage.journey) if each.segment in members]
        for _ in range(MOST_WAKES):
            moments = [self.stage.at(lines[0].at)] if lines else []
            moments += [at for _, at, _ in self._occurrences(last, end)]
            moments += [self.stage.begin for _ in self.admitted]
            due = next_due(self.state)
            moments += [due] if due is not None else []
            now = min(moments, default=None)
            if now is None or now > end:
                return
            # After the last line nothing new begins, so that the story comes to an end
            self.decider.starts = last is None or now <= last
            while lines and self.stage.at(lines[0].at) <= now:
                self._take(lines.pop(0), now)
            while self.admitted:
                number, segment = self.decider.next_number(), self.admitted.pop(0)
                self._feed(MemberAdmitted(number, now, self.stage.journey.name, segment), now)
            for place, at, day in self._occurrences(last, end):
                if at <= now:
                    self.fired.add(place)
                    self.decider.starts = True
                    self._feed(Occurrence(self.decider.next_number(), self.stage.journey.name, at, day), now)
            # Lines of a minute come before what is due in it, as events come before wakes in the daemon
            due = next_due(self.state)
            if due is not None and due <= now:
                self.state = self.decider.wake(self.state, now)
            self.through = now
        raise RuntimeError(f"the story {self.story.name.value!r} never comes to rest")

    def _lines(self) -> list[StoryLine]:
        """In order of time, as written within one moment; equal lines of one minute are one."""
        lines: list[StoryLine] = []
        seen: set[object] = set()
        for line in sorted(self.story.when, key=lambda line: self.stage.at(line.at)):
            key = (
                line.at.day,
                line.at.time,
                line.kind,
                line.word.value,
                _plain(line.fields),
                line.happened.label if line.happened is not None else "",
            )
            if key not in seen:
                seen.add(key)
                lines.append(line)
        return lines

    def _end(self, last: Instant | None) -> Instant:
        """90 days after the last line; without lines, after the first start of the clock."""
        if last is not None:
            return Instant(last + AFTERWARDS)
        facts, before = self.state.facts, Instant(self.stage.begin - 1)
        firsts = [
            coming[0]
            for trigger in self._timed().values()
            if (coming := next_occurrence(trigger, facts, before)) is not None
        ]
        return Instant(min(firsts, default=self.stage.begin) + AFTERWARDS)

    def _timed(self) -> dict[int, TimedTrigger]:
        starts = enumerate(self.stage.journey.starts)
        return {place: each for place, each in starts if isinstance(each, TimedTrigger)}

    def _occurrences(self, last: Instant | None, end: Instant) -> list[tuple[int, Instant, dt.date]]:
        """Clock and date starts that are still to come: each first one, later ones up to the last line."""
        occurrences: list[tuple[int, Instant, dt.date]] = []
        for place, trigger in self._timed().items():
            if (coming := next_occurrence(trigger, self.state.facts, self.through)) is None:
                continue
            limit = end if place not in self.fired else last
            if limit is not None and coming[0] <= limit:
                occurrences.append((place, *coming))
        return occurrences

    def _feed(self, happening: Happening, now: Instant) -> None:
        self.state = self.decider.apply(self.state, happening, now)

    # --- the lines of `when` ---

    def _take(self, line: StoryLine, now: Instant) -> None:
        number = self.decider.next_number()
        match line.kind:
            case "event":
                self._event(line, number, now)
            case "clicked" | "opened" | "bounced":
                self._reaction(line, number, now)
            case "enters" | "leaves":
                self._membership(line, number, now)
            case "set":
                self._set(line, number, now)

    def _membership(self, line: StoryLine, number: int, now: Instant) -> None:
        name, enters = line.word.value, line.kind == "enters"
        # A segment where both are called the same: it is what the words are for first of all.
        if name not in self.journeys.segments and (
            name in self.project.journeys or name == self.stage.journey.name
        ):
            if check_other_journey(line.word, self.stage.journey, self.project, self.words):
                self._feed(InsideChanged(number, now, name, enters), now)
        elif check_segment(line.word, self.journeys, self.words):
            self._feed(SegmentChanged(number, now, name, enters), now)

    def _event(self, line: StoryLine, number: int, now: Instant) -> None:
        catalogue = self.words.catalogue
        known = catalogue.event_fields(line.word.value)
        if known is None:
            problem = unknown_event(line.word, catalogue, fields=field_types(line.fields))
            if self._timed():
                fix = "remove the line: the journey starts by itself; set  from:  to a day before that one"
                problem = replace(problem, fix=problem.fix if "did you mean" in problem.fix else fix)
            self.words.problems.append(problem)
            return
        name = catalogue.event_name(line.word.value)
        fields = self.words.fields(line.fields, known, f"the event {quoted(name)}")
        at = min(self.stage.at(line.happened), now) if line.happened is not None else now
        event = Event(number, f"line-{number}", name, at, now, fields)
        self.stage.touch(event)
        self._feed(event, now)

    def _reaction(self, line: StoryLine, number: int, now: Instant) -> None:
        sent = self.sent.get(line.word.value)
        if sent is None:
            name = line.word.value
            known = {step.template for step in self.stage.journey.steps if isinstance(step, SendStep)}
            what = f"{quoted(name)} was not sent before {line.at.label}"
            why = f"nobody can have {line.kind} a message that was not sent"
            near = "" if name in known else did_you_mean(name, known)
            fix = near or "move the line behind the message, or remove it"
            self.words.problems.append(Problem(line.word.span, "E59", what, why, fix))
        elif line.kind == "bounced":
            self._feed(MessageOutcome(number, now, *sent, "bounced"), now)
        else:
            kind: Literal["clicked", "opened"] = "clicked" if line.kind == "clicked" else "opened"
            self._feed(Reaction(number, now, *sent, kind), now)

    def _set(self, line: StoryLine, number: int, now: Instant) -> None:
        values: dict[str, Value] = {}
        consents: dict[tuple[str, str], str] = {}
        product: dict[str, Value] = {}
        products = tuple(self.stage.products)
        asked = {policy.consent for policy in self.stage.journeys.policies.values()}
        purposes = {purpose for purpose in asked if purpose is not None} | {"marketing"}
        for each in line.fields:
            head, _, rest = each.name.value.partition(".")
            if each.name.value == "product_id" and isinstance(each.value, Text):
                products = (each.value.value,)
            elif head == "product" and rest:
                part = Field(Text(rest, each.name.span), each.value)
                product |= self.words.fields([part], self.words.catalogue.product, "a product")
            elif head == "consent" and rest and isinstance(each.value, Text):
                consents |= {(rest, purpose): each.value.value for purpose in purposes}
            elif (kind := self.words.attribute_type(each.name)) is not None:
                values[each.name.value] = self.words.field(each, kind, "the customer")
        for name in values.keys() & self.journeys.index.rules.keys():
            # What a story sets stands, as in `given`, though the events before cannot tell it
            self.state.facts.fact_state.pop(self.journeys.index.rules[name].memory, None)
        if values or consents:
            self._feed(ProfileChanged(number, now, values, consents=consents), now)
        for product_id in products if product else ():
            before = self.stage.products.get(product_id, {})
            prices = self.stage.prices.setdefault(product_id, PriceHistory())
            touches = self.stage.touches.get(product_id, {})
            seen = seen_price(prices, touches, now)
            fields = with_lowest(before, {**before, **product}, prices, now)
            self.stage.products[product_id] = fields
            prices.note(now, price_of(fields))
            number = self.decider.next_number()
            self._feed(ProductChanged(number, now, product_id, fields, before, touches, seen), now)

    # --- what happened ---

    def _record(self, state: CustomerState, decision: Decision, now: Instant) -> None:
        del state
        for effect in decision.effects:
            if isinstance(effect, Send):
                self.templates[effect.key] = effect.template
        for text in ledger_lines(decision, self.stage.journeys.loyalty):
            self.happened.append(_label(self.stage, now, text))
        run = decision.enrollment
        for trace in decision.trace:
            if trace.step:
                self.reached.add(trace.step)
            line = words_for(trace, self.stage.journey, self.stage.journeys.attributes)
            if line is not None:
                self.happened.append(_label(self.stage, now, line))
            elif trace.journey == self.stage.journey.name and (note := note_for(trace)) is not None:
                self.notes.append(_label(self.stage, now, note))
        if run is None:
            return
        for parts in run.sent.values():
            for part in parts:
                self.sent[part.template] = (part.key, run.id)
        for split, path in run.paths.items():
            step = self.stage.journey.by_id.get(split)
            # which splits come after the first one depends on its path
            is_told = any(problem.code == "E58" for problem in self.words.problems)
            if isinstance(step, SplitStep) and split not in self.stage.journeys.paths and not is_told:
                names = [path, *(name for name, _, _ in step.paths if name != path)]
                self.words.problems.append(problem_of_path(self.story, split, names))


def _plain(fields: tuple[Field, ...]) -> object:
    return tuple((one.name.value, _words(one.value)) for one in fields)


def _words(value: Text | tuple[Text, ...] | tuple[tuple[Field, ...], ...]) -> object:
    if isinstance(value, Text):
        return value.value
    return tuple(each.value if isinstance(each, Text) else _plain(each) for each in value)
