"""What must hold whatever breaks: each rule is a function from the evidence to the lines that break it.

The rules ask the store, what arrived at the providers and what a simulation saw on its way (`History`). None
of them asks the code that decided: local times come from `zoneinfo`, counts from what was answered.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from engine.core.enrollment import AwaitingCode, AwaitingReaction, AwaitingSend, Enrollment
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event, initial_values
from engine.core.policy import Policy
from engine.project import Project
from engine.store.customers import batches, enrollments, events
from engine.store.inbox.inbox_codec import from_row
from engine.values import DAY, HOUR, SECOND, Instant
from tools.simulation import counted_anew
from tools.simulation.history import Handed, History
from tools.simulation.provider import Providers

LATE = 2 * HOUR
"""A run that is due for longer than this, while everything works, is stuck."""

_NEVER_LEFT = ("planned", "claimed", "suppressed", "cancelled", "expired")
_ON_ITS_WAY = ("planned", "claimed", "deferred", "handoff", "unknown", "held")
_ENDS = ("goal", "exit_if", "exit", "stopped")
_SEEN_LATE = 0.2
"""Virtual seconds that may pass between a commit and the moment at which a simulation hears of it."""
_PHONES = ("sms", "viber", "whatsapp", "rcs")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that can be known of a simulation at a moment. `project`: as it is published now."""

    store: Engine
    history: History
    providers: Providers
    project: Project
    now: Instant

    def rows(self, sql: str) -> list[Any]:
        """Rows of the store."""
        with self.store.connect() as conn:
            return list(conn.exec_driver_sql(sql).fetchall())

    def open_runs(self) -> Iterator[tuple[str, Enrollment]]:
        """(customer, run) of every run that has not ended."""
        for customer, journey, state in self.rows(
            "SELECT customer, journey, state FROM enrollment WHERE ended_at IS NULL"
        ):
            yield customer, enrollments.decode(state, journey)

    def policy(self, handed: Handed) -> Policy | None:
        """The policy that a message was planned by."""
        return self.project.config.policies.get(handed.policy)


Rule = Callable[[Evidence], list[str]]

# --- messages -------------------------------------------------------------------------------------


def nothing_earlier_than_due(evidence: Evidence) -> list[str]:
    """No message leaves before its moment, nor after the last one at which it may. Where the clock was put
    back meanwhile, its moment may lie ahead."""
    return [
        f"{handed} left at {handed.at}, due {handed.due_at}, valid until {handed.valid_until}"
        for handed in evidence.history.handed
        if handed.at >= handed.valid_until or (handed.at < handed.due_at and not evidence.history.jumped)
    ]


def goal_ends_messages(evidence: Evidence) -> list[str]:
    """After its goal or an exit was decided, nothing of a run leaves any more."""
    ended: dict[str, tuple[float, str]] = {}
    for decided in evidence.history.decided:
        journey = evidence.project.journeys.by_name.get(decided.journey)
        stays = decided.kind == "goal" and journey is not None and journey.goal.then == "stay"
        if decided.kind in _ENDS and not stays:
            ended.setdefault(decided.enrollment, (decided.passed, decided.kind))
    breaches = []
    for handed in evidence.history.handed:
        passed, kind = ended.get(handed.enrollment, (handed.passed, ""))
        if passed + _SEEN_LATE < handed.passed:
            breaches.append(
                f"{handed} left {handed.passed - passed:.1f} seconds after its run ended by {kind}"
            )
        elif handed.outcome in (*_ENDS, "restart", "joined") and not evidence.history.jumped:
            late = handed.at - (handed.ended_at or handed.at)
            if late > _SEEN_LATE * SECOND:
                breaches.append(f"{handed} left {late} ms after its run had ended by {handed.outcome}")
    return breaches


