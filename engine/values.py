"""The values that journeys are written in: moments, lengths of time, money, shares, zones.

An `Instant` is whole milliseconds since 1970-01-01T00:00:00 UTC. There is no naive time in the
engine, both databases compare instants as plain integers, and so does Python. Local time exists
only together with a zone.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

Instant = NewType("Instant", int)
"""Milliseconds since 1970, UTC."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UTC = ZoneInfo("UTC")
_UTC = dt.UTC
_FIRST_DAY, _LAST_DAY = dt.date(2, 1, 1), dt.date(9998, 12, 31)  # every zone can tell their instants
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=_UTC)
_EPOCH_LOCAL = _EPOCH.replace(tzinfo=None)
_ORDINAL_1970 = _EPOCH.toordinal()
_MILLISECOND = dt.timedelta(milliseconds=1)
_FIRST_CALM, _LAST_CALM = -719_000, 2_932_000
"""Days since 1970 that have a date with room on both sides."""

type_kinds = Literal[
    "text",
    "number",
    "money",
    "true/false",
    "one of",
    "date",
    "time",
    "birthday",
    "list of text",
    "list of",
    "share",
]


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an attribute, fact or field. `choices` only for `one of`; `items` (field -> Type) only
    for `list of`."""

    kind: type_kinds
    choices: tuple[str, ...] = ()
    items: tuple[tuple[str, Type], ...] = ()


class Money(Struct, frozen=True, gc=False):
    """An amount with its currency (ISO 4217). Of amounts of two currencies none is less or more."""

    amount: Decimal
    currency: str

    def __lt__(self, other: Money) -> bool:
        return self.currency == other.currency and self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        return self.currency == other.currency and self.amount <= other.amount

    def __str__(self) -> str:
        return f"{format(self.amount.normalize(), 'f')} {self.currency}"


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: first the calendar part (months, then days, in the customer's zone), then `elapsed`
    ms."""

    months: int = 0
    days: int = 0
    elapsed: int = 0

    @property
    def is_calendar(self) -> bool:
        """True for whole days and months: only then may a wait say `at`."""
        return self.elapsed == 0

    def backwards(self) -> Duration:
        """As long, but towards the past."""
        return Duration(-self.months, -self.days, -self.elapsed)

    def roughly(self) -> int:
        """Milliseconds for comparing lengths (a month counts as 30 days); never used to compute a moment."""
        return (self.months * 30 + self.days) * DAY + self.elapsed


@dataclass(frozen=True, slots=True)
class Birthday:
    """A day of every year; `year` may be unknown. 29 February is kept on 28 February in other years."""

    month: int
    day: int
    year: int | None = None

    def in_year(self, year: int) -> dt.date:
        """The local date on which it is kept in `year`."""
        if self.month == 2 and self.day == 29 and not calendar.isleap(year):
            return dt.date(year, 2, 28)
        return dt.date(year, self.month, self.day)

    def on_or_after(self, day: dt.date) -> dt.date:
        """The first occurrence on or after a local date."""
        this_year = self.in_year(day.year)
        return this_year if this_year >= day else self.in_year(day.year + 1)


Value = (
    str | int | Decimal | bool | Money | dt.date | Birthday | tuple[str, ...] | list[dict[str, object]] | None
)
"""What an attribute or field can hold. A `time` is an Instant (an int); its Type tells it from a number."""


