"""The life of a message: its states, who may move it from which to which, and the one statement that does it.

::

                 claim             hand over            answer, report
    planned ---------------> claimed --------> handoff ---------------> accepted, delivered, bounced,
    ^  ^  ^   ^                 |  |               |  |                  complained, failed
    |  |  |   '-- released, ----'  |               |  '- "not now" -> deferred (is claimed like planned)
    |  |  |       its lease ended  |               |
    |  |  |                        |               '- no clear answer, its lease ended
    |  |  |                        v                                  v
    |  |  |      suppressed, expired: never left             unknown ----> held (until a person decides)
    |  |  |                                                  |  |  |        |
    |  |  '------ once more, by a policy or a person --------'  |  '--------'--> treated_as_sent, or what
    |  '--------- the provider says that it never came ---------'                the answer says in the end
    '------------ the decision plans a key anew that is suppressed, cancelled or expired

Who may move it. `TRANSITIONS` says for each `Mover` which states it leads to, and from which; the database
refuses nothing of that, so every statement is made from the table here. A worker moves only what it has
claimed itself: the `fence` grows by one with every claim, and a statement with an old fence changes nothing.

What is durable. A move and what the journey hears of it (a row of the inbox) are one transaction: both are
there or none. `claimed -> handoff` is committed *before* the irrevocable byte leaves; every other move may be
committed after what it tells of, since doing it again says the same.

What a crash leaves, and who goes on (design/reliability 2.1):

    planned, deferred   nothing was begun; the next worker claims it
    claimed             nothing has left: planned again when its lease ends
    handoff             it may have left: `unknown` when its lease ends, and never planned again by that
    unknown, held       nothing changes: a policy, a late report or a person settles it
    all others          settled: reports in any order only lead forward (accepted -> delivered), never back
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection

from engine.store.messages import message_counts
from engine.store.sql import LINES, ids, rows
from engine.values import Instant


class MessageState(StrEnum):
    """As it is stored in `outbox.state`."""

    PLANNED = "planned"  # waits for `ready_at` and a worker of its channel
    CLAIMED = "claimed"  # a worker prepares it, until `lease_until`
    DEFERRED = "deferred"  # the provider said "not now": waits for `ready_at`
    HANDOFF = "handoff"  # it may have left; the answer is awaited until `lease_until`
    ACCEPTED = "accepted"  # the provider has it
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"  # it arrived and was called spam
    UNKNOWN = "unknown"  # nobody knows whether it left; its policy is due at `settle_at`
    HELD = "held"  # as unknown, and a person decides
    TREATED_AS_SENT = "treated_as_sent"  # nobody knows, and it counts as sent
    SUPPRESSED = "suppressed"  # never left: its address is closed, or not on the list
    CANCELLED = "cancelled"  # never left: its journey took it back
    EXPIRED = "expired"  # never left: too late, a dry run, no channel
    FAILED = "failed"  # the provider refused it


class Mover(Enum):
    """Who moves a message."""

    JOURNEY = "a decision about the customer, in its transaction"
    WORKER = "the worker of the channel: by its claim, or what is free to be claimed"
    ANSWER = "the answer of the provider, a report, the policy on unknowns, or a person who settles it"
    RETRY = "a policy or a person who wants it sent again, or a provider who never saw it"
    CLAIM_END = "the end of a claim from outside: its lease ended, or its customer got another id"
    DRY_RUN = "a dry run, which lets nothing leave"
    CHANNEL_GONE = "config.yaml, which has no such channel any more"
    RESTORE = "whoever takes over a restored backup: it may have been sent after the backup was made"


_S = MessageState

WAITING = (_S.PLANNED, _S.DEFERRED)
"""May be claimed. The order in the groups here is that of the partial indexes, which are found by their
words."""

LEASED = (_S.CLAIMED, _S.HANDOFF)
"""In the hands of a worker, until `lease_until`."""

UNSETTLED = (_S.UNKNOWN, _S.HELD)
"""Listed until a policy or a person has settled them."""

NEVER_LEFT = (_S.EXPIRED, _S.SUPPRESSED, _S.CANCELLED)
"""No channel has seen it, unless `handed_at` says otherwise; the same key may be planned anew."""

HANDED_OVER = (
    _S.HANDOFF, _S.ACCEPTED, _S.DELIVERED, _S.COMPLAINED, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT,
)  # fmt: skip
"""Of such a message `handed_at` is known: a check of the table."""

_SETTLED = frozenset(MessageState) - {*WAITING, *LEASED, *UNSETTLED}

_ON_ITS_WAY_AGAIN = (_S.PLANNED, _S.DEFERRED, _S.CLAIMED)
"""A late proof that the first try arrived stops the second one."""

_States = tuple[MessageState, ...]

TRANSITIONS: Mapping[Mover, Mapping[MessageState, _States]] = {
    Mover.JOURNEY: {
        _S.PLANNED: NEVER_LEFT,
        _S.CANCELLED: (_S.PLANNED, _S.CLAIMED, _S.DEFERRED),
        _S.TREATED_AS_SENT: (_S.PLANNED, _S.CLAIMED, _S.DEFERRED),  # the first copy may be there
    },
    Mover.WORKER: {
        _S.CLAIMED: WAITING,
        _S.HANDOFF: (_S.CLAIMED,),
        _S.PLANNED: (_S.CLAIMED,),
        # unknown: the answer "not now" of a slow worker may come when its lease has ended
        _S.DEFERRED: (_S.CLAIMED, _S.HANDOFF, _S.UNKNOWN),
        _S.SUPPRESSED: (_S.CLAIMED,),
        _S.EXPIRED: (_S.CLAIMED,),
        _S.FAILED: (_S.CLAIMED,),  # a second try that comes too late: the first was refused
        _S.TREATED_AS_SENT: (_S.CLAIMED,),  # a second try that comes too late: the first may be there
        _S.HELD: (_S.CLAIMED,),
    },
    Mover.ANSWER: {
        _S.ACCEPTED: (*_ON_ITS_WAY_AGAIN, _S.HANDOFF, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT),
        _S.DELIVERED: (*_ON_ITS_WAY_AGAIN, _S.HANDOFF, _S.ACCEPTED, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT),
        _S.BOUNCED: (
            _S.CLAIMED, _S.HANDOFF, _S.ACCEPTED, _S.DELIVERED, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT,
        ),
        _S.COMPLAINED: (_S.HANDOFF, _S.ACCEPTED, _S.DELIVERED, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT),
        _S.FAILED: (_S.CLAIMED, _S.HANDOFF, _S.ACCEPTED, _S.UNKNOWN, _S.HELD, _S.TREATED_AS_SENT),
        _S.UNKNOWN: (_S.HANDOFF,),
        _S.TREATED_AS_SENT: UNSETTLED,
        _S.HELD: (_S.UNKNOWN,),
    },
    Mover.RETRY: {_S.PLANNED: UNSETTLED},
    Mover.CLAIM_END: {_S.PLANNED: (_S.CLAIMED,), _S.UNKNOWN: (_S.HANDOFF,)},
    Mover.DRY_RUN: {_S.EXPIRED: (_S.PLANNED, _S.CLAIMED)},
    Mover.CHANNEL_GONE: {_S.EXPIRED: WAITING, _S.FAILED: WAITING, _S.TREATED_AS_SENT: WAITING},
    Mover.RESTORE: {_S.HELD: (*WAITING, *LEASED, _S.UNKNOWN)},
}  # fmt: skip
"""Where each mover leads a message, and from where. Anything else changes nothing: it is a repetition, or too
late."""


def among(states: Iterable[MessageState], table: str = "") -> str:
    """The clause that a row of the outbox is in one of these states. `table`: its alias with a dot."""
    return f"{table}state IN ({', '.join(repr(state.value) for state in states)})"


NOT_PAUSED = (
    "NOT EXISTS (SELECT 1 FROM pause p WHERE p.scope = 'all'"
    " OR (p.scope = 'channel' AND p.name = o.channel) OR (p.scope = 'journey' AND p.name = o.journey)"
    " OR (p.scope = 'domain' AND o.channel = 'email' AND lower(o.address) LIKE '%@' || p.name))"
)
"""The clause that no order of an operator keeps back a message `o`: asked by the claim, by the hand-over and
by whoever wants to know whether all is done."""

NOT_WANTED = (
    "(e.outcome IN ('exit_if', 'stopped', 'restart', 'joined')"
    " OR (e.outcome IS NOT NULL AND e.goal_at >= o.handed_at))"
)
"""Of an enrollment `e` and a message `o` that has left as far as it knows: nobody wants another try of it any
more."""


class Claim(Protocol):
    """What a worker holds of a message: an `OutboxMessage`."""

    @property
    def number(self) -> int: ...

    @property
    def fence(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages a statement is about: a clause over `outbox AS o` and its parameters, in order. `lines`:
    what the statement knows of each of them, as the JSON for `engine.store.sql.LINES`; its cells may stand in
    the clause and in what is set."""

    clause: str
    values: tuple[Any, ...] = ()
    lines: str | None = None

    @classmethod
    def by_claim(cls, messages: Sequence[Claim]) -> Selection:
        """Messages as long as this very claim of theirs stands."""
        if len(messages) == 1:  # the usual case, for which nothing has to be unpacked
            return cls("o.number = ? AND o.fence = ?", (messages[0].number, messages[0].fence))
        numbers = ids(str(message.number) for message in messages)
        claims = ids(f"{message.number}:{message.fence}" for message in messages)
        # The numbers find the rows by their key; the pairs only sort out those that were claimed again since.
        return cls(
            "o.number IN (SELECT CAST(j.value AS BIGINT) FROM {ids})"
            " AND CAST(o.number AS TEXT) || ':' || CAST(o.fence AS TEXT) IN (SELECT j.value FROM {ids})",
            (numbers, claims),
        )

    @classmethod
    def by_key(cls, bucket: int, send_key: str) -> Selection:
        """The message with this send key, of a customer in this bucket."""
        return cls("o.bucket = ? AND o.send_key = ?", (bucket, send_key))

    def also(self, clause: str, *values: Any) -> Selection:
        """Those of them for which this holds too."""
        return Selection(f"{self.clause} AND {clause}", (*self.values, *values), self.lines)


