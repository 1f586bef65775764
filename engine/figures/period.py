"""The days that a report is about, in the shop's calendar, and those that it is compared with."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

from engine.errors import UsageError

USUAL = "30 days"
"""What a report is about where nothing is said."""

_LENGTH = re.compile(r"([1-9][0-9]{0,3}) *(day|week|month|year)s?")
_MOST_DAYS = 3700


class Granularity(StrEnum):
    """Into what parts a period is cut."""

    day = "day"
    week = "week"
    month = "month"


class Spelling(Enum):
    """How whoever asks writes what a report is about: options of a command, or parameters of an address."""

    OPTION = "--{} {}"
    PARAMETER = "{}={}"

    def bare(self, name: str) -> str:
        """`--from`, or `from`."""
        return self.value.partition("{}")[0] + name

    def write(self, name: str, value: str) -> str:
        """`--from 2026-03-31`, or `from=2026-03-31`."""
        return self.value.format(name, value)


@dataclass(frozen=True, slots=True)
class Period:
    """From a day to another one, both included."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def is_of_months(self) -> bool:
        """Whether it is one calendar month or several."""
        return self.first.day == 1 and self.last == _end_of_month(self.last)

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last

    def before(self) -> Period:
        """What it is compared with: as many days before it, of whole months as many months."""
        last = self.first - dt.timedelta(days=1)
        if not self.is_of_months:
            return Period(self.first - dt.timedelta(days=self.days), last)
        months = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        return Period(_months_back(self.first, months), last)

    def year_before(self) -> Period:
        """The same days of the year before; of whole months the same months."""
        last = _months_back(self.last, 12)
        return Period(_months_back(self.first, 12), _end_of_month(last) if self.is_of_months else last)

    def dates(self) -> Iterator[dt.date]:
        """Each day."""
        return (self.first + dt.timedelta(days=day) for day in range(self.days))

    def parts(self, by: Granularity) -> Iterator[Period]:
        """Its days, weeks (from Monday) or calendar months; the first and the last may be cut."""
        first = self.first
        while first <= self.last:
            end = min(_end_of(first, by), self.last)
            yield Period(first, end)
            first = end + dt.timedelta(days=1)

    def called(self, by: Granularity) -> str:
        """What it is called as one of the parts of a longer one."""
        return self.first.isoformat() if by is Granularity.day else str(self)

    def __str__(self) -> str:
        return f"{self.first.isoformat()} to {self.last.isoformat()}"


def asked(
    today: dt.date,
    first: str = "",
    last: str = "",
    length: str = "",
    spelling: Spelling = Spelling.OPTION,
) -> Period:
    """What `--from`, `--to` and `--last` say; the last 30 days, today included, where they say nothing.

    Raises `UsageError` for what is no date or no length, and for an end before its beginning.
    """
    end = _day(last, "to", spelling) if last else today
    if first and length:
        both = f"{spelling.bare('from')} and {spelling.bare('last')}"
        raise UsageError(f"{both} say the same thing:", "leave one of them out")
    begin = _day(first, "from", spelling) if first else _back(end, length or USUAL, spelling)
    if begin > end:
        raise UsageError(
            f"the period ends before it begins: {begin} to {end}", f"{spelling.bare('to')} is the later day"
        )
    if (end - begin).days >= _MOST_DAYS:
        raise UsageError("the period is longer than ten years:", "ask for less")
    return Period(begin, end)


def last_year(today: dt.date) -> Period:
    """The year that ends with the present day, as `--last "1 year"` says it."""
    return asked(today, length="1 year")


def _day(text: str, name: str, spelling: Spelling) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as wrong:
        raise UsageError(
            f"{spelling.write(name, text)} is not a date:", f"write  {spelling.write(name, '2026-03-31')}"
        ) from wrong


def _back(end: dt.date, text: str, spelling: Spelling) -> dt.date:
    """The first day of a length that ends with the day `end`."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        # a shell takes what stands in quotes for one word
        example = f'"{USUAL}"' if spelling is Spelling.OPTION else USUAL
        raise UsageError(
            f"{spelling.write('last', text)} is not a length of time:",
            f"write  {spelling.write('last', example)}",
        )
    count, unit = int(found[1]), found[2]
    after = end + dt.timedelta(days=1)
    match unit:
        case "day":
            return after - dt.timedelta(days=min(count, _MOST_DAYS + 1))
        case "week":
            return after - dt.timedelta(weeks=min(count, _MOST_DAYS))
        case _:
            months = count if unit == "month" else 12 * count
            return _months_back(after, min(months, 12 * 50))


def _months_back(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _end_of(day: dt.date, by: Granularity) -> dt.date:
    match by:
        case Granularity.day:
            return day
        case Granularity.week:
            return day + dt.timedelta(days=6 - day.weekday())
        case Granularity.month:
            return _end_of_month(day)


def _end_of_month(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
