"""Lengths of time, times of day, dates, moments and shares as authors write them, and the text to type when
they write otherwise."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zoneinfo
from dataclasses import replace

from engine.language.foreign_words import in_our_words
from engine.language.nodes import part
from engine.language.spelling import spell_length, spell_share
from engine.language.syntax import Clock, Length, Text, Until
from engine.language.weekdays import SEVERAL_DAYS, WEEKDAYS, no_weekday, parse_weekday, weekday_meant
from engine.language.wording import as_list, quoted, shown
from engine.problem import Problem, nearest
from engine.values import HOUR, MINUTE, Birthday, Duration

UNITS = ("minutes", "hours", "days", "weeks", "months", "years")
_WHY_LENGTH = f"a length is a number and a word: {', '.join(UNITS)}"
_WHY_WORKING_DAYS = (
    "days are those of the calendar; where a wait ends on a day off,  weekdays: workdays  under it moves its "
    "end to the next workday"
)
_WHY_CLOCK = "times are written 00:00 to 23:59, in the customer's own time zone"
_WHY_DATE = "dates are written year-month-day"

_PART = re.compile(r"(\d{1,6}) +(minutes?|hours?|days?|weeks?|months?|years?)(?: +|$)", re.ASCII)
_LENGTH = re.compile(r"(?:\d{1,6} +(?:minute|hour|day|week|month|year)s?(?: +|$))+", re.ASCII)
_LONGEST_WRITTEN = 100  # characters of a text in which a length is looked for
_LONGEST = Duration(months=1200)

_LETTERS = {
    "m": ("minutes", "months"), "min": ("minutes",), "mins": ("minutes",), "h": ("hours",), "hr": ("hours",),
    "hrs": ("hours",), "d": ("days",), "w": ("weeks",), "wk": ("weeks",), "mo": ("months",),
    "mon": ("months",),
    "y": ("years",), "yr": ("years",), "yrs": ("years",),
}  # fmt: skip
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12,
}  # fmt: skip
_SHORT = re.compile(r"(\d{1,6}) *([A-Za-z]+)\.?")
_HALF = re.compile(r"(\d{1,4})[.,]5 *(hours?|h|days?|d)")
_ISO_LENGTH = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_HOURS_MINUTES = re.compile(r"(\d{1,4}):(\d{2})(?::00)?")

_HOURS_AND = re.compile(r"(\d{1,3}) ?(?:hours?|hrs?)(?: and)? (\d{1,2})", re.IGNORECASE)
_FORTNIGHTS = re.compile(r"(\w+) fortnights?", re.IGNORECASE)
_AROUND = re.compile(r"^(?:in|for|after|another|wait) +(?=\S* *[a-z])| +(?:later|long)$", re.IGNORECASE)
"""Words around a length that change nothing."""

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_AM_PM = re.compile(r"(\d{1,2})(?:[:.](\d{2}))? *([ap])\.?m\.?", re.IGNORECASE)
_HOUR = re.compile(
    r"(\d{1,2})(?: *(?:h|Uhr|o'clock))?(?:[.h:]?(\d{2})?)?(?::\d{2})?(?: *(?:[A-Z]{3,5}|Uhr|hrs?|h))?"
)
_NAMED_TIMES = {"noon": "12:00", "midday": "12:00", "midnight": "00:00"}

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_OTHER_DATE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")


def parse_length(text: Text) -> Length | Problem:
    """`3 days`, `1 day 12 hours`: calendar units and elapsed ones apart (design/language 2.8)."""
    words = spell_length(text.value)
    if not _LENGTH.fullmatch(words):
        return Problem(
            text.span,
            "E30",
            f"{quoted(text.value)} is not a length of time",
            _WHY_WORKING_DAYS if _WORKING_DAYS.search(text.value[:_LONGEST_WRITTEN]) else _WHY_LENGTH,
            f"write  {meant}"
            if (meant := length_meant(text.value))
            else f"write a number and one of: {as_list(UNITS)}",
        )
    # kept apart: a day has 23 to 25 hours and a month 28 to 31 days, which only the customer's calendar
    # knows
    months = days = elapsed = 0
    for number, unit in _PART.findall(words):
        count = int(number)
        match unit.rstrip("s"):
            case "minute":
                elapsed += count * MINUTE
            case "hour":
                elapsed += count * HOUR
            case "day":
                days += count
            case "week":
                days += count * 7
            case "month":
                months += count
            case _:
                months += count * 12
    duration = Duration(months, days, elapsed)
    if not 0 < duration.roughly() <= _LONGEST.roughly():
        return Problem(
            text.span,
            "E30",
            f"{quoted(text.value)} is not a length of time that can be waited",
            "a length is more than nothing and at most 100 years",
            "write a length between these two",
        )
    return Length(duration, Text(words, text.span))


_WORKING_DAYS = re.compile(
    r"(?:work(?:ing)?|business|week) ?days?$|werktage?n?$|arbeitstage?n?$", re.IGNORECASE
)


def parse_clock(text: Text) -> Clock | Problem:
    """`10:00`, `9:30`."""
    match = _CLOCK.fullmatch(text.value)
    if match and int(match[1]) < 24 and int(match[2]) < 60:
        return Clock(dt.time(int(match[1]), int(match[2])), text)
    meant = clock_meant(text.value)
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a time of day",
        _WHY_CLOCK,
        f"write  {meant}" if meant else "write the hour, a colon and the minutes",
    )


def parse_date(text: Text) -> dt.date | Problem:
    """`2026-11-27`."""
    match = _DATE.fullmatch(text.value)
    if match:
        # the form fits, and there may still be no such day
        day = _day(int(match[1]), int(match[2]), int(match[3]))
        if day is not None:
            return day
        return Problem(
            text.span,
            "E30",
            f"{quoted(text.value)} is not a date",
            "there is no such day between 1900 and 2199",
            "write a day that exists",
        )
    meant = "  or  ".join(day.isoformat() for day in dates_meant(text.value))
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a date",
        _WHY_DATE,
        f"write  {meant}" if meant else "write the year, the month and the day with  -  between them",
    )


def words_for(months: int, days: int, minutes: int) -> str:
    """A length in the words of the language."""
    parts = [(months, "month"), (days, "day"), (minutes // 60, "hour"), (minutes % 60, "minute")]
    return " ".join(counted(number, unit) for number, unit in parts if number)


def counted(number: int, unit: str) -> str:
    """`1 day`, `3 days`."""
    unit = unit.removesuffix("s")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def length_meant(written: str) -> str:
    """What was probably meant by a length that is none; several joined by `or`. It keeps every number of the
    author: a unit that means two things (`1 година`) is not guessed, and "" comes back."""
    written = _AROUND.sub("", written) if len(written) < _LONGEST_WRITTEN else written
    words = spell_length(written)
    if _LENGTH.fullmatch(words):
        return words
    if match := _FORTNIGHTS.fullmatch(written):
        # `2 fortnights` in weeks has another number than its author wrote
        number = _NUMBERS.get(match[1].casefold())
        return counted(number * 2, "weeks") if number else ""
    if match := _HOURS_AND.fullmatch(written):
        return f"{counted(int(match[1]), 'hours')} {counted(int(match[2]), 'minutes')}"
    if _LENGTH.fullmatch(ours := in_our_words(written)):
        return re.sub(r"\b1 (\w+)s\b", r"1 \1", ours)
    meant = _length_meant(written) if len(written) < _LONGEST_WRITTEN else ""
    numbers = re.findall(r"\d+", written)
    return meant if meant and (not numbers or _keeps(meant, numbers)) else ""


def _keeps(meant: str, numbers: list[str]) -> bool:
    """Do as many parts stand in the fix as numbers in the text? `1.5` and `1:30` are one number of two."""
    return len(re.findall(r"\d+", meant.split("  or  ", maxsplit=1)[0])) >= len(
        [n for n in numbers if int(n)]
    )


def _length_meant(written: str) -> str:
    """What the author of `3d`, `PT3H` or `72:00` probably meant; several joined by `or`."""
    # a number without a unit: the author has to say which, so all are offered
    if written.isascii() and written.isdigit() and len(written) < 7:
        return "  or  ".join(counted(int(written), unit) for unit in ("minutes", "hours", "days"))
    if match := _HOURS_MINUTES.fullmatch(written):
        return words_for(0, 0, int(match[1]) * 60 + int(match[2]))
    if match := _HALF.fullmatch(written):
        amount, unit = int(match[1]), match[2][0]
        return words_for(0, amount, 12 * 60) if unit == "d" else words_for(0, 0, amount * 60 + 30)
    if len(written) < 30 and (match := _ISO_LENGTH.fullmatch(written)):
        years, months, weeks, days, hours, minutes = (int(number or 0) for number in match.groups())
        return words_for(years * 12 + months, weeks * 7 + days, hours * 60 + minutes)
    parts = [_part_meant(part) for part in _parts(written.lstrip("+ "))]
    if not all(parts):
        return ""
    return "  or  ".join(parts[0]) if len(parts) == 1 else " ".join(part[0] for part in parts)


def _parts(written: str) -> list[str]:
    """`2d 3h` and `one day` cut where a number begins."""
    words = written.casefold().split()[:8]
    cut: list[str] = []
    for word in words:
        if cut and word not in _NUMBERS and not word[0].isdigit():
            cut[-1] += f" {word}"
        else:
            cut.append(word)
    return cut


def _part_meant(part: str) -> list[str]:
    number, _, unit = part.partition(" ")
    if number in _NUMBERS and unit:
        part = f"{_NUMBERS[number]} {unit}"
    match = _SHORT.fullmatch(part)
    if not match:
        return []
    near = nearest(match[2], UNITS)
    # `m` is a minute to one and a month to another, so that one letter may have two meanings
    units = _LETTERS.get(match[2]) or ((near,) if near else ())
    return [counted(int(match[1]), unit) for unit in units]


def clock_meant(written: str) -> str:
    """The time of day that was probably meant: `21:00` for `9pm`, `21h`, `9 p.m.`; "" where none was."""
    if len(written) > 40:
        return ""
    # digits and colons of another keyboard look the same
    written = unicodedata.normalize("NFKC", written)
    if written.casefold() in _NAMED_TIMES:
        return _NAMED_TIMES[written.casefold()]
    if match := _AM_PM.fullmatch(written):
        # 12 am is midnight, 12 pm is noon
        hour = int(match[1]) % 12 + (12 if match[3].casefold() == "p" else 0)
        return _clock_text(hour, int(match[2] or 0)) if int(match[1]) <= 12 else ""
    if match := _HOUR.fullmatch(written):
        return "00:00" if written == "24:00" else _clock_text(int(match[1]), int(match[2] or 0))
    return ""


def _clock_text(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else ""


def dates_meant(written: str) -> list[dt.date]:
    """`2026-11-27`, `27.11.2026` and `11/27/26`; both readings of `11/12/26`."""
    if match := _DATE.fullmatch(written):
        day = _day(int(match[1]), int(match[2]), int(match[3]))
        return [] if day is None else [day]
    match = _OTHER_DATE.fullmatch(written)
    if not match:
        day = _day_and_year_meant((in_our_words(written) or written).casefold())
        return [] if day is None else [day]
    first, second, third = (int(number) for number in match.groups())
    if len(match[1]) == 4:
        readings = [(first, second, third)]
    else:
        year = third if third > 99 else 2000 + third
        american = "/" in written
        readings = [(year, first, second), (year, second, first)]
        if not american:
            readings = [(year, second, first)]
    days = [day for reading in readings if (day := _day(*reading)) is not None]
    return list(dict.fromkeys(days))


def _day_and_year_meant(words: str) -> dt.date | None:
    """`1 March 2026`, `March 1st, 2026`."""
    match = re.fullmatch(r"(\S.*?),? (\d{4})", words, re.ASCII)
    day = _day_of_year_meant(match[1]) if match else None
    return _day(int(match[2]), day.month, day.day) if match and day else None


def _day(year: int, month: int, day: int) -> dt.date | None:
    """The day if it exists in a century that journeys are about."""
    try:
        return dt.date(year, month, day) if 1900 <= year < 2200 else None
    except ValueError:
        return None


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip

_DAY_OF_YEAR = re.compile(rf"([1-9]|[12]\d|3[01]) ({'|'.join(MONTHS)})", re.ASCII)
_DAY_AND_WORD = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[. ]*(?:of )?([a-z]{3,9})\.?", re.ASCII)
_WORD_AND_DAY = re.compile(r"([a-z]{3,9})[. ]*(\d{1,2})(?:st|nd|rd|th)?", re.ASCII)
_DAY_AND_NUMBER = re.compile(r"(\d{1,2})\.(\d{1,2})\.?", re.ASCII)
_WHY_DAY = "a day of every year is written 27 November, a single day 2026-11-27"


def is_calendar_day(text: Text) -> bool:
    """Whether a date is meant, rather than the name of one: it has a digit or the name of a month in it."""
    words = text.value.casefold()
    return (
        words[:1].isdigit()
        or any(word in words.split() for word in map(str.casefold, MONTHS))
        or (_day_of_year_meant(words) is not None)
    )


def parse_calendar_day(text: Text) -> Birthday | dt.date | Problem:
    """`27 November`, every year; `2026-11-27`, once."""
    if match := _DAY_OF_YEAR.fullmatch(text.value):
        day = _day_of_year(int(match[1]), MONTHS.index(match[2]) + 1)
        if day is not None:
            return day
        month = MONTHS.index(match[2]) + 1
        last = max(day for day in range(1, 32) if _day_of_year(day, month))
        return Problem(text.span, "E30", f"there is no {text.value}", _WHY_DAY,
                       f"the month ends with {last} {match[2]}: write the day that you mean")  # fmt: skip
    meant = _day_of_year_meant(text.value.casefold())
    if meant is not None:
        return Problem(text.span, "E30", f"{quoted(text.value)} is not a date", _WHY_DAY,
                       f"write  {meant.day} {MONTHS[meant.month - 1]}")  # fmt: skip
    if text.value[:1].isdigit() and re.match(r"\d+[-./]\d+[-./]\d", text.value):
        return parse_date(text)
    days = dates_meant(text.value) or _day_and_month_meant(text.value)
    meant_days = "  or  ".join(calendar_day(day) for day in days)
    return Problem(text.span, "E30", f"{quoted(text.value)} is not a date", _WHY_DAY,
                   f"write  {meant_days}" if days else "use one of these two forms")  # fmt: skip


def _day_and_month_meant(written: str) -> list[Birthday]:
    """Both readings of `12/5`, the only one of `12/24`."""
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})", written, re.ASCII)
    if match is None:
        return []
    first, second = int(match[1]), int(match[2])
    readings = (_day_of_year(second, first), _day_of_year(first, second))
    return list(dict.fromkeys(day for day in readings if day is not None))


def calendar_day(day: Birthday | dt.date) -> str:
    """As it is written: `27 November`, `2026-11-27`."""
    return day.isoformat() if isinstance(day, dt.date) else f"{day.day} {MONTHS[day.month - 1]}"


def _day_of_year(day: int, month: int) -> Birthday | None:
    try:
        dt.date(2000, month, day)  # a leap year: 29 February is a day, and kept on the 28th in others
    except ValueError:
        return None
    return Birthday(month, day)


def _day_of_year_meant(words: str) -> Birthday | None:
    """The day of `nov 27`, `27th November` or `27.11.`; None: something else is meant."""
    if match := _DAY_AND_NUMBER.fullmatch(words):
        return _day_of_year(int(match[1]), int(match[2]))
    if match := _DAY_AND_WORD.fullmatch(words):
        day, word = int(match[1]), match[2]
    elif match := _WORD_AND_DAY.fullmatch(words):
        word, day = match[1], int(match[2])
    else:
        return None
    months = [number for number, name in enumerate(MONTHS, 1) if name.casefold().startswith(word)]
    if not months and (near := nearest(word.capitalize(), MONTHS)):
        months = [MONTHS.index(near) + 1]
    return _day_of_year(day, months[0]) if len(months) == 1 else None


THEIR_HOUR = "their hour"

_OTHER_WORDS = frozenset((
    "their_hour", "their-hour", "their time", "their_time", "best hour", "best time", "best_time",
    "besttime", "optimal time",
    "optimal", "send time", "usual hour", "usual time", "his hour", "her hour", "your hour", "auto", "smart",
))  # fmt: skip


def is_their_hour(text: Text) -> bool:
    """These very words."""
    return text.value == THEIR_HOUR


def their_hour_meant(text: Text, before: str = "") -> Problem | None:
    """What is said about words that probably mean it; None: something else is meant. `before`: the word in
    front of it."""
    words = text.value.casefold()
    if words not in _OTHER_WORDS and not (" " in words and nearest(words, (THEIR_HOUR,))):
        return None
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a time of day",
        "it is written 00:00 to 23:59, or in these words: the hour at which this customer reacts",
        f'did you mean "{before}{THEIR_HOUR}"?',
    )


_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*")
_BESIDE = re.compile(r"(.+?) (before|after) (\S+)")


def parse_until(text: Text, here: Text) -> Until | Problem:
    """`here` is what stands behind `until` in the text of the wait."""
    words = here.value
    if is_their_hour(here):
        return Until(text, their_hour=True)
    if (meant := their_hour_meant(here, "until ")) is not None:
        return meant
    # the order counts from here on: `3 days before x` begins like a length, a length like a clock, and a
    # date like both
    first, _, rest = words.partition(" ")
    # before a plain length, which is only its beginning
    if words[:1].isdigit() and (beside := _BESIDE.fullmatch(words)):
        return _offset(text, here, beside)
    length = length_meant(words) if words[:1].isdigit() and not clock_meant(words) else ""
    if length and "  or  " not in length:
        return Problem(
            here.span,
            "E30",
            f"{quoted(words)} is a length of time, and  until  asks for a moment",
            "a wait is so long, or until then",
            f"write  wait: {length}",
        )
    # before dates and names: `27 November` begins with a digit, `November 27` looks like a name
    if (day_of_year := _day_of_year_meant(words.casefold())) is not None and " " in words:
        return Problem(
            here.span,
            "E30",
            f"{quoted(words)} does not say in which year",
            "a wait ends on one day; a day of every year is a start  (date: 27 November)",
            f"put the year in front, as in  until YEAR-{day_of_year.month:02}-{day_of_year.day:02} 10:00",
        )
    if words[:1].isdigit():
        # `10.30` is a time with a point, `10.3.2026` a date
        if not re.match(r"\d+[-./]\d", first) or re.fullmatch(r"\d{1,2}\.\d{2}", first):
            clock = parse_clock(here)
            return clock if isinstance(clock, Problem) else Until(text, time=clock.time)
        day = parse_date(part(here, 0, len(first)))
        if isinstance(day, Problem):
            return day
        time = _time_behind(here, first, rest)
        return time if isinstance(time, Problem) else Until(text, date=day, time=time)
    # before names: `Tuesday 10:00` is none, and an attribute may be called like a slip of a weekday
    if weekday_meant(first) and not _is_name(words):
        return _weekday_and_time(text, here, first, rest)
    if _is_name(words) and words.casefold() not in _MOMENTS_OF_THE_DAY:
        return Until(text, name=here)
    return Problem(
        here.span,
        "E30",
        f"{quoted(words)} is not a moment",
        "a wait ends at a time (until 10:00), a weekday with a time (until Tuesday 10:00), a date (until "
        "2026-11-27 08:00), or before or after an attribute that is a date (until 3 days before "
        "code.expires)",
        _moment_fix(words),
    )


_MOMENTS_OF_THE_DAY = (
    *_NAMED_TIMES, "tomorrow", "tonight", "today", "now", "morning", "evening", "afternoon", "night", "later",
    "yesterday",
)  # fmt: skip


def _moment_fix(words: str) -> str:
    """What to type for words that are no moment, as far as they can only mean one."""
    word = words.casefold()
    if word in _NAMED_TIMES:
        return f"write  until {_NAMED_TIMES[word]}"
    if word.startswith("tomorrow"):
        at = (
            f"\n         at: {clock}" if (clock := clock_meant(word.removeprefix("tomorrow").strip())) else ""
        )
        return f"write\n         wait: 1 day{at}" if at else "write  wait: 1 day  and the time of day as  at:"
    clock = clock_meant(words.removeprefix("at "))
    return f"write  until {clock}" if clock else ""


def _is_name(words: str) -> bool:
    return bool(_NAME.fullmatch(words)) and words.capitalize() not in WEEKDAYS


def _offset(text: Text, here: Text, match: re.Match[str]) -> Until | Problem:
    length = parse_length(part(here, match.start(1), match.end(1) - match.start(1)))
    if isinstance(length, Problem):
        return length
    name = part(here, match.start(3), match.end(3) - match.start(3))
    if not _is_name(name.value):
        return Problem(
            name.span,
            "E30",
            f"{quoted(name.value)} is not the name of a date",
            "a wait can end before or after an attribute that is a date, a field trigger.x, or code.expires",
            f"write  until {shown(length.text.value)} {match[2]} code.expires  or the name of a date",
        )
    return Until(text, name=name, offset=length, side="before" if match[2] == "before" else "after")


def _weekday_and_time(text: Text, here: Text, first: str, rest: str) -> Until | Problem:
    days = parse_weekday(part(here, 0, len(first)))
    if isinstance(days, Problem):
        return days
    # understood alone, where `fmt` writes it out
    if first.capitalize() not in WEEKDAYS and first.casefold() not in SEVERAL_DAYS:
        return no_weekday(part(here, 0, len(first)))
    if not rest or len(days) > 1:
        return Problem(
            here.span,
            "E30",
            f"{quoted(here.value)} does not say when on that day",
            "a wait until a weekday needs one day and a time",
            f"write  until {WEEKDAYS[days[0]]} {rest}"
            if rest
            else f"add the time of day behind it, as in  until {WEEKDAYS[days[0]]} 10:00",
        )
    time = _time_behind(here, first, rest)
    if not isinstance(time, Problem):
        return Until(text, weekday=days[0], time=time)
    # the fix names the day as well, so that it can be typed as it stands
    clock = clock_meant(rest.strip(", ").removeprefix("at ").strip())
    return replace(time, fix=f"write  until {WEEKDAYS[days[0]]} {clock}") if clock else time


def _time_behind(here: Text, first: str, rest: str) -> dt.time | Problem | None:
    if not rest.strip():
        return None
    # the place in the whole text: a mistake is shown under the characters that it is about
    start = here.value.index(rest.strip(), len(first))
    clock = parse_clock(part(here, start, len(rest.strip())))
    return clock if isinstance(clock, Problem) else clock.time


_ZONES = {"CET": "Europe/Berlin", "CEST": "Europe/Berlin", "MEZ": "Europe/Berlin", "EST": "America/New_York",
          "PST": "America/Los_Angeles", "GMT": "Europe/London", "BST": "Europe/London",
          "MSK": "Europe/Moscow"}  # fmt: skip


def zone_fix(written: str) -> str:
    """What to type for a text that is no time zone: the place that a slip of the pen hides."""
    if written.upper() in _ZONES:
        return f"write  {_ZONES[written.upper()]}"
    # a few hundred names from the disk, read only when something is wrong
    word = written.strip().replace(" ", "_") if len(written) < 60 else ""
    zones = sorted(zoneinfo.available_timezones()) if word else []
    # a city alone is a place, where there is one of that name
    city = f"/{word.casefold()}"
    of_city = [zone for zone in zones if zone.casefold().endswith(city)]
    near = of_city[0] if len(of_city) == 1 else nearest(word, zones)
    return f'did you mean "{near}"?' if near else "write a region and a city, as in  Europe/Berlin"


_SHARE = re.compile(r"(\d{1,3})%", re.ASCII)
_FRACTION = re.compile(r"0?[.,](\d{1,2})")
_NUMBER = re.compile(r"(\d{1,3})(?: *(?:%|percent|per cent))?")


def parse_share(text: Text) -> int | Problem:
    """`45%`."""
    match = _SHARE.fullmatch(spell_share(text.value))
    if match and int(match[1]) <= 100:
        return int(match[1])
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a share",
        "a share is written in whole percents, 0% to 100%",
        f"write  {meant}" if (meant := _meant(text.value)) else "write a whole number and %",
    )


def _meant(written: str) -> str:
    # `0.5` is half, not half a percent
    if match := _FRACTION.fullmatch(written):
        return f"{int(match[1].ljust(2, '0'))}%"
    match = _NUMBER.fullmatch(written)
    return f"{int(match[1])}%" if match and int(match[1]) <= 100 else ""
