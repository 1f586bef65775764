"""What a fact is made of, counted one part after the other: whoever counts, from the first event on or anew
from rows, gets the same value, in whatever order the parts come."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, NamedTuple, cast

from msgspec import Struct, field

from engine.core.facts.rule import FactRule, TypicalGaps
from engine.values import DAY, Birthday, Instant, Money, Value

MOST_VALUES = 1_000
"""Different values of which `most frequent` keeps the counts: they lie in the row of the customer, and come
from outside."""

MOST_DIFFERENT = 10_000
"""As many, of `number of different`: a buyer for a shop does have more than a thousand."""

FEW = 4
"""From so many events on the own median of a customer says when the next one is to be expected."""

MOST_MOMENTS = 1_000
"""Moments of which the gaps are known: of more, the latest."""


class Addend(NamedTuple):
    """What one event adds to a fact. `values`: those of the field, in the order of the items."""

    at: Instant
    number: int  # order of receipt
    values: tuple[Value, ...] = ()
    key: str | None = None  # by which it may be taken back
    fits: bool = True  # False: it adds nothing, and is the first event with its key all the same


class Tally(Struct, omit_defaults=True):
    """The parts of one fact, added up. Only what its kind needs is filled."""

    times: int = 0
    total: Value = None
    fitted: int = 0  # amounts in `total`
    first: Addend | None = None
    last: Addend | None = None
    counts: dict[str, int] = field(default_factory=dict)
    moments: list[Instant] = field(default_factory=list)  # in their order

    def add(self, rule: FactRule, part: Addend) -> None:
        """One more part."""
        self.times += 1
        match rule.how:
            case "sum" | "average":
                self.total, fitted = add_up(self.total, part.values)
                self.fitted += fitted
            case "first" | "last" | "average days between":
                # A field that the event does not have is no value that came first.
                if rule.field is None or part.values:
                    order = (part.at, part.number)
                    if self.first is None or order < (self.first.at, self.first.number):
                        self.first = part
                    if self.last is None or order > (self.last.at, self.last.number):
                        self.last = part
            case "most frequent" | "number of different":
                count_values(self.counts, part.values, rule)
            case "share":
                self.fitted += len(part.values)
            case "median days between" | "next":
                add_moment(self.moments, part.at)
            case "count" | "rfm" | "chance" | "expected sum":
                pass

    def value(self, rule: FactRule, nothing: Value) -> Value:
        """What they come to; None: not set. `nothing`: the sum of none."""
        match rule.how:
            case "count":
                return self.times
            case "sum":
                return self.total if self.total is not None else nothing
            case "average":
                return mean(self.total, self.fitted)
            case "first" | "last":
                end = self.first if rule.how == "first" else self.last
                if end is None:
                    return None
                return end.at if rule.field is None else end.values[0]
            case "average days between":
                if self.first is None or self.last is None:
                    return None
                return days_between(self.times, self.first.at, self.last.at)
            case "most frequent":
                return favourite(self.counts, rule)
            case "number of different":
                return len(self.counts)
            case "share":
                return share(self.fitted, self.times)
            case "median days between":
                return median_days(self.moments)
            case "next":
                return next_moment(self.moments, rule.typical)
            case "rfm" | "chance" | "expected sum":
                return None


def tally_of(rule: FactRule, parts: Iterable[Addend], nothing: Value) -> Value:
    """The value of a fact with these parts and no others."""
    tally = Tally(total=nothing if rule.how == "sum" else None)
    for part in parts:
        tally.add(rule, part)
    return tally.value(rule, nothing)


# --- amounts ------------------------------------------------------------------------------------


def add_up(total: Value, addends: tuple[Value, ...]) -> tuple[Value, int]:
    """A sum with more amounts added, and how many fitted it.

    A sum that is not set starts with the first amount. Amounts of another currency, and anything
    that is no amount, are left out.
    """
    fitted = 0
    for value in addends:
        if isinstance(value, Money):
            if total is None:
                total, fitted = value, fitted + 1
            elif isinstance(total, Money) and total.currency == value.currency:
                total, fitted = Money(total.amount + value.amount, total.currency), fitted + 1
        elif is_number(value):
            number = cast("int | Decimal", value)
            if total is None:
                total, fitted = number, fitted + 1
            elif is_number(total):
                total, fitted = cast("int | Decimal", total) + number, fitted + 1
    return total, fitted


def mean(total: Value, count: int) -> Value:
    """A sum divided by its count: money to the cent, numbers to six places; not set for nothing."""
    if count < 1:
        return None
    if isinstance(total, Money):
        return Money(rounded(total.amount / count, 2), total.currency)
    if is_number(total):
        return rounded(Decimal(cast("int | Decimal", total)) / count, 6)
    return None


def share(fitting: int | Decimal, times: int) -> Value:
    """A share between 0 and 1, to six places; not set for nothing."""
    return rounded(Decimal(fitting) / times, 6) if times else None


def rounded(number: Decimal, places: int) -> Decimal:
    """Rounded half to even; an amount too large to have that many places stays as it is."""
    try:
        return number.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        return number


def is_number(value: object) -> bool:
    """An int or Decimal; true and false are no numbers."""
    return type(value) is int or isinstance(value, Decimal)


# --- different values ---------------------------------------------------------------------------


def count_values(counts: dict[str, int], values: Iterable[Value], rule: FactRule) -> list[str]:
    """Counts values, in `counts` itself, and gives the words that it knows them by. Words of a list count one
    by one. Of too many different ones the later are left out."""
    most = MOST_DIFFERENT if rule.how == "number of different" else MOST_VALUES
    words: list[str] = []
    for value in values:
        # Most are texts.
        words.extend((value,) if type(value) is str else _words(value))
    for word in words:
        if word in counts:
            counts[word] += 1
        elif len(counts) < most:
            counts[word] = 1
    return words


def favourite(counts: Mapping[str, int], rule: FactRule) -> Value:
    """The value with the highest count; of several the first by the alphabet, so that the order in which they
    came makes no difference."""
    if not counts:
        return None
    return value_of(min(counts, key=lambda word: (-counts[word], word)), rule)


def value_of(word: str, rule: FactRule) -> Value:
    """The value of the fact that was counted under a word."""
    kind = rule.type.kind
    if kind in ("text", "one of"):
        return word
    if kind == "number":
        number = Decimal(word)
        return int(number) if number == number.to_integral_value() else number
    return word == "true" if kind == "true/false" else None


def _words(value: Value) -> tuple[str, ...]:
    match value:
        case str():
            return (value,)
        case tuple():
            return value
        case bool():
            return ("true" if value else "false",)
        case int() | Decimal():
            return (as_digits(value),)
        case Birthday():
            return (f"{value.year or 0:04}-{value.month:02}-{value.day:02}",)
        case None | list():
            return ()
        case _:
            return (str(value),)


def as_digits(number: int | Decimal) -> str:
    """A number as text, the same for 5 and 5.0."""
    return format(Decimal(number).normalize(), "f")


# --- moments ------------------------------------------------------------------------------------


def add_moment(moments: list[Instant], at: Instant) -> None:
    """One more moment, in `moments` itself; of too many the oldest goes."""
    bisect.insort(moments, at)
    if len(moments) > MOST_MOMENTS:
        del moments[0]


def days_between(times: int, first_at: Instant, last_at: Instant) -> Value:
    """Average days from one event to the next, to two places; not set for fewer than two events."""
    if times < 2:
        return None
    return rounded(Decimal(last_at - first_at) / ((times - 1) * DAY), 2)


def median_gap(moments: list[Instant]) -> int:
    """The median of the gaps between two or more moments, in milliseconds."""
    return median_of_sorted(sorted(later - earlier for earlier, later in pairwise(moments)))


def median_of_sorted(gaps: Sequence[int]) -> int:
    """The median of one gap or more; of an even number the middle of the two in the middle, rounded down."""
    return (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) // 2


def median_days(moments: list[Instant]) -> Value:
    """The median of the gaps in days, to two places; not set below two gaps."""
    return rounded(Decimal(median_gap(moments)) / DAY, 2) if len(moments) >= 3 else None


def next_moment(moments: list[Instant], typical: TypicalGaps) -> Value:
    """When the next event is to be expected; None: nobody can tell."""
    if not moments:
        return None
    gap = expected_gap(moments, typical)
    return Instant(moments[-1] + gap) if gap is not None else None


def expected_gap(moments: list[Instant], typical: TypicalGaps) -> int | None:
    """The customer's own median from three gaps on, else that of the customers with as many events."""
    if len(moments) >= FEW:
        return median_gap(moments)
    return typical.of(len(moments))


def restored(value: Any, kind: str) -> Value:
    """A value of a document as it was before it was stored, by the kind of its type."""
    if type(value) is dict:
        if kind == "birthday":
            return Birthday(**value)
        return Money(Decimal(value["amount"]), value["currency"])
    if kind == "date" and type(value) is str:
        return dt.date.fromisoformat(value)
    return tuple(value) if type(value) is list else value
