"""Two versions of the journeys over the same recorded stream: what either would have sent, and to whom what
happens differently."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
import orjson

from engine.compiler.project_context import ProjectContext
from engine.core.coming_questions import AskedOutcome, ComingQuestions
from engine.core.handlers.migrate import names_now
from engine.core.journeys import Journeys
from engine.simulate.replay.competition import CapCompetition, competition
from engine.simulate.replay.mapping import StreamMapping
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.result import (
    CODES,
    ENDS,
    FILES,
    GOALS,
    MESSAGES,
    OPEN,
    POINTS,
    SKIPS,
    STARTS,
    ReplayDay,
    ReplayResult,
    cost,
)
from engine.values import DAY, iso, parse_instant

SHOWN_TIMELINES = 5
"""Customers whose story is shown side by side."""

MOST_TIMELINES = 20_000
"""Customers among whom those are chosen."""

_CERTAIN = 1.96
"""Standard errors to either side within which the truth lies in 95 of 100 samples."""


_RARE = 3
"""Of what was met nobody in a sample, so many times its share are there at most, in 95 of 100 samples."""


class ComparedCount(msgspec.Struct, frozen=True):
    """A count with either version. `margin`: with a sample, how far the difference may be off, in 95 of 100
    samples; None: not known."""

    before: int
    after: int
    margin: int | None = None


class ComparedMessages(msgspec.Struct, frozen=True):
    """How often a journey sent a template on a channel."""

    template: str
    channel: str
    messages: ComparedCount


class ComparedDay(msgspec.Struct, frozen=True):
    """The messages of a template on a channel on one local day of the shop."""

    day: str
    template: str
    channel: str
    messages: ComparedCount


class JourneyComparison(msgspec.Struct, frozen=True):
    """One journey with either version. `enter`: customers who come into it with the second version alone;
    `enter_no_more`: with the first alone. `skipped`: messages by the reason. Costs in the currency of the
    project."""

    journey: str
    starts: ComparedCount
    enter: int
    enter_no_more: int
    messages: list[ComparedMessages]
    skipped: dict[str, ComparedCount]
    codes: dict[str, ComparedCount]
    points: ComparedCount
    goals: ComparedCount
    outcomes: dict[str, ComparedCount]
    open: ComparedCount
    cost_before: str
    cost_after: str
    days: list[ComparedDay]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs for anybody."""
        pairs = [
            self.starts, self.points, self.goals, self.open, *(each.messages for each in self.messages),
            *self.skipped.values(), *self.codes.values(), *self.outcomes.values(),
            *(each.messages for each in self.days),
        ]  # fmt: skip
        return not self.enter and not self.enter_no_more and all(pair.before == pair.after for pair in pairs)


class TimelineEvent(msgspec.Struct, frozen=True):
    """One thing in the story of a customer: a start, a message or an end, in words. `at`: ISO 8601, UTC."""

    at: str
    kind: Literal["start", "message", "end", "restart"]
    words: str


class DivergingRun(msgspec.Struct, frozen=True):
    """A run of which a story can be printed. `began`: ISO 8601, UTC; `is_gone`: it begins with the first
    version alone."""

    journey: str
    began: str
    is_gone: bool


class ChangedTimeline(msgspec.Struct, frozen=True):
    """What happens to one customer with either version. `like`: how many customers' stories change in the
    same way. `run`: where it changes first; None: in one that began before what is counted."""

    customer: str
    like: int
    before: list[TimelineEvent]
    after: list[TimelineEvent]
    run: DivergingRun | None = None


class SegmentComparison(msgspec.Struct, frozen=True):
    """Who is in a segment at the end with either version, among those who were played: customers. `enters`:
    with the second alone; `leaves`: with the first alone. `margin`: with a sample, how far either may be off,
    in 95 of 100 samples; None: everybody was played. `limits`: facts and events that it counts from before
    the first recorded event, which nobody knows."""

    segment: str
    before: int
    after: int
    enters: int
    leaves: int
    margin: int | None = None
    limits: list[str] = []


