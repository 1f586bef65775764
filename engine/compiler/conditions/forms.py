"""The forms behind a name: does it fit the type, and what is its value (design/language 2.7)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal

from engine.compiler.conditions.names import NameScope, resolve
from engine.compiler.literals import age_meant, is_reference, read_constant, read_moment
from engine.core.conditions import condition as core
from engine.core.conditions.condition import Operand, Ref
from engine.language import syntax
from engine.language.quantities import dates_meant, parse_date
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, Span
from engine.values import Money, Type

_ANY = "x, [a, b], not x, is set, is not set"
FORMS_OF = {
    "text": f"{_ANY}, contains x, starts with x, ends with x",
    "one of": _ANY,
    "number": f"{_ANY}, at least 2, at most 2, more than 2, less than 2, between 2 and 5",
    "money": f"{_ANY}, at least 2, at most 2, more than 2, less than 2, between 2 and 5",
    "share": f"{_ANY}, at least 50%, at most 50%, more than 50%, less than 50%, between 20% and 50%",
    "true/false": "true, false, is set, is not set",
    "date": (
        "more than 90 days ago, less than 90 days ago, before 2026-11-27, after 2026-11-27, today, "
        "is set, is not set"
    ),
    "time": (
        "more than 90 days ago, less than 90 days ago, before 2026-11-27, after 2026-11-27, today, "
        "is set, is not set"
    ),
    "birthday": "today, is set, is not set",
    "list of text": "x (contains x), [a, b] (contains one of them), not x, is set, is not set",
    "list of": "is set, is not set",
}
"""The forms that fit a type, as an author writes them."""

_NAMES = {"one of": "one of several values", "list of": "a list", "list of text": "a list",
          "true/false": "true or false",
          "date": "a date", "time": "a moment", "birthday": "a birthday", "number": "a number",
          "text": "a text",
          "money": "an amount of money", "share": "a share"}  # fmt: skip
_AMOUNTS = ("number", "money", "share")
_DAYS = ("date", "time")
_TEXTS = ("text", "one of", "list of text")


def describe(kind: Type) -> str:
    """`a text`, `an amount of money`."""
    return _NAMES[kind.kind]


def read_form(name: Text, form: syntax.Form, ref: Ref, scope: NameScope) -> core.Condition | Problem:
    """One form, typed by the name in front of it."""
    kind = ref.type.kind
    match form:
        case syntax.Negated(inner):
            found = read_form(name, inner, ref, scope)
            if isinstance(found, Problem) and isinstance(inner, syntax.TextMatch) and kind == "list of text":
                return _misfit_of_list(name, inner, ref, "not ")
            return found if isinstance(found, Problem) else core.Not(found)
        case syntax.IsSet():
            return core.IsSet(ref)
        case syntax.Equals(values):
            if kind in ("birthday", "list of"):
                return _misfit(name, form.span, "a value", ref)
            return _equals(values, ref, scope)
        case syntax.Compare(words=Text() as words) if kind in _TEXTS:
            return _equals((words,), ref, scope)
        case syntax.Compare(how, value, span):
            if kind not in _AMOUNTS:
                return _misfit(name, span, quoted(how), ref, form)
            one = _operand(value, ref, scope, span, how)
            return one if isinstance(one, Problem) else core.Compare(ref, how, one)
        case syntax.Between(low, high, span):
            if kind not in _AMOUNTS:
                return _misfit(name, span, '"between"', ref, form)
            return _between(low, high, ref, scope, span)
        case syntax.RelativeAge(how, length, span):
            if kind not in _DAYS:
                return _misfit(name, span, f'"{how} ... ago"', ref, form)
            if kind == "date" and length.duration.elapsed:
                return Problem(
                    length.text.span, "E30", f"{quoted(name.value)} is a date: it has no hours",
                    "days are counted", "write the length in days",
                )  # fmt: skip
            return core.RelativeAge(ref, how, length.duration)
        case syntax.BeforeAfter(how, moment, span):
            if kind not in _DAYS:
                return _misfit(name, span, quoted(how), ref, form)
            return _beside(how, moment, ref, scope)
        case syntax.Today(span):
            if kind not in ("date", "time", "birthday"):
                return _misfit(name, span, '"today"', ref)
            return core.Today(ref)
        case syntax.TextMatch(how, value, span):
            if kind == "list of text":
                return _misfit_of_list(name, form, ref)
            if kind not in ("text", "one of"):
                return _misfit(name, span, quoted(how), ref)
            return core.TextMatch(ref, how, value.value.casefold())


def _equals(values: tuple[Text, ...], ref: Ref, scope: NameScope) -> core.Condition | Problem:
    operands: list[Operand] = []
    for value in values:
        operand = _operand(value, ref, scope, None)
        if isinstance(operand, Problem):
            meant = (_day_form_meant(value) if ref.type.kind in _DAYS else "") or _known_meant(
                value.value, ref
            )
            return replace(operand, fix=f"write  {meant}") if meant else operand
        operands.append(operand)
        operands += _pools_of(operand, ref, scope)
    return core.IsOneOf(ref, tuple(operands))


_SINCE = re.compile(r"(?:since|from|as of|starting|seit|ab|depuis|desde|od|с|від) +(\S.*)", re.IGNORECASE)
_UNKNOWN = frozenset(
    ("never", "null", "nil", "undefined", "~", "empty", "missing", "unknown", "blank", "n/a", "not known")
)
_KNOWN = frozenset(("ever", "always", "known", "any", "anything", "some", "filled", "not empty"))


def _day_form_meant(value: Text) -> str:
    """`more than 90 days ago` for `over 90 days`, `not before 2026-05-01` for `since 1 May 2026`."""
    if since := _SINCE.fullmatch(value.value[:60]):
        days = dates_meant(since[1])
        return f"not before {days[0].isoformat()}" if len(days) == 1 else ""
    return age_meant(value.value)


def _known_meant(word: str, ref: Ref) -> str:
    """`is not set` for `never`, `empty`, unless that is a value that the attribute may have."""
    if word in ref.type.choices:
        return ""
    return "is not set" if word.casefold() in _UNKNOWN else "is set" if word.casefold() in _KNOWN else ""


def _pools_of(operand: Operand, ref: Ref, scope: NameScope) -> list[Operand]:
    """`code: COMEBACK` of an event means a code of any pool that COMEBACK chooses from."""
    if ref.name != "code" or ref.source not in ("event", "trigger") or not isinstance(operand, str):
        return []
    choice = scope.world.config.offers.get(operand)
    return list(dict.fromkeys(line.pool.value for line in choice.lines if line.pool)) if choice else []


def _between(low: Text, high: Text, ref: Ref, scope: NameScope, span: Span) -> core.Condition | Problem:
    least = _operand(low, ref, scope, None)
    if isinstance(least, Problem):
        return least
    most = _operand(high, ref, scope, None)
    if isinstance(most, Problem):
        return most
    if _is_above(least, most):
        return Problem(
            span, "E22", f"{quoted(low.value)} is more than {quoted(high.value)}",
            "nothing lies between them",
            f"write  between {high.value} and {low.value}",
        )  # fmt: skip
    return core.Between(ref, least, most)


def _is_above(low: Operand, high: Operand) -> bool:
    if isinstance(low, Money) and isinstance(high, Money):
        return low.amount > high.amount
    numbers = (int, Decimal)
    return isinstance(low, numbers) and isinstance(high, numbers) and low > high


def _operand(text: Text, ref: Ref, scope: NameScope, around: Span | None, how: str = "") -> Operand | Problem:
    if not is_reference(text.value):
        return read_constant(text, ref.type, scope.world.local, around, how)
    other = resolve(text, scope)
    if isinstance(other, Problem) or _comparable(ref, other):
        return other
    return Problem(
        text.span, "E66",
        f"{quoted(text.value)} is {_NAMES[other.type.kind]}, but {quoted(str(ref))} is "
        f"{_NAMES[ref.type.kind]}",
        "values of two types are never equal", "compare it with something of the same type",
    )  # fmt: skip


def _comparable(left: Ref, right: Ref) -> bool:
    one, other = left.type.kind, right.type.kind
    return one == other or (one in _TEXTS and other in _TEXTS)


def _beside(how: str, moment: Text, ref: Ref, scope: NameScope) -> core.Condition | Problem:
    when: dt.date | int | Problem
    if ref.type.kind == "date":
        when = parse_date(moment)
    else:
        when = read_moment(moment, scope.world.local, last=how == "after")
    return when if isinstance(when, Problem) else core.BeforeAfter(ref, how, when)  # type: ignore[arg-type]


def _misfit(name: Text, span: Span, form: str, ref: Ref, inner: syntax.Form | None = None) -> Problem:
    kind = ref.type.kind
    return Problem(
        span, "E66", f"{form} does not fit: {quoted(name.value)} is {_NAMES[kind]}",
        f"the forms that fit are: {FORMS_OF[kind]}", _fit(name.value, ref, inner),
    )  # fmt: skip


def _misfit_of_list(name: Text, form: syntax.TextMatch, ref: Ref, negation: str = "") -> Problem:
    """`tags: contains vip`; there is no other word for `starts with`."""
    held = f"write  {name.value}: {negation}{form.value.value}" if form.how == "contains" else ""
    return replace(_misfit(name, form.span, quoted(form.how), ref), fix=held)


def _fit(name: str, ref: Ref, form: syntax.Form | None) -> str:
    """What to type. An example would lose what the author asked for, a number above all."""
    kind = ref.type.kind
    match form:
        case syntax.Compare(how, value) if kind in _DAYS and (age := age_meant(f"{how} {value.value}")):
            return f"write  {name}: {age}"
        case syntax.Between(low, high) if kind in _DAYS and (newest := age_meant(f"less than {high.value}")):
            unit = newest.split()[-2]
            oldest = age_meant(f"more than {low.value}") or age_meant(f"more than {low.value} {unit}")
            lines = f"\n           - {name}: {oldest}\n           - {name}: {newest}"
            return f"write\n         all:{lines}" if oldest else ""
        case syntax.Compare() | syntax.Between() | syntax.RelativeAge() | syntax.BeforeAfter():
            return ""
        case _:
            pass
    example = {
        "number": "at least 2", "share": "at least 50%", "money": "at least 50 EUR",
        "date": "less than 30 days ago",
        "time": "less than 30 days ago", "birthday": "today", "true/false": "true", "list of": "is set",
    }.get(ref.type.kind)  # fmt: skip
    if example is None:
        example = f"{ref.type.choices[0]}" if ref.type.choices else "is set"
    return f"write for example  {name}: {example}"
