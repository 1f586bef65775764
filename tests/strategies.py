"""Random values, customers and conditions over one small schema, for property tests."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TypeVar, get_args

from hypothesis import strategies as st

from engine.core.conditions.closure import compile_condition
from engine.core.conditions.condition import (
    AllOf,
    AnyOf,
    BeforeAfter,
    Between,
    Can,
    Compare,
    Condition,
    Did,
    InSegment,
    InsideJourney,
    IsOneOf,
    IsSet,
    Not,
    Ref,
    RelativeAge,
    TextMatch,
    Today,
)
from engine.core.facts.customer import Consent, Facts, Reach
from engine.core.facts.fold import apply_event
from engine.core.happening import Event
from engine.core.journey import JourneyDependencies, Question, SegmentRule
from engine.values import DAY, HOUR, Birthday, Duration, Instant, Money, Type, Value

NOW = Instant(1_772_442_000_123)
"""2 March 2026, 09:00:00.123 UTC: in New Zealand the 2nd, on Samoa's side of the date line too, in Honolulu
the 1st."""

ZONES = ("Europe/Berlin", "Pacific/Kiritimati", "Pacific/Honolulu", "America/New_York", "Asia/Kolkata", "UTC")

TEXT, NUMBER, MONEY, TRUTH = Type("text"), Type("number"), Type("money"), Type("true/false")
DATE, TIME, BIRTHDAY, LIST = Type("date"), Type("time"), Type("birthday"), Type("list of text")
TIER = Type("one of", ("bronze", "silver", "gold"))

ATTRIBUTES = {
    "city": TEXT,
    "tier": TIER,
    "points": NUMBER,
    "spent": MONEY,
    "member": TRUTH,
    "runs_out_on": DATE,
    "last_order_at": TIME,
    "birthday": BIRTHDAY,
    "tags": LIST,
}
FIELDS = {"code": TEXT, "quantity": NUMBER, "total": MONEY, "gift": TRUTH, "ship_on": DATE, "paid_at": TIME}
ITEM_FIELDS = {"items.category": TEXT, "items.price": MONEY}
EVENTS = ("order_placed", "product_viewed")
SEGMENTS = ("vip", "staff")
JOURNEYS = ("welcome", "win_back")
CHANNELS = ("email", "sms")

WORDS = st.sampled_from(
    ["", "a", "Straße", "STRASSE", "İstanbul", "coffee", "Coffee Tea", "ΣΑΣ", "ς", "a%b_c", 'q"t', "'"]
)
SMALL = st.sampled_from(
    [Decimal("-1.5"), Decimal(0), Decimal("0.1"), Decimal(2), Decimal("19.90"), Decimal("19.9")]
)
INTEGERS = st.integers(-3, 3)
AMOUNTS = st.builds(Money, SMALL, st.sampled_from(["EUR", "USD"]))
DAYS = st.integers(-40, 40).map(lambda days: dt.date(2026, 3, 2) + dt.timedelta(days=days))
NEAR_DAYS = st.integers(-3, 3).map(lambda days: dt.date(2026, 3, 2) + dt.timedelta(days=days))
MOMENTS = st.builds(
    lambda days, hours, ms: Instant(NOW + days * DAY + hours * HOUR + ms),
    st.integers(-40, 40),
    st.sampled_from([0, 0, 5, -14, 1]),
    st.sampled_from([-1, 0, 0, 1, 1000]),
)
BIRTHDAYS = st.builds(
    lambda month_day, year: Birthday(month_day[0], month_day[1], year),
    st.sampled_from([(3, 2), (3, 1), (2, 28), (2, 29), (12, 31)]),
    st.sampled_from([None, 1990]),
)
CONSENTS: st.SearchStrategy[Consent] = st.sampled_from(get_args(Consent))
LENGTHS = st.sampled_from(
    [
        Duration(days=1),
        Duration(days=30),
        Duration(elapsed=HOUR),
        Duration(months=1),
        Duration(days=2, elapsed=HOUR),
    ]
)

VALUES: dict[str, st.SearchStrategy[Value]] = {
    "text": WORDS,
    "one of": st.sampled_from(["bronze", "silver", "gold"]),
    "number": st.one_of(INTEGERS, SMALL),
    "money": AMOUNTS,
    "true/false": st.booleans(),
    "date": st.one_of(DAYS, NEAR_DAYS),
    "time": MOMENTS,
    "birthday": BIRTHDAYS,
    "list of text": st.lists(WORDS, max_size=3).map(tuple),
}
ANY_VALUE: st.SearchStrategy[Value] = st.one_of(*VALUES.values())


def typed(kind: Type) -> st.SearchStrategy[Value]:
    """Mostly of its type; sometimes of another, as after a change of the schema."""
    right = VALUES[kind.kind]
    return st.integers(0, 9).flatmap(lambda dice: ANY_VALUE if dice == 0 else right)


def some_of(types: dict[str, Type]) -> st.SearchStrategy[dict[str, Value]]:
    """Values for some of the names."""
    return st.fixed_dictionaries({}, optional={name: typed(kind) for name, kind in types.items()})


ITEMS = st.lists(
    st.fixed_dictionaries({}, optional={"category": typed(TEXT), "price": typed(MONEY)}),
    min_size=1,
    max_size=3,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event of the last weeks; its number is given when it is applied."""
    fields = draw(some_of(FIELDS))
    if draw(st.booleans()):
        fields["items"] = draw(ITEMS)  # type: ignore[assignment]  # the items are plain dicts of values
    at = min(draw(MOMENTS), NOW)
    return Event(0, "", draw(st.sampled_from(EVENTS)), at, at, fields)


