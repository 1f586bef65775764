"""What a one-off send would do at this moment: who is in the segment, how they can be reached, what holds them back, what it costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.draw import in_global_holdout
from engine.core.facts.customer import Facts
from engine.core.facts.reach import why_closed
from engine.core.journey import Journey, SendStep
from engine.core.journeys import Journeys
from engine.core.segments.segment import is_member
from engine.core.timing.frequency_caps import has_free_slot
from engine.core.timing.quiet_hours import quiet_end
from engine.project import Project
from engine.runtime.delivery.send_limits import SendLimits
from engine.store.customers import batches
from engine.values import Instant

CHUNK = 2000


@dataclass(slots=True)
class OneOffPlan:
    """`members`: (bucket, customer) of all. `reach`: channel -> why (or "reachable") -> how many. `first`: how many get
    their first message by a channel; `cost`: of these, `most`: when nobody reacts and every channel is used."""

    members: list[tuple[int, str]] = field(default_factory=list)
    reach: dict[str, Counter[str]] = field(default_factory=dict)
    first: Counter[str] = field(default_factory=Counter)
    nobody: int = 0
    holdout: int = 0
    quiet: int = 0
    capped: int = 0
    not_listed: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    ceiling: int | None = None

    @property
    def messages(self) -> int:
        """How many would get a first message, held or not."""
        return self.first.total()


def plan_of(conn: Connection, project: Project, journey: Journey, segment: str, now: Instant) -> OneOffPlan:
    """Asks everybody in the store; `now` is when the message would leave."""
    journeys, step = project.journeys, send_step(journey)
    guards = SendLimits.of(project.config, journeys)
    found = OneOffPlan(reach={channel: Counter() for channel in step.channels})
    found.ceiling = project.config.ceilings.of_journey(journey.name)
    rule = journeys.segments[segment]
    for bucket, chunk in batches.chunks(conn, CHUNK):
        for customer, state in batches.load_batch(conn, bucket, chunk, journeys, now).states.items():
            if is_member(rule, state.facts, now):
                found.members.append((bucket, customer))
                _ask(found, state.facts, step, journeys, guards, now)
    for channel, number in found.first.items():
        found.cost += number * journeys.prices[channel]
    return found


def send_step(journey: Journey) -> SendStep:
    """The one message of a one-off send."""
    return next(step for step in journey.steps if isinstance(step, SendStep))


def _ask(
    found: OneOffPlan, facts: Facts, step: SendStep, journeys: Journeys, guards: SendLimits, now: Instant
) -> None:
    policy = step.policy
    open_ = []
    for channel in step.channels:
        why = why_closed(facts, channel, policy.consent)
        found.reach[channel][why or "reachable"] += 1
        if why is None:
            open_.append(channel)
    if policy.consent is not None and in_global_holdout(facts.customer, journeys.global_holdout):
        found.holdout += 1
        return
    listed = [channel for channel in open_ if _is_listed(facts, channel, guards)]
    if not listed:
        found.nobody += not open_
        found.not_listed += bool(open_)
        return
    language = facts.values.get("language")
    found.languages[language if isinstance(language, str) and language else "(no language known)"] += 1
    if policy.quiet is not None and quiet_end(policy.quiet, now, facts.zone) is not None:
        found.quiet += 1
    free = [
        each
        for each in listed
        if has_free_slot(policy.caps, facts.cap_slots, now, facts.zone, each, first_part=True)
    ]
    if not free:
        found.capped += 1
        return
    found.first[free[0]] += 1
    found.most += sum((journeys.prices[each] for each in free), Decimal(0))


def _is_listed(facts: Facts, channel: str, guards: SendLimits) -> bool:
    address = facts.reach[channel].address if channel in facts.reach else None
    if guards.only is None:
        return True
    return any(
        guards.only.names(channel, each, facts.customer) for each in (address or "").split("\n") if each
    )