class PlayedInside(msgspec.Struct, frozen=True):
    """People who are inside of a journey at the end of what was played with the first version, as the second
    asks them. `inside`: how many; by a changed goal or `exit_if` (`asks`) reach the goal and leave early at
    once; of the others have another value of `facts` that are counted anew, and by it reach the goal, leave,
    wait until another moment, or come to a condition that answers otherwise. `margin`: with a sample, how far
    any of these numbers but `inside` may be off, in 95 of 100 samples; None: everybody was played. `limits`:
    facts and events that the questions count from before the first recorded event, which nobody knows."""

    journey: str
    inside: int
    asks: bool
    reaches_goal: int
    leaves_early: int
    facts: list[str]
    other_value: int
    recounted_goal: int
    recounted_exit: int
    other_moment: int
    other_answer: int
    margin: int | None = None
    limits: list[str] = []

    @property
    def leaving(self) -> int:
        """At once, or when the facts are counted."""
        return self.reaches_goal + self.leaves_early + self.recounted_goal + self.recounted_exit


class ReplayComparison(msgspec.Struct, frozen=True):
    """The whole answer. `one_in`: only one of so many customers was played, and counts are multiplied by it.
    `changed`: customers to whom anything happens differently. `first_at`, `last_at`: the stretch that is
    counted, from the first event that may start something, ISO 8601 in UTC; None: there was no event.
    `competition`: of the journeys that were asked for. `learned`: facts that go by what all customers do, and
    here by the customers of the sample alone. `inside`: of journeys in which the second version asks
    something anew."""

    customers: int
    one_in: int
    changed: int
    first_at: str | None = msgspec.field(name="from")
    last_at: str | None = msgspec.field(name="to")
    journeys: list[JourneyComparison]
    timelines: list[ChangedTimeline]
    competition: list[CapCompetition]
    learned: list[str] = []
    segments: list[SegmentComparison] = []
    inside: list[PlayedInside] = []

    @property
    def days(self) -> int:
        """How many days are counted, at least one."""
        first, last = (parse_instant(at or "") for at in (self.first_at, self.last_at))
        return max(1, round((last - first) / DAY)) if first is not None and last is not None else 1


def compare_replays(
    before: tuple[Journeys, ProjectContext],
    after: tuple[Journeys, ProjectContext],
    streams: Sequence[Path],
    mapping: StreamMapping | None,
    options: ReplayOptions,
    competing: Collection[str] = (),
) -> tuple[ReplayComparison, ReplayResult]:
    """Plays both versions; the comparison, and the result of the second, whose remarks about the stream hold
    for both. Journeys that the second version renames are told by its names. `competing`: journeys of which
    is counted who else takes their places under caps. With `options.out` the rows of both are kept there, in
    `before/` and `after/`. Raises UsageError when a file cannot be read."""
    with TemporaryDirectory(prefix="perennial-replay-") as temporary:
        folders = [Path(options.out or temporary, name) for name in ("before", "after")]
        results = [
            replay(journeys, context, streams, mapping, replace(options, out=folder, coming=coming))
            for (journeys, context), folder, coming in zip(
                (before, after), folders, (options.coming, None), strict=True
            )
        ]
        sent = (row for _, row in _rows_of(folders[1], (MESSAGES,))) if competing else ()
        found = competition(after[0], competing, sent, options.one_in)
        names = {was: name for was, name in names_now(before[0], after[0]).items() if was != name}
        results[0].figures.rename(names)
        rows = _Rows(folders, names)
        return _compared(results[0], results[1], rows, options, found), results[1]


@dataclass(slots=True)
class _Timelines:
    """What is found in the rows: sums that are not 0 for customers whose rows differ, who enters what, and
    the squares of the differences by customer."""

    differs: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    enters: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    by_customer: Counter[tuple[_Kind, str]] = field(default_factory=Counter)

    @property
    def changed(self) -> list[str]:
        """Customers to whom anything happens differently, by name."""
        return sorted(customer for customer, differs in self.differs.items() if differs)

    def margins(self, one_in: int) -> Mapping[_Kind, int]:
        """Of each kind, how far a difference that was multiplied by `one_in` may be off."""
        squares: Counter[_Kind] = Counter()
        for (kind, _), difference in self.by_customer.items():
            squares[kind] += difference**2
        return {kind: _margin(square, one_in) for kind, square in squares.items()}