def accepted_goal_event_ends_messages(evidence: Evidence) -> list[str]:
    """Once a source was told that the event of a goal is taken, nothing of the run leaves, decided or not."""
    started = dict(evidence.rows("SELECT id, started_at FROM enrollment"))
    goals = {
        name: journey.goal.events
        for name, journey in evidence.project.journeys.by_name.items()
        if journey.goal.then == "exit" and journey.goal.where is None and journey.state == "live"
    }
    answered: defaultdict[str, list[tuple[float, str, Instant]]] = defaultdict(list)
    for customer, name, occurred, id_ in evidence.rows(
        "SELECT customer, name, occurred_at, id FROM event WHERE starts"
    ):
        if id_ in evidence.history.answered_at:
            answered[customer].append((evidence.history.answered_at[id_], name, Instant(occurred)))
    joined = evidence.history.joined_into
    return [
        f"{handed} left {handed.passed - passed:.1f} seconds after {name} was answered"
        for handed in evidence.history.handed
        # before two people became one, what the other did was no goal of this run
        if handed.customer not in joined and evidence.history.customer_of[handed.key] == handed.customer
        for passed, name, occurred in answered[handed.customer]
        if name in goals.get(handed.journey, ())
        and passed + _SEEN_LATE < handed.passed
        and started.get(handed.enrollment, occurred) < occurred < handed.at
    ]


def one_message_per_send_key(evidence: Evidence) -> list[str]:
    """A message arrives once, and once more for every copy that its policy sends; every copy is the same."""
    resent = dict(evidence.rows("SELECT send_key, resent FROM outbox"))
    contents: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in evidence.providers.arrivals:
        contents[arrival.key].add(arrival.content)
    return [
        f"{key} arrived {copies} times, {resent.get(key, 0)} copies were allowed"
        for key, copies in evidence.providers.copies.items()
        if copies > 1 + resent.get(key, 0)
    ] + [f"{key} arrived in {len(texts)} versions" for key, texts in contents.items() if len(texts) > 1]


def quiet_hours_hold(evidence: Evidence) -> list[str]:
    """Nothing leaves in the quiet hours of its policy by the clock on the customer's wall, nor on a quiet
    day."""
    breaches = []
    for handed in evidence.history.handed:
        policy = evidence.policy(handed)
        if policy is None or policy.quiet is None or not handed.zone:
            continue
        if handed.channel in _PHONES and handed.zone_why != "customer":
            continue  # the zones of the phone number count: `strictest zone` has tests of its own
        wall = dt.datetime.fromtimestamp(handed.at / 1000, ZoneInfo(handed.zone))
        quiet, time = policy.quiet, wall.time()
        inside = (
            quiet.start <= time < quiet.end
            if quiet.start <= quiet.end
            else time >= quiet.start or time < quiet.end
        )
        if inside or (quiet.days and wall.weekday() not in quiet.days):
            breaches.append(f"{handed} left at {wall:%a %d %b %H:%M %Z}, {handed.zone}")
    return breaches


def caps_hold(evidence: Evidence) -> list[str]:
    """In no day of the customer's calendar, and in no week or month that ends with a message, more of them
    leave than a cap of their policy allows."""
    breaches = []
    sent: defaultdict[str, list[Handed]] = defaultdict(list)
    seen: set[str] = set()
    firsts: dict[tuple[str, str], str] = {}  # of each cascade, whoever its customer was then
    for handed in evidence.history.handed:
        policy = evidence.policy(handed)
        # the first part, also where it left by a policy without caps, which another version of the file had
        is_first = firsts.setdefault((handed.enrollment, handed.step), handed.key) == handed.key
        if handed.key in seen or not handed.counts or policy is None:
            continue
        seen.add(handed.key)
        before = sent[handed.customer]
        before.append(handed)
        for cap in policy.caps:
            if cap.channel is None and not is_first:
                continue
            if cap.channel not in (None, handed.channel):
                continue
            counted = [
                other
                for other in before
                # of two policies the place that was taken first counts, whichever leaves first
                if (other.policy == handed.policy or other.due_at < handed.due_at)
                and (cap.channel is None or other.channel == cap.channel)
                and (cap.channel is not None or firsts[other.enrollment, other.step] == other.key)
                and _in_window(other, handed, cap.per)
            ]
            if len(counted) > cap.count:
                keys = ", ".join(f"{other.key} at {other.at}" for other in counted)
                breaches.append(f"{handed.customer} got {len(counted)}, {cap}: {keys}")
    return breaches


