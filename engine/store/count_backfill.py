"""Counts what happened before a store had the table of daily counts: messages and ends of runs in one look,
the history of decisions page by page, beside normal work. A page and how far it came are one transaction, so
that a crash changes nothing.

What is counted at its writing meanwhile does not overlap: the history that is counted here ends where the
migration found its end, and counts of states begin with the look (`daily_counts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from engine.core.decision.effects import Trace
from engine.core.reasons import IgnoredReason
from engine.store import domain_backfill, meta
from engine.store.counting import attribution, daily_counts, repeat_orders
from engine.store.counting.daily_counts import Count, CountKey, ShopFacts
from engine.store.counting.decision_counts import count_line
from engine.store.customers import events
from engine.store.messages.message_counts import CLASSES, REFUSED
from engine.store.serialization import dump, load
from engine.store.sql import rows
from engine.values import MINUTE, Instant

PAGE = 2_000
"""Rows of the history in one transaction."""

_MOMENT = 15 * MINUTE


class _Filling(msgspec.Struct):
    """How far it is: the last row of the history that is counted, the last one that is to be, whether
    messages and ends of runs are, the last customer whose orders are (None: those of everybody), and the last
    message that is counted by the domain of its recipient, of those that are to be."""

    trace: int
    until: int
    states: bool
    orders: tuple[int, str] | None = None
    messages: int = 0
    messages_until: int = 0


@dataclass(frozen=True, slots=True)
class FillingProgress:
    """How many rows of the history, and messages, are behind, of how many."""

    done: int
    all: int

    @property
    def percent(self) -> int:
        """Whole percents, rounded down."""
        return 100 * self.done // max(self.all, 1)


def progress(conn: Connection) -> FillingProgress | None:
    """How far it is; None: all is counted."""
    filling = _load(conn)
    if filling is None:
        return None
    done = min(filling.trace, filling.until) + min(filling.messages, filling.messages_until)
    return FillingProgress(done, filling.until + filling.messages_until)


def count_page(conn: Connection, page: int = PAGE) -> bool:
    """Counts the next part, alone among the writers. False: nothing is left."""
    filling = _load(conn)
    if filling is None:
        return False
    shop = daily_counts.shop(conn)
    counts: Counter[tuple[int, CountKey]] = Counter()
    costs: Counter[tuple[int, CountKey]] = Counter()
    if not filling.states:
        _count_messages(conn, shop, counts, costs)
        _count_ends(conn, shop, counts)
        filling.states = True
    elif filling.trace < filling.until:
        filling.trace = _count_history(conn, shop, filling, page, counts)
    elif filling.orders is not None:
        filling.orders = _count_orders(conn, shop, filling.orders, page)
    elif filling.messages < filling.messages_until:
        # last: which message an order belongs to is known by then
        filling.messages = domain_backfill.count_page(
            conn, shop, filling.messages, filling.messages_until, page
        )
    daily_counts.write(conn, ((day, counted, n, costs[day, counted]) for (day, counted), n in counts.items()))
    is_history_counted = filling.trace >= filling.until and filling.states and filling.orders is None
    if is_history_counted and filling.messages >= filling.messages_until:
        meta.remove(conn, daily_counts.FILLING)
        return False
    meta.put(conn, daily_counts.FILLING, msgspec.json.encode(filling).decode())
    return True


def _load(conn: Connection) -> _Filling | None:
    found = meta.get(conn, daily_counts.FILLING)
    return msgspec.json.decode(found, type=_Filling) if found is not None else None


def _count_messages(
    conn: Connection,
    shop: ShopFacts,
    counts: Counter[tuple[int, CountKey]],
    costs: Counter[tuple[int, CountKey]],
) -> None:
    """Messages as they are now, with what people did with them; priced as today, since nobody knows what they
    cost then."""
    for moment, journey, step, channel, state, n, parts, *reacted in (
        *rows(conn, _MESSAGES), *rows(conn, _REFUSED),
    ):  # fmt: skip
        day = daily_counts.day_in(Instant(moment * _MOMENT), shop)
        of = [(Count.SENT, n), *((what, n) for what in CLASSES.get(state, ()))]
        of += zip((Count.OPENED, Count.CLICKED, Count.REPLIED), map(int, reacted), strict=True)
        for what, many in of:
            counts[day, CountKey(journey, step, channel, what)] += many
        costs[day, CountKey(journey, step, channel, Count.SENT)] += int(parts) * shop.prices.get(channel, 0)


def _reacted(kind: str) -> str:
    return (
        "sum(CASE WHEN EXISTS (SELECT 1 FROM reaction r WHERE r.bucket = o.bucket AND r.send_key = o.send_key"  # noqa: S608
        f" AND r.who = 'human'{kind}) THEN 1 ELSE 0 END)"
    )


_MESSAGES = (
    f"SELECT handed_at / {_MOMENT}, journey, step, channel, state, count(*), sum(parts), "  # noqa: S608
    + ", ".join(map(_reacted, ("", " AND r.kind = 'clicked'", " AND r.kind = 'replied'")))
    + " FROM outbox o WHERE handed_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
)


_REFUSED = (
    f"SELECT settled_at / {_MOMENT}, journey, step, channel, state, count(*), 0, 0, 0, 0 FROM outbox"  # noqa: S608
    f" WHERE handed_at IS NULL AND state IN ({', '.join(map(repr, REFUSED))}) AND settled_at IS NOT NULL"
    " GROUP BY 1, 2, 3, 4, 5"
)


def _count_ends(conn: Connection, shop: ShopFacts, counts: Counter[tuple[int, CountKey]]) -> None:
    sql = (
        f"SELECT ended_at / {_MOMENT}, journey, outcome, count(*) FROM enrollment WHERE ended_at IS NOT NULL"  # noqa: S608
        " GROUP BY 1, 2, 3"
    )
    for moment, journey, outcome, n in rows(conn, sql):
        day = daily_counts.day_in(Instant(moment * _MOMENT), shop)
        counts[day, CountKey(journey, "", "", Count.ENDED, outcome)] += n


def _count_orders(
    conn: Connection, shop: ShopFacts, after: tuple[int, str], page: int
) -> tuple[int, str] | None:
    """The orders of some customers, with the messages that they belong to. The last of them; None: that was
    everybody."""
    found = rows(
        conn,
        "SELECT bucket, id FROM customer WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",
        (*after, page),
    )
    people: dict[int, list[str]] = {}
    for bucket, customer in found:
        people.setdefault(bucket, []).append(customer)
    for bucket, customers in people.items():
        names = {shop.order, *(rule.event for rule in shop.less)}
        happened = list(events.load(conn, bucket, customers, dict.fromkeys(names, _EVER)))
        attribution.complete(conn, bucket, happened)
        attribution.note_orders(conn, bucket, happened)
        repeat_orders.count_all(conn, bucket, customers)
    return (int(found[-1][0]), str(found[-1][1])) if len(found) == page else None


_EVER = Instant(-(2**62))

# --- the history ---------------------------------------------------------------------------------


def _count_history(
    conn: Connection, shop: ShopFacts, filling: _Filling, page: int, counts: Counter[tuple[int, CountKey]]
) -> int:
    """One page of it. The number of its last row."""
    found = rows(
        conn,
        "SELECT number, bucket, customer, lines FROM trace WHERE number > ? AND number <= ? ORDER BY number"
        " LIMIT ?",
        (filling.trace, filling.until, page),
    )
    if not found:
        return filling.until
    people = {(bucket, customer) for _, bucket, customer, _ in found}
    # a step counts once for a run, and what the run is stands where it began
    seen: set[tuple[str, str]] = set()
    held_out: set[str] = set()
    for lines in _before(conn, people, filling.trace):
        _note(lines, seen, held_out)
    for _, _, _, text in found:
        lines = [_line(row) for row in load(text)]
        held_out |= {line.enrollment for line in lines if line.kind == "holdout"}
        for line in lines:
            day = daily_counts.day_in(line.at, shop)
            counted = count_line(line, is_held_out=line.enrollment in held_out)
            if counted is not None:
                counts[day, counted] += 1
            place = (line.enrollment, line.step)
            if line.step and line.enrollment and place not in seen:
                seen.add(place)
                counts[day, CountKey(line.journey, line.step, "", Count.REACHED)] += 1
    return int(found[-1][0])


def _before(conn: Connection, people: Iterable[tuple[int, str]], number: int) -> Iterable[list[Trace]]:
    """What was decided about people up to a row."""
    sql = (
        "SELECT t.lines FROM {lines} CROSS JOIN trace t WHERE t.bucket = CAST({cell0} AS BIGINT)"
        " AND t.customer = {cell1} AND t.number <= ?"
    )
    for (text,) in rows(conn, sql, (dump(sorted(people)), number)):
        yield [_line(row) for row in load(text)]


def _note(lines: Iterable[Trace], seen: set[tuple[str, str]], held_out: set[str]) -> None:
    for line in lines:
        seen.add((line.enrollment, line.step))
        if line.kind == "holdout":
            held_out.add(line.enrollment)


def _line(row: list[Any]) -> Trace:
    at, kind, journey, enrollment, step, number, subject, detail, *_ = row
    if kind == "ignored" and not subject:
        subject = _reason_of(detail).value
    return Trace(at, kind, journey, enrollment, step, number, subject, detail)


def _reason_of(words: str) -> IgnoredReason:
    """The reason of a start that was refused before reasons were kept as such."""
    for begin, reason in _OLD_BEGINNINGS.items():
        if words.startswith(begin):
            return reason
    for inside, reason in _OLD_WORDS.items():
        if inside in words:
            return reason
    return IgnoredReason.AGAIN


_OLD_BEGINNINGS: Mapping[str, IgnoredReason] = {
    "who": IgnoredReason.WHO,
    "the goal is already": IgnoredReason.GOAL,
    "exit_if is already": IgnoredReason.EXIT,
    "the journey is": IgnoredReason.STATE,
    "stopped:": IgnoredReason.CAP,
}
_OLD_WORDS: Mapping[str, IgnoredReason] = {
    "is too old": IgnoredReason.LATE,
    "was missed": IgnoredReason.LATE,
    " is missing in ": IgnoredReason.NO_KEY,
    "does not start with": IgnoredReason.CHANGED,
}