_Kind = tuple[str, str, str]
"""File or what has none, journey and what of it: `template channel`, an outcome, a reason, a pool, or
empty."""


def _compared(
    first: ReplayResult,
    second: ReplayResult,
    rows: _Rows,
    options: ReplayOptions,
    found: list[CapCompetition],
) -> ReplayComparison:
    timelines, one_in = _Timelines(), options.one_in
    begins = [second.first_at if second.starting_at is None else second.starting_at]
    for version, sign in enumerate((-1, 1)):
        for file, row in rows.of(version):
            customer, journey = row["customer"], row["journey"]
            # of the bytes: sums of the hashes of tuples that differ in two places often come out equal
            timelines.differs[customer] += sign * hash(orjson.dumps((file, row)))
            if file == STARTS:
                begins.append(parse_instant(row["at"]))
                timelines.enters.setdefault(journey, (set(), set()))[version].add(customer)
            if one_in > 1:
                timelines.by_customer[_kind(file, row), customer] += sign
    # Days whose events were imported start nothing by them, and are no days of what is counted; a clock may
    # start somebody in them all the same.
    begin = min((at for at in begins if at is not None), default=None)
    if begin is not None and options.since is not None:
        begin = max(begin, options.since)
    for sign, result in ((-1, first), (1, second)):
        for (kind, journey, what, customer), count in (result.figures.of_customers or {}).items():
            timelines.by_customer[(kind, journey, what), customer] += sign * count
    margins = timelines.margins(one_in) if one_in > 1 else None
    inside = [Counter(result.figures.open.values()) for result in (first, second)]
    names = sorted(first.figures.days.keys() | second.figures.days.keys())
    return ReplayComparison(
        customers=second.customers * one_in,
        one_in=one_in,
        changed=len(timelines.changed) * one_in,
        first_at=iso(begin) if begin is not None else None,
        last_at=iso(second.last_at) if second.last_at is not None else None,
        journeys=[
            _journey(name, (first, second), (inside[0][name], inside[1][name]), timelines, one_in, margins)
            for name in names
        ],
        timelines=_shown_timelines(rows, timelines.changed, one_in),
        competition=found,
        segments=[_segment(name, (first, second), one_in) for name in sorted(options.segments)],
        inside=list(_inside(options.coming, first, one_in)) if options.coming is not None else [],
    )


def _inside(coming: ComingQuestions, first: ReplayResult, one_in: int) -> Iterator[PlayedInside]:
    for name, moved in sorted(coming.migrations.items()):
        journey = moved.new.name
        runs = {each: first.asked[journey, each] * one_in for each in AskedOutcome}
        if not runs[AskedOutcome.INSIDE]:
            continue
        of_some = [each for each in AskedOutcome if each is not AskedOutcome.INSIDE]
        squares = max(first.asked_squares[journey, each] for each in of_some)
        # where nobody was met the sample still tells no more than that it is rare (the rule of three)
        margin = max(_margin(squares, one_in), _RARE * (one_in - 1))
        yield PlayedInside(
            journey=journey, inside=runs[AskedOutcome.INSIDE], asks=name in coming.changed,
            reaches_goal=runs[AskedOutcome.REACHES_GOAL], leaves_early=runs[AskedOutcome.LEAVES_EARLY],
            facts=sorted(coming.readers.get(name, ())), other_value=runs[AskedOutcome.OTHER_VALUE],
            recounted_goal=runs[AskedOutcome.RECOUNTED_GOAL],
            recounted_exit=runs[AskedOutcome.RECOUNTED_EXIT],
            other_moment=runs[AskedOutcome.OTHER_MOMENT], other_answer=runs[AskedOutcome.OTHER_ANSWER],
            margin=margin if one_in > 1 else None,
        )  # fmt: skip


