"""What follows at once when something about the customer changes: segments, goal and exit, starts, waits,
zones."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.decision import loyalty
from engine.core.decision.causes import NO_CAUSES
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.ending import cancel_planned
from engine.core.decision.transition import Transition
from engine.core.enrollment import AwaitingSend, Deferred, Enrollment, Waiting
from engine.core.facts.backfill import count_event
from engine.core.facts.fold import apply_change, apply_event, expect_next
from engine.core.handlers.product_starts import forget_bought, start_by_product
from engine.core.handlers.segments import ask_segments, set_member
from engine.core.happening import (
    Event,
    FactsRedefined,
    InsideChanged,
    ProductChanged,
    ProfileChanged,
    SegmentChanged,
)
from engine.core.journey import SegmentRule, SendStep, WaitStep
from engine.core.lifecycle.advance import move_on
from engine.core.lifecycle.cascade import take_back_what_is_over, try_send
from engine.core.lifecycle.goal import leave_if_due
from engine.core.lifecycle.reactions import follow_event
from engine.core.lifecycle.trigger import start_by_event, start_by_segment
from engine.core.steps.exit import leave_for
from engine.core.timing.due import MissingDate, in_zone, wait_due
from engine.values import Instant

ZONE_NAMES = frozenset(("timezone", "country"))


def handle_event(context: DecisionContext, event: Event) -> None:
    """An event: facts, then what may end runs, segments and dates, and at last starts and waits."""
    index, name = context.index, event.name
    changed_facts, backfills = index.facts_by_event.get(name, ()), index.backfills_by_event.get(name, ())
    # Facts first: goal, `exit_if` and `who` below are asked with this event counted (2.20). A caller who read
    # the facts after the event was stored has them counted already; once more would be one too many.
    if not context.folded:
        facts = (
            context.writable("event_counters", "values", "fact_state")
            if changed_facts or backfills
            else context.writable("event_counters")
        )
        if name in context.journeys.needs:
            context.writable_history(name)
        apply_event(facts, event, changed_facts, context.journeys.needs)
        for backfill in backfills:
            count_event(facts, event, backfill)
    # Points are asked with the event counted: `who: {orders_count: 2}` is the second order.
    loyalty.of_event(context, event)
    if context.collecting:
        forget_bought(context, event)
    if context.enrollments:
        _mark_codes(context, event)
        # Goal and exit before everything else that this event makes true: they are the first of the
        # list of 2.9.
        leavers = index.exit_events.get(name)
        if leavers is not None:
            for enrollment in _in_order(
                context, [run for run in context.enrollments.values() if run.journey in leavers]
            ):
                leave_if_due(context, enrollment, event)
    # After the goal: an order that also takes the customer out of the segment is a success, not an exit.
    segments = index.segment_dependencies.of_event.get(name)
    if segments is not None:
        for change in ask_segments(context, segments, starts=event.starts):
            handle_segment_change(context, change)
    if changed_facts and context.enrollments:
        _recount_dates(context, frozenset(rule.name for rule in changed_facts))
    # Imported history starts nothing and ends no wait; facts and membership know it from here on.
    if not event.starts:
        return
    # The subscribers are in the order of priority; in each journey the restart beats the awaited event (2.9).
    for subscriber in index.subscribers.get(name, ()):
        if subscriber.triggers:
            start_by_event(context, subscriber, event)
        if name in subscriber.subscription.awaited:
            for enrollment in list(context.enrollments.values()):
                # A run of the holdout rests nowhere: it is only measured.
                if (
                    enrollment.outcome is None
                    and enrollment.journey == subscriber.subscription.journey.name
                    and not enrollment.holdout
                ):
                    _end_wait(context, enrollment, event)


def handle_profile_change(context: DecisionContext, changed: ProfileChanged) -> None:
    """Attributes, addresses, consents or suppressions were written."""
    apply_change(context.writable("values", "reach"), changed, context.journeys.resolve_zone)
    context.changed_attributes.update(changed.values)
    for name in changed.values:
        rule = context.index.rules.get(name)
        # The night that found the value did not know of the events since.
        if rule is not None and rule.how == "next":
            expect_next(context.writable("values"), rule)
    # `joined` and `left` are not among them: one of several devices comes or goes, and the channel stays.
    if changed.addresses or changed.consents or changed.suppressed:
        context.reach_changed = True
    apply_changes(context, starts=changed.starts)


def handle_redefined_facts(context: DecisionContext, redefined: FactsRedefined) -> None:
    """The values are there already: what asks for them is asked, and whoever is a member of a segment by them
    was one from the beginning."""
    for name in redefined.names:
        rule = context.index.rules.get(name)
        if rule is not None and rule.how == "next":
            expect_next(context.writable("values"), rule)
    loyalty.of_facts(context, redefined.names)
    context.changed_attributes.update(redefined.names)
    apply_changes(context, starts=False)


def handle_product_change(context: DecisionContext, product: ProductChanged) -> None:
    """The catalogue changed for a product: runs about it whose goal or exit names `product.` are asked, then
    it may start."""
    products = context.writable("products").products
    # Only the fields that changed are announced: the others keep what they had.
    products[product.product_id] = {**products.get(product.product_id, {}), **product.fields}
    for enrollment in _in_order(
        context, [run for run in context.enrollments.values() if run.product_id == product.product_id]
    ):
        subscription = context.subscription(enrollment)
        if subscription is not None and subscription.exit_dependencies.product:
            leave_if_due(context, enrollment)
        _take_back(context, enrollment.id)
    # Exits before starts: a run that this change ends does not stand in the way of a new one.
    start_by_product(context, product)


def _take_back(context: DecisionContext, run: str) -> None:
    """A message about the product that was not handed over yet."""
    enrollment = context.enrollments.get(run)
    subscription = context.subscription(enrollment) if enrollment is not None else None
    if enrollment is None or subscription is None or not isinstance(enrollment.state, AwaitingSend):
        return
    transition = Transition.begin(context, subscription, enrollment)
    following = take_back_what_is_over(transition)
    if following is not None:
        move_on(transition, following)
    transition.complete()


def handle_segment_change(context: DecisionContext, change: SegmentChanged) -> None:
    """The customer entered or left a segment: goal and exit are asked, then entering may start."""
    was_member = change.segment in context.facts.segments
    set_member(context.own_facts(), change.segment, member=change.member)
    if was_member != change.member:
        for enrollment in _in_order(context, list(context.enrollments.values())):
            subscription = context.subscription(enrollment)
            if subscription is not None and change.segment in subscription.exit_dependencies.segments:
                leave_if_due(context, enrollment)
    # Exits before starts: a run that this change ends does not stand in the way of a new one.
    if change.member and change.starts and not was_member:
        start_by_segment(context, change)


def handle_inside_change(context: DecisionContext, change: InsideChanged) -> None:
    """A story says that a run of another journey began or ended."""
    context.set_inside(change.journey, inside=change.inside)


def apply_changes(context: DecisionContext, *, starts: bool = True) -> None:
    """Looks at the consequences of what was written, until nothing new is written."""
    if not context.changed_attributes and not context.changed_journeys and not context.reach_changed:
        return
    before = context.causes
    # It ends: something new is written by runs alone, a run goes forward alone, and whatever starts runs
    # without end is stopped at the start (`causes`).
    while context.changed_attributes or context.changed_journeys or context.reach_changed:
        context.causes, context.changed_by = context.changed_by, NO_CAUSES
        names, reach = frozenset(context.changed_attributes), context.reach_changed
        journeys = frozenset(context.changed_journeys)
        # Emptied before the consequences: a `do` of a goal below may write again, and that is the next round.
        context.changed_attributes, context.changed_journeys, context.reach_changed = set(), set(), False
        # `set: {consent.email: given}` writes no attribute but the reach of a channel.
        reach = reach or any(name.startswith("consent.") for name in names)
        # Due moments before questions: a wait whose date is gone ends as `missing`, whatever is true else.
        if not names.isdisjoint(ZONE_NAMES):
            _move_zone(context)
        _recount_dates(context, names)
        concerned: list[Enrollment] = []
        # Most of what is written no journey asks about: then nobody's runs are gone through.
        is_asked = reach or journeys or not names.isdisjoint(context.index.exit_attributes)
        for enrollment in context.enrollments.values() if is_asked else ():
            subscription = context.subscription(enrollment)
            if subscription is None:
                continue
            leaving = subscription.exit_dependencies
            if (
                (reach and leaving.reach)
                or not names.isdisjoint(leaving.attributes)
                or not journeys.isdisjoint(leaving.journeys)
            ):
                concerned.append(enrollment)
        for enrollment in _in_order(context, concerned):
            leave_if_due(context, enrollment)
        rules: dict[str, SegmentRule] = {}
        for name in names:
            rules |= {
                rule.name: rule for rule in context.index.segment_dependencies.of_attribute.get(name, ())
            }
        for journey in journeys:
            rules |= {
                rule.name: rule for rule in context.index.segment_dependencies.of_journey.get(journey, ())
            }
        if reach:
            rules |= {rule.name: rule for rule in context.index.segment_dependencies.of_reach}
        if rules:
            # Sorted: the names come from a set, and the order of decisions must be the same on every machine.
            for change in ask_segments(context, (rules[name] for name in sorted(rules)), starts=starts):
                handle_segment_change(context, change)
    context.causes = before


def _end_wait(context: DecisionContext, enrollment: Enrollment, event: Event) -> None:
    subscription = context.subscription(enrollment)
    if subscription is None or enrollment.state is None:
        return
    # Not `Transition.begin`: the fork only takes the place of the run if the event really ends something.
    transition = Transition(context, subscription, subscription.journey, enrollment.fork())
    following = follow_event(transition, event)
    if following is None:
        return
    context.forked.add(enrollment.id)
    context.enrollments[enrollment.id] = transition.enrollment
    move_on(transition, following)
    transition.complete()


def _in_order(context: DecisionContext, enrollments: list[Enrollment]) -> list[Enrollment]:
    """Runs that one event concerns, in the order in which they are asked."""
    return sorted(enrollments, key=context.precedence) if len(enrollments) > 1 else enrollments


def _mark_codes(context: DecisionContext, event: Event) -> None:
    """An order with a code of the pool (resolved at intake) uses the code of the run."""
    pool = event.fields.get("code")
    if not isinstance(pool, str):
        return
    # Only intake knows it; in a story the name of the pool is all there is.
    value = event.fields.get("code_value")
    for enrollment in list(context.enrollments.values()):
        used = [
            (name, code)
            for name, code in enrollment.codes.items()
            if pool in (name, code.pool) and not code.used and value in (None, code.value)
        ]
        subscription = context.subscription(enrollment) if used else None
        if subscription is None:
            continue
        transition = Transition.begin(context, subscription, enrollment)
        for name, code in used:
            transition.enrollment.codes[name] = replace(code, used=True)
            transition.add_trace("note", subject=name, detail="the code was used")
        transition.complete()


def _move_zone(context: DecisionContext) -> None:
    """Every due moment that means local time is found again in the customer's zone; what is then past is
    due now. A planned message asks for quiet hours and days of the calendar again."""
    zone = context.facts.zone
    for enrollment in list(context.enrollments.values()):
        subscription = context.subscription(enrollment)
        if subscription is None:
            continue
        due, state = enrollment.due, enrollment.state
        if due is not None and due.local is not None and due.zone != zone.key:
            transition = Transition.begin(context, subscription, enrollment)
            # No wake here: what is past now is due, and the wakes follow when all that happened has been
            # applied.
            moved = transition.enrollment.due = in_zone(due, zone)
            if isinstance(state, Deferred):
                # The hold gets longer or shorter, and what it does not count as late with it.
                hold = max(moved.at, transition.now) - due.at
                transition.enrollment.state = replace(state, first_due=Instant(state.first_due + hold))
            transition.add_trace("note", subject="timezone", detail=zone.key)
            transition.complete()
        elif isinstance(state, AwaitingSend) and not state.unknown:
            step = subscription.steps_by_id.get(state.step)
            if isinstance(step, SendStep) and (step.policy.quiet is not None or step.policy.caps):
                transition = Transition.begin(context, subscription, enrollment)
                transition.add_trace("note", subject="timezone", detail=zone.key)
                # its last moment was the evening of the former zone; its place under caps goes with it
                cancel_planned(transition, "timezone")
                following = try_send(transition, step, state.first_due, state.tried)
                if following is not None:
                    move_on(transition, following)
                transition.complete()


def _recount_dates(context: DecisionContext, names: frozenset[str]) -> None:
    """A date that somebody waits for has changed: the wait is computed again; if the date is gone, the run
    ends."""
    if names.isdisjoint(context.index.date_attributes):
        return
    for enrollment in list(context.enrollments.values()):
        subscription = context.subscription(enrollment)
        if (
            subscription is None
            or not isinstance(enrollment.state, Waiting)
            or names.isdisjoint(subscription.date_attributes)
        ):
            continue
        step = subscription.steps_by_id.get(enrollment.state.step)
        if not isinstance(step, WaitStep) or step.until is None or step.until.ref is None:
            continue
        # `trigger.x` is frozen, and `code.expires` was settled when the code was taken (2.20).
        if step.until.ref.source != "customer" or step.until.ref.name not in names:
            continue
        transition = Transition.begin(context, subscription, enrollment)
        due = wait_due(transition, step)
        if isinstance(due, MissingDate):
            leave_for(transition, step, f"missing {due.name}")
        else:
            transition.enrollment.due = due
            transition.add_trace("note", step, step.until.ref.name, "the date was written anew")
        transition.complete()
