"""Words of the author turned into values of a type: `50 EUR`, `2026-11-27`, `gold`, `yes`."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.conditions.condition import Constant
from engine.language.nodes import part
from engine.language.quantities import parse_clock, parse_date
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean
from engine.values import Birthday, Money, Type, Value, at_local

YES = ("true", "yes")
NO = ("false", "no")

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_MONEY = re.compile(r"(-?\d{1,13}(?:\.\d{1,4})?) ([A-Z]{3})", re.ASCII)
_AMOUNT = re.compile(r"-?\d{1,13}(?:[.,]\d{1,4})?")
_BIRTHDAY = re.compile(r"(?:(\d{4})|-)-(\d{2})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Local:
    """What values mean in this shop: its currency, and the zone of written moments."""

    currency: str
    zone: ZoneInfo


def read_constant(text: Text, kind: Type, local: Local, around: Span | None = None) -> Constant | Problem:
    """A value as it stands in a condition or step. `whole` is the place to point at when the value stands
    in a longer form (`at least 50`)."""
    span = around or text.span
    match kind.kind:
        case "text" | "list of text" | "list of":
            return text.value
        case "number":
            if _NUMBER.fullmatch(text.value):
                return Decimal(text.value) if "." in text.value else int(text.value)
            meant = text.value.replace(",", ".") if _AMOUNT.fullmatch(text.value) else "2"
            return Problem(
                span,
                "E22",
                f"{quoted(text.value)} is not a number",
                "a number is written in digits",
                f"write  {meant}",
            )
        case "money":
            return _money(text, span, local.currency)
        case "true/false":
            return _yes_no(text)
        case "one of":
            return _choice(text, kind)
        case "date":
            return parse_date(text)
        case "time":
            return read_moment(text, local)
        case "birthday":
            # `1990-03-12`, or `--03-12` where the year is not known
            if text.value.startswith("--") and (match := _BIRTHDAY.fullmatch(text.value)):
                leap = parse_date(Text(f"2000-{match[2]}-{match[3]}", text.span))
                return leap if isinstance(leap, Problem) else Birthday(leap.month, leap.day)
            day = parse_date(text)
            return day if isinstance(day, Problem) else Birthday(day.month, day.day, day.year)


def read_value(text: Text, kind: Type, local: Local) -> Value | Problem:
    """As `read_constant`, for a value that is stored: one word for a list makes a list of one."""
    value = read_constant(text, kind, local)
    if kind.kind == "list of text" and isinstance(value, str):
        return (value,)
    return value


def read_moment(text: Text, local: Local, *, last: bool = False) -> int | Problem:
    """`2026-11-27` or `2026-11-27 10:00` in the project's zone as an instant; a date alone is its first
    moment, or its last one."""
    words = text.value.split(" ")
    day = parse_date(part(text, 0, len(words[0])) if len(words) > 1 else text)
    if isinstance(day, Problem):
        return day
    if len(words) > 1:
        clock = parse_clock(part(text, len(words[0]) + 1, len(text.value) - len(words[0]) - 1))
        return clock if isinstance(clock, Problem) else at_local(day, clock.time, local.zone)
    if last:
        return at_local(day + dt.timedelta(days=1), dt.time(0), local.zone) - 1
    return at_local(day, dt.time(0), local.zone)


def is_reference(word: str) -> bool:
    """Does a value name a field instead of being one?"""
    return word.startswith(("trigger.", "product.")) and word.replace(".", "_").isidentifier()


def _money(text: Text, span: Span, currency: str) -> Money | Problem:
    match = _MONEY.fullmatch(text.value)
    if match and match[2] == currency:
        return Money(Decimal(match[1]), currency)
    if match:
        return Problem(
            span,
            "E22",
            f"{quoted(text.value)} is not in {currency}",
            "amounts of two currencies are never compared; journeys are written in the currency of the shop",
            f"write the amount in {currency}",
            topic="currency",
        )
    amount = re.search(r"\d[\d.,]*", text.value)
    meant = amount[0].rstrip(".,") if amount else "50"
    if re.fullmatch(r"\d+,\d{1,2}", meant):
        meant = meant.replace(",", ".")
    return Problem(
        span,
        "E22",
        f"{quoted(text.value)} is not an amount of money",
        "an amount is a number and a currency",
        f"write  {meant.replace(',', '')} {currency}",
    )


def _yes_no(text: Text) -> bool | Problem:
    if text.value in YES:
        return True
    if text.value in NO:
        return False
    meant = {"1": "true", "on": "true", "0": "false", "off": "false"}.get(text.value.casefold())
    near = (
        f"write  {meant}" if meant else did_you_mean(text.value, ("true", "false"), "write  true  or  false")
    )
    return Problem(
        text.span, "E24", f"{quoted(text.value)} is neither true nor false", "it can be: true, false", near
    )


def _choice(text: Text, kind: Type) -> str | Problem:
    if text.value in kind.choices:
        return text.value
    return Problem(
        text.span,
        "E24",
        f"{quoted(text.value)} is not one of its values",
        f"it can be: {', '.join(kind.choices)}",
        did_you_mean(text.value, kind.choices, f"use one of: {', '.join(kind.choices)}"),
    )