def _segment(name: str, results: tuple[ReplayResult, ReplayResult], one_in: int) -> SegmentComparison:
    before, after = (result.members[name] for result in results)
    enters, leaves = len(after - before), len(before - after)
    return SegmentComparison(
        segment=name, before=len(before) * one_in, after=len(after) * one_in,
        enters=enters * one_in, leaves=leaves * one_in,
        margin=_margin(max(enters, leaves), one_in) if one_in > 1 else None,
    )  # fmt: skip


def _margin(squares: int, one_in: int) -> int:
    """How far a count that was multiplied by `one_in` may be off: customers are drawn independently, so its
    variance is the sum of their squares times (1 - 1 / one_in)."""
    return round(_CERTAIN * one_in * math.sqrt((1 - 1 / one_in) * squares))


def _journey(
    name: str,
    results: tuple[ReplayResult, ReplayResult],
    inside: tuple[int, int],
    timelines: _Timelines,
    one_in: int,
    margins: Mapping[_Kind, int] | None,
) -> JourneyComparison:
    days = [result.figures.days.get(name, {}) for result in results]
    totals = [_total(each.values()) for each in days]
    entered = timelines.enters.get(name, (set(), set()))

    def pair(before: int, after: int, kind: _Kind | None = None) -> ComparedCount:
        margin = margins.get(kind, 0) if margins is not None and kind is not None else None
        return ComparedCount(before * one_in, after * one_in, margin)

    def pairs(before: Counter[str], after: Counter[str], file: str) -> dict[str, ComparedCount]:
        return {
            what: pair(before[what], after[what], (file, name, what))
            for what in sorted(before.keys() | after.keys())
        }

    def sent(
        before: Counter[_Message], after: Counter[_Message], *, margin: bool
    ) -> Iterator[ComparedMessages]:
        for template, channel in sorted(before.keys() | after.keys()):
            message = (template, channel)
            kind = (MESSAGES, name, f"{template} {channel}") if margin else None
            yield ComparedMessages(template, channel, pair(before[message], after[message], kind))

    first, second = totals
    spent = [
        cost(total.messages, result.prices) * one_in for total, result in zip(totals, results, strict=True)
    ]
    return JourneyComparison(
        journey=name,
        starts=pair(first.starts, second.starts, (STARTS, name, "")),
        enter=len(entered[1] - entered[0]) * one_in,
        enter_no_more=len(entered[0] - entered[1]) * one_in,
        messages=list(sent(_by_channel(first), _by_channel(second), margin=True)),
        skipped=pairs(first.skips, second.skips, SKIPS),
        codes=pairs(first.codes, second.codes, CODES),
        points=pair(first.points, second.points, (POINTS, name, "")),
        goals=pair(first.goals, second.goals, (GOALS, name, "")),
        outcomes=pairs(first.outcomes, second.outcomes, ENDS),
        open=pair(*inside, (OPEN, name, "")),
        cost_before=str(spent[0]),
        cost_after=str(spent[1]),
        days=[
            ComparedDay(str(date), each.template, each.channel, each.messages)
            for date in sorted(days[0].keys() | days[1].keys())
            for each in sent(*(_by_channel(version.get(date, ReplayDay())) for version in days), margin=False)
        ],
    )


_Message = tuple[str, str]


def _by_channel(day: ReplayDay) -> Counter[_Message]:
    counted = Counter[_Message]()
    for (_, template, channel), count in day.messages.items():
        counted[template, channel] += count
    return counted


def _total(days: Iterable[ReplayDay]) -> ReplayDay:
    total = ReplayDay()
    for day in days:
        total.add(day)
    return total


