"""Two ids of one person: what an anonymous visitor did becomes the history of the customer they turn out to
be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.facts.customer import Facts, Reach
from engine.core.happening import Event, HistoryHalf, Joined, ProfileChanged
from engine.core.journeys import Journeys
from engine.core.points.entering import ledger_of
from engine.core.points.ledger import EXPIRED, MEMORY, Ledger
from engine.core.products.signals import united_collecting
from engine.store.audience import admissions, memberships
from engine.store.customers import address_index, events
from engine.store.customers.customer_codec import (
    CustomerMarks,
    dump_fact_state,
    dump_marks,
    load_attributes,
    load_event_counters,
    load_fact_state,
    load_marks,
    load_reach,
)
from engine.store.facts import new_ids
from engine.store.id_move import IdMove
from engine.store.inbox import due_queue
from engine.store.inbox.inbox import append_one
from engine.store.inbox.inbox_codec import from_row
from engine.store.incentives import points
from engine.store.meta import bucket_of
from engine.store.persons import merge
from engine.store.products import watching
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant, Value, zone


def resolve(conn: Connection, customers: Iterable[str]) -> dict[str, str]:
    """The customer of each id that is only another name of one."""
    sql = "SELECT a.alias, a.customer FROM {ids} CROSS JOIN alias a WHERE a.alias = j.value"
    return dict(rows(conn, sql, (ids(customers),)))


def name_new(conn: Connection, names: Mapping[str, str], now: Instant) -> None:
    """Gives ids that nobody has heard of to customers: there is nothing to move."""
    own = resolve(conn, set(names.values()))
    change_many(
        conn,
        "INSERT INTO alias (alias, customer, at) VALUES (?, ?, ?) ON CONFLICT (alias) DO NOTHING",
        [(new, own.get(customer, customer), now) for new, customer in sorted(names.items())],
    )


def join(conn: Connection, previous: str, customer: str, journeys: Journeys, now: Instant) -> str:
    """Makes `previous` another name of `customer` and moves what it did. The reason when it cannot be, else
    "".

    A customer who is not known yet simply takes over the other id; else what `previous` did is received again
    as history, so facts and segments learn of it and nothing starts, and everything is asked again
    (`engine.core.handlers.joining`).
    """
    customer = resolve(conn, [customer]).get(customer, customer)
    known = resolve(conn, [previous]).get(previous)
    if customer in (previous, known):
        return ""
    if known is not None:
        return "this id belongs to another customer already"
    # A name leads to its customer in one step, so those of `previous` lead to the other one from here on
    if rows(conn, "SELECT 1 FROM alias WHERE customer = ?", (previous,)):
        change(conn, "UPDATE alias SET customer = ? WHERE customer = ?", (customer, previous))
    change(conn, "INSERT INTO alias (alias, customer, at) VALUES (?, ?, ?)", (previous, customer, now))
    move = IdMove((bucket_of(conn, previous), previous), (bucket_of(conn, customer), customer))
    (old, _), (new, _) = move.source, move.target
    ours, theirs = _row(conn, *move.target), _row(conn, *move.source)
    last_number, shared = 0, set[Instant]()
    # Before the inbox is moved: what `previous` is told now moves with it.
    watching.rename(conn, move, now)
    admissions.follow(conn, move)
    change(conn, _MOVE_INBOX, move.parameters)
    if theirs is not None:
        # The index goes by addresses, and only this row still says which ones they were
        address_index.write(conn, old, [(previous, _addresses(theirs), address_index.NONE)])
    if theirs is not None and ours is not None:
        # Under the id that stays: what it did, and what waits of both and is received before all of this
        shared = events.moments(conn, *move.target) | _waiting(conn, *move.target)
        # What is said of somebody comes before what they did, as in whatever else is received
        _receive_missing(conn, ours, theirs, customer, journeys, now)
        _receive_events(conn, old, previous, customer, now)
        last_number = rows(conn, _LAST_EVENT, (new, customer))[0][0]
        _unite_points(conn, move, ours, theirs, journeys)
    else:
        if theirs is not None:
            # Nobody stands there yet: the rows change their id, and nothing is received a second time
            address_index.write(conn, new, [(customer, address_index.NONE, _addresses(theirs))])
            for statement in _TAKE_OVER:
                change(conn, statement, move.parameters)
            memberships.rename(conn, move)
            new_ids.follow(conn, new, customer, journeys, now)
        points.move(conn, move, ())
    clock = zone((ours or theirs or _NOBODY).zone)
    runs, cancelled = merge.move(conn, move, journeys, clock, now, last_number=last_number, shared=shared)
    if theirs is not None and ours is not None:
        # After the runs: a message that was taken back there keeps no place under a cap
        _unite_marks(conn, new, customer, ours, theirs, cancelled)
        # Behind all that is received again: goals and exits are asked when both halves are known
        joined = Joined(0, now, tuple(runs), *_halves(theirs, ours, journeys))
        append_one(conn, customer, _with_pending(conn, new, customer, joined), now)
    for statement in _FORGET:
        change(conn, statement, move.source)
    # The rows of the inbox have moved, and what said of them that somebody is due is gone with the old id
    due_queue.put(conn, new, [(now, customer)])
    return ""


@dataclass(frozen=True, slots=True)
class _Row:
    """One of the two customers."""

    zone: str = "UTC"
    values: Mapping[str, Value] = field(default_factory=dict)
    reach: Mapping[str, Reach] = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    marks: str = ""
    memory: str = "{}"


_NOBODY = _Row()


def _row(conn: Connection, bucket: int, customer: str) -> _Row | None:
    sql = (
        "SELECT zone, CAST(attributes AS TEXT), CAST(reach AS TEXT), CAST(seen AS TEXT), CAST(marks AS TEXT),"
        " CAST(memory AS TEXT) FROM customer WHERE bucket = ? AND id = ?"
    )
    found = rows(conn, sql, (bucket, customer))
    if not found:
        return None
    zone_name, attributes, reach, seen, marks, memory = found[0]
    events = frozenset(load_event_counters(seen))
    return _Row(zone_name, load_attributes(attributes), load_reach(reach), events, marks, memory)


def _halves(theirs: _Row, ours: _Row, journeys: Journeys) -> tuple[HistoryHalf, HistoryHalf]:
    """What each of the two brings to the other."""
    computed = _computed(journeys)
    # What the customer has stays; what they lack comes from the other id.
    new = {name for name in theirs.values if name not in ours.values}
    other = {name for name, value in ours.values.items() if theirs.values.get(name) != value}
    return (
        HistoryHalf(tuple(sorted(theirs.events)), tuple(sorted(new - computed)), bool(theirs.reach)),
        HistoryHalf(tuple(sorted(ours.events)), tuple(sorted(other - computed)), bool(ours.reach)),
    )


def _with_pending(conn: Connection, bucket: int, customer: str, joined: Joined) -> Joined:
    """In place of what an earlier join has not asked yet: the history that it counted on is only received
    again behind it. Nobody can tell any more which of three brought what, so everything counts for every
    run."""
    found = rows(
        conn,
        "DELETE FROM inbox WHERE bucket = ? AND customer = ? AND kind = 'joined'"
        " RETURNING number, kind, body",
        (bucket, customer),
    )
    pending = [from_row(*row) for row in found]
    halves = [joined.theirs, joined.ours]
    for earlier in pending:
        if isinstance(earlier, Joined):
            halves += [earlier.theirs, earlier.ours]
    if not pending:
        return joined
    everything = HistoryHalf(
        tuple(sorted({name for half in halves for name in half.events})),
        tuple(sorted({name for half in halves for name in half.attributes})),
        any(half.is_reached for half in halves),
    )
    return Joined(0, joined.at, joined.runs, everything, everything)


def _computed(journeys: Journeys) -> set[str]:
    """Facts: those of the customer follow from the history of both."""
    return {rule.name for rule in journeys.facts}.union(journeys.loyalty.facts if journeys.loyalty else ())


def _unite_points(conn: Connection, move: IdMove, ours: _Row, theirs: _Row, journeys: Journeys) -> None:
    """One ledger of both, in which a cause is once. What it comes to is asked when the join is decided."""
    memory, other = load_fact_state(ours.memory), load_fact_state(theirs.memory)
    rules = journeys.loyalty.points if journeys.loyalty is not None else None
    known = [
        ledger_of(Facts(name, values=dict(row.values), fact_state=state), rules)
        for (_, name), row, state in ((move.target, ours, memory), (move.source, theirs, other))
    ]
    behind = [
        (cause, known[0].booked[cause].parts)
        for cause in known[1].booked
        if cause.startswith(EXPIRED) and cause in known[0].booked
    ]
    points.move(conn, move, behind)
    united = known[0].united(known[1], journeys.loyalty.tiers if journeys.loyalty is not None else None)
    if united != Ledger():
        change(
            conn,
            "UPDATE customer SET memory = ? WHERE bucket = ? AND id = ?",
            (dump_fact_state({**memory, MEMORY: united}), *move.target),
        )


def _addresses(row: _Row) -> address_index.Addresses:
    return address_index.addresses_of(row.reach, row.values)


def _waiting(conn: Connection, bucket: int, customer: str) -> set[Instant]:
    """Moments of events that nobody has decided yet."""
    waiting = (from_row(*row) for row in rows(conn, _WAITING_EVENTS, (bucket, customer)))
    return {event.occurred_at for event in waiting if isinstance(event, Event)}


def _receive_events(conn: Connection, old: int, previous: str, customer: str, now: Instant) -> None:
    for event in events.of_customer(conn, old, previous):
        if not event.name.startswith("$"):
            again = Event(
                0, event.id, event.name, event.occurred_at, event.received_at, event.fields, starts=False
            )
            append_one(conn, customer, again, now)


def _unite_marks(
    conn: Connection, bucket: int, customer: str, ours: _Row, theirs: _Row, cancelled: list[str]
) -> None:
    """Last starts, fired dates, places and habits of both: who was welcomed under the other id is not
    welcomed again. A message that was taken back has no place."""
    own, other = load_marks(ours.marks), load_marks(theirs.marks)
    starts = own.last_starts
    for key, start in other.last_starts.items():
        if key not in starts or starts[key].at < start.at:
            starts[key] = start
    slots = (*own.cap_slots, *other.cap_slots)
    united = CustomerMarks(
        starts,
        own.occurred | other.occurred,
        own.crossings,
        [slot for slot in slots if slot.key not in cancelled],
        own.engagement.united(other.engagement),
        united_collecting(own.collecting, other.collecting),
        {**other.turns, **own.turns},
        own.points_due,
    )
    change(
        conn,
        "UPDATE customer SET marks = ? WHERE bucket = ? AND id = ?",
        (dump_marks(united, ""), bucket, customer),
    )


def _receive_missing(
    conn: Connection, ours: _Row, theirs: _Row, customer: str, journeys: Journeys, now: Instant
) -> None:
    """Values, addresses and consents, where the customer has none; a withdrawn consent always."""
    computed = _computed(journeys)
    missing = {
        name: value
        for name, value in theirs.values.items()
        if name not in ours.values and name not in computed
    }
    addresses = {
        name: known.address
        for name, known in theirs.reach.items()
        if known.address and not ours.reach.get(name, Reach()).address
    }
    consents = {
        (name, purpose): state
        for name, known in theirs.reach.items()
        for purpose, state in known.consents.items()
        if purpose not in ours.reach.get(name, Reach()).consents or state == "withdrawn"
    }
    if missing or addresses or consents:
        append_one(
            conn, customer, ProfileChanged(0, now, missing, addresses, consents, {}, starts=False), now
        )


_MOVE_INBOX = "UPDATE inbox SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?"
_WAITING_EVENTS = "SELECT number, kind, body FROM inbox WHERE bucket = ? AND customer = ? AND kind = 'event'"
_LAST_EVENT = (
    "SELECT coalesce(max(number), 0) FROM inbox WHERE bucket = ? AND customer = ? AND kind = 'event'"
)
_TAKE_OVER = (
    "UPDATE customer SET bucket = ?, id = ? WHERE bucket = ? AND id = ?",
    "UPDATE event SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?",
)
_FORGET = (
    "DELETE FROM event WHERE bucket = ? AND customer = ?",
    "DELETE FROM due WHERE bucket = ? AND customer = ?",
    "DELETE FROM stuck WHERE bucket = ? AND customer = ?",
    "DELETE FROM membership WHERE bucket = ? AND customer = ?",
    "DELETE FROM customer WHERE bucket = ? AND id = ?",
)
