"""How a run begins: who, goal or exit already true, re-entry, holdout (design/language 2.3 to 2.5, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct, field

from engine.core.advance import advance
from engine.core.conditions.scope import Scope
from engine.core.conditions.trace_values import values_asked
from engine.core.decision_context import DecisionContext
from engine.core.effects import Trace
from engine.core.ending import end, watch_end
from engine.core.enrollment import Due, Enrollment
from engine.core.facts.customer import LastStart
from engine.core.goal import known_goal, reach_goal
from engine.core.happening import Event, Occurrence, SegmentChanged
from engine.core.journey import Again, ClockTrigger, DateTrigger, EventTrigger, Journey, ProductTrigger
from engine.core.subscriptions import EventSubscriber, JourneySubscription
from engine.core.timing.occurrence import occurrence_day
from engine.core.transition import Transition
from engine.ids import derive, in_global_holdout, in_holdout
from engine.values import DAY, Instant, Value, plus

MISSED = DAY
"""Clock, date and segment starts that are later than this are noted, not made up (design/language 2.4)."""

NO_FIELDS: Mapping[str, Value] = {}


class Start(Struct, frozen=True):
    """What brings a customer in: the value of `per`, the moment it happened, its number, the fields it leaves."""

    key: str
    at: Instant
    number: int
    fields: Mapping[str, Value] = field(default_factory=dict)
    occurrence: dt.date | None = None
    line: int = 0


def start_by_event(context: DecisionContext, subscriber: EventSubscriber, event: Event) -> None:
    """The first start of a journey that an event fits."""
    subscription = subscriber.subscription
    for trigger in subscriber.triggers:
        where = trigger.where if isinstance(trigger, EventTrigger) else None
        if where is not None and not where.test(Scope(context.facts, None, context.now, event)):
            continue
        key = ""
        if trigger.per is not None:
            value = event.fields.get(trigger.per)
            if value is None:
                _trace_ignored(
                    context, subscription.journey, trigger.line, f"{trigger.per} is missing in {event.name}"
                )
                return
            key = str(value)
        if _is_stale(context, trigger, event):
            _trace_ignored(context, subscription.journey, trigger.line, f"{event.name} is too old")
            return
        start(
            context,
            subscription,
            Start(key, event.occurred_at, event.number, event.fields, line=trigger.line),
        )
        return


def start_by_segment(context: DecisionContext, change: SegmentChanged, *, was_member: bool) -> None:
    """Becoming a member starts; `members: all` also takes those who are members already, when they are announced."""
    for subscription, trigger in context.index.segment_starts.get(change.segment, ()):
        if was_member and trigger.members == "new":
            continue
        if context.now - change.at > MISSED:
            _trace_ignored(
                context, subscription.journey, trigger.line, f"entering {change.segment} was missed"
            )
            continue
        start(context, subscription, Start("", change.at, change.number, NO_FIELDS, line=trigger.line))


def start_by_clock(context: DecisionContext, occurrence: Occurrence) -> None:
    """A clock or date start, once for every local date. The run keeps the date that it is about: of a start seven days
    before a birthday, the birthday."""
    subscription = context.index.subscriptions.get(occurrence.journey)
    if subscription is None:
        return
    once = (subscription.journey.name, occurrence.day.isoformat())
    if once in context.occurred:
        return
    context.occurred.add(once)
    if context.now - occurrence.at > MISSED:
        _trace_ignored(
            context, subscription.journey, 0, f"the start of {occurrence.day.isoformat()} was missed"
        )
        return
    timed = [each for each in subscription.journey.starts if isinstance(each, ClockTrigger | DateTrigger)]
    about = ((each.line, occurrence_day(each, context.facts, occurrence.day)) for each in timed)
    line, day = next(((line, day) for line, day in about if day is not None), (0, occurrence.day))
    start(context, subscription, Start("", occurrence.at, occurrence.number, NO_FIELDS, day, line))


def start(context: DecisionContext, subscription: JourneySubscription, by: Start) -> None:
    """Begins a run, or notes why not. `who`, goal and `exit_if` are asked first: refused, a start changes nothing."""
    journey = subscription.journey
    if journey.state != "live":
        if journey.state != "draft":
            _trace_ignored(context, journey, by.line, f"the journey is {journey.state}")
        return
    enrollment = _enrollment(journey, by)
    if _refused(context, journey, enrollment, by):
        return
    active = context.open_enrollment(journey.name, by.key)
    why = _active(active, journey.again, by) if active is not None else _ended(context, journey, by)
    if why is not None:
        _trace_ignored(context, journey, by.line, why, active.id if active is not None else "")
        return
    if context.decisions_left <= 0:
        _trace_ignored(
            context,
            journey,
            by.line,
            "too much happened at this moment: journeys start each other without end",
        )
        return
    if active is not None:
        enrollment.first_started_at = active.first_started_at
        old = Transition.begin(context, subscription, active)
        old.add_trace("restart")
        end(old, "restart")
        old.complete()
    _begin(context, subscription, enrollment, by)


def _enrollment(journey: Journey, by: Start) -> Enrollment:
    product = by.fields.get("product_id")
    return Enrollment(
        id="",
        journey=journey.name,
        key=by.key,
        started_at=by.at,
        started_number=by.number,
        first_started_at=by.at,
        clock=by.at,
        trigger=by.fields,
        product_id=str(product) if product is not None else None,
        occurrence=by.occurrence,
        window_at=by.at,
        window_number=by.number,
    )


def _refused(context: DecisionContext, journey: Journey, enrollment: Enrollment, by: Start) -> bool:
    scope = Scope(context.facts, enrollment, context.now)
    who, when, exit_if = journey.who, journey.goal.when, journey.exit_if
    if who is not None and not who.test(scope):
        read = values_asked(who.condition, scope, context.index.rules) if context.journeys.explain else ()
        _trace_ignored(context, journey, who.line or by.line, "who", read=read)
    elif when is not None and when.test(scope):
        _trace_ignored(context, journey, when.line or by.line, "the goal is already reached")
    elif exit_if is not None and exit_if.test(scope):
        _trace_ignored(context, journey, exit_if.line or by.line, "exit_if is already true")
    else:
        return False
    return True


def _active(active: Enrollment, again: Again, by: Start) -> str | None:
    """Why a start while a run is active is ignored; None: it restarts the run."""
    if again.how != "restart":
        return "a run is active"
    if active.sent and not active.holdout:
        return "a message of the active run has been handed over"
    if by.at < active.started_at:
        return "it happened before the active run started"
    return None


def _ended(context: DecisionContext, journey: Journey, by: Start) -> str | None:
    """Why a start without an active run is ignored."""
    last = context.last_starts.get((journey.name, by.key))
    again = journey.again
    if last is None or again.how == "always":
        return None
    if again.how == "never":
        return "never again"
    if again.after is not None and by.at < plus(last.at, again.after, context.facts.zone):
        return "too soon after the previous start"
    return None


def _begin(
    context: DecisionContext, subscription: JourneySubscription, enrollment: Enrollment, by: Start
) -> None:
    journey, customer = subscription.journey, context.facts.customer
    enrollment.id = derive("run", customer, journey.name, by.key, by.number, by.at)
    context.last_starts[journey.name, by.key] = LastStart(by.at, enrollment.id)
    context.forked.add(enrollment.id)
    context.enrollments[enrollment.id] = enrollment
    transition = Transition(context, subscription, journey, enrollment)
    transition.trace.append(Trace(context.now, "start", journey.name, enrollment.id, "", by.line))
    marketing = journey.policy.consent is not None
    enrollment.holdout = (journey.holdout > 0 and in_holdout(customer, journey.name, journey.holdout)) or (
        context.journeys.global_holdout > 0
        and marketing
        and in_global_holdout(customer, context.journeys.global_holdout)
    )
    if enrollment.holdout:
        transition.add_trace("holdout")
        enrollment.due = Due(watch_end(transition))
    else:
        transition.emit("journey_started")
    goal_event = known_goal(transition)
    if goal_event is not None:
        reach_goal(transition, goal_event)
    if enrollment.is_open and not enrollment.holdout:
        advance(transition, 0, asked=True)
    transition.complete()


def _is_stale(context: DecisionContext, trigger: EventTrigger | ProductTrigger, event: Event) -> bool:
    if isinstance(trigger, EventTrigger):
        return context.now > plus(event.occurred_at, trigger.fresh, context.facts.zone)
    return context.now - event.occurred_at > MISSED


def _trace_ignored(
    context: DecisionContext,
    journey: Journey,
    line: int,
    why: str,
    run: str = "",
    read: tuple[tuple[str, str], ...] = (),
) -> None:
    context.add_trace(Trace(context.now, "ignored", journey.name, run, "", line, detail=why, read=read))