def transition(
    conn: Connection,
    by: Mover,
    to: MessageState,
    messages: Selection,
    now: Instant,
    sets: str = "",
    values: tuple[Any, ...] = (),
    *,
    settle_at: Instant | None = None,
    returning: str = "number",
) -> list[Any]:
    """Moves those of `messages` that stand where `by` may take them from, in one statement. What it returns
    of each that was moved: none of them when another was faster.

    What the new state brings along is written here: without a lease there is no owner, what is settled
    forgets its body, what may have left has a moment at which it did. `sets`, `values`: what else changes.
    `settle_at`: when the policy is due, of an unknown one. Raises KeyError for a move that is not in the
    table.
    """
    statement, stamps = _statement(
        by, to, messages.clause, sets, returning, with_lines=messages.lines is not None
    )
    own = {"handed_at": now, "settled_at": now, "settle_at": settle_at}
    lines = () if messages.lines is None else (messages.lines,)
    moved = rows(conn, statement, (*(own[stamp] for stamp in stamps), *values, *lines, *messages.values))
    if not moved or not _is_counted(TRANSITIONS[by][to], to):
        return moved
    message_counts.count_moves(conn, to.value, [row[-message_counts.WIDTH :] for row in moved], now)
    return [row[: -message_counts.WIDTH] for row in moved]


