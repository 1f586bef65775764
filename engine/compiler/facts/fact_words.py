"""The words of computed facts: `count of order_placed`, `most frequent order_placed.items.category`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from engine.compiler.catalogue.catalogue import NUMBER, TEXT, TIME, Catalogue, path_type, paths
from engine.core.facts.rule import YEAR, CalendarYear, FactKind
from engine.language.nodes import part
from engine.language.quantities import parse_length
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown
from engine.problem import Problem
from engine.values import Type


@dataclass(frozen=True, slots=True)
class FactForm:
    """One way to compute a fact, as it is written."""

    how: FactKind
    words: str  # in front of the event
    wants: Literal["nothing", "amount", "field", "field or nothing"]  # behind the event
    example: str
    order: int  # its place when people are told about all of them
    result: Type | None = None  # None: the type of the field, or a time without one


FORMS = (
    FactForm("count", "count of", "nothing", "count of E", 1, NUMBER),
    FactForm("sum", "sum of", "amount", "sum of E.f", 2),
    FactForm("average", "average of", "amount", "average of E.f", 3),
    FactForm("average days between", "average days between", "nothing", "average days between E", 7, NUMBER),
    FactForm("median days between", "median days between", "nothing", "median days between E", 8, NUMBER),
    FactForm("most frequent", "most frequent", "field", "most frequent E.f", 6),
    FactForm("number of different", "number of different", "field", "number of different E.f", 9, NUMBER),
    FactForm("share", "share of", "nothing", "share of E (with where)", 10, Type("share")),
    FactForm("last", "last", "field or nothing", "last E", 4),
    FactForm("first", "first", "field or nothing", "first E", 5),
    FactForm("next", "next", "nothing", "next E", 11, TIME),
    FactForm("rfm", "rfm of", "amount", "rfm of E.f", 12),
    FactForm("chance", "chance of", "nothing", "chance of E in next 90 days", 13, Type("share")),
    FactForm("expected sum", "expected sum of", "amount", "expected sum of E.f in next 90 days", 14),
)
NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+)*)")
"""An event, and a path of fields behind it."""

_WINDOW = re.compile(r"(.*?) (?:in|within|during)(?: the)? (?:last|past) (.+)")
_AHEAD = re.compile(r"(.*?) (?:in|within)(?: the)? next (.+)")
_FORECASTS = ("chance", "expected sum")
FARTHEST = 1095
"""Days that a forecast may look ahead: behind three years nobody can say how well it does."""
_WHY = (
    f"the forms are: {', '.join(form.example for form in sorted(FORMS, key=lambda form: form.order))}; "
    "`in last 7 days` may follow"
)
YEARS: Mapping[str, int] = {"this year": 0, "last year": 1}
"""Calendar years of the shop, and how many years back each lies."""


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time of a fact: `length` in ms, of a `year` how far its history goes."""

    length: int
    year: CalendarYear | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """What the words of a fact say. `text`: the words themselves; `path`: empty for the event itself."""

    text: Text
    form: FactForm
    event: str  # its own name
    fields: Mapping[str, Type]
    path: str
    type: Type
    window: Window | None
    ahead: int | None = None  # days that a forecast looks ahead


