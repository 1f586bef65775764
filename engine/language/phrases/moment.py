"""Weekdays, and the moments that `wait: until ...` can name."""

from __future__ import annotations

import datetime as dt
import re

from engine.language.duration import parse_clock, parse_date, parse_length
from engine.language.nodes import part
from engine.language.phrases.their_hour import is_their_hour, their_hour_meant
from engine.language.syntax import Text, Until
from engine.language.wording import as_list, quoted
from engine.problem import Problem, nearest

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEVERAL_DAYS = {"workdays": (0, 1, 2, 3, 4), "weekend": (5, 6)}

_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*")
_BESIDE = re.compile(r"(.+?) (before|after) (\S+)")


def parse_weekday(text: Text) -> tuple[int, ...] | Problem:
    """`Tuesday`, `workdays`, `weekend` (0 = Monday)."""
    if text.value in WEEKDAYS:
        return (WEEKDAYS.index(text.value),)
    if text.value in SEVERAL_DAYS:
        return SEVERAL_DAYS[text.value]
    meant = _weekday_meant(text.value)
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a weekday",
        f"it can be: {as_list(WEEKDAYS)}, workdays, weekend",
        f"write  {meant or 'Tuesday'}",
    )


def parse_until(text: Text, here: Text) -> Until | Problem:
    """`here` is what stands behind `until` in the text of the wait."""
    words = here.value
    if is_their_hour(here):
        return Until(text, their_hour=True)
    if (meant := their_hour_meant(here, "until ")) is not None:
        return meant
    first, _, rest = words.partition(" ")
    if words[:1].isdigit() and (beside := _BESIDE.fullmatch(words)):
        return _offset(text, here, beside)
    if words[:1].isdigit():
        return _date_or_time(text, here, first, rest)
    if _weekday_meant(first) and not _is_name(words):
        return _weekday_and_time(text, here, first, rest)
    if _is_name(words):
        return Until(text, name=here)
    return Problem(
        here.span,
        "E30",
        f"{quoted(words)} is not a moment",
        "a wait ends at a time, a weekday with a time, a date, or before or after an attribute that is a date",
        "write  until 10:00  or  until Tuesday 10:00  or  until 2026-11-27 08:00  or  until 3 days before code.expires",
    )


def _is_name(words: str) -> bool:
    return bool(_NAME.fullmatch(words)) and words.capitalize() not in WEEKDAYS


def _weekday_meant(word: str) -> str:
    if word.casefold() in SEVERAL_DAYS:
        return word.casefold()
    whole = word.capitalize()
    if len(word) >= 2 and word.isalpha():
        for day in WEEKDAYS:
            if day.startswith(whole.rstrip("s")):
                return day
    if word.isascii() and word.isdigit() and 1 <= int(word[:3]) <= 7:
        return WEEKDAYS[int(word) - 1]
    return nearest(word, WEEKDAYS) or ""


def _offset(text: Text, here: Text, found: re.Match[str]) -> Until | Problem:
    length = parse_length(part(here, found.start(1), found.end(1) - found.start(1)))
    if isinstance(length, Problem):
        return length
    name = part(here, found.start(3), found.end(3) - found.start(3))
    if not _is_name(name.value):
        return Problem(
            name.span,
            "E30",
            f"{quoted(name.value)} is not the name of a date",
            "a wait can end before or after an attribute that is a date, a field trigger.x, or code.expires",
            "write  until 3 days before code.expires",
        )
    return Until(text, name=name, offset=length, side="before" if found[2] == "before" else "after")


def _date_or_time(text: Text, here: Text, first: str, rest: str) -> Until | Problem:
    if not re.match(r"\d+[-./]\d", first) or re.fullmatch(r"\d{1,2}\.\d{2}", first):
        clock = parse_clock(here)
        return clock if isinstance(clock, Problem) else Until(text, time=clock.time)
    day = parse_date(part(here, 0, len(first)))
    if isinstance(day, Problem):
        return day
    time = _time_behind(here, first, rest)
    return time if isinstance(time, Problem) else Until(text, date=day, time=time)


def _weekday_and_time(text: Text, here: Text, first: str, rest: str) -> Until | Problem:
    days = parse_weekday(part(here, 0, len(first)))
    if isinstance(days, Problem):
        return days
    if not rest or len(days) > 1:
        return Problem(
            here.span,
            "E30",
            f"{quoted(here.value)} does not say when on that day",
            "a wait until a weekday needs one day and a time",
            f"write  until {WEEKDAYS[days[0]]} {rest or '10:00'}",
        )
    time = _time_behind(here, first, rest)
    return time if isinstance(time, Problem) else Until(text, weekday=days[0], time=time)


def _time_behind(here: Text, first: str, rest: str) -> dt.time | Problem | None:
    if not rest.strip():
        return None
    start = here.value.index(rest.strip(), len(first))
    clock = parse_clock(part(here, start, len(rest.strip())))
    return clock if isinstance(clock, Problem) else clock.time
