"""Pages of a back-fill: some customers are counted from their kept events beside the writer, what was found
is written if nothing happened to them meanwhile, and at last it takes the place of what was there.

A page counts several definitions at once, so that events are read once. Its size is bounded in customers and
in events; only a single customer with more events makes a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.facts.backfill import (
    Backfill,
    from_scratch,
    is_begun,
    kept,
    take_place,
    times,
    without_begun,
)
from engine.core.facts.customer import EventCounter
from engine.core.happening import Event
from engine.store.customers import events
from engine.store.customers.customer_codec import load_attributes, load_event_counters, load_fact_state
from engine.store.serialization import dump, folded, load, pack
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value

MOST_CUSTOMERS = 2_000
"""Of a page."""

MOST_EVENTS = 20_000
"""Of a page, as the counters of its customers say."""

_EVER = Instant(-(2**62))


@dataclass(frozen=True, slots=True)
class EventGap:
    """Customers whose events are not all kept any more, and the oldest of their events that is."""

    customers: int = 0
    oldest: Instant | None = None

    def and_another(self, oldest: Instant | None) -> EventGap:
        """One more customer."""
        known = [at for at in (self.oldest, oldest) if at is not None]
        return EventGap(self.customers + 1, min(known, default=None))


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was found of a customer. `seen`: the text of their counters when it was read: an event that comes
    changes it."""

    seen: str
    states: Mapping[str, Mapping[str, object]]  # by key of the definition


@dataclass(slots=True)
class CustomerPage:
    """Customers behind a place. `last`: the place behind them; None: there are no others."""

    last: tuple[int, str] | None
    customers: int = 0
    counted: dict[int, dict[str, _Counted]] = field(default_factory=dict)  # by bucket and customer
    gaps: dict[str, EventGap] = field(default_factory=dict)  # by name of the fact


def read_page(
    conn: Connection,
    after: tuple[int, str],
    backfills: Sequence[Backfill],
    most_customers: int = MOST_CUSTOMERS,
    most_events: int = MOST_EVENTS,
) -> CustomerPage:
    """Counts the next customers who have such events and were not counted yet. Changes nothing."""
    found = rows(
        conn,
        "SELECT bucket, id, CAST(seen AS TEXT), CAST(memory AS TEXT) FROM customer"
        " WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",
        (*after, most_customers),
    )
    words = {dump(name) for backfill in backfills for name in backfill.rule.events}
    page, many = CustomerPage(None), 0
    wanted: dict[int, dict[str, tuple[str, list[Backfill]]]] = {}
    for bucket, customer, seen, memory in found:
        # Nothing is taken apart of those who have no such event
        if any(word in seen for word in words):
            open_ones, expected = _open_ones(seen, memory, backfills)
            if page.customers and many + expected > most_events:
                break
            if open_ones:
                many += expected
                wanted.setdefault(bucket, {})[customer] = (seen, open_ones)
        page.customers += 1
        page.last = (int(bucket), str(customer))
    if page.customers == len(found) < most_customers:
        page.last = None
    for bucket, people in wanted.items():
        page.counted[bucket] = _count(conn, bucket, people, page.gaps)
    return page


def write_page(conn: Connection, page: CustomerPage, backfills: Sequence[Backfill]) -> None:
    """Writes what a page has found, alone among the writers. Whoever had an event meanwhile is counted anew,
    whoever was counted meanwhile, or is no more, is left alone."""
    for bucket, counted in page.counted.items():
        _write(conn, bucket, counted, backfills, page.gaps)


def count_now(conn: Connection, bucket: int, customers: Iterable[str], backfills: Sequence[Backfill]) -> None:
    """Counts single customers, alone among the writers or while nothing else happens to them."""
    unread = _Counted("", {})
    _write(conn, bucket, dict.fromkeys(customers, unread), backfills, {})


def _write(
    conn: Connection,
    bucket: int,
    counted: Mapping[str, _Counted],
    backfills: Sequence[Backfill],
    gaps: dict[str, EventGap],
) -> None:
    again: dict[str, tuple[str, list[Backfill]]] = {}
    memories: dict[str, str] = {}
    found: dict[str, Mapping[str, Mapping[str, object]]] = {}
    for customer, seen, memory in _documents(conn, bucket, counted):
        memories[customer] = memory
        if seen == counted[customer].seen:
            found[customer] = counted[customer].states
        elif open_ones := _open_ones(seen, memory, backfills)[0]:
            again[customer] = (seen, open_ones)
    if again:
        found |= {customer: each.states for customer, each in _count(conn, bucket, again, gaps).items()}
    changed = []
    for customer, states in found.items():
        document = load(memories[customer])
        for backfill in backfills:
            if backfill.key in states and not is_begun(document, backfill):
                document = {**without_begun(document, backfill.rule.name), **states[backfill.key]}
        changed.append((dump(document), bucket, customer))
    change_many(conn, "UPDATE customer SET memory = ? WHERE bucket = ? AND id = ?", changed)


