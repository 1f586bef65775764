"""What was fixed of each experiment, and since when: written by the deployment that changes it.

People who came in under other shares are compared with nobody of today, and a moment of decision that was
written after it had passed decides nothing: so both are kept with the time at which they were published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from engine.core.journey import DecisionMoment
from engine.store import meta
from engine.values import Instant

_NAME = "experiments"


class ArmShare(NamedTuple):
    """An arm with its share of the people who come, in percent."""

    name: str
    share: int


Arms = tuple[ArmShare, ...]


class ExperimentPhase(msgspec.Struct, frozen=True, array_like=True):
    """Nothing was changed from `declared_at` to `ended_at` (None: until now), and the shares not since
    `since` (0: since the beginning). `people`, `on`: the moment of decision."""

    arms: Arms
    since: Instant
    declared_at: Instant
    people: int | None = None
    on: dt.date | None = None
    ended_at: Instant | None = None

    @property
    def decide(self) -> DecisionMoment | None:
        """As the file said it."""
        is_said = self.people is not None or self.on is not None
        return DecisionMoment(self.people, self.on) if is_said else None


class ExperimentNote(NamedTuple):
    """An experiment as it is published now. `was`: its former key, if it was renamed."""

    key: str
    arms: Arms
    decide: DecisionMoment | None
    was: str = ""


def note(conn: Connection, now: Instant, published: Iterable[ExperimentNote]) -> None:
    """Keeps what is new."""
    known = dict(phases(conn))
    for one in published:
        before = known.pop(one.was, ()) if one.was and one.key not in known else known.get(one.key, ())
        known[one.key] = _with(before, one, now)
    meta.put(conn, _NAME, msgspec.json.encode(known).decode())


def phases(conn: Connection) -> Mapping[str, tuple[ExperimentPhase, ...]]:
    """By key, the oldest first; the last one is that of now."""
    found = meta.get(conn, _NAME)
    return (
        msgspec.json.decode(found, type=dict[str, tuple[ExperimentPhase, ...]]) if found is not None else {}
    )


def _with(
    before: tuple[ExperimentPhase, ...], one: ExperimentNote, now: Instant
) -> tuple[ExperimentPhase, ...]:
    people, on = (one.decide.people, one.decide.on) if one.decide is not None else (None, None)
    if not before:
        return (ExperimentPhase(one.arms, Instant(0), now, people, on),)
    last = before[-1]
    if (last.arms, last.people, last.on) == (one.arms, people, on):
        return before
    since = last.since if last.arms == one.arms else now
    ended = msgspec.structs.replace(last, ended_at=now)
    return (*before[:-1], ended, ExperimentPhase(one.arms, since, now, people, on))
