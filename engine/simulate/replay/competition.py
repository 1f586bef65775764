"""Which other journeys take the places under the caps of a journey's messages, counted over what a replay
sends."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from engine.core.journey import SendStep
from engine.core.journeys import Journeys
from engine.core.policy import Cap, Policy
from engine.core.timing.frequency_caps import window_start
from engine.values import Instant, parse_instant, zone


class TakenSlots(msgspec.Struct, frozen=True):
    """The places of one cap, in words: what other journeys hold of them when a message of this one leaves, on
    average."""

    cap: str
    places: int
    others: float


class CapCompetition(msgspec.Struct, frozen=True):
    """What a journey sends under the caps of one policy, by the second version. Every message of another
    journey takes a place, whatever its own policy is. `people` get messages of this one; `shared`: so many of
    them got messages of others in the time that a cap looks back, `rivals` by journey. `also`: other journeys
    that may send and go by the same policy."""

    journey: str
    policy: str
    people: int
    shared: int
    rivals: dict[str, int]
    also: list[str]
    places: list[TakenSlots]


class _Message(NamedTuple):
    at: Instant
    journey: str
    policy: str
    channel: str
    is_first_part: bool


@dataclass(slots=True)
class _Counted:
    """Of a journey and a policy. `held`: places that others hold, by cap; `asked`: messages that need one."""

    people: set[str] = field(default_factory=set)
    rivals: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    held: Counter[Cap] = field(default_factory=Counter)
    asked: Counter[Cap] = field(default_factory=Counter)


def competition(
    journeys: Journeys, names: Iterable[str], messages: Iterable[Mapping[str, Any]], one_in: int
) -> list[CapCompetition]:
    """Of the journeys `names`, for each policy with caps that they send by. `messages`: all that were sent,
    as rows of a replay to one in so many customers, by whose number people are multiplied. Windows are those
    of the project's time zone."""
    wanted = [journeys.by_name[name] for name in names if name in journeys.by_name]
    policies = {journey.name: _policies(journey.steps) for journey in wanted}
    counted = {
        (journey, policy.name): _Counted() for journey, used in policies.items() for policy in used.values()
        if policy.caps
    }  # fmt: skip
    if not counted:
        return []
    tz = zone(journeys.timezone)
    for customer, sent in _by_customer(messages, policies).items():
        for (journey, policy), count in counted.items():
            _count(count, customer, sent, journey, journeys.policies[policy], tz)
    return [
        CapCompetition(
            journey=journey,
            policy=policy,
            people=len(count.people) * one_in,
            shared=len(set().union(*count.rivals.values())) * one_in,
            rivals={
                name: len(people) * one_in
                for name, people in sorted(count.rivals.items(), key=lambda rival: (-len(rival[1]), rival[0]))
            },
            also=_others(journeys, journey, policy),
            places=[
                TakenSlots(_words(cap), cap.count, round(count.held[cap] / max(1, count.asked[cap]), 2))
                for cap in journeys.policies[policy].caps
            ],
        )
        for (journey, policy), count in counted.items()
    ]


def _policies(steps: Iterable[object]) -> dict[str, Policy]:
    """Of the messages of a journey, by step."""
    return {step.id: step.policy for step in steps if isinstance(step, SendStep)}


def _others(journeys: Journeys, name: str, policy: str) -> list[str]:
    return sorted(
        other.name for other in journeys.by_name.values()
        if other.name != name and other.state == "live"
        and any(used.name == policy for used in _policies(other.steps).values())
    )  # fmt: skip


def _by_customer(
    messages: Iterable[Mapping[str, Any]], policies: Mapping[str, Mapping[str, Policy]]
) -> dict[str, list[_Message]]:
    """In the order in which they left."""
    sent: defaultdict[str, list[_Message]] = defaultdict(list)
    for row in messages:
        at = parse_instant(row["at"])
        assert at is not None
        used = policies.get(row["journey"], {}).get(row["step"])
        sent[row["customer"]].append(
            _Message(at, row["journey"], used.name if used else "", row["channel"], row["part"] == 1)
        )
    return sent


def _count(
    count: _Counted, customer: str, sent: list[_Message], journey: str, policy: Policy, tz: ZoneInfo
) -> None:
    for place, message in enumerate(sent):
        if message.journey != journey or message.policy != policy.name:
            continue
        count.people.add(customer)
        for cap in policy.caps:
            # The cap of a channel counts every part of a cascade on it, the others a cascade once
            if not (message.is_first_part if cap.channel is None else message.channel == cap.channel):
                continue
            count.asked[cap] += 1
            first = bisect_left(sent, window_start(cap, message.at, tz), key=lambda each: each.at)
            for other in sent[first:place]:
                is_counted = other.is_first_part if cap.channel is None else other.channel == cap.channel
                if other.journey != journey and is_counted:
                    count.held[cap] += 1
                    count.rivals[other.journey].add(customer)


def _words(cap: Cap) -> str:
    channel = f"{cap.channel}: " if cap.channel is not None else ""
    return f"{channel}{cap.count} a {cap.per}"
