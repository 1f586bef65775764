"""What a decision asks of the world, and what it says about itself. Effects become rows in the transaction
of the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from engine.core.enrollment import Enrollment
from engine.values import Instant, Value


class Send(Struct, frozen=True):
    """Plan a message."""

    key: str  # derive(enrollment, step id, channel): unique in the outbox, so deciding twice sends once
    enrollment: str
    journey: str
    step: str
    template: str
    channel: str
    policy: str
    purpose: str | None
    due_at: Instant
    valid_until: Instant  # after it the message is returned instead of handed over
    counts: bool  # under caps
    # What the template may read beside customer and shop: trigger, product_id, code
    # (value, expires), with-values.
    names: Mapping[str, Value | Mapping[str, Value]] = field(default_factory=dict)


class Cancel(Struct, frozen=True):
    """Take a planned message back (goal, exit, restart); the hand-over statement sees it."""

    key: str
    why: str


class Change(Struct, frozen=True):
    """Write an attribute of the customer."""

    name: str  # of a consent, which `set: {consent.email: given}` writes, `consent.email`
    how: Literal["set", "add", "remove"]
    value: Value
    once: str  # unique, so that a step changes a customer exactly once
    note: str = ""


class TakeCode(Struct, frozen=True):
    """A run takes a code: of a file the store chooses one, every other is recorded."""

    enrollment: str
    pool: str
    value: str | None  # None: the store chooses and answers with CodeTaken
    expires: Instant
    kind: Literal["generated", "shared", "file"] = "file"
    journey: str = ""
    name: str = ""  # what the `code` step says: the pool, or the choice between several
    text: str = ""  # what it is worth, in words, as the message says it


class GiveBack(Struct, frozen=True):
    """The enrollment ended before a message with this code was handed over."""

    enrollment: str
    pool: str
    value: str
    message: str = ""  # key of the one that was just taken back; if it may have left, the code stays


class Call(Struct, frozen=True):
    """Call a webhook at least once, with `key` as idempotency key."""

    key: str
    enrollment: str
    webhook: str
    values: Mapping[str, Value]


class Emit(Struct, frozen=True):
    """An event of the engine's own (journey_started, goal_reached, ...), appended to this customer's
    inbox."""

    id: str
    name: str
    at: Instant
    fields: Mapping[str, Value]
    causes: Mapping[str, int] = field(default_factory=dict)  # what led to it, see `causes`


class Alert(Struct, frozen=True):
    """Tell the owner of a journey."""

    journey: str
    owner: str
    why: str


EntryKind = Literal["earned", "given", "opening", "taken back", "spent", "expired"]


class EnterPoints(Struct, frozen=True):
    """One entry of the ledger of points: what a cause came to, or came to anew when something else was
    known. `cause` and `part` are unique for a customer, so that deciding twice enters once."""

    cause: str
    part: int
    kind: EntryKind
    points: int  # below zero: fewer
    at: Instant  # of what happened
    about: str  # the event; the journey and its step; the last day of what expired
    words: str = ""  # the line of the table


Effect = Send | Cancel | Change | TakeCode | GiveBack | Call | Emit | Alert | EnterPoints

TraceKind = Literal[
    "start",
    "ignored",
    "asked",
    "path",
    "wait",
    "awaited",
    "hold",
    "learned",
    "plan",
    "send",
    "pass",
    "skip",
    "reaction",
    "bounce",
    "unknown",
    "code",
    "set",
    "add",
    "remove",
    "webhook",
    "goal",
    "goal (late)",
    "finish",
    "exit",
    "exit_if",
    "restart",
    "holdout",
    "stopped",
    "moved",
    "note",
    "facts",
    "tier",
]


class Trace(Struct, frozen=True, array_like=True):
    """One line of the history of a customer, stored as its fields in their order. Words are made when it is
    shown.

    For `send` and `skip`, `subject` is the template and `detail` the channel or the reason; for ignored the
    subject is the `IgnoredReason` and `detail` the reason in words; for
    set/add/remove the subject is the attribute and `detail` the value; for exit the subject is the reason;
    for code the pool; for learned what was found and `detail` why.
    """

    at: Instant
    kind: TraceKind
    journey: str
    enrollment: str
    step: str = ""
    line: int = 0
    # send, skip: the template; set, add, remove: the attribute; exit: the reason; code: the pool; learned:
    # what was found; ignored: the `IgnoredReason`.
    subject: str = ""
    # send: the channel; skip: the reason; set, add, remove: the value; code: the code; learned: why.
    detail: str = ""
    read: tuple[tuple[str, str], ...] = ()  # name and value, in words, of what was looked at


class Decision(Struct, frozen=True):
    """What was decided for one enrollment at one moment."""

    enrollment: Enrollment | None  # as it is from now on; None for an ignored start
    effects: tuple[Effect, ...]
    trace: tuple[Trace, ...]
    reached: tuple[str, ...] = ()  # ids of the steps that the run came to, in order