@dataclass(frozen=True, slots=True)
class _Rows:
    """What two versions did, as customers know it: what a step is called is none of that. `names`: of
    journeys that the second version calls otherwise."""

    folders: Sequence[Path]
    names: Mapping[str, str]

    def of(self, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """The file and the fields of every row."""
        for file, row in _rows_of(self.folders[version]):
            row.pop("step", None)
            if version == 0:
                row["journey"] = self.names.get(row["journey"], row["journey"])
            yield file, row


def _rows_of(folder: Path, files: Iterable[str] = FILES) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in files:
        with (folder / file).open("rb") as lines:
            for line in lines:
                yield file, orjson.loads(line)


def _kind(file: str, row: Mapping[str, str]) -> _Kind:
    if file == MESSAGES:
        return file, row["journey"], f"{row['template']} {row['channel']}"
    return file, row["journey"], row.get("outcome", "")


_OfJourney = tuple[str, TimelineEvent]
"""With the journey that it is of."""


def _timeline_event(file: str, row: Mapping[str, str]) -> TimelineEvent:
    at, journey = row["at"], row["journey"]
    if file == STARTS:
        return TimelineEvent(at, "start", f"{journey} begins")
    if file == MESSAGES:
        return TimelineEvent(at, "message", f"{journey} sends {row['template']} via {row['channel']}")
    outcome = row["outcome"]
    return TimelineEvent(at, "restart" if outcome == "restart" else "end", f"{journey} ends: {outcome}")


def _shown_timelines(rows: _Rows, changed: Sequence[str], one_in: int) -> list[ChangedTimeline]:
    """One customer for each of the most frequent ways in which a story changes."""
    wanted = frozenset(changed[:MOST_TIMELINES])
    stories: dict[str, tuple[list[_OfJourney], list[_OfJourney]]] = {name: ([], []) for name in wanted}
    for version in (0, 1):
        for file, row in rows.of(version):
            if row["customer"] in wanted:
                stories[row["customer"]][version].append((row["journey"], _timeline_event(file, row)))
    alike: defaultdict[tuple[frozenset[tuple[str, int]], bool], list[str]] = defaultdict(list)
    for customer in sorted(wanted):
        before, after = stories[customer]
        difference = Counter(event.words for _, event in after)
        difference.subtract(event.words for _, event in before)
        changes = frozenset((words, count) for words, count in difference.items() if count)
        alike[changes, bool(changes)].append(customer)
    # What is sent or not tells more than another moment of the same
    kinds = sorted(alike.items(), key=lambda kind: (not kind[0][1], -len(kind[1]), kind[1][0]))
    return [
        ChangedTimeline(
            people[0],
            len(people) * one_in,
            _in_order(stories[people[0]][0]),
            _in_order(stories[people[0]][1]),
            _first_changed(*stories[people[0]]),
        )
        for _, people in kinds[:SHOWN_TIMELINES]
    ]


def _first_changed(before: list[_OfJourney], after: list[_OfJourney]) -> DivergingRun | None:
    """The run that what differs first belongs to; of one moment, what happens now tells more."""
    gone, new = ([*(Counter(a) - Counter(b))] for a, b in ((before, after), (after, before)))
    changes = sorted([(what, after) for what in new] + [(what, before) for what in gone], key=_at)
    if not changes:
        return None
    (journey, changed), version = changes[0]
    starts = [event for name, event in version if name == journey and event.kind == "start"]
    began = max((start.at for start in starts if start.at <= changed.at), default=None)
    if began is None:
        return None
    is_there = any(name == journey and event.kind == "start" and event.at == began for name, event in after)
    return DivergingRun(journey, began, is_gone=not is_there)


def _at(change: tuple[_OfJourney, list[_OfJourney]]) -> str:
    return change[0][1].at


def _in_order(events: list[_OfJourney]) -> list[TimelineEvent]:
    """By time; of one moment runs begin and give way in turns, and any other run ends last. A run that was
    there before gives way first: else more would begin than give way."""
    number = Counter[tuple[str, str, str]]()
    for journey, event in events:
        number[event.at, journey, event.kind] += 1
    placed = Counter[tuple[str, str, str]]()
    ranked: list[tuple[str, int, TimelineEvent]] = []
    for journey, event in events:
        if event.kind in {"start", "restart"}:
            begins = number[event.at, journey, "start"] > number[event.at, journey, "restart"]
            rank = 2 * placed[event.at, journey, event.kind] + (begins != (event.kind == "start"))
            placed[event.at, journey, event.kind] += 1
        else:
            rank = 2 * len(events) + (event.kind == "end")
        ranked.append((event.at, rank, event))
    # the rest by its words: a version that decides in another order of one moment does nothing else
    ranked.sort(key=lambda each: (each[0], each[1], each[2].words))
    return [event for _, _, event in ranked]