def _in_window(other: Handed, last: Handed, per: str) -> bool:
    zone = ZoneInfo(last.zone or "UTC")
    wall = dt.datetime.fromtimestamp(last.at / 1000, zone)
    if per == "day":
        return dt.datetime.fromtimestamp(other.at / 1000, zone).date() == wall.date()
    # an hour less: a change of the clocks may make the window as much shorter
    return other.at > last.at - {"week": 7, "month": 30}[per] * DAY + HOUR


def nothing_lost(evidence: Evidence) -> list[str]:
    """What the store says has arrived did, what arrived the store knows of, and nothing waits for ever."""
    arrived = evidence.providers.copies
    breaches = []
    known = set()
    for key, state, ready_at, journey, detail in evidence.rows(
        "SELECT send_key, state, ready_at, journey, detail FROM outbox"
    ):
        known.add(key)
        if state in ("accepted", "delivered", "complained") and key not in arrived:
            breaches.append(f"{key} is {state} and never arrived")
        if state in _NEVER_LEFT and key in arrived:
            breaches.append(f"{key} arrived and is {state} ({detail})")
        if state in ("planned", "deferred", "claimed", "handoff") and ready_at <= evidence.now - LATE:
            breaches.append(f"{key} of {journey} is still {state}")
    return breaches + [f"{key} arrived and is in no outbox" for key in arrived.keys() - known]


# --- runs, facts, events ----------------------------------------------------------------------------


def runs_end_or_have_a_due_moment(evidence: Evidence) -> list[str]:
    """Every run that is open waits for a moment at which somebody looks at it, or for a message under way."""
    queued = dict(evidence.rows("SELECT customer, min(due_at) FROM due GROUP BY 1"))
    pending = {customer for (customer,) in evidence.rows("SELECT DISTINCT customer FROM inbox")}
    on_their_way = {
        key for key, state in evidence.rows("SELECT send_key, state FROM outbox") if state in _ON_ITS_WAY
    }
    moving = {
        name
        for name, journey in evidence.project.journeys.by_name.items()
        if journey.state in ("live", "closing")
    }
    breaches = []
    for customer, run in evidence.open_runs():
        if customer in pending or run.journey not in moving:
            continue
        where = f"{customer} in {run.journey} at {run.state}"
        if run.due is not None:
            if queued.get(customer, run.due.at + 1) > run.due.at:
                breaches.append(f"{where} is due at {run.due.at}, looked at {queued.get(customer)}")
        elif run.holdout or isinstance(run.state, AwaitingCode):
            continue
        elif isinstance(run.state, AwaitingSend):
            if run.state.key not in on_their_way:
                breaches.append(f"{where} waits for a message that is not under way")
        elif not (isinstance(run.state, AwaitingReaction) and run.state.unknown):
            breaches.append(f"{where} waits for nothing")
    return breaches


def nobody_is_stuck(evidence: Evidence) -> list[str]:
    """After days of quiet nobody is overdue, nothing is unapplied, nobody is set aside."""
    moving = {
        name
        for name, journey in evidence.project.journeys.by_name.items()
        if journey.state in ("live", "closing")
    }
    overdue = [
        f"{customer} in {run.journey} at {run.state} was due at {run.due.at}"
        for customer, run in evidence.open_runs()
        if run.due is not None and run.due.at <= evidence.now - LATE and run.journey in moving
    ]
    aside = [
        f"{customer} is set aside: {why}"
        for customer, why in evidence.rows("SELECT customer, why FROM stuck")
    ]
    unapplied = [
        f"{kind} of {customer} is not applied"
        for kind, customer in evidence.rows("SELECT kind, customer FROM inbox")
    ]
    return overdue + aside + unapplied