def _is_counted(before: Iterable[MessageState], to: MessageState) -> bool:
    """Whether a move may change what is counted of a message."""
    return bool(message_counts.CLASSES.keys() & {to, *before}) or to in (
        MessageState.HANDOFF,
        MessageState.HELD,
    )


@lru_cache(maxsize=256)
def _statement(
    by: Mover, to: MessageState, clause: str, sets: str, returning: str, *, with_lines: bool
) -> tuple[str, tuple[str, ...]]:
    """The text, and which moments it begins with."""
    before, changes, stamps = TRANSITIONS[by][to], [f"state = '{to}'"], []
    if to in (MessageState.HANDOFF, MessageState.HELD):
        changes.append("handed_at = coalesce(handed_at, ?)")  # the first one: for its journey it left then
        stamps.append("handed_at")
    if to in _SETTLED:
        changes.append("body = NULL, settled_at = ?")
        stamps.append("settled_at")
    if to in UNSETTLED or not {*UNSETTLED}.isdisjoint(before):
        changes.append("settle_at = ?")
        stamps.append("settle_at")
    if to not in LEASED and not {*LEASED}.isdisjoint(before):
        changes.append("owner = NULL, lease_until = NULL")
    if sets:
        changes.append(sets)
    if _is_counted(before, to):
        changes.append(message_counts.KEEPS)
        returning = f"{returning}, {message_counts.COLUMNS}"
    changed, stands = ", ".join(changes), among(before, "o.")
    source = f" FROM {LINES}" if with_lines else ""
    text = f"UPDATE outbox AS o SET {changed}{source} WHERE {clause} AND {stands} RETURNING {returning}"  # noqa: S608
    return text, tuple(stamps)