def instant(moment: dt.datetime) -> Instant:
    """The instant of an aware datetime; milliseconds are cut, not rounded."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    since = moment - _EPOCH
    return Instant(since.days * DAY + since.seconds * SECOND + since.microseconds // 1000)


def parse_instant(text: str) -> Instant | None:
    """The instant of an ISO 8601 moment, UTC where it names no offset; None for any other text."""
    try:
        moment = dt.datetime.fromisoformat(text) if len(text) <= 40 else None
    except ValueError:
        return None
    if moment is None:
        return None
    return instant(moment if moment.tzinfo else moment.replace(tzinfo=_UTC))


EPOCH_END = 10**13
"""Numbers from here on are no moments: in milliseconds this is the year 2286."""

_MILLISECONDS_FROM = 10**11
"""A number below this is seconds since 1970 (until the year 5138), from it on milliseconds (from 1973)."""


def moment_of(raw: object) -> Instant | None:
    """The instant of a moment as programs send it: ISO 8601, or seconds or milliseconds since 1970 as a
    number or as its digits; None for anything else."""
    if isinstance(raw, str):
        raw = raw.strip()
        # Before ISO 8601, which would read 1701012341234 as a day of the year 1701. Eight digits are a day.
        if not (raw.isascii() and raw.isdigit() and 9 <= len(raw) <= 13):
            return parse_instant(raw)
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw < EPOCH_END:
        return None
    return Instant(int(raw) if raw >= _MILLISECONDS_FROM else int(raw * SECOND))


def to_datetime(at: Instant, zone: dt.tzinfo = _UTC) -> dt.datetime:
    """The aware datetime of an instant, in `zone` (UTC without one)."""
    return (_EPOCH + at * _MILLISECOND).astimezone(zone)


def iso(at: Instant) -> str:
    """ISO 8601 in UTC with `Z`, milliseconds only where there are some: `2026-03-02T09:00:00Z`."""
    text = (_EPOCH_LOCAL + at * _MILLISECOND).isoformat()
    # Of a broken second six digits are written, the last three of them zero.
    return f"{text[:-3]}Z" if at % SECOND else f"{text}Z"


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone with an IANA name such as `Europe/Berlin`. Raises `KeyError` for any other text."""
    # `CET` and the like are names of offsets that nobody lives by, and `right/` counts leap seconds.
    if ("/" not in name and name != "UTC") or name.startswith(("posix/", "right/")):
        raise KeyError(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
        raise KeyError(name) from wrong


@lru_cache(maxsize=1 << 16)
def calm_offset(utc_day: int, tz: ZoneInfo) -> int | None:
    """Milliseconds east of UTC, if no clock changes from the day before to the day after a UTC day (days
    since 1970).

    Nearly all days are calm, and on calm days local time is plain arithmetic. None: ask the zone itself.
    Two changes that undo each other within six hours would be missed; no zone ever had them.
    """
    if not _FIRST_CALM < utc_day < _LAST_CALM:
        return None
    # From the day before to the day after, every six hours.
    offsets = {
        to_datetime(Instant((utc_day - 1) * DAY + hours * HOUR), tz).utcoffset() for hours in range(0, 73, 6)
    }
    offset = offsets.pop()
    if offsets or offset is None or offset % _MILLISECOND:
        return None
    return offset // _MILLISECOND


def at_local(day: dt.date, time: dt.time, tz: ZoneInfo) -> Instant:
    """The instant of a local date and time.

    A time that a clock change skips becomes the first valid moment after the gap; one that exists
    twice is the first (design/language 2.12).
    """
    days = day.toordinal() - _ORDINAL_1970
    offset = calm_offset(days, tz)
    if offset is not None:
        seconds = (time.hour * 60 + time.minute) * 60 + time.second
        return Instant(days * DAY + seconds * SECOND + time.microsecond // 1000 - offset)
    local = dt.datetime.combine(day, time, tz)  # fold=0: the first of two
    # A time that was skipped does not come back as it was: no clock ever showed it.
    back = local.astimezone(_UTC).astimezone(tz)
    if back.replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant(local)
    # Read by the offset after the change it lies before it, and the other way round: the gap is between them.
    low, high = sorted((instant(local.replace(fold=1)), instant(local)))
    return _offset_change(low, high, tz)


def second_at_local(day: dt.date, time: dt.time, tz: ZoneInfo) -> tuple[Instant, Instant] | None:
    """For a local time that exists twice: the moment the clock is put back, and the second time; None for
    any other."""
    first = dt.datetime.combine(day, time, tz)
    second = first.replace(fold=1)
    if second.utcoffset() == first.utcoffset() or at_local(day, time, tz) != instant(first):
        return None
    if to_datetime(instant(second), tz).replace(tzinfo=None, fold=0) != first.replace(tzinfo=None):
        return None
    return _offset_change(instant(first), instant(second), tz), instant(second)


def _offset_change(low: Instant, high: Instant, tz: dt.tzinfo) -> Instant:
    """The first instant in (low, high] at which the clock of a zone is not put as it was at `low`."""
    # By halves: a zone can be asked for its offset at a moment, but not for its changes.
    offset = to_datetime(low, tz).utcoffset()
    while high - low > 1:
        middle = Instant((low + high) // 2)
        if to_datetime(middle, tz).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def local_date(at: Instant, tz: ZoneInfo) -> dt.date:
    """The calendar date in a zone."""
    offset = calm_offset(at // DAY, tz)
    if offset is None:
        return to_datetime(at, tz).date()
    return dt.date.fromordinal((at + offset) // DAY + _ORDINAL_1970)


def wall_clock(at: Instant, tz: ZoneInfo) -> dt.datetime:
    """What the clock on the wall shows in a zone; naive on purpose."""
    offset = calm_offset(at // DAY, tz)
    if offset is None:
        return to_datetime(at, tz).replace(tzinfo=None)
    return _EPOCH_LOCAL + (at + offset) * _MILLISECOND


def add_months(day: dt.date, months: int) -> dt.date:
    """Months later; a month that is too short gives its last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


def later_day(day: dt.date, months: int, days: int) -> dt.date:
    """Months and then days later (or earlier); what leaves the years 2 to 9998 becomes their first or last
    day."""
    try:
        later = (add_months(day, months) if months else day) + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return _LAST_DAY if months * 30 + days > 0 else _FIRST_DAY
    return min(max(later, _FIRST_DAY), _LAST_DAY)


def plus(at: Instant, length: Duration, tz: ZoneInfo) -> Instant:
    """`at` and then `length`: the calendar part keeps the local time of day, the elapsed part is added
    after it."""
    if not (length.months or length.days):
        return Instant(at + length.elapsed)
    offset = calm_offset(at // DAY, tz)
    if offset is not None and not length.months:
        wall = at + offset + length.days * DAY
        later_offset = calm_offset(wall // DAY, tz)
        if later_offset is not None:
            return Instant(wall - later_offset + length.elapsed)
    local = to_datetime(at, tz)
    day = later_day(local.date(), length.months, length.days)
    # The same day after all, at the edge of the calendar: the second of an hour shown twice stays the second.
    if day == local.date():
        return Instant(at + length.elapsed)
    return Instant(at_local(day, local.time(), tz) + length.elapsed)


def minus_days(day: dt.date, length: Duration) -> dt.date:
    """The calendar part of `length` before a date; the elapsed part counts in whole days."""
    whole_days = length.days + length.elapsed // DAY
    return later_day(day, -length.months, -whole_days)


def minus(at: Instant, length: Duration, tz: ZoneInfo) -> Instant:
    """`length` before `at`, mirrored from `plus`."""
    return plus(at, length.backwards(), tz)


def midnight_after(at: Instant, tz: ZoneInfo) -> Instant:
    """The next local midnight (its first valid moment where a clock change skips it), later than `at`."""
    offset = calm_offset(at // DAY, tz)
    if offset is not None:
        return Instant(at + DAY - (at + offset) % DAY)
    # More than one day where a zone left a whole day out.
    day = local_date(at, tz) + dt.timedelta(days=1)
    while (midnight := at_local(day, dt.time.min, tz)) <= at:
        day += dt.timedelta(days=1)
    return midnight