def one_open_run(evidence: Evidence) -> list[str]:
    """Nobody is twice in one journey at once, nor twice at all in one that nobody enters `again: never`."""
    found = evidence.rows(
        "SELECT customer, journey, key, count(*) FROM enrollment WHERE ended_at IS NULL GROUP BY 1, 2, 3"
        " HAVING count(*) > 1"
    )
    return [f"{customer} is {times} times in {journey} {key}" for customer, journey, key, times in found]


def facts_equal_history(evidence: Evidence) -> list[str]:
    """The facts of every customer are what comes of their events, folded once more in order of receipt."""
    journeys = evidence.project.journeys
    initial = initial_values(journeys.facts, journeys.currency)
    # `next` also follows from what the nights had learned when its events came.
    all_time = [rule for rule in journeys.facts if rule.last is None and rule.how not in ("rfm", "next")]
    breaches = []
    with evidence.store.connect() as conn:
        for bucket, customers in batches.chunks(conn, 500):
            loaded = batches.load_batch(conn, bucket, customers, journeys, evidence.now)
            for customer in customers:
                again = Facts(customer, values=dict(initial))
                history = events.of_customer(conn, bucket, customer)
                for event in sorted(history, key=lambda event: event.number):
                    if not event.name.startswith("$"):  # what else happened is kept among the events
                        apply_event(again, event, journeys.facts, {})
                stored = loaded.states[customer].facts
                for name in sorted(stored.event_counters.keys() | again.event_counters.keys()):
                    counter, counted = stored.event_counters.get(name), again.event_counters.get(name)
                    if counter != counted:
                        breaches.append(f"{name} of {customer} is counted as {counter}, not {counted}")
                breaches += [
                    f"{rule.name} of {customer} is {stored.values.get(rule.name)}, the history says"
                    f" {again.values.get(rule.name)}"
                    for rule in all_time
                    if stored.values.get(rule.name) != again.values.get(rule.name)
                ]
    return breaches


def events_count_once(evidence: Evidence) -> list[str]:
    """Every event that was answered with yes is in the history of its customer, once."""
    found = Counter(id_ for (id_,) in evidence.rows("SELECT id FROM event WHERE substr(name, 1, 1) <> '$'"))
    found.update(_waiting_events(evidence))
    answered = evidence.history.events
    return [
        f"the event {id_} ({answered[id_].event}) counts {found[id_]} times"
        for id_ in answered
        if found[id_] != 1
    ]


def _waiting_events(evidence: Evidence) -> Iterator[str]:
    with evidence.store.connect() as conn:
        for kind, body in conn.exec_driver_sql("SELECT kind, body FROM inbox WHERE kind = 'event'"):
            id_ = getattr(from_row(0, kind, body), "id", "")
            if id_:
                yield id_


def figures_equal_history(evidence: Evidence) -> list[str]:
    """The table of daily counts says what a look at every run, decision, message and reaction counts."""
    with evidence.store.connect() as conn:
        table = counted_anew.counted(conn)
        anew = counted_anew.counted_anew(conn, evidence.project.config.timezone)
    for line in [line for line in table if line[4] == "reached"]:
        del table[line]  # which steps a run came to, no row says where files changed meanwhile
    if evidence.history.joined_into:
        # Both halves of a customer moved, and one membership is left of the two.
        for counts in (table, anew):
            for line in [line for line in counts if line[4] in ("entered", "left")]:
                del counts[line]
    return [
        f"{line} is counted {table[line]} times, not {anew[line]}"
        for line in sorted(table.keys() | anew.keys())
        if table[line] != anew[line]
    ]


DURING: tuple[Rule, ...] = (
    runs_end_or_have_a_due_moment,
    one_open_run,
)
AFTER: tuple[Rule, ...] = (
    nothing_earlier_than_due,
    goal_ends_messages,
    accepted_goal_event_ends_messages,
    one_message_per_send_key,
    quiet_hours_hold,
    caps_hold,
    nothing_lost,
    runs_end_or_have_a_due_moment,
    nobody_is_stuck,
    one_open_run,
    facts_equal_history,
    events_count_once,
    figures_equal_history,
)
