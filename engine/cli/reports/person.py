"""Who a customer is now: attributes, facts with their age, zone, reach, segments, and where their runs rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.cli.reports.lines import closed, reason
from engine.cli.reports.times import both, distance
from engine.core.conditions.trace_values import words
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Enrollment,
    Relocating,
    Waiting,
)
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import CustomerState, FactRule
from engine.core.journeys import Journeys
from engine.runtime.advance.scoring import last_scores
from engine.store import aliases
from engine.store.customers import batches, history, suppressions
from engine.store.meta import bucket_of
from engine.values import Instant, Type, iso

_EVERYTHING = {"all": "everything", suppressions.ANY_PURPOSE: "everything that needs a consent"}


@dataclass(frozen=True, slots=True)
class Person:
    """One customer as the store knows them at a moment."""

    id: str
    aliases: tuple[str, ...]
    since: Instant
    segments: Mapping[str, Instant]
    state: CustomerState
    journeys: Journeys
    now: Instant
    scored: Mapping[str, Instant] = field(default_factory=dict)  # nightly facts, when they were last computed
    shut: Mapping[str, str] = field(default_factory=dict)  # channels with a closed address, and why

    @property
    def zone(self) -> ZoneInfo:
        """The zone that counts for them."""
        return self.state.facts.zone


def find(conn: Connection, customer: str, journeys: Journeys, now: Instant) -> Person | None:
    """A customer by id or other name; None: nothing is known."""
    own = aliases.resolve(conn, [customer]).get(customer, customer)
    known = history.known_since(conn, own)
    if known is None:
        return None
    bucket = bucket_of(conn, own)
    state = batches.load_batch(conn, bucket, [own], journeys, now).states[own]
    scored = last_scores(conn, journeys)
    shut = _shut(conn, state)
    return Person(own, tuple(history.other_names(conn, own)), *known, state, journeys, now, scored, shut)


def _shut(conn: Connection, state: CustomerState) -> dict[str, str]:
    """What the list of closed addresses says of theirs, also where another customer had the address before."""
    found = {}
    for channel, known in state.facts.reach.items():
        for address in filter(None, (known.address or "").split("\n")):
            for purpose, why in suppressions.active(conn, channel, normalised(channel, address)).items():
                found[channel] = f"closed for {_EVERYTHING.get(purpose, purpose)} ({why.strip(': ')})"
    return found


def data(person: Person) -> dict[str, Any]:
    """The head of `show` as plain data."""
    facts = person.state.facts
    rules = {rule.name: rule for rule in person.journeys.facts}
    types = person.journeys.attributes
    return {
        "customer": person.id,
        "aliases": list(person.aliases),
        "since": iso(person.since),
        "timezone": facts.timezone,
        "timezone_why": facts.timezone_why,
        "attributes": {name: words(value, types.get(name, Type("text"))) for name, value in facts.values.items() if name not in rules},
        "facts": {name: _fact(rule, person) for name, rule in rules.items()},
        "reach": {channel: _reach(channel, person) for channel in (*person.journeys.channels, *sorted(set(facts.reach) - set(person.journeys.channels)))},
        "segments": {name: iso(at) for name, at in person.segments.items()},
        "runs": [run(each, person) for each in person.state.enrollments.values() if each.is_open],
    }  # fmt: skip


def _fact(rule: FactRule, person: Person) -> dict[str, str]:
    facts = person.state.facts
    seen = facts.event_counters.get(rule.event)
    if rule.how == "rfm":
        at = person.scored.get(rule.name)
        as_of = f"scored {distance(at, person.now)}" if at is not None else "not scored yet"
        return {"value": words(facts.values.get(rule.name), rule.type), "as_of": as_of}
    if rule.last is not None:
        return {"value": words(windowed_value(rule, facts, person.now), rule.type), "as_of": "counted now"}
    as_of = f"as of {rule.event} {distance(seen.last_at, person.now)}" if seen else f"no {rule.event} yet"
    return {"value": words(facts.values.get(rule.name), rule.type), "as_of": as_of}


def _reach(channel: str, person: Person) -> dict[str, Any]:
    known = person.state.facts.reach.get(channel)
    return {
        "address": known.address if known else None,
        "consent": dict(known.consents) if known else {},
        "suppressed": known.suppressed if known else None,
        "bounced": bool(known and known.bounced),
        "closed": person.shut.get(channel),
    }


def reach_words(found: Mapping[str, Any]) -> str:
    """One channel in words."""
    if not found["address"]:
        return closed("no address")
    said = [f"{purpose}: {state}" for purpose, state in found["consent"].items()] or ["no consent was given"]
    if found["closed"]:
        said.append(found["closed"])
    elif found["bounced"]:
        said.append("closed by a bounce")
    elif found["suppressed"]:
        said.append(f"closed for {found['suppressed']}")
    return f"{found['address']}  {', '.join(said)}"


def run(one: Enrollment, person: Person) -> dict[str, Any]:
    """An open run: where it rests and until when."""
    due = one.due.at if one.due is not None else None
    return {
        "journey": one.journey,
        "key": one.key,
        "started_at": iso(one.started_at),
        "holdout": one.holdout,
        "step": one.state.step if one.state is not None else None,
        "rests": resting(one, person),
        "due_at": iso(due) if due is not None else None,
        "due": both(due, person.zone) if due is not None else None,
    }


def resting(one: Enrollment, person: Person) -> str:
    """Where a run rests, in words."""
    until = (
        f" until {both(one.due.at, person.zone)}, {distance(one.due.at, person.now)}"
        if one.due is not None
        else ""
    )
    match one.state:
        case _ if one.holdout:
            return f"is in the holdout{until}"
        case Waiting(step=step):
            return f"waits at {step}{until}"
        case Deferred(step=step, why=why):
            return f"is held before {step}{until}: {reason(why)}"
        case AwaitingSend(step=step, channel=channel):
            return f"hands over {step} via {channel}"
        case AwaitingReaction(step=step, channel=channel, unknown=True):
            return f"stands at {step}: nobody knows whether the message via {channel} left"
        case AwaitingReaction(step=step, channel=channel):
            return f"listens for an answer to {step} via {channel}{until}"
        case AwaitingCode(step=step):
            return f"waits for a promo code at {step}"
        case Relocating(step=step, was=was):
            return f"goes on from {was} to {step or 'the end'}{until}"
        case None:
            return "is on its way"