@st.composite
def reaches(draw: st.DrawFn) -> Reach:
    """What is known of a channel."""
    consents = draw(st.dictionaries(st.just("marketing"), CONSENTS))
    return Reach(
        draw(st.sampled_from([None, "", "a@b.example", "a@b.example"])),
        consents,
        draw(st.sampled_from([None, None, "all", "marketing", "service", "any purpose"])),
        draw(st.sampled_from([False, False, True])),
    )


@st.composite
def customers(draw: st.DrawFn) -> Facts:
    """A customer with attributes, history, segments and channels."""
    facts = Facts("c", draw(st.sampled_from(ZONES)), values=draw(some_of(ATTRIBUTES)))
    for number, event in enumerate(draw(st.lists(events(), max_size=4))):
        apply_event(facts, Event(number, str(number), event.name, event.occurred_at, NOW, event.fields), ())
    facts.segments = draw(st.frozensets(st.sampled_from(SEGMENTS)))
    facts.inside = draw(st.frozensets(st.sampled_from(JOURNEYS)))
    facts.reach = draw(st.dictionaries(st.sampled_from(CHANNELS), reaches()))
    return facts


T = TypeVar("T")


def evenly(*choices: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """One of the strategies, each as likely as any other (`one_of` would count the branches inside them)."""
    return st.sampled_from(choices).flatmap(lambda choice: choice)


def value_forms(types: dict[str, Type], source: str) -> st.SearchStrategy[Condition]:
    """Conditions on attributes or on the fields of an event."""
    return evenly(*[_forms_of(Ref(source, name, kind)) for name, kind in types.items()])  # type: ignore[arg-type]


def _forms_of(ref: Ref) -> st.SearchStrategy[Condition]:
    values: st.SearchStrategy[Value] = VALUES["text" if ref.type.kind == "list of text" else ref.type.kind]
    forms: list[st.SearchStrategy[Condition]] = [
        st.just(IsSet(ref)),
        st.lists(values, min_size=1, max_size=2).map(lambda some: IsOneOf(ref, tuple(some))),  # type: ignore[arg-type]
    ]
    if ref.type.kind in ("number", "money"):
        hows = st.sampled_from(["at least", "at most", "more than", "less than"])
        forms.append(st.builds(Compare, st.just(ref), hows, values))
        forms.append(st.builds(Between, st.just(ref), values, values))
    if ref.type.kind in ("date", "time"):
        forms.append(
            st.builds(RelativeAge, st.just(ref), st.sampled_from(["more than", "less than"]), LENGTHS)
        )
        forms.append(st.builds(BeforeAfter, st.just(ref), st.sampled_from(["before", "after"]), values))
    if ref.type.kind in ("date", "time", "birthday"):
        forms.append(st.just(Today(ref)))
    if ref.type.kind == "text" and ref.source == "customer":
        hows = st.sampled_from(["contains", "starts with", "ends with"])
        forms.append(st.builds(TextMatch, st.just(ref), hows, WORDS.map(str.casefold)))
    return evenly(*forms)


def combined(leaves: st.SearchStrategy[Condition], size: int = 5) -> st.SearchStrategy[Condition]:
    """Leaves under `not`, `all` and `any`."""

    def grow(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(inner, max_size=3).map(tuple)
        return st.one_of(st.builds(Not, inner), st.builds(AllOf, several), st.builds(AnyOf, several))

    return st.recursive(leaves, grow, max_leaves=size)


DIDS: st.SearchStrategy[Condition] = st.builds(
    lambda event, low, more, last, where: Did(
        event, low, None if more is None else low + more, last, where=where
    ),
    st.sampled_from(EVENTS),
    st.sampled_from([0, 1, 1, 2]),
    st.sampled_from([None, None, 0, 1]),
    evenly(st.none(), LENGTHS),
    evenly(st.none(), combined(value_forms({**FIELDS, **ITEM_FIELDS}, "event"), 3)),
)

LEAVES: st.SearchStrategy[Condition] = evenly(
    value_forms(ATTRIBUTES, "customer"),
    value_forms(ATTRIBUTES, "customer"),
    DIDS,
    st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=2).map(lambda names: InSegment(tuple(names))),
    st.lists(st.sampled_from(JOURNEYS), min_size=1, max_size=2).map(
        lambda names: InsideJourney(tuple(names))
    ),
    st.builds(
        lambda channels, purpose: Can(tuple(channels), purpose),
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2),
        st.sampled_from(["marketing", None]),
    ),
)

CONDITIONS = combined(LEAVES)
"""Conditions that may stand in a segment."""


def segment(condition: Condition) -> SegmentRule:
    """A segment of those for whom a condition is true."""
    nothing = JourneyDependencies(frozenset(), frozenset(), frozenset(), False, False, {})
    return SegmentRule("s", Question(condition, compile_condition(condition)), nothing)
