"""What the author wrote, typed by its place, every part with its position. No name is resolved here.

`Text` is a scalar as it stands in the file. Forms and values stay words until the compiler knows
the type of the attribute in front of them.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec

from engine.problem import Span
from engine.values import Birthday, Duration


class Text(msgspec.Struct, frozen=True):
    """A scalar with its position."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time as written, with its meaning."""

    duration: Duration
    text: Text


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in the customer's own zone."""

    time: dt.time
    text: Text


@dataclass(frozen=True, slots=True)
class Pair:
    """`name: value` of a map whose names are free (`with`, `set`, `given`)."""

    name: Text
    value: Text


# --- conditions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Equals:
    """`x`, or `[a, b]`: one of."""

    values: tuple[Text, ...]
    span: Span
    many: bool = False


@dataclass(frozen=True, slots=True)
class IsSet:
    """`is set`; `is not set` is Opposite(IsSet)."""

    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """`at least x`, `at most x`, `more than x`, `less than x`."""

    how: Literal["at least", "at most", "more than", "less than"]
    value: Text
    span: Span
    words: Text | None = None  # the author's own, where a text attribute could have them as its value: `18+`


@dataclass(frozen=True, slots=True)
class Between:
    """`between x and y`; both ends belong."""

    low: Text
    high: Text
    span: Span


@dataclass(frozen=True, slots=True)
class RelativeAge:
    """`more than 90 days ago`, `less than 90 days ago`."""

    how: Literal["more than", "less than"]
    length: Length
    span: Span


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """`before 2026-11-27`, `after 2026-11-27` (a time of day may follow)."""

    how: Literal["before", "after"]
    moment: Text
    span: Span


@dataclass(frozen=True, slots=True)
class Today:
    """`today`."""

    span: Span


@dataclass(frozen=True, slots=True)
class TextMatch:
    """`contains x`, `starts with x`, `ends with x`; upper and lower case are the same."""

    how: Literal["contains", "starts with", "ends with"]
    value: Text
    span: Span


@dataclass(frozen=True, slots=True)
class Negated:
    """`not ...`: the exact opposite of the form behind it."""

    form: Form
    span: Span


Form = Equals | IsSet | Compare | Between | RelativeAge | BeforeAfter | Today | TextMatch | Negated


@dataclass(frozen=True, slots=True)
class Test:
    """`attribute: form`. The name may be bare, `trigger.x`, `product.x` or `code.x`."""

    __test__ = False
    name: Text
    form: Form


