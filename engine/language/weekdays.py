"""Days of the week as authors write them, and the text to type when they write otherwise."""

from __future__ import annotations

import re

from engine.language.syntax import Text
from engine.language.wording import as_list, quoted
from engine.problem import Problem, nearest

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEVERAL_DAYS = {"workdays": (0, 1, 2, 3, 4), "weekend": (5, 6)}
_LONGEST_WRITTEN = 60  # characters in which several days are looked for


def parse_weekday(text: Text) -> tuple[int, ...] | Problem:
    """`Tuesday`, `workdays`, `weekend`, `[Monday, Friday]` (0 = Monday)."""
    word = spell_weekday(text.value)
    if word in WEEKDAYS:
        return (WEEKDAYS.index(word),)
    if word in SEVERAL_DAYS:
        return SEVERAL_DAYS[word]
    listed = word.removeprefix("[").removesuffix("]").split(", ")
    if len(listed) > 1 and set(listed) <= set(WEEKDAYS):
        return tuple(map(WEEKDAYS.index, listed))
    return no_weekday(text)


def no_weekday(text: Text) -> Problem:
    """E30, with the day that is probably meant."""
    meant = weekday_meant(text.value)
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a weekday",
        f"it can be: {as_list(WEEKDAYS)}, workdays, weekend",
        f"write  {meant}" if meant else "",
    )


def spell_weekday(word: str) -> str:
    """`tuesday`, `Tue`, `Sundays`, `Workdays`: the day as it is written."""
    day = _day_meant(word)
    if day is not None:
        return WEEKDAYS[day]
    return word.casefold() if word.casefold() in SEVERAL_DAYS else word


_DAYS_FROM_TO = re.compile(r"(?:from )?([a-z]+)\.? *(?:-|–|—|to|until|through) *([a-z]+)\.?")
_DAYS_BUT = re.compile(r"(?:every day |all days )?(?:not|no|except|but not|without)(?: on)? ([a-z]+)")


def spell_weekdays(words: str) -> str:
    """What stands alone behind `weekdays`: as `spell_weekday`, and `Monday to Thursday` or `not Sunday` as a
    list of days."""
    if len(words) > _LONGEST_WRITTEN:
        return words
    days: tuple[int, ...] = ()
    if match := _DAYS_FROM_TO.fullmatch(words.casefold()):
        first, last = _day_meant(match[1]), _day_meant(match[2])
        if first is not None and last is not None:
            # over the weekend, too: from Saturday to Monday are three days
            days = tuple((first + further) % 7 for further in range((last - first) % 7 + 1))
    elif match := _DAYS_BUT.fullmatch(words.casefold()):
        day = _day_meant(match[1])
        left_out = SEVERAL_DAYS.get(match[1], () if day is None else (day,))
        days = tuple(day for day in range(7) if left_out and day not in left_out)
    several = next((name for name, of in SEVERAL_DAYS.items() if of == days), "")
    listed = f"[{', '.join(WEEKDAYS[day] for day in days)}]" if days else spell_weekday(words)
    return several or listed


def _day_meant(word: str) -> int | None:
    """`mon`, `sundays`: one day, by three letters at least."""
    written = word.rstrip(".").capitalize()
    # `Tues` is short for Tuesday, and `Sundays` are many of them
    found = [day for day, name in enumerate(WEEKDAYS) if written == f"{name}s" or name.startswith(written)]
    return found[0] if len(written) > 2 and len(found) == 1 else None


def weekday_meant(word: str) -> str:
    """The day that a word names in another way, or nearly; "" where it names none."""
    if word.casefold() in SEVERAL_DAYS:
        return word.casefold()
    if word.casefold() in ("weekday", "weekdays", "workday", "working days", "business days"):
        return "workdays"
    capitalized = word.capitalize()
    if len(word) >= 2 and word.isalpha():
        for day in WEEKDAYS:
            # `Tue`, `tues`, `Mondays`
            if day.startswith(capitalized.rstrip("s")):
                return day
    # by number, Monday is 1, as in ISO 8601
    if re.fullmatch("0?[1-7]", word):
        return WEEKDAYS[int(word) - 1]
    return nearest(word, WEEKDAYS) or ""
