"""What follows at once when something about the customer changes: segments, goal and exit, starts, waits, zones."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.advance import move_on
from engine.core.due import Missing, in_zone, wait_due
from engine.core.enrollment import Enrollment, Waiting
from engine.core.fold import apply_change, apply_event
from engine.core.goal import look_at_leaving
from engine.core.happening import Changed, Event, ProductChanged, SegmentChanged
from engine.core.index import RANKS
from engine.core.journey import SegmentRule, WaitStep
from engine.core.membership import ask_segments, set_member
from engine.core.reactions import follow_event
from engine.core.run import Run
from engine.core.steps.exit import leave_for
from engine.core.trigger import start_by_event, start_by_segment
from engine.core.turn import Turn
from engine.values import Instant

ZONE_NAMES = frozenset(("timezone", "country"))


def take_event(turn: Turn, event: Event) -> None:
    """An event: facts and segments first; then goal and exit of every run, and for each journey in the order of
    priority its starts (a restart beats a wait) and the waits that it ends."""
    index, name = turn.index, event.name
    moved = index.moves.get(name, ())
    if not turn.folded:
        facts = turn.touch("seen", "values", "memory") if moved else turn.touch("seen")
        if name in turn.journeys.needs:
            turn.touch_history(name)
        apply_event(facts, event, moved, turn.journeys.needs)
    if turn.runs:
        _mark_codes(turn, event)
        leavers = index.leavers.get(name)
        if leavers is not None:
            for run in _in_order(turn, [run for run in turn.runs.values() if run.journey in leavers]):
                look_at_leaving(turn, run, event)
    segments = index.segments.of_event.get(name)
    if segments is not None:
        for change in ask_segments(turn, segments, starts=event.starts):
            change_segment(turn, change)
    if moved and turn.runs:
        _recount_dates(turn, frozenset(rule.name for rule in moved))
    if not event.starts:
        return
    for listener in index.listeners.get(name, ()):
        if listener.triggers:
            start_by_event(turn, listener, event)
        if name in listener.interest.awaited:
            for run in list(turn.runs.values()):
                if run.outcome is None and run.journey == listener.interest.journey.name and not run.holdout:
                    _follow(turn, run, event)


def take_changed(turn: Turn, changed: Changed) -> None:
    """Attributes, addresses, consents or suppressions were written."""
    apply_change(turn.touch("values", "reach"), changed, turn.journeys.resolve_zone)
    turn.changed.update(changed.values)
    if changed.addresses or changed.consents or changed.suppressed:
        turn.reach_changed = True
    follow_changes(turn, starts=changed.starts)


def take_product(turn: Turn, product: ProductChanged) -> None:
    """The catalogue changed for a product: runs about it whose goal or exit names `product.` are asked."""
    known = turn.facts.products.get(product.product_id, {})
    turn.touch("products").products[product.product_id] = {**known, **product.fields}
    for run in _in_order(turn, [run for run in turn.runs.values() if run.product_id == product.product_id]):
        interest = turn.interest(run)
        if interest is not None and interest.leaving.product:
            look_at_leaving(turn, run)


def change_segment(turn: Turn, change: SegmentChanged) -> None:
    """The customer entered or left a segment: goal and exit are asked, then entering may start."""
    was_member = change.segment in turn.facts.segments
    set_member(turn.facts, change.segment, member=change.member)
    if was_member != change.member:
        for run in _in_order(turn, list(turn.runs.values())):
            interest = turn.interest(run)
            if interest is not None and change.segment in interest.leaving.segments:
                look_at_leaving(turn, run)
    if change.member and change.starts:
        start_by_segment(turn, change, was_member=was_member)


def follow_changes(turn: Turn, *, starts: bool = True) -> None:
    """Looks at the consequences of what was written, until nothing new is written."""
    if not turn.changed and not turn.reach_changed:
        return
    while (turn.changed or turn.reach_changed) and turn.left > 0:
        names, reach = frozenset(turn.changed), turn.reach_changed
        turn.changed, turn.reach_changed = set(), False
        reach = reach or any(name.startswith("consent.") for name in names)
        if not names.isdisjoint(ZONE_NAMES):
            _move_zone(turn)
        _recount_dates(turn, names)
        for run in _in_order(turn, list(turn.runs.values())):
            interest = turn.interest(run)
            if interest is None:
                continue
            leaving = interest.leaving
            if (reach and leaving.reach) or not names.isdisjoint(leaving.attributes):
                look_at_leaving(turn, run)
        rules: dict[str, SegmentRule] = {}
        for name in names:
            rules |= {rule.name: rule for rule in turn.index.segments.of_attribute.get(name, ())}
        if reach:
            rules |= {rule.name: rule for rule in turn.index.segments.of_reach}
        if rules:
            for change in ask_segments(turn, (rules[name] for name in sorted(rules)), starts=starts):
                change_segment(turn, change)
    turn.changed, turn.reach_changed = set(), False


def _follow(turn: Turn, run: Enrollment, event: Event) -> None:
    interest = turn.interest(run)
    if interest is None or run.rest is None:
        return
    # A copy in hand is only kept if the event really ends something.
    probe = Run(turn, interest, interest.journey, run.fork())
    following = follow_event(probe, event)
    if following is None:
        return
    turn.own.add(run.id)
    turn.runs[run.id] = probe.it
    move_on(probe, following)
    probe.close()


def _in_order(turn: Turn, runs: list[Enrollment]) -> list[Enrollment]:
    """Runs that one event concerns: by priority, then the longest waiting, then id."""
    if len(runs) < 2:
        return runs

    def order(run: Enrollment) -> tuple[int, Instant, str]:
        interest = turn.interest(run)
        return interest.rank[0] if interest is not None else len(RANKS), run.clock, run.id

    return sorted(runs, key=order)


def _mark_codes(turn: Turn, event: Event) -> None:
    """An order with a code of the pool (resolved at intake) uses the code of the run."""
    pool = event.fields.get("code")
    if not isinstance(pool, str):
        return
    for run in list(turn.runs.values()):
        code = run.codes.get(pool)
        if code is not None and not code.used:
            interest = turn.interest(run)
            if interest is not None:
                hand = Run.take(turn, interest, run)
                hand.it.codes[pool] = replace(code, used=True)
                hand.say("note", subject=pool, detail="the code was used")
                hand.close()


def _move_zone(turn: Turn) -> None:
    """Every due moment that means local time is found again in the customer's zone; what is then past is due now."""
    zone = turn.facts.zone
    for run in list(turn.runs.values()):
        interest = turn.interest(run)
        if interest is None or run.due is None or run.due.local is None or run.due.zone == zone.key:
            continue
        hand = Run.take(turn, interest, run)
        hand.it.due = in_zone(run.due, zone)
        hand.say("note", subject="timezone", detail=zone.key)
        hand.close()


def _recount_dates(turn: Turn, names: frozenset[str]) -> None:
    """A date that somebody waits for has changed: the wait is computed again; if the date is gone, the run ends."""
    for run in list(turn.runs.values()):
        interest = turn.interest(run)
        if interest is None or not isinstance(run.rest, Waiting) or names.isdisjoint(interest.dates):
            continue
        step = interest.places.get(run.rest.step)
        if not isinstance(step, WaitStep) or step.until is None or step.until.ref is None:
            continue
        if step.until.ref.source != "customer" or step.until.ref.name not in names:
            continue
        hand = Run.take(turn, interest, run)
        due = wait_due(hand, step)
        if isinstance(due, Missing):
            leave_for(hand, step, f"missing {due.name}")
        else:
            hand.it.due = due
            hand.say("note", step, step.until.ref.name, "the date was written anew")
        hand.close()