@dataclass(frozen=True, slots=True)
class Did:
    """One event of a `did:` map. Counts in [low, high] (high None: no limit), negated by `not`."""

    event: Text
    low: int
    high: int | None
    last: Length | None
    since_start: bool
    where: AllOf | None
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class InSegment:
    """`segment: vip`, `not vip`, `[vip, staff]`."""

    names: tuple[Text, ...]
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class InsideJourney:
    """`inside: welcome`, `not welcome`, `[welcome, win_back]`: a run of that journey is open."""

    journeys: tuple[Text, ...]
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Can:
    """`can: sms`, `can: [sms, push]` (one of them), `can: not sms`."""

    channels: tuple[Text, ...]
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Reacted:
    """`clicked: template`, `opened: template` (in this run)."""

    how: Literal["clicked", "opened"]
    template: Text
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class GoalIs:
    """`goal: reached`, `goal: not reached`."""

    reached: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """`any:`, `all:`, `none:` over a list of conditions."""

    how: Literal["any", "all", "none"]
    conditions: tuple[AllOf, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class AllOf:
    """The lines of one map, joined by *and*."""

    lines: tuple[ConditionLine, ...]
    span: Span


ConditionLine = Test | Did | InSegment | InsideJourney | Can | Reacted | GoalIs | Group


# --- the head ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventStart:
    """`event:` with `where`, `per`, `fresh`."""

    event: Text
    where: AllOf | None
    per: Text | None
    fresh: Length | None
    span: Span


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """`segment:` with `members: new | all`."""

    segment: Text
    members: Literal["new", "all"]
    span: Span


@dataclass(frozen=True, slots=True)
class DateStart:
    """`date:` with `before` or `after`, and `at`. `day`: the date itself where one is written, else it is a
    name. `yearly`: the date that is named returns (`every: year`)."""

    date: Text
    before: Length | None
    after: Length | None
    at: Clock
    span: Span
    day: Birthday | dt.date | None = None
    yearly: bool = False


@dataclass(frozen=True, slots=True)
class ClockStart:
    """`every: day | week | month` with `day` (1 to 28, 0 = last), `weekdays` (0 = Monday), `at`."""

    every: Literal["day", "week", "month"]
    day: int | None
    weekdays: tuple[int, ...]
    at: Clock
    span: Span


@dataclass(frozen=True, slots=True)
class ProductStart:
    """`product:` price_drop | back_in_stock | low_stock with `by` (percent), `watchers`, `within`,
    `collect`, `per`."""

    kind: Text
    by: int | None
    watchers: tuple[Text, ...]
    within: Length | None
    collect: Length | None
    per: Text | None
    span: Span


Start = EventStart | SegmentStart | DateStart | ClockStart | ProductStart


@dataclass(frozen=True, slots=True)
class Again:
    """Re-entry. `restart` may go with `after`; `never` and `always` stand alone."""

    how: Literal["never", "always", "after", "restart"]
    after: Length | None
    span: Span


@dataclass(frozen=True, slots=True)
class Goal:
    """`goal`: events with `where`, or `when`; `do` holds instant steps."""

    events: tuple[Text, ...]
    where: AllOf | None
    when: AllOf | None
    within: Length | None
    then: Literal["exit", "stay"]
    do: tuple[Step, ...]
    span: Span


# --- steps ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Until:
    """The moment of `wait: until ...`.

    One of: `time` alone; `weekday` (0 = Monday) with `time`; `date` with optional `time`;
    `name` (an attribute, trigger.x, code.expires) with an optional `offset` before or after it; `their_hour`.
    """

    text: Text
    time: dt.time | None = None
    weekday: int | None = None
    date: dt.date | None = None
    name: Text | None = None
    offset: Length | None = None
    side: Literal["before", "after"] | None = None
    their_hour: bool = False


class Hashed:
    """A step, or a part of one. Its hash is kept with every deployment, so it is made of these words, which
    stay when the class or a field is renamed: one for the class, then one for each field in the order in
    which it is declared. `-`: no behaviour, left out. `?`: got later, left out where it is empty, so that a
    journey without it keeps its hash."""

    __slots__ = ()
    hashed: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Step(Hashed, ABC):
    """What all steps have. Each kind is a class in a file of its own, in `steps/`, beside its keys and
    words."""

    span: Span  # of the verb
    id: Text | None
    was: Text | None

    @property
    @abstractmethod
    def verb(self) -> str:
        """The key that names the step."""

    @abstractmethod
    def words(self) -> str:
        """The step in one line, for the picture, the plan, and the hidden id of a step without a name."""

    def sides(self) -> tuple[tuple[Step, ...], ...]:
        """Every way through the step, a side that was not written as an empty one; nothing: it has no
        branches."""
        return ()

    def side_labels(self) -> tuple[str, ...]:
        """What leads into each of `sides`, in the same order, for the picture."""
        return ()

    @property
    def resting_id(self) -> Text | None:
        """The name under which people rest here; None where there is none."""
        return self.id

    def always_exits(self) -> bool:
        """True when nobody comes out of it again."""
        sides = self.sides()
        return bool(sides) and all(side and side[-1].always_exits() for side in sides)


# --- stories ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """`day 0 18:30` in the customer's own time."""

    day: int
    time: dt.time
    span: Span

    @property
    def label(self) -> str:
        """As it is written."""
        return f"day {self.day} {self.time:%H:%M}"


@dataclass(frozen=True, slots=True)
class Given:
    """The customer before the story. `values` are attributes and facts as written."""

    values: tuple[Pair | ListPair, ...] = ()
    timezone: Text | None = None
    segments: tuple[Text, ...] = ()
    inside: tuple[Text, ...] = ()
    did: tuple[GivenDid, ...] = ()
    unreachable: tuple[Text, ...] = ()
    no_consent: tuple[Text, ...] = ()
    product: tuple[Pair, ...] = ()
    paths: tuple[Pair, ...] = ()
    holdout: bool = False


@dataclass(frozen=True, slots=True)
class ListPair:
    """`name: [a, b]`."""

    name: Text
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class GivenDid:
    """An event before the story: `order_placed: 3 days ago`, or the long form with fields."""

    event: Text
    ago: Length
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event in a story: a word, a list of words, or a list of maps (`items`)."""

    name: Text
    value: Text | tuple[Text, ...] | tuple[tuple[Field, ...], ...]


@dataclass(frozen=True, slots=True)
class StoryLine:
    """A line of `when`. `kind` event: `word` is its name; clicked/opened/bounced: the template;
    enters/leaves: the segment, or another journey; set: `fields` are attributes or product.x. `happened`: a
    late event."""

    at: Moment
    kind: Literal["event", "clicked", "opened", "bounced", "enters", "leaves", "set"]
    word: Text
    fields: tuple[Field, ...] = ()
    happened: Moment | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A line of `expect`, e.g. `day 0 19:30: send cart_reminder via push`; `words` is what follows the
    moment."""

    at: Moment
    words: Text


@dataclass(frozen=True, slots=True)
class Story:
    """One test. `expect` is empty for `expect: nothing`."""

    name: Text
    start_day: dt.date | None  # `from`
    given: Given
    when: tuple[StoryLine, ...]
    expect: tuple[Expected, ...]
    span: Span


# --- experiments ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DecisionMoment:
    """`decide:`: after so many `people` in each arm, or at the end of the day `on`; one of the two is set."""

    span: Span
    people: int | None
    on: dt.date | None

    def words(self) -> str:
        """As an author writes it."""
        return f"on {self.on.isoformat()}" if self.on is not None else f"after {self.people:,} people each"


# --- files ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JourneyFile:
    """One journey as written. Parts that were missing or wrong are None; the problems say so."""

    name: Text
    span: Span  # of the key `journey`
    was: Text | None = None
    about: Text | None = None
    owner: Text | None = None
    state: Text | None = None
    starts: tuple[Start, ...] = ()
    who: AllOf | None = None
    again: Again | None = None
    goal: Goal | None = None
    exit_if: AllOf | None = None
    policy: Text | None = None
    priority: Text | None = None
    holdout: int = 0  # percent
    decide: DecisionMoment | None = None  # what the holdout shows
    steps: tuple[Step, ...] = ()
    tests: tuple[Story, ...] | None = None
    source: str = ""  # the text of the file, for hashes


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """One segment as written."""

    name: Text
    about: Text | None
    who: AllOf | None
    span: Span
