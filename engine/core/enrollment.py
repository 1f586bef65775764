"""One customer inside one journey ("run" in front of marketers): a position and facts, never a replay log.

The order of the fields, and the tags of what a run rests for, are those in which a run is stored: what is new
comes last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from copy import copy

from msgspec import Struct, field

from engine.core.reasons import HoldReason, SkipReason
from engine.values import Instant, Value


class Due(Struct, frozen=True, array_like=True):
    """When it wakes. A moment that means local time keeps it: `local` in `zone`."""

    at: Instant  # computed again from `local` when the customer's zone or the zone data changes
    local: dt.datetime | None = None  # naive on purpose: the wall clock that is meant
    zone: str | None = None


class Waiting(Struct, frozen=True, array_like=True, tag="w"):
    """Rests in a `wait`."""

    step: str
    # Awaited events count from here on (exclusive), in (moment, order of receipt).
    opened_at: Instant
    opened_number: int


class Deferred(Struct, frozen=True, array_like=True, tag="h"):
    """Rests in a `send` that quiet hours or a cap hold back."""

    step: str
    channel: str
    why: HoldReason
    first_due: Instant  # moved by the length of every hold, since holds do not count as late (2.13 rule 4)
    tried: tuple[str, ...] = ()  # channels that this cascade is through with
    since: Instant | None = None  # when it began to wait for a free place under a cap


class AwaitingSend(Struct, frozen=True, array_like=True, tag="s"):
    """Rests in a `send` whose message is planned but not yet handed over."""

    step: str
    channel: str
    key: str
    first_due: Instant
    tried: tuple[str, ...] = ()
    unknown: bool = False  # nobody can say whether it left: it may not be taken back and planned anew


class AwaitingReaction(Struct, frozen=True, array_like=True, tag="l"):
    """Rests in a cascade after a hand-over, until the reaction or `next_after`."""

    step: str
    channel: str
    handed_at: Instant
    tried: tuple[str, ...] = ()
    unknown: bool = False  # the next channel waits until this is settled


class AwaitingCode(Struct, frozen=True, array_like=True, tag="c"):
    """Rests in a `code` that waits for its pool."""

    step: str


class Relocating(Struct, frozen=True, array_like=True, tag="m"):
    """On the way: the step where it rested was removed from the file (design/language 2.15)."""

    step: str | None  # when due, the run goes on *at* it, not after it; None: nothing is left, it finishes
    was: str  # the step where it rested


EnrollmentState = Waiting | Deferred | AwaitingSend | AwaitingReaction | AwaitingCode | Relocating


class SentMessage(Struct, frozen=True, array_like=True):
    """One message of this run that was handed over."""

    template: str
    channel: str
    key: str
    handed_at: Instant
    number: int  # of the hand-over in the order of receipt
    clicked_at: Instant | None = None
    opened_at: Instant | None = None
    bounced: bool = False

    def reacted_at(self, how: str) -> Instant | None:
        """When it was clicked or opened; a click counts as an open."""
        return self.clicked_at if how == "clicked" or self.opened_at is None else self.opened_at


class TakenCode(Struct, frozen=True, array_like=True):
    """A promo code of this run; valid until `expires` (23:59:59 of a day in the customer's zone)."""

    pool: str
    value: str
    expires: Instant
    expires_on: dt.date
    used: bool = False
    text: str = ""  # what it is worth, in words
    offer: str = ""
    name: str = ""  # as the journey calls it, where it chose between several pools

    @property
    def asked_as(self) -> str:
        """The name that the `code` step says."""
        return self.name or self.pool


CARRIED = "carried:"
"""In `Enrollment.done`: a message left, or may have, while this code was the run's latest."""


class Enrollment(Struct, array_like=True):
    """One run. `decide` changes only its own copies (`fork`); everybody else treats it as frozen.

    open: `outcome` is None. watched: it ended, but `watch_until` has not passed.
    """

    id: str
    journey: str
    key: str  # the value of `per`, else ""
    started_at: Instant
    started_number: int
    first_started_at: Instant  # of the first run, where this one restarted it: the goal counts from there
    clock: Instant  # the moment that waits count from (2.12)
    trigger: Mapping[str, Value] = field(default_factory=dict)
    product_id: str | None = None
    occurrence: dt.date | None = None  # of a clock or date start
    holdout: bool = False
    seq: int = 0  # grows by one with every decision: a wake for an older one does nothing
    state: EnrollmentState | None = None
    due: Due | None = None
    window_at: Instant = Instant(0)  # from here the next `for` looks for events (exclusive) ...
    window_number: int = 0  # ... in (moment, order of receipt)
    paths: dict[str, str] = field(default_factory=dict)
    codes: dict[str, TakenCode] = field(default_factory=dict)  # by `asked_as`, in the order taken
    sent: dict[str, tuple[SentMessage, ...]] = field(default_factory=dict)  # by step id
    skipped: dict[str, SkipReason] = field(default_factory=dict)  # by step id
    done: set[str] = field(default_factory=set)  # hidden ids of what was done once
    goal_at: Instant | None = None
    outcome: str | None = None
    ended_at: Instant | None = None
    watch_until: Instant | None = None
    commit: str = ""  # of the files at the last decision
    # What led to its start, see `causes`; empty where it began by something from outside, as nearly all do.
    causes: Mapping[str, int] = field(default_factory=dict)
    began_at: Instant = Instant(0)  # when its start was decided; only where there are causes

    @property
    def is_open(self) -> bool:
        """Still inside."""
        return self.outcome is None

    @property
    def code(self) -> TakenCode | None:
        """The latest code of the run."""
        return next(reversed(self.codes.values()), None)

    def carry_code(self) -> None:
        """Notes that the latest code left the house, so that nobody else may get it."""
        if self.codes:
            self.done.add(f"{CARRIED}{next(reversed(self.codes))}")

    def united(self, other: Enrollment) -> Enrollment:
        """This run going on for both: it takes over what the other has sent and done."""
        united = self.fork()
        # Its own entries win: its waits and questions look for them.
        united.sent = {**other.sent, **self.sent}
        united.done = {*self.done, *other.done}
        united.codes = {**other.codes, **self.codes}
        united.first_started_at = min(self.first_started_at, other.first_started_at)
        united.seq += 1
        return united

    def fork(self) -> Enrollment:
        """A copy that may be changed without touching this one."""
        fork = copy(self)
        fork.paths, fork.codes, fork.sent = self.paths.copy(), self.codes.copy(), self.sent.copy()
        fork.skipped, fork.done = self.skipped.copy(), self.done.copy()
        return fork


def note_leaving(enrollment: Enrollment, state: AwaitingSend, now: Instant) -> None:
    """Puts the message that `state` waits for among those that a run has sent: it is leaving at this
    moment."""
    enrollment.carry_code()
    enrollment.sent[state.step] = (
        *enrollment.sent.get(state.step, ()),
        # Its template stands in the file, which nobody asks here: that of a step usually has its name.
        SentMessage(state.step, state.channel, state.key, now, enrollment.started_number),
    )


def awaited_keys(enrollments: Iterable[Enrollment]) -> list[str]:
    """The send keys of the messages that runs wait to be handed over."""
    return [run.state.key for run in enrollments if isinstance(run.state, AwaitingSend)]
