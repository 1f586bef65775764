"""What a simulation remembers of its course, apart from the store: every hand-over, every decision as it
became durable, everything that was answered with yes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from engine.runtime.intake.items import AliasItem, EventItem, Item
from engine.store.serialization import load
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class Handed:
    """A channel got the leave to send. `turn`: the place in the course of the simulation, `passed`: virtual
    seconds since its beginning, `at`: what the clock of the process showed. The rest is what the store said
    of the message, of its customer (`zone` and why) and of its run at that moment, by its columns."""

    turn: int
    passed: float
    at: Instant
    process: str
    key: str
    customer: str
    enrollment: str
    journey: str
    step: str
    channel: str
    policy: str
    counts: bool
    due_at: Instant
    valid_until: Instant
    zone: str
    zone_why: str
    outcome: str | None
    ended_at: Instant | None

    def __str__(self) -> str:
        return f"{self.key} ({self.journey} {self.step} via {self.channel}, {self.policy})"


_SEEN = (
    "SELECT o.send_key, o.customer, o.enrollment, o.journey, o.step, o.channel, o.policy, o.counts, o.due_at,"
    " o.valid_until, coalesce(c.zone, ''), coalesce(c.zone_why, ''), e.outcome, e.ended_at FROM outbox o"
    " LEFT JOIN customer c ON c.bucket = o.bucket AND c.id = o.customer LEFT JOIN enrollment e"
    " ON e.bucket = o.bucket AND e.customer = o.customer AND e.id = o.enrollment WHERE o.send_key = ?"
)


@dataclass(frozen=True, slots=True)
class Decided:
    """A line of the trace, and the turn in which it was first seen in the store."""

    turn: int
    customer: str
    at: Instant
    kind: str
    journey: str
    enrollment: str
    step: str
    subject: str
    passed: float = 0.0


@dataclass(slots=True)
class History:
    """Of one simulation. `jumps`: turns at which the clock of the machine was moved."""

    passed: Callable[[], float] = float  # virtual seconds since the beginning
    turn: int = 0
    handed: list[Handed] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    events: dict[str, EventItem] = field(default_factory=dict)  # by id: answered with yes
    breaches: list[str] = field(default_factory=list)
    answered_at: dict[str, float] = field(default_factory=dict)  # virtual seconds, of each of them
    customer_of: dict[str, str] = field(default_factory=dict)  # of each message, at its first hand-over
    joined_into: set[str] = field(default_factory=set)  # customers to whom another one was added
    jumped: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    _last_trace: int = 0

    def next_answer_change(self) -> int:
        """One more thing has happened."""
        self.turn += 1
        return self.turn

    def count(self, what: str, times: int = 1) -> None:
        """For the figures at the end."""
        self.counts[what] = self.counts.get(what, 0) + times

    def answered(self, items: Iterable[Item]) -> None:
        """A source was told that these are taken."""
        for item in items:
            if isinstance(item, EventItem) and item.id is not None and item.id not in self.events:
                self.events[item.id] = item
                self.answered_at[item.id] = self.passed()
            elif isinstance(item, AliasItem):
                self.joined_into.add(item.customer_id)

    def read_decisions(self, engine: Engine) -> None:
        """What was decided since the last look."""
        with engine.connect() as conn:
            rows = conn.exec_driver_sql(
                "SELECT number, customer, lines FROM trace WHERE number > ? ORDER BY number",
                (self._last_trace,),
            ).fetchall()
        for number, customer, lines in rows:
            self._last_trace = number
            turn = self.next_answer_change()
            for at, kind, journey, enrollment, step, _, subject, *_ in load(lines):
                self.decided.append(
                    Decided(
                        turn, customer, Instant(at), kind, journey, enrollment, step, subject, self.passed()
                    )
                )

    def note_handed(self, engine: Engine, key: str, at: Instant, process: str) -> None:
        """A hand-over, with what the store says of the message and its customer at this very moment."""
        with engine.connect() as conn:
            row: Any = conn.exec_driver_sql(_SEEN, (key,)).fetchone()
        handed = Handed(self.next_answer_change(), self.passed(), at, process, *row)
        self.customer_of.setdefault(key, handed.customer)
        self.handed.append(handed)
