"""The verdict: what had to arrive, what arrived and what the store says, laid side by side, in the words of
Jepsen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.crashtest.audit import StoredMessage

UNKNOWN = ("unknown", "held", "treated_as_sent")
"""States in which the store says: nobody knows whether it left."""

WAITING = ("planned", "claimed", "deferred", "handoff")

Wanted = tuple[str, str]
"""Address and title of a message; both say whose it is and which."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line of a sink. `body`: hash of its content; `again`: the same idempotency key was seen before."""

    to: tuple[str, ...]
    title: str
    id: str
    body: str
    again: bool = False

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Arrival:
        """A line as the sinks write it."""
        return cls(
            tuple(line["to"]), line["title"].strip(), line["id"], line["body"], line.get("again", False)
        )


@dataclass(slots=True)
class Evidence:
    """Of one instance. `wanted`: which messages the events ask for that were answered with 2xx, and of whom;
    `caught`: send keys that a dead process had; `listed`: what `status` showed as unknown, as (customer,
    template)."""

    wanted: Mapping[Wanted, Wanted]
    accepted_events: Collection[str]
    stored_events: Mapping[str, int]
    booked: Sequence[StoredMessage]
    arrived: Sequence[Arrival]
    caught: Collection[str]
    listed: Collection[Wanted]
    integrity: str = "ok"


@dataclass(slots=True)
class Verdict:
    """Each list holds a line for each case. `allowed_copies`: second copies that the policy `resend once`
    asks for."""

    planned: int = 0
    arrived: int = 0
    events: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    recovered: int = 0
    unknown: int = 0
    unknown_delivered: int = 0
    waiting: int = 0
    failed: int = 0
    allowed_copies: int = 0

    @property
    def is_good(self) -> bool:
        """Nothing that must not be."""
        wrong = (self.lost, self.duplicated, self.unexpected, self.unlisted, self.broken)
        return not any(wrong) and not self.waiting and not self.failed

    def add(self, other: Verdict) -> None:
        """Several instances together."""
        for name in self.__slots__:
            own, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, own + theirs)


def judge(evidence: Evidence) -> Verdict:
    """One instance."""
    verdict = Verdict(planned=len(evidence.wanted), events=len(evidence.accepted_events))
    if evidence.integrity != "ok":
        verdict.broken.append(f"the store is damaged: {evidence.integrity}")
    for event in evidence.accepted_events:
        times = evidence.stored_events.get(event, 0)
        if times == 0:
            verdict.lost.append(f"event {event}: answered with 200, not in the store")
        elif times > 1:
            verdict.duplicated.append(f"event {event}: {times} times in the store")
    booked = {(one.customer, one.template): one for one in evidence.booked}
    by_id = {one.id: one for one in evidence.booked}
    copies: dict[Wanted, list[Arrival]] = defaultdict(list)
    for arrival in evidence.arrived:
        _judge_arrival(arrival, evidence.wanted, by_id, copies, verdict)
    for wanted, who in evidence.wanted.items():
        _judge_message(who, copies.get(wanted, []), booked.get(who), evidence, verdict)
    decided = set(evidence.wanted.values())
    verdict.unexpected += [
        f"{customer} {template}: decided, but no event asks for it"
        for customer, template in booked.keys() - decided
        if booked[customer, template].state not in ("cancelled", "expired", "suppressed")
    ]
    return verdict


def _judge_arrival(
    arrival: Arrival,
    wanted: Mapping[Wanted, Wanted],
    by_id: Mapping[str, StoredMessage],
    copies: dict[Wanted, list[Arrival]],
    verdict: Verdict,
) -> None:
    verdict.arrived += not arrival.again
    shown = f'"{arrival.title}" to {", ".join(arrival.to)}'
    named = (arrival.to[0], arrival.title) if len(arrival.to) == 1 else None
    if named is None or named not in wanted:
        verdict.unexpected.append(f"{shown}: no event asks for it")
        return
    message = by_id.get(arrival.id)
    if message is None or (message.customer, message.template) != wanted[named]:
        verdict.unexpected.append(f"{shown}: its id {arrival.id} is not that of this message")
    copies[named].append(arrival)


def _judge_message(
    who: Wanted,
    copies: Sequence[Arrival],
    message: StoredMessage | None,
    evidence: Evidence,
    verdict: Verdict,
) -> None:
    shown = " ".join(who)
    times = sum(not each.again for each in copies)
    if message is None:
        verdict.lost.append(f"{shown}: its event was answered with 200, nothing was decided")
        return
    # A copy must be the same to the letter, or the provider cannot tell that it is one
    if len({each.body for each in copies}) > 1:
        verdict.unexpected.append(f"{shown}: its copies are not the same")
    if times == 2 and message.resent == 1:
        verdict.allowed_copies += 1
    elif times > 1:
        verdict.duplicated.append(f"{shown}: arrived {times} times, {message.resent} of them by a policy")
    if message.state in UNKNOWN:
        verdict.unknown += 1
        verdict.unknown_delivered += times > 0
        if who not in evidence.listed:
            verdict.unlisted.append(f"{shown}: {message.state}, and status did not list it")
    elif message.state in WAITING:
        verdict.waiting += 1
    elif message.state == "failed":
        verdict.failed += 1
    elif times == 0:
        verdict.lost.append(f"{shown}: {message.state}, and it never arrived")
    if message.key in evidence.caught and (times == 1 or message.state in UNKNOWN):
        verdict.recovered += 1
