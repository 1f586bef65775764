"""How a run begins: who, goal or exit already true, re-entry, holdout (design/language 2.3 to 2.5, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from engine.core.conditions.scope import Scope
from engine.core.conditions.trace_values import values_asked
from engine.core.decision.causes import MOST_ROUNDS, loop_words
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Alert, Trace
from engine.core.decision.ending import end, watch_end
from engine.core.decision.transition import Transition
from engine.core.enrollment import AwaitingSend, Due, Enrollment
from engine.core.facts.customer import LastStart
from engine.core.happening import Event, MemberAdmitted, Occurrence, SegmentChanged
from engine.core.journey import EventTrigger, Journey, ProductTrigger, SegmentTrigger, TimedTrigger
from engine.core.lifecycle.advance import advance
from engine.core.lifecycle.goal import known_goal, reach_goal
from engine.core.reasons import IgnoredReason
from engine.core.subscriptions import EventSubscriber, JourneySubscription
from engine.core.timing.occurrence import occurrence_day
from engine.ids import derive, in_global_holdout, in_holdout, unit
from engine.values import DAY, Duration, Instant, Value, later_day, plus, to_datetime

MISSED = DAY
"""Clock, date and segment starts that are later than this are noted, not made up (design/language 2.4)."""

ADMISSION = DAY
"""Over so long are spread who was a member when a journey with `members: all` went live."""

NO_FIELDS: Mapping[str, Value] = {}


class Start(Struct, frozen=True):
    """What brings a customer in."""

    key: str  # the value of `per`, else ""
    at: Instant  # when it happened: the clock of the run begins here, however late it is told (2.12)
    number: int
    fields: Mapping[str, Value] = field(default_factory=dict)  # `trigger.x` for the rest of the run
    occurrence: dt.date | None = None
    line: int = 0
    cause: str = ""  # in words, where the kind of start does not say it

    def enrollment(self, journey: Journey) -> Enrollment:
        """The run that would begin, for the questions that are asked before it does; it has no id yet."""
        product = self.fields.get("product_id")
        return Enrollment(
            id="",
            journey=journey.name,
            key=self.key,
            started_at=self.at,
            started_number=self.number,
            first_started_at=self.at,
            clock=self.at,
            trigger=self.fields,
            product_id=str(product) if product is not None else None,
            occurrence=self.occurrence,
            window_at=self.at,
            window_number=self.number,
        )


def start_by_event(context: DecisionContext, subscriber: EventSubscriber, event: Event) -> None:
    """The first start of a journey that an event fits."""
    subscription = subscriber.subscription
    for trigger in subscriber.triggers:
        where = trigger.where if isinstance(trigger, EventTrigger) else None
        if where is not None and not where.test(Scope(context.facts, None, context.now, event)):
            continue
        fields = event.fields
        if isinstance(trigger, ProductTrigger):
            fields = {**fields, "kind": trigger.kind}
        # From here on this trigger has the event, even if it comes to nothing: one event is one start.
        key = start_key(context, subscription.journey, trigger, event.name, event.fields)
        if key is None:
            return
        late_after = (
            plus(event.occurred_at, trigger.fresh, context.facts.zone)
            if isinstance(trigger, EventTrigger)
            else event.occurred_at + MISSED
        )
        if context.now > late_after:
            trace_ignored(
                context,
                subscription.journey,
                trigger.line,
                IgnoredReason.LATE,
                f"{event.name} is too old",
            )
            return
        start(
            context,
            subscription,
            Start(key, event.occurred_at, event.number, fields, line=trigger.line),
        )
        return


def start_by_segment(context: DecisionContext, change: SegmentChanged) -> None:
    """Becoming a member starts."""
    for subscription, trigger in context.index.segment_starts.get(change.segment, ()):
        if missed(context, change.at):
            trace_ignored(
                context,
                subscription.journey,
                trigger.line,
                IgnoredReason.LATE,
                f"entering {change.segment} was missed",
            )
            continue
        start(context, subscription, Start("", change.at, change.number, NO_FIELDS, line=trigger.line))


def start_by_admission(context: DecisionContext, admitted: MemberAdmitted) -> None:
    """Starts somebody who was a member from the beginning, if they still are one and the journey still takes
    them. Whoever was in this journey before has come by becoming a member, and is not taken once more."""
    subscription = context.index.subscriptions.get(admitted.journey)
    if subscription is None:
        return
    journey, segment = subscription.journey, admitted.segment
    trigger = next((start for start in admitting(journey) if start.segment == segment), None)
    if trigger is None:
        why = f"the journey does not take everybody in {segment} any more"
        trace_ignored(context, journey, 0, IgnoredReason.CHANGED, why)
    elif segment not in context.facts.segments:
        why = f"not in {segment} any more"
        trace_ignored(context, journey, trigger.line, IgnoredReason.LEFT, why)
    elif (journey.name, "") in context.last_starts:
        why = "has been in this journey already"
        trace_ignored(context, journey, trigger.line, IgnoredReason.AGAIN, why)
    else:
        cause = f"in {segment} from the beginning"
        start(
            context,
            subscription,
            Start("", admitted.at, admitted.number, NO_FIELDS, line=trigger.line, cause=cause),
        )


def admitting(journey: Journey) -> tuple[SegmentTrigger, ...]:
    """The starts of a journey that also take who is a member already."""
    return tuple(
        start for start in journey.starts if isinstance(start, SegmentTrigger) and start.members == "all"
    )


def admission_delay(customer: str, journey: str) -> int:
    """So many milliseconds after a journey went live somebody is taken who was a member then: less than a
    day, and always the same for one customer of one journey."""
    return int(unit("admission", journey, customer) * ADMISSION)


def start_by_clock(context: DecisionContext, occurrence: Occurrence) -> None:
    """A clock or date start, once for every local date. The run keeps the date that it is about: of a
    start seven days before a birthday, the birthday."""
    subscription = context.index.subscriptions.get(occurrence.journey)
    if subscription is None:
        return
    # By the local date: a move to another zone or an hour that comes twice never starts twice (2.4). Noted
    # before the questions, for a start that is missed or refused is not made up later on that day.
    once = (subscription.journey.name, occurrence.day.isoformat())
    if once in context.occurred:
        return
    context.occurred.add(once)
    if missed(context, occurrence.at):
        trace_ignored(
            context,
            subscription.journey,
            0,
            IgnoredReason.LATE,
            f"the start of {occurrence.day.isoformat()} was missed",
        )
        return
    # The occurrence does not name its trigger: it is the first one that has an occurrence on this day. None
    # has when the attribute was changed since; the start counts all the same.
    line, about = 0, occurrence.day
    for trigger in subscription.journey.starts:
        if isinstance(trigger, TimedTrigger):
            day = occurrence_day(trigger, context.facts, occurrence.day)
            if day is not None:
                line, about = trigger.line, day
                break
    start(context, subscription, Start("", occurrence.at, occurrence.number, NO_FIELDS, about, line))


def start(context: DecisionContext, subscription: JourneySubscription, by: Start) -> None:
    """Begins a run, or notes why not. `who`, goal and `exit_if` are asked first: refused, a start changes
    nothing."""
    journey = subscription.journey
    if journey.state != "live":
        if journey.state != "draft":
            trace_ignored(context, journey, by.line, IgnoredReason.STATE, f"the journey is {journey.state}")
        return
    enrollment = by.enrollment(journey)
    # Before re-entry: a start that is refused changes nothing, not even under `restart` (2.5).
    if _refused(context, journey, enrollment, by):
        return
    active = context.open_enrollment(journey.name, by.key)
    why = _no_entry(context, journey, active, by)
    if why is not None:
        run = active.id if active is not None else ""
        trace_ignored(context, journey, by.line, IgnoredReason.AGAIN, why, run)
        return
    if context.causes.get(journey.name, 0) >= MOST_ROUNDS:
        why = f"stopped: {loop_words(context.causes)}"
        alert = Alert(journey.name, journey.owner, f"{why}; let `who` or `again` of one of them end it")
        line = Trace(context.now, "ignored", journey.name, "", "", by.line, IgnoredReason.CAP.value, why)
        context.add_trace(line, alert)
        return
    enrollment.causes = context.causes
    enrollment.began_at = context.now if context.causes else Instant(0)
    # The old run ends before the new one begins: there are never two for one value of `per` (2.5).
    if active is not None:
        enrollment.first_started_at = active.first_started_at
        old = Transition.begin(context, subscription, active)
        old.add_trace("restart")
        end(old, "restart")
        old.complete()
    _begin(context, subscription, enrollment, by)


def _refused(context: DecisionContext, journey: Journey, enrollment: Enrollment, by: Start) -> bool:
    """Whether `who`, a goal or an `exit_if` keeps the customer out; why is noted."""
    scope = Scope(context.facts, enrollment, context.now)
    who, when, exit_if = journey.who, journey.goal.when, journey.exit_if
    if who is not None and not who.test(scope):
        read = values_asked(who.condition, scope, context.index.rules) if context.journeys.explain else ()
        trace_ignored(context, journey, who.line or by.line, IgnoredReason.WHO, "who", read=read)
    elif when is not None and when.test(scope):
        trace_ignored(
            context, journey, when.line or by.line, IgnoredReason.GOAL, "the goal is already reached"
        )
    elif exit_if is not None and exit_if.test(scope):
        trace_ignored(
            context, journey, exit_if.line or by.line, IgnoredReason.EXIT, "exit_if is already true"
        )
    else:
        return False
    return True


def _no_entry(context: DecisionContext, journey: Journey, active: Enrollment | None, by: Start) -> str | None:
    """Why re-entry does not let the customer in (2.5); None: it does, and restarts the run that is active."""
    again = journey.again
    if active is not None:
        if again.how != "restart":
            return "a run is active"
        if active.sent and not active.holdout:
            return "a message of the active run has been handed over"
        # Two starts of one moment, which may be decided together or one after the other: what the first of
        # them sends is on its way.
        if by.at == active.started_at and isinstance(active.state, AwaitingSend):
            return "a message of the active run is on its way"
        # A start that arrives late would begin the run before the one that it ends.
        if by.at < active.started_at:
            return "it happened before the active run started"
        return None
    last = context.last_starts.get((journey.name, by.key))
    if last is None or again.how == "always":
        return None
    if again.how == "never":
        return "never again"
    if again.after is not None and _is_too_soon(by, last.at, again.after, context.facts.zone):
        return "too soon after the previous start"
    return None


def _is_too_soon(by: Start, last: Instant, after: Duration, zone: ZoneInfo) -> bool:
    """Counted from the previous *start*, however long that run lasted. A start on a day is counted in whole
    days: who moved to an earlier zone, or whose zone became known, has their birthday hours earlier."""
    if by.occurrence is None or after.elapsed:
        return by.at < plus(last, after, zone)
    day = to_datetime(last, zone).date()
    return to_datetime(by.at, zone).date() < later_day(day, after.months, after.days)


def _begin(
    context: DecisionContext, subscription: JourneySubscription, enrollment: Enrollment, by: Start
) -> None:
    journey, customer = subscription.journey, context.facts.customer
    # From what started it: the same start taken twice begins the same run, whose messages have the same keys.
    enrollment.id = derive("run", customer, journey.name, by.key, by.number, by.at)
    context.last_starts[journey.name, by.key] = LastStart(by.at, enrollment.id)
    context.forked.add(enrollment.id)
    context.enrollments[enrollment.id] = enrollment
    context.note_inside(journey.name)
    transition = Transition(context, subscription, journey, enrollment)
    transition.trace.append(
        Trace(context.now, "start", journey.name, enrollment.id, "", by.line, detail=by.cause)
    )
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
    # An order that arrived before the cart that led to it: the run ends before its first message (2.13).
    goal_event = known_goal(transition)
    if goal_event is not None:
        reach_goal(transition, goal_event)
    if enrollment.is_open and not enrollment.holdout:
        advance(transition, 0, asked=True)
    transition.complete()


def missed(context: DecisionContext, at: Instant) -> bool:
    """Whether a start of that moment is noted and not made up."""
    return context.now - at > MISSED


def start_key(
    context: DecisionContext,
    journey: Journey,
    trigger: EventTrigger | ProductTrigger,
    name: str,
    fields: Mapping[str, Value],
) -> str | None:
    """The value of `per`, "" without one. None if its field is missing: nobody starts, which is noted."""
    if trigger.per is None:
        return ""
    value = fields.get(trigger.per)
    if value is None:
        why = f"{trigger.per} is missing in {name}"
        trace_ignored(context, journey, trigger.line, IgnoredReason.NO_KEY, why)
        return None
    return str(value)


def trace_ignored(
    context: DecisionContext,
    journey: Journey,
    line: int,
    reason: IgnoredReason,
    why: str,
    run: str = "",
    read: tuple[tuple[str, str], ...] = (),
) -> None:
    """Notes a start that came to nothing; `why` in words."""
    context.add_trace(Trace(context.now, "ignored", journey.name, run, "", line, reason.value, why, read))
