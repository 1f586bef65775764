"""When a rest ends: a wait by length, time of day, weekday or date, counted from the clock of the
enrollment, and the listening of a cascade (design/language 2.8-2.12)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.core.conditions.condition import Ref
from engine.core.decision.transition import Transition
from engine.core.enrollment import AwaitingReaction, Due
from engine.core.facts.learned import LEAST, Hour, Learned, their_hour
from engine.core.journey import DateTrigger, Moment, SendStep, WaitStep
from engine.values import (
    MINUTE,
    Birthday,
    Duration,
    Instant,
    at_local,
    later_day,
    local_date,
    plus,
    to_datetime,
    wall_clock,
)

END_OF_DAY = dt.time(23, 59, 59)
"""When a code ends on its last day."""

_FIRST_DAY, _LAST_DAY = dt.date(2, 1, 1), dt.date(9998, 12, 31)
"""Days beyond these have no instant in every zone; `9999-12-31` for "never" is a date that people write."""


@dataclass(frozen=True, slots=True)
class MissingDate:
    """The date to wait for is not set; `name` as it stands in the file."""

    name: str


def due_at_local(day: dt.date, time: dt.time, tz: ZoneInfo) -> Due:
    """Due at a local date and time: a moment that is found again when the zone changes."""
    day = min(max(day, _FIRST_DAY), _LAST_DAY)
    return Due(at_local(day, time, tz), dt.datetime.combine(day, time), tz.key)


def due_after(start: Instant, length: Duration, tz: ZoneInfo) -> Due:
    """Due a length after a moment; with days or months in it the result means local time."""
    at = plus(start, length, tz)
    if not (length.months or length.days):
        return Due(at)
    return Due(at, wall_clock(at, tz), tz.key)


def in_zone(due: Due, tz: ZoneInfo) -> Due:
    """The same wall clock in another zone; a due moment that counts elapsed time stays where it is."""
    if due.local is None:
        return due
    return due_at_local(due.local.date(), due.local.time(), tz)


def wait_due(transition: Transition, step: WaitStep) -> Due | MissingDate:
    """When a wait that begins now ends."""
    clock, tz = transition.enrollment.clock, transition.context.facts.zone
    due: Due | MissingDate
    if step.until is not None:
        due = _until(transition, step, step.until, tz)
    else:
        length, at = step.length or Duration(), _at(transition, step)
        # Only whole days may be moved to another time of the day: `2 hours` at 10:00 would mean nothing.
        if at is None or not length.is_calendar:
            due = due_after(clock, length, tz)
        else:
            due = due_at_local(later_day(local_date(clock, tz), length.months, length.days), at, tz)
    if isinstance(due, MissingDate) or not step.weekdays:
        return due
    # On from the day that was found, never back: a wait is not shorter than it says.
    local = due.local or wall_clock(due.at, tz)
    for days in range(7):
        day = later_day(local.date(), 0, days)
        if day.weekday() in step.weekdays:
            return due_at_local(day, local.time(), tz) if days else due
    return due


def hour_of(transition: Transition) -> Hour:
    """The hour at which this customer reacts, outside of the quiet hours of the journey."""
    return their_hour(
        transition.context.facts.engagement,
        transition.context.journeys.learned,
        transition.journey.policy.quiet,
    )


def _at(transition: Transition, step: WaitStep) -> dt.time | None:
    return hour_of(transition).time if step.their_hour else step.at


def _until(transition: Transition, step: WaitStep, moment: Moment, tz: ZoneInfo) -> Due | MissingDate:
    clock = transition.enrollment.clock
    if moment.ref is not None:
        return _until_date(transition, moment.ref, moment, _at(transition, step) or moment.time, tz)
    time = moment.time or _at(transition, step)
    if moment.date is not None:
        return due_at_local(moment.date, time or dt.time.min, tz)
    # The next such time, counted from the clock; without a time, the one that the clock shows (2.20).
    local = to_datetime(clock, tz)
    time = time or local.time()
    day = local.date()
    if moment.weekday is not None:
        day = later_day(day, 0, (moment.weekday - day.weekday()) % 7)
    due = due_at_local(day, time, tz)
    # Now is included (2.10); whoever is too late today is due on the next day, or in the next week.
    return (
        due
        if due.at >= clock
        else due_at_local(later_day(day, 0, 1 if moment.weekday is None else 7), time, tz)
    )


def _until_date(
    transition: Transition, ref: Ref, moment: Moment, time: dt.time | None, tz: ZoneInfo
) -> Due | MissingDate:
    """A date attribute, a field of the trigger, or the end of the code, with an offset."""
    offset = moment.offset or Duration()
    code = transition.enrollment.code
    if ref.source == "code" and ref.name == "expires" and code is not None:
        day, own = code.expires_on, END_OF_DAY
    else:
        value = transition.read(ref)
        if isinstance(value, Birthday):
            day, own = birthday_of_run(transition, ref, value, tz), dt.time.min
        elif type(value) is dt.date:
            day, own = _returning(transition, ref, value, tz), dt.time.min
        elif ref.type.kind == "time" and type(value) is int:
            # Any number of milliseconds may be written into an attribute; the year 300,000 is no date.
            try:
                local = to_datetime(Instant(value), tz)
            except OverflowError:
                return MissingDate(moment.name or str(ref))
            day, own = _returning(transition, ref, local.date(), tz), local.time()
        else:
            return MissingDate(moment.name or str(ref))
    # First the calendar part, then the elapsed part (2.20), which hours of a clock change make
    # longer or shorter.
    due = due_at_local(later_day(day, offset.months, offset.days), time or own, tz)
    if not offset.elapsed:
        return due
    at = Instant(due.at + offset.elapsed)
    return Due(at, wall_clock(at, tz), tz.key)


def _returning(transition: Transition, ref: Ref, day: dt.date, tz: ZoneInfo) -> dt.date:
    """A date that starts the journey every year is waited for as a birthday is; any other one as it
    stands."""
    starts = transition.journey.starts
    if not any(isinstance(start, DateTrigger) and start.yearly and start.ref == ref for start in starts):
        return day
    return birthday_of_run(transition, ref, Birthday(day.month, day.day, day.year), tz)


def birthday_of_run(transition: Transition, ref: Ref, birthday: Birthday, tz: ZoneInfo) -> dt.date:
    """The occurrence that started the run, else the first on or after the day of the start; never one a
    year later."""
    occurrence = transition.enrollment.occurrence
    # Another start of the journey, or a birthday that was corrected since: then it is not the one
    # that started it.
    if (
        occurrence is not None
        and ref.source == "customer"
        and occurrence == birthday.in_year(occurrence.year)
    ):
        return occurrence
    return birthday.on_or_after(local_date(transition.enrollment.started_at, tz))


def listen_until(transition: Transition, step: SendStep, state: AwaitingReaction) -> Due:
    """When the next channel is due, counted from the hand-over."""
    length = step.next_after or Duration()
    # What is known at the hand-over: a later night does not move somebody who is listening already.
    if step.learns:
        length, why = learned_interval(step, state.channel, transition.context.journeys.learned)
        if transition.context.journeys.explain:
            transition.add_trace("learned", step, f"next_after: auto: {in_words(length)}", why)
    return due_after(state.handed_at, length, transition.context.facts.zone)


def learned_interval(step: SendStep, channel: str, learned: Learned) -> tuple[Duration, str]:
    """How long `next_after: auto` listens after this channel, and why, in words."""
    what = {"opened": "opens", "clicked": "clicks"}.get(step.until, step.until)
    where = f"{what} to {step.template} via {channel}"
    interval = learned.interval(step.template, channel, step.until)
    if interval is None:
        return step.next_after or Duration(), f"fewer than {LEAST} {where} are known yet"
    return interval.length, f"90 % of {interval.seen} {where}"


def in_words(length: Duration) -> str:
    """`6 hours 20 minutes`."""
    days, minutes = divmod(length.elapsed // MINUTE, 24 * 60)
    phrases = (
        (length.months, "month"),
        (length.days + days, "day"),
        (minutes // 60, "hour"),
        (minutes % 60, "minute"),
    )
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in phrases if count)