def _documents(conn: Connection, bucket: int, customers: Iterable[str]) -> list[tuple[str, str, str]]:
    sql = (
        "SELECT c.id, CAST(c.seen AS TEXT), CAST(c.memory AS TEXT) FROM {ids} CROSS JOIN customer c"
        " WHERE c.bucket = ? AND c.id = j.value"
    )
    return rows(conn, sql, (ids(customers), bucket))


def _open_ones(seen: str, memory: str, backfills: Sequence[Backfill]) -> tuple[list[Backfill], int]:
    """The definitions by which a customer is to be counted, and how many events they may have to do with."""
    counters, document = load_event_counters(seen), load(memory)
    open_ones = [
        backfill
        for backfill in backfills
        if not is_begun(document, backfill) and times(counters, backfill.rule)
    ]
    names = {name for backfill in open_ones if backfill.needs_events for name in backfill.rule.events}
    return open_ones, sum(counters[name].times for name in names if name in counters)


def _count(
    conn: Connection,
    bucket: int,
    people: Mapping[str, tuple[str, Sequence[Backfill]]],
    gaps: dict[str, EventGap],
) -> dict[str, _Counted]:
    names = {
        name
        for _, open_ones in people.values()
        for backfill in open_ones
        if backfill.needs_events
        for name in backfill.rule.events
    }
    happened: dict[str, list[Event]] = {}
    if names:
        for customer, event in events.load(conn, bucket, people, dict.fromkeys(names, _EVER)):
            happened.setdefault(customer, []).append(event)
    found = {}
    for customer, (seen, open_ones) in people.items():
        counters, own = load_event_counters(seen), happened.get(customer, [])
        states = {}
        for backfill in open_ones:
            states[backfill.key] = kept(from_scratch(customer, counters, own, backfill), backfill)
            _note_gap(gaps, backfill, counters, own)
        found[customer] = _Counted(seen, states)
    return found


def _note_gap(
    gaps: dict[str, EventGap], backfill: Backfill, counters: Mapping[str, EventCounter], own: Sequence[Event]
) -> None:
    """Events that the counters know and the table does not: they were older than what config.yaml keeps."""
    if not backfill.needs_events:
        return
    names = frozenset(backfill.rule.events)
    there = [event.occurred_at for event in own if event.name in names]
    if len(there) < times(counters, backfill.rule):
        name = backfill.rule.name
        gaps[name] = gaps.get(name, EventGap()).and_another(min(there, default=None))


# --- what takes the place -------------------------------------------------------------------------


def next_customers(
    conn: Connection, after: tuple[int, str], most: int = MOST_CUSTOMERS
) -> dict[int, list[str]]:
    """The customers behind a place, by bucket; none: that was everybody."""
    found = rows(
        conn,
        "SELECT bucket, id FROM customer WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",
        (*after, most),
    )
    people: dict[int, list[str]] = {}
    for bucket, customer in found:
        people.setdefault(int(bucket), []).append(str(customer))
    return people


def place(
    conn: Connection, bucket: int, customers: Iterable[str], backfills: Sequence[Backfill]
) -> list[tuple[str, tuple[str, ...]]]:
    """Puts the new definitions in the place of those before. Who has another value by them: (customer, names
    of facts). Once more changes nothing."""
    different = []
    changed = []
    sql = (
        "SELECT c.id, CAST(c.attributes AS TEXT), CAST(c.folded AS TEXT), CAST(c.memory AS TEXT),"
        " CAST(c.seen AS TEXT) FROM {ids} CROSS JOIN customer c WHERE c.bucket = ? AND c.id = j.value"
    )
    for customer, attributes, twins, memory, seen in rows(conn, sql, (ids(customers), bucket)):
        counters, state, values = (
            load_event_counters(seen),
            load_fact_state(memory),
            load_attributes(attributes),
        )
        before: Mapping[str, Value] = values
        was = state
        for backfill in backfills:
            # Who has such events and nothing begun has the new definition already
            if is_begun(state, backfill) or not times(counters, backfill.rule):
                values, state = take_place(values, state, counters, backfill)
        if values == before and state == was:
            continue
        texts = dump(folded(values)) if values != before else twins
        changed.append((dump(pack(values)), texts, dump(state), bucket, customer))
        names = (backfill.rule.name for backfill in backfills)
        other = tuple(name for name in names if values.get(name) != before.get(name))
        if other:
            different.append((customer, other))
    change_many(
        conn,
        "UPDATE customer SET attributes = ?, folded = ?, memory = ? WHERE bucket = ? AND id = ?",
        changed,
    )
    return different


def drop(conn: Connection, bucket: int, customers: Iterable[str], names: Iterable[str]) -> None:
    """Takes away what was begun beside definitions that stay in use."""
    changed = []
    for customer, _, memory in _documents(conn, bucket, customers):
        document = left = load(memory)
        for name in names:
            left = without_begun(left, name)
        if len(left) != len(document):
            changed.append((dump(left), bucket, customer))
    change_many(conn, "UPDATE customer SET memory = ? WHERE bucket = ? AND id = ?", changed)
