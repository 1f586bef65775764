"""One customer inside one journey ("run" in front of marketers): a position and facts, never a replay log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from engine.core.reasons import HoldReason, SkipReason
from engine.values import Instant, Value


class Due(Struct, frozen=True):
    """When it wakes. A moment that means local time keeps it: `local` in `zone`; `at` is computed again when the
    customer's zone or the zone data changes."""

    at: Instant
    local: dt.datetime | None = None  # naive on purpose: the wall clock that is meant
    zone: str | None = None


class Waiting(Struct, frozen=True):
    """Rests in a `wait`. `opened_at`/`opened_number`: the moment from which awaited events count (exclusive)."""

    step: str
    opened_at: Instant
    opened_number: int


class Deferred(Struct, frozen=True):
    """Rests in a `send` that quiet hours or a cap hold back. `tried`: channels that this cascade is through with.
    `first_due`: the moment it was due, moved by the length of every hold, since holds do not count as late.
    `since`: when it began to wait for a free place under a cap."""

    step: str
    channel: str
    why: HoldReason
    first_due: Instant
    tried: tuple[str, ...] = ()
    since: Instant | None = None


class AwaitingSend(Struct, frozen=True):
    """Rests in a `send` whose message is planned but not yet handed over."""

    step: str
    channel: str
    key: str
    first_due: Instant
    tried: tuple[str, ...] = ()
    unknown: bool = False


class AwaitingReaction(Struct, frozen=True):
    """Rests in a cascade after a hand-over, until the reaction or `next_after`."""

    step: str
    channel: str
    handed_at: Instant
    tried: tuple[str, ...] = ()
    unknown: bool = False


class AwaitingCode(Struct, frozen=True):
    """Rests in a `code` that waits for its pool."""

    step: str


class Relocating(Struct, frozen=True):
    """On the way: the step where it rested was removed from the file (design/language 2.15). When due, the
    run goes on *at* `step` (not after it); None: nothing is left, it finishes. `was`: the step where it
    rested."""

    step: str | None
    was: str


EnrollmentState = Waiting | Deferred | AwaitingSend | AwaitingReaction | AwaitingCode | Relocating


class SentMessage(Struct, frozen=True):
    """One message of this run that was handed over."""

    template: str
    channel: str
    key: str
    handed_at: Instant
    number: int
    clicked_at: Instant | None = None
    opened_at: Instant | None = None
    bounced: bool = False


class TakenCode(Struct, frozen=True):
    """A promo code of this run; valid until `expires` (23:59:59 of a day in the customer's zone)."""

    pool: str
    value: str
    expires: Instant
    expires_on: dt.date
    used: bool = False


@dataclass(slots=True)
class Enrollment:
    """One run. `decide` changes only its own copies (`fork`); everybody else treats it as frozen.

    open: `outcome` is None. watched: ended with `finish` (or as holdout) but `watch_until` has not passed.
    `seq` grows by one with every decision; a wake whose moment no longer matches does nothing.
    """

    id: str
    journey: str
    key: str  # the value of `per`, else ""
    started_at: Instant
    started_number: int
    first_started_at: Instant
    clock: Instant
    trigger: Mapping[str, Value] = field(default_factory=dict)
    product_id: str | None = None
    occurrence: dt.date | None = None  # of a clock or date start
    holdout: bool = False
    seq: int = 0
    state: EnrollmentState | None = None
    due: Due | None = None
    window_at: Instant = Instant(0)  # from here the next `for` looks for events (exclusive) ...
    window_number: int = 0  # ... in (moment, order of receipt)
    paths: dict[str, str] = field(default_factory=dict)
    codes: dict[str, TakenCode] = field(default_factory=dict)  # by pool, in the order they were taken
    sent: dict[str, tuple[SentMessage, ...]] = field(default_factory=dict)  # by step id
    skipped: dict[str, SkipReason] = field(default_factory=dict)  # by step id
    done: set[str] = field(default_factory=set)  # hidden ids of what was done once
    goal_at: Instant | None = None
    outcome: str | None = None
    ended_at: Instant | None = None
    watch_until: Instant | None = None
    commit: str = ""

    @property
    def is_open(self) -> bool:
        """Still inside."""
        return self.outcome is None

    @property
    def code(self) -> TakenCode | None:
        """The latest code of the run."""
        return next(reversed(self.codes.values()), None)

    def fork(self) -> Enrollment:
        """A copy that may be changed without touching this one."""
        return Enrollment(
            id=self.id,
            journey=self.journey,
            key=self.key,
            started_at=self.started_at,
            started_number=self.started_number,
            first_started_at=self.first_started_at,
            clock=self.clock,
            trigger=self.trigger,
            product_id=self.product_id,
            occurrence=self.occurrence,
            holdout=self.holdout,
            seq=self.seq,
            state=self.state,
            due=self.due,
            window_at=self.window_at,
            window_number=self.window_number,
            paths=self.paths.copy(),
            codes=self.codes.copy(),
            sent=self.sent.copy(),
            skipped=self.skipped.copy(),
            done=self.done.copy(),
            goal_at=self.goal_at,
            outcome=self.outcome,
            ended_at=self.ended_at,
            watch_until=self.watch_until,
            commit=self.commit,
        )


JOINED = "joined"
"""How a run ends that gives way to the run of the same person."""


def merge_enrollments(
    enrollments: Iterable[Enrollment], under_way: Collection[str], now: Instant
) -> tuple[list[Enrollment], list[str]]:
    """The runs of both, as they are from now on, and the send keys of planned messages that are taken back.

    Of open runs with the same journey and key the one goes on that has sent more, else the older one; it takes over
    what the other has sent and done, so that it is not sent or done again. `under_way`: keys of messages that may be
    leaving at this moment; they count as sent.
    """
    kept: dict[tuple[str, str], Enrollment] = {}
    ended: list[Enrollment] = []
    cancelled: list[str] = []
    for enrollment in sorted(enrollments, key=lambda each: _rank(each, under_way)):
        first = (
            kept.setdefault((enrollment.journey, enrollment.key), enrollment)
            if enrollment.is_open
            else enrollment
        )
        if first is enrollment:
            if not enrollment.is_open:
                ended.append(enrollment)
            continue
        kept[enrollment.journey, enrollment.key] = _richer(first, enrollment)
        given_up = enrollment.fork()
        if isinstance(enrollment.state, AwaitingSend) and enrollment.state.key not in under_way:
            cancelled.append(enrollment.state.key)
        given_up.outcome, given_up.ended_at, given_up.state, given_up.due, given_up.watch_until = (
            JOINED,
            now,
            None,
            None,
            None,
        )
        given_up.seq += 1
        ended.append(given_up)
    return [*kept.values(), *ended], cancelled


def _rank(enrollment: Enrollment, under_way: Collection[str]) -> tuple[int, Instant, int, str]:
    leaving = isinstance(enrollment.state, AwaitingSend) and enrollment.state.key in under_way
    return (
        -(sum(map(len, enrollment.sent.values())) + leaving),
        enrollment.started_at,
        enrollment.started_number,
        enrollment.id,
    )


def _richer(enrollment: Enrollment, other: Enrollment) -> Enrollment:
    richer = enrollment.fork()
    richer.sent = {**other.sent, **enrollment.sent}
    richer.done = {*enrollment.done, *other.done}
    richer.codes = {**other.codes, **enrollment.codes}
    richer.first_started_at = min(enrollment.first_started_at, other.first_started_at)
    richer.seq += 1
    return richer
