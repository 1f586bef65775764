"""One JSON value of a type: what is taken, and the words for what is not."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import TypeAlias

from engine.values import Birthday, Money, Type, Value, moment_of, parse_instant

DIGITS = 15
"""Significant digits of a number. Floats are rounded to them, so that 59.970000000000006 is 59.97 again; a
number that has more before the point is refused."""

NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
AMOUNT = r"-?[0-9]{1,13}(\.[0-9]{1,8})?( [A-Z]{3})?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T "
    r"][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
)
DIGITS_OF_A_MOMENT = r"[0-9]{9,13}"
BIRTHDAY = r"([0-9]{4}-|--)?[0-9]{2}-[0-9]{2}"
CURRENCY = r"[A-Z]{3}"
TRUE = ("true", "True", "TRUE", "yes", "Yes", "YES")
FALSE = ("false", "False", "FALSE", "no", "No", "NO")

_ROUNDING = Context(prec=DIGITS)
_NUMBER = re.compile(NUMBER)
_AMOUNT = re.compile(AMOUNT)
_DAY = re.compile(DAY)
_MOMENT = re.compile(MOMENT)
_DIGITS = re.compile(DIGITS_OF_A_MOMENT)
_BIRTHDAY = re.compile(BIRTHDAY)
_CURRENCY = re.compile(CURRENCY)


class InvalidValue(Exception):  # noqa: N818  # tells the caller what to say, never leaves typed.py
    """A value does not fit; the text says what would."""


class TooManyDigits(InvalidValue):
    """A number, but not one that can be kept."""

    def __init__(self) -> None:
        super().__init__(f"is a number of at most {DIGITS} digits")


def text(raw: object) -> str:
    """Text in Unicode's composed form; a number becomes its digits, as ids of databases do."""
    if type(raw) is str:
        return raw if raw.isascii() else unicodedata.normalize("NFC", raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise InvalidValue("is a text")
    # Languages with one kind of number write the id 632910392 as 632910392.0
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 10**DIGITS:
        return str(int(raw))
    return str(raw)


def number(raw: object) -> int | Decimal:
    """A whole number as int, any other as Decimal."""
    if type(raw) is int:
        if -(10**DIGITS) < raw < 10**DIGITS:
            return raw
        raise TooManyDigits
    if type(raw) is float:
        if not math.isfinite(raw):
            raise InvalidValue("is a number")
        digits = f"{raw:.{DIGITS}g}"
        # Without an exponent it has a part behind the point, and no more digits than are kept.
        return Decimal(digits) if "." in digits and "e" not in digits else _number(Decimal(digits))
    if isinstance(raw, Decimal) and raw.is_finite():
        return _number(raw)
    if type(raw) is str and _NUMBER.fullmatch(raw):
        return _number(Decimal(raw))
    raise InvalidValue("is a number")


def _number(decimal: Decimal) -> int | Decimal:
    if abs(decimal) >= 10**DIGITS:
        raise TooManyDigits
    rounded = _ROUNDING.plus(decimal)
    return int(rounded) if rounded == rounded.to_integral_value() else rounded


def money(raw: object, currency: str) -> Money:
    """An amount: a number in `currency`, or text such as `19.99 EUR`."""
    if type(raw) is str:
        if not _AMOUNT.fullmatch(raw):
            raise InvalidValue(
                "is an amount of money: a number such as 19.99 with the field currency,"
                f' or the text "19.99 {currency}"'
            )
        amount, _, own = raw.partition(" ")
        return Money(Decimal(amount), own or currency)
    try:
        found = number(raw)
    except TooManyDigits:
        raise
    except InvalidValue:
        raise InvalidValue(
            f'is an amount of money: a number such as 19.99, or the text "19.99 {currency}"'
        ) from None
    return Money(Decimal(found), currency)


def names_currency(raw: object) -> bool:
    """Whether an amount says its currency itself."""
    return type(raw) is str and bool(_AMOUNT.fullmatch(raw)) and " " in raw


def currency_of(raw: object) -> str:
    """The three letters of a currency."""
    if type(raw) is str and _CURRENCY.fullmatch(raw.upper()):
        return raw.upper()
    raise InvalidValue("is a currency of three letters, such as EUR")


def yes_no(raw: object) -> bool:
    """true or false; the words too, for files that have only text."""
    if type(raw) is bool:
        return raw
    if type(raw) is str:
        if raw in TRUE:
            return True
        if raw in FALSE:
            return False
    raise InvalidValue("is true or false")


def date(raw: object) -> dt.date:
    """`2026-11-27`; of a moment its own written day."""
    day = _written_day(raw)
    if day is not None:
        return day
    raise InvalidValue("is a date such as 2026-11-27")


def _written_day(raw: object) -> dt.date | None:
    """The day that stands in a date or a moment, whatever its offset: who writes a birthday as
    `1990-03-12T00:00:00+02:00` means the twelfth."""
    # A form or a spreadsheet leaves blanks around it.
    written = raw.strip() if type(raw) is str else ""
    if not _MOMENT.fullmatch(written):
        return None
    try:
        return dt.date.fromisoformat(written[:10])
    except ValueError:
        return None


def time(raw: object) -> int:
    """ISO 8601 with its offset (none: UTC), or seconds or milliseconds since 1970, as a number or its
    digits."""
    raw = raw.strip() if type(raw) is str else raw
    if type(raw) is str and _MOMENT.fullmatch(raw):
        moment = parse_instant(raw.replace(",", ".").replace(" UTC", "Z"))
        if moment is None:
            raise InvalidValue("is a moment that exists, such as 2026-11-27T10:00:00Z")
        return moment
    at = moment_of(raw) if type(raw) is not str or _DIGITS.fullmatch(raw) else None
    if at is None:
        raise InvalidValue("is a moment such as 2026-11-27T10:00:00Z")
    return at


def birthday(raw: object) -> Birthday:
    """`1990-03-12`, or `--03-12` and `03-12` where the year is not known; of a moment the day that is
    written."""
    written = _written_day(raw)
    if written is not None:
        return Birthday(written.month, written.day, written.year)
    said = raw.strip() if isinstance(raw, str) else ""
    if _BIRTHDAY.fullmatch(said):
        year = said[:4] if len(said) == 10 else ""
        month, day = int(said[-5:-3]), int(said[-2:])
        try:
            dt.date(int(year) if year else 2000, month, day)
        except ValueError as wrong:
            raise InvalidValue("is a birthday that exists, such as 1990-03-12") from wrong
        return Birthday(month, day, int(year) if year else None)
    raise InvalidValue("is a birthday such as 1990-03-12, or --03-12 without a year")


def texts(raw: object) -> tuple[str, ...]:
    """A list of texts; one text is a list of one, and nothing inside a list is left out."""
    listed = raw if isinstance(raw, list | tuple) else (raw,)
    try:
        # An order holds lines without a product (a tip, a gift card): null, and no text of that name
        return tuple(text(each) for each in listed if each is not None)
    except InvalidValue:
        raise InvalidValue("is a list of texts") from None


def _choice(kind: Type) -> Callable[[object], Value]:
    choices = frozenset(kind.choices)
    listed = ", ".join(kind.choices)

    def convert(raw: object) -> str:
        if type(raw) is str and raw in choices:
            return raw
        if type(raw) is int and str(raw) in choices:
            return str(raw)
        raise InvalidValue(f"is one of: {listed}")

    return convert


Make: TypeAlias = Callable[[Type], Callable[[object], Value]]

CONVERTERS: Mapping[str, Make] = {
    "text": lambda _kind: text,
    "number": lambda _kind: number,
    "true/false": lambda _kind: yes_no,
    "one of": _choice,
    "date": lambda _kind: date,
    "time": lambda _kind: time,
    "birthday": lambda _kind: birthday,
    "list of text": lambda _kind: texts,
}
"""Money and nested lists need the currency beside them and are read by `Fields`."""
