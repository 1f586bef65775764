"""One question about one value, in SQL: the kind of the value first, in a CASE, so that no cast can fail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

import sqlalchemy as sa

from engine.core.conditions.condition import (
    BeforeAfter,
    Between,
    Compare,
    Constant,
    IsOneOf,
    IsSet,
    Operand,
    Ref,
    RelativeAge,
    TextMatch,
    Today,
)
from engine.store.conditions.json_sql import (
    ARRAYS,
    NUMBERS,
    OBJECTS,
    TEXTS,
    TRUTHS,
    item_kind,
    item_text,
    items_of,
    json_kind,
    json_number,
    json_text,
    json_truth,
)
from engine.store.conditions.operands import (
    Document,
    JsonDocument,
    NotInSqlError,
    Truth,
    by_bounds,
    by_day,
    number,
)
from engine.store.serialization import MARKS
from engine.values import UTC, Birthday, Money, minus, minus_days

ValueForm: TypeAlias = IsOneOf | IsSet | Compare | Between | RelativeAge | BeforeAfter | Today | TextMatch


def about_value(form: ValueForm, place: JsonDocument, source: str) -> Truth:
    ref = form.ref
    if ref.source == "customer" and source == "event":
        place = place.of_customer()
    elif ref.source != source:
        raise NotInSqlError(f"{ref} is about one run")
    if ref.source == "event" and "." in ref.name:
        # a path over the items of an event: true if one of them fits; a field that has the whole path as
        # its name wins
        head, _, rest = form.ref.name.partition(".")
        item = items_of(place.document, _stored(head)).alias()
        inside = place.within(item.c.value)
        fits = sa.case((item_kind(item.c.value).in_(OBJECTS), _leaf(form, inside, rest)), else_=sa.false())
        one_fits = sa.exists(sa.select(1).select_from(item).where(fits))
        direct = json_kind(place.document, _stored(form.ref.name)).is_not(None)
        return sa.case((direct, _leaf(form, place, form.ref.name)), else_=one_fits)
    return _leaf(form, place, ref.name)


def _leaf(form: ValueForm, place: JsonDocument, name: str) -> Truth:
    """One question about one value: false unless the value has the kind that the schema says."""
    asked = _asked(form, place, _stored(name))
    if asked is None:
        return sa.false()
    fits = _fits(form.ref.type.kind, place.document, _stored(name))
    return sa.case((fits, sa.func.coalesce(asked, sa.false())), else_=sa.false())


def _asked(form: ValueForm, place: JsonDocument, name: str) -> Truth | None:
    """What is asked of a value that has the right kind; None: it is always false."""
    document, kind = place.document, form.ref.type.kind
    match form:
        case IsSet():
            return sa.true()
        case IsOneOf(_, values):
            return sa.or_(sa.false(), *(_equals(document, name, kind, _constant(value)) for value in values))
        case Compare(_, how, value):
            return _compares(document, name, kind, how, _constant(value))
        case Between(_, low, high):
            least = _compares(document, name, kind, "at least", _constant(low))
            most = _compares(document, name, kind, "at most", _constant(high))
            return None if least is None or most is None else sa.and_(least, most)
        case RelativeAge():
            return _ago(form, place, name)
        case BeforeAfter(_, how, moment):
            if kind == "date" and type(moment) is dt.date:
                text = json_text(document, name)
                return text < moment.isoformat() if how == "before" else text > moment.isoformat()
            if kind == "time" and isinstance(moment, int):
                at = json_number(document, name)
                return at < number(moment) if how == "before" else at > number(moment)
            return None
        case Today():
            return _today(place, name, kind)
        case TextMatch(_, how, text):
            if place.folded is None:
                raise NotInSqlError(
                    "contains, starts with and ends with have no form in SQL for the fields of an event"
                )
            found = sa.func.coalesce(json_text(place.folded, name), json_text(place.document, name))
            if how == "contains":
                return sa.func.replace(found, text, "") != found if text else sa.true()
            if how == "starts with":
                return sa.func.substr(found, 1, len(text)) == text
            return sa.func.substr(found, sa.func.length(found) - len(text) + 1) == text


def _stored(name: str) -> str:
    """A name as the document has it."""
    return MARKS + name if name.startswith(MARKS) else name


def _constant(operand: Operand) -> Constant:
    if isinstance(operand, Ref):
        raise NotInSqlError(f"{operand} is about one run")
    return operand


def _fits(kind: str, document: Document, name: str) -> Truth:
    """Whether the value there has the type that the schema says; what is not set has none."""
    found, mark = json_kind(document, name), json_text(document, MARKS, name)
    match kind:
        case "text" | "one of":
            return sa.and_(found.in_(TEXTS), mark.is_(None))
        case "date" | "birthday":
            return sa.and_(found.in_(TEXTS), sa.func.coalesce(mark == kind, sa.false()))
        case "number" | "share":
            return found.in_(NUMBERS)
        case "time":  # a whole number: PostgreSQL knows one kind of numbers only
            return sa.and_(
                found.in_(NUMBERS),
                found != "real",
                sa.cast(json_text(document, name), sa.String).not_like("%.%"),
            )
        case "true/false":
            return found.in_(TRUTHS)
        case "money":
            return found.in_(OBJECTS)
        case "list of text":
            return sa.and_(found.in_(ARRAYS), json_kind(document, name, 0).in_(TEXTS))
        case _:
            return sa.and_(found.in_(ARRAYS), json_kind(document, name, 0).in_(OBJECTS))


def _equals(document: Document, name: str, kind: str, value: Constant) -> Truth:
    match value:
        case bool():
            truth = json_truth(document, name)
            return (truth if value else sa.not_(truth)) if kind == "true/false" else sa.false()
        case int() | Decimal():
            return (
                json_number(document, name) == number(value)
                if kind in ("number", "share", "time")
                else sa.false()
            )
        case Money(amount, currency):
            if kind != "money":
                return sa.false()
            return sa.and_(
                json_text(document, name, "currency") == currency,
                json_number(document, name, "amount") == number(amount),
            )
        case str():
            if kind == "list of text":
                item = items_of(document, name).alias()
                return sa.exists(sa.select(1).select_from(item).where(item_text(item.c.value) == value))
            return json_text(document, name) == value if kind in ("text", "one of") else sa.false()
        case Birthday():
            return json_text(document, name) == _birthday_text(value) if kind == "birthday" else sa.false()
        case dt.date():
            return json_text(document, name) == value.isoformat() if kind == "date" else sa.false()


def _birthday_text(day: Birthday) -> str:
    year = f"{day.year:04}-" if day.year is not None else ""
    return f"{year}{day.month:02}-{day.day:02}"


_COMPARISONS: Mapping[str, Callable[[Any, Any], Truth]] = {
    "at least": lambda left, right: cast("Truth", left >= right),
    "at most": lambda left, right: cast("Truth", left <= right),
    "more than": lambda left, right: cast("Truth", left > right),
    "less than": lambda left, right: cast("Truth", left < right),
}


def _compares(document: Document, name: str, kind: str, how: str, value: Constant) -> Truth | None:
    compare = _COMPARISONS[how]
    if kind == "money" and isinstance(value, Money):
        same = json_text(document, name, "currency") == value.currency
        return sa.and_(same, compare(json_number(document, name, "amount"), number(value.amount)))
    if kind in ("number", "share") and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return compare(json_number(document, name), number(value))
    return None


def _ago(form: RelativeAge, place: JsonDocument, name: str) -> Truth | None:
    more = form.how == "more than"
    if form.ref.type.kind == "time":
        at, edge = json_number(place.document, name), number(minus(place.now, form.length, UTC))
        return at < edge if more else sa.and_(at > edge, at <= number(place.now))
    if form.ref.type.kind != "date":
        return None
    text = json_text(place.document, name)

    def on(today: dt.date) -> Truth:
        edge = minus_days(today, form.length).isoformat()
        return text < edge if more else sa.and_(text > edge, text <= today.isoformat())

    return by_day(place, on)


def _today(place: JsonDocument, name: str, kind: str) -> Truth | None:
    text = json_text(place.document, name)
    match kind:
        case "date":
            return by_day(place, lambda today: text == today.isoformat())
        case "birthday":
            last_five = sa.func.substr(text, sa.func.length(text) - 4)

            def kept(today: dt.date) -> Truth:
                days = [each for each in ("02-29", f"{today:%m-%d}") if _kept_on(each, today)]
                return last_five.in_(days)

            return by_day(place, kept)
        case "time":
            at = json_number(place.document, name)
            return by_bounds(place, lambda ends: sa.and_(at >= number(ends[0]), at < number(ends[1])))
        case _:
            return None


def _kept_on(month_and_day: str, today: dt.date) -> bool:
    month, day = (int(part) for part in month_and_day.split("-"))
    return Birthday(month, day).in_year(today.year) == today
