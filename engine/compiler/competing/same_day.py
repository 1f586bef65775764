"""W51, W53: two journeys that write to the same people on one day - from one start, or about one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.compiler.competing.days import MessageDay, days_of, including
from engine.compiler.competing.schedule import SureMessage
from engine.compiler.competing.target_group import TargetGroupReader
from engine.compiler.competing.writing import COMPARED, TOLD, WritingJourney, are_apart
from engine.core.journey import ClockTrigger, EventTrigger, Trigger
from engine.language.wording import quoted
from engine.problem import Problem, Span


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Two messages on one day; `code` says what is wrong with it, `about` what both are about."""

    code: str
    other: WritingJourney
    here: SureMessage
    there: SureMessage
    about: str = ""


def on_one_day(writing: Sequence[WritingJourney]) -> Iterator[Problem]:
    """Each journey is told once of each of those before it that it meets."""
    at: defaultdict[MessageDay, list[tuple[WritingJourney, Trigger, SureMessage, bool]]] = defaultdict(list)
    for one in writing:
        met: dict[str, _Meeting] = {}
        known: set[str] = set()  # those of whom it is known that nobody is in both
        days = [
            (start, message, day, wider)
            for start in one.journey.starts
            # of everybody every day `who` picks a few: that is a start of another kind for each journey
            if not (isinstance(start, ClockTrigger) and start.every == "day" and one.journey.who)
            for message in one.schedule.sure
            for day in days_of(start, message.day)
            for wider in including(day)
        ]
        for start, message, day, wider in days:
            for other, other_start, there, is_own in at[wider][:COMPARED]:
                name = other.name
                if name in known or len(met) >= TOLD or not (is_own or wider == day):
                    continue
                if name in met and met[name].code == "W53":
                    continue
                meeting = _meeting(one, start, message, other, other_start, there)
                if meeting is None:
                    continue
                if name not in met and (are_apart(one, other) or _filters_apart(start, other_start)):
                    known.add(name)
                elif name not in met or meeting.code == "W53":
                    met[name] = meeting
        for start, message, day, wider in days:
            at[wider].append((one, start, message, wider == day))
        yield from (_told(one, meeting) for meeting in met.values())


def _filters_apart(start: Trigger, other: Trigger) -> bool:
    """`where` of two starts by the same event: no event fits both."""
    if not (isinstance(start, EventTrigger) and isinstance(other, EventTrigger)):
        return False
    if start.event != other.event or start.where is None or other.where is None:
        return False
    reader = TargetGroupReader({}, {})
    return reader.target_group(start.where.condition).excludes(reader.target_group(other.where.condition))


def _meeting(
    one: WritingJourney, start: Trigger, here: SureMessage,
    other: WritingJourney, other_start: Trigger, there: SureMessage,
) -> _Meeting | None:  # fmt: skip
    """What is wrong with two messages of one day; None: nothing."""
    is_one_start = type(start) is type(other_start)
    if here.is_service or there.is_service:
        # two answers to the same thing in the same moment; an answer and an offer are not told apart from
        # what the shop wants
        if not (here.is_service and there.is_service and isinstance(start, EventTrigger)):
            return None
        is_double = here.day == 0 and here.channels & there.channels
        return _Meeting("W51", other, here, there) if is_double else None
    places = _places(here, there)
    if places == 1 and (
        one.journey.priority != other.journey.priority or here.waits_if_capped or there.waits_if_capped
    ):
        return None
    if about := (here.about & there.about) | (one.sold & other.sold):
        return _Meeting("W53", other, here, there, min(about))
    return _Meeting("W51", other, here, there) if is_one_start and places in (None, 1) else None


def _places(here: SureMessage, there: SureMessage) -> int | None:
    """How many of the two leave on one day by the caps that both count for; None: nothing limits them."""
    if not here.policy.caps or not there.policy.caps:
        return None
    both = (*here.policy.caps, *there.policy.caps)
    return min((cap.count for cap in both if cap.per == "day" and cap.channel is None), default=None)


def _told(one: WritingJourney, meeting: _Meeting) -> Problem:
    here, there, other = meeting.here, meeting.there, quoted(meeting.other.name)
    templates = f"{quoted(here.send.template.value)} and {quoted(there.send.template.value)}"
    policy, places = quoted(here.policy.name), _places(here, there)
    if here.is_service:
        return Problem(
            _place(one, meeting), "W51", f"{other} answers the same event in the same moment",
            f"{templates} leave together, and the customer reads two answers to one thing",
            "write one message, or keep the two apart in  where:  of their starts", "warning",
            subject=meeting.other.name,
        )  # fmt: skip
    if meeting.code == "W53":
        what = f"{other} writes on the same day, and about the same: {meeting.about}"
        why = "whoever fits both is offered it twice, and nobody knows which message sold it"
    else:
        what = f"who starts here is in {other} too, and both write on the same day"
        why = (
            f"of {templates} one is dropped: the policy {policy} has 1 a day, and nothing says which"
            if places == 1
            else f"{templates} both leave: no daily cap of the policy {policy} keeps them apart"
        )
    apart = "or keep people apart in  who:, or give them other days"
    fix = f"write  priority: low  in one of them, so that the other goes first, {apart}"
    if places is None:
        fix = f"add  1 a day  to  caps:  of the policy {policy} and  priority: low  in one of them, {apart}"
    elif places > 1:
        fix = "keep people apart in  who:, or give them other days"
    return Problem(
        _place(one, meeting), meeting.code, what, why, fix, "warning",
        topic="shop", subject=meeting.other.name,
    )  # fmt: skip


def _place(one: WritingJourney, meeting: _Meeting) -> Span:
    """The start, where the two begin alike; else the message."""
    return one.file.starts[0].span if meeting.code == "W51" else meeting.here.send.template.span
