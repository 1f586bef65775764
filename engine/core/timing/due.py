"""When a rest ends: a wait by length, time of day, weekday or date, counted from the clock of the enrollment, and the
listening of a cascade (design/language 2.8-2.12)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.core.conditions.condition import Ref
from engine.core.enrollment import AwaitingReaction, Due
from engine.core.facts.learned import LEAST, Hour, Learned, their_hour
from engine.core.journey import Moment, SendStep, WaitStep
from engine.core.transition import Transition
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
    tz = transition.context.facts.zone
    found = (
        _until(transition, step, step.until, tz) if step.until is not None else _length(transition, step, tz)
    )
    if isinstance(found, MissingDate) or not step.weekdays:
        return found
    local = found.local or wall_clock(found.at, tz)
    for days in range(7):
        day = later_day(local.date(), 0, days)
        if day.weekday() in step.weekdays:
            return due_at_local(day, local.time(), tz) if days else found
    return found


def hour_of(transition: Transition) -> Hour:
    """The hour at which this customer reacts, outside of the quiet hours of the journey."""
    return their_hour(
        transition.context.facts.engagement,
        transition.context.journeys.learned,
        transition.journey.policy.quiet,
    )


def _at(transition: Transition, step: WaitStep) -> dt.time | None:
    return hour_of(transition).time if step.their_hour else step.at


def _length(transition: Transition, step: WaitStep, tz: ZoneInfo) -> Due:
    length = step.length or Duration()
    at = _at(transition, step)
    if at is None or not length.is_calendar:
        return due_after(transition.enrollment.clock, length, tz)
    day = later_day(local_date(transition.enrollment.clock, tz), length.months, length.days)
    return due_at_local(day, at, tz)


def _until(transition: Transition, step: WaitStep, moment: Moment, tz: ZoneInfo) -> Due | MissingDate:
    clock = transition.enrollment.clock
    if moment.ref is not None:
        return _until_date(transition, moment.ref, moment, _at(transition, step) or moment.time, tz)
    time = moment.time or _at(transition, step)
    if moment.date is not None:
        return due_at_local(moment.date, time or dt.time.min, tz)
    local = to_datetime(clock, tz)
    time = time or local.time()
    day = local.date()
    if moment.weekday is not None:
        day = later_day(day, 0, (moment.weekday - day.weekday()) % 7)
    step_days = 7 if moment.weekday is not None else 1
    due = due_at_local(day, time, tz)
    return due if due.at >= clock else due_at_local(later_day(day, 0, step_days), time, tz)


def _until_date(
    transition: Transition, ref: Ref, moment: Moment, time: dt.time | None, tz: ZoneInfo
) -> Due | MissingDate:
    """A date attribute, a field of the trigger, or the end of the code, with an offset. An elapsed part of the offset
    is counted at the end."""
    offset = moment.offset or Duration()
    code = transition.enrollment.code
    if ref.source == "code" and ref.name == "expires" and code is not None:
        day, own = code.expires_on, END_OF_DAY
    else:
        value = transition.read(ref)
        if isinstance(value, Birthday):
            day, own = birthday_of_run(transition, ref, value, tz), dt.time.min
        elif type(value) is dt.date:
            day, own = value, dt.time.min
        elif ref.type.kind == "time" and type(value) is int:
            try:
                local = to_datetime(Instant(value), tz)
            except OverflowError:
                return MissingDate(moment.name or str(ref))
            day, own = local.date(), local.time()
        else:
            return MissingDate(moment.name or str(ref))
    due = due_at_local(later_day(day, offset.months, offset.days), time or own, tz)
    if not offset.elapsed:
        return due
    at = Instant(due.at + offset.elapsed)
    return Due(at, wall_clock(at, tz), tz.key)


def birthday_of_run(transition: Transition, ref: Ref, birthday: Birthday, tz: ZoneInfo) -> dt.date:
    """The occurrence that started the run, else the first on or after the day of the start; never one a year later."""
    started = local_date(transition.enrollment.started_at, tz)
    kept = transition.enrollment.occurrence
    if kept is not None and ref.source == "customer" and kept == birthday.in_year(kept.year):
        return kept
    return birthday.on_or_after(started)


def listen_until(transition: Transition, step: SendStep, state: AwaitingReaction) -> Due:
    """When the next channel is due, counted from the hand-over. A learned interval is what is known now: it stays."""
    length = step.next_after or Duration()
    if step.learns:
        length, why = learned_interval(step, state.channel, transition.context.journeys.learned)
        if transition.context.journeys.explain:
            transition.add_trace("learned", step, f"next_after: auto: {in_words(length)}", why)
    return due_after(state.handed_at, length, transition.context.facts.zone)


def learned_interval(step: SendStep, channel: str, learned: Learned) -> tuple[Duration, str]:
    """How long `next_after: auto` listens after this channel, and why, in words."""
    what = {"opened": "opens", "clicked": "clicks"}.get(step.until, step.until)
    where = f"{what} to {step.template} via {channel}"
    found = learned.interval(step.template, channel, step.until)
    if found is None:
        return step.next_after or Duration(), f"fewer than {LEAST} {where} are known yet"
    return found.length, f"90 % of {found.seen} {where}"


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