def read_phrase(text: Text, catalogue: Catalogue) -> Phrase | Problem:
    """The words of one fact; `catalogue` holds the events."""
    words, window, ahead = text.value, None, None
    # the stretch of time first: what is in front of it reads the same with and without one
    before = _AHEAD.fullmatch(words)
    if before:
        days = _days_ahead(part(text, before.start(2), len(before[2])))
        if isinstance(days, Problem):
            return days
        words, ahead = before[1], days
    behind = _WINDOW.fullmatch(words)
    if behind:
        length = parse_length(part(text, behind.start(2), len(behind[2])))
        if isinstance(length, Problem):
            return length
        words, window = behind[1], Window(length.duration.roughly())
    stretch = text.value[len(words) :]
    form = next((form for form in FORMS if words.startswith(f"{form.words} ")), None)
    start = len(form.words) + 1 if form is not None else 0
    named = NAMED.fullmatch(words[start:])
    if form is None or named is None:
        return Problem(
            text.span,
            "E82",
            f"{quoted(text.value)} does not say how to compute it",
            _WHY,
            f"write for example  count of order_placed{stretch}  or  sum of order_placed.total{stretch}",
        )
    if (form.how in _FORECASTS) != (ahead is not None):
        return _no_direction(text, form, words)
    event = part(text, start, len(named[1]))
    fields = catalogue.event_fields(event.value)
    if fields is None:
        return unknown("E10", event, "event", catalogue.event_names(), "events come from schemas/")
    path = named[2][1:]
    where = part(text, start + len(named[1]) + 1, len(path)) if path else text
    field = _field_type(where, path, fields, event.value, form)
    if isinstance(field, Problem):
        return field
    # a favourite among lists is one of their words
    favourite = form.how == "most frequent" and field is not None and field.kind == "list of text"
    result = TEXT if favourite else form.result or field or TIME
    return Phrase(text, form, catalogue.event_name(event.value), fields, path, result, window, ahead)


def _no_direction(text: Text, form: FactForm, words: str) -> Problem:
    """E105: a forecast that does not say how far, or a look back that goes ahead."""
    if form.how in _FORECASTS:
        return Problem(
            text.span, "E105", f"{quoted(form.words)} does not say how far it looks ahead",
            "a chance and an expected sum are of so many days from now on", f"write  {words} in next 90 days",
        )  # fmt: skip
    return Problem(
        text.span, "E105", f"{quoted(form.words)} cannot look ahead",
        "it is computed from events that have come; what looks ahead is  chance of  and  expected sum of",
        f"write  {words} in last 90 days  or  chance of order_placed in next 90 days",
    )  # fmt: skip


def _days_ahead(text: Text) -> int | Problem:
    length = parse_length(text)
    if isinstance(length, Problem):
        return length
    duration = length.duration
    if duration.months or duration.elapsed or not 0 < duration.days <= FARTHEST:
        return Problem(
            text.span, "E106", f"a forecast cannot look {quoted(text.value)} ahead",
            f"it counts days of the shop's calendar, from 1 to {FARTHEST:,}",
            "write it in days, for example  90 days  or  365 days",
        )  # fmt: skip
    return duration.days


def read_window(text: Text, zone: str) -> Window | Problem:
    """`365 days`, `this year`, `last year`; `zone` is the shop's."""
    back = YEARS.get(text.value)
    if back is not None:
        # A day more: the year of the shop begins before or after that of UTC.
        return Window((back + 1) * YEAR + 86_400_000, CalendarYear(back, zone))
    length = parse_length(text)
    if isinstance(length, Problem):
        return replace(length, why=f"{length.why}; or this year, last year")
    return Window(length.duration.roughly())


def _field_type(
    text: Text, path: str, fields: Mapping[str, Type], event: str, form: FactForm
) -> Type | Problem | None:
    if form.wants == "nothing" and path:
        return Problem(
            text.span, "E82", f"{quoted(path)} is not needed here", "this fact looks at the event itself",
            f"write only  {event}",
        )  # fmt: skip
    if not path:
        if form.wants in ("nothing", "field or nothing"):
            return None
        return Problem(
            text.span, "E82", "this fact needs a field of the event", f"{event} alone has no amount"
            if form.wants == "amount" else f"it says which values of {event} are meant",
            f"write  {event}.total  or another field",
        )  # fmt: skip
    kind = path_type(fields, path)
    if kind is None:
        return unknown("E11", text, f"field of {event}", paths(fields), "fields of events come from schemas/")
    if form.wants == "amount" and kind.kind not in ("number", "money"):
        return Problem(
            text.span, "E82", f"{quoted(path)} is {kind.kind}, not an amount",
            "sums and averages are of numbers and money",
            "name a field of type number or money",
        )  # fmt: skip
    if kind.kind == "list of":
        return Problem(
            text.span, "E82", f"{quoted(path)} is a list", "a fact is one value",
            f"name a field inside it:  {path}.{kind.items[0][0] if kind.items else 'name'}",
        )  # fmt: skip
    return kind
