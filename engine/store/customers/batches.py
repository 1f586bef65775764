"""Loads and saves whole batches of customers: a few statements per batch, none per customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.fold import history_from
from engine.core.happening import Event, Happening
from engine.core.journeys import Journeys
from engine.store.audience import memberships
from engine.store.customers import address_index, enrollments, events
from engine.store.customers import customer_codec as text
from engine.store.customers.stored_facts import DOCUMENTS, StoredFacts
from engine.store.products import catalogue as products
from engine.store.serialization import dump, folded, load
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value, iso

_SELECT = (
    "SELECT c.id, c.zone, c.zone_why, c.applied, c.created_at, "  # noqa: S608 - names of our own columns
    + ", ".join(f"CAST(c.{name} AS TEXT)" for name in DOCUMENTS)
    + " FROM {ids} CROSS JOIN customer c WHERE c.bucket = ? AND c.id = j.value"
)
_INSERT = (
    "INSERT INTO customer (bucket, id, zone, zone_why, applied, created_at, attributes, folded, memory, "
    "seen, segments,"
    " reach, marks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE customer SET zone = ?, zone_why = ?, applied = ?, attributes = ?, folded = ?, memory = ?, seen "
    "= ?,"
    " segments = ?, reach = ?, marks = ? WHERE bucket = ? AND id = ?"
)
_SEEN, _SEGMENTS, _MARKS = (DOCUMENTS.index(name) for name in ("seen", "segments", "marks"))
_NOWHERE: frozenset[str] = frozenset()


@dataclass(slots=True)
class StoredCustomer:
    """The documents of a row as they are on disk; `created_at` None: there is no row yet."""

    created_at: Instant | None = None
    documents: tuple[str, ...] = ("{}",) * 6 + ("[[],[],{},[]]",)


@dataclass(slots=True)
class CustomerBatch:
    """Customers of one bucket as they were loaded. Their states are theirs to read, never to change."""

    bucket: int
    states: dict[str, CustomerState]
    stored: dict[str, StoredCustomer]


def load_batch(
    conn: Connection,
    bucket: int,
    customers: Sequence[str],
    journeys: Journeys,
    now: Instant,
    happened: Mapping[str, Sequence[Happening]] = MappingProxyType({}),
) -> CustomerBatch:
    """Everything that decisions about these customers may look at, if this happened to them. A customer who
    is not known yet is new."""
    states: dict[str, CustomerState] = {}
    stored: dict[str, StoredCustomer] = {}
    initial = journeys.first_values()
    for row in rows(conn, _SELECT, (ids(customers), bucket)):
        states[row[0]] = _state(row, initial, journeys)
        stored[row[0]] = StoredCustomer(row[4], row[5:])
    for customer in customers:
        if customer not in states:
            facts = Facts(customer, timezone=journeys.timezone, values=dict(initial))
            states[customer], stored[customer] = CustomerState(facts), StoredCustomer()
    for customer, live in enrollments.load_live(conn, bucket, states, now).items():
        states[customer].enrollments = {run.id: run for run in live}
        states[customer].facts.inside = frozenset([run.journey for run in live if run.outcome is None])
    _load_history(conn, bucket, states, stored, journeys, now)
    _load_products(conn, states, happened if journeys.index.reads_products else {}, now)
    return CustomerBatch(bucket, states, stored)


def save_batch(
    conn: Connection, batch: CustomerBatch, after: Mapping[str, CustomerState], now: Instant
) -> None:
    """Writes the rows of customers as they are after their decisions; a customer who is the same costs
    nothing."""
    inserted: list[tuple[Any, ...]] = []
    updated: list[tuple[Any, ...]] = []
    moved: list[tuple[str, address_index.Addresses, address_index.Addresses]] = []
    entered: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    oldest_day = iso(Instant(now - text.KEPT_DATES))[:10]
    for customer, state in after.items():
        before, known = batch.states[customer], batch.stored[customer]
        # nearly all who only wake: nothing is known of them that was not
        if (
            state.facts is before.facts
            and state.applied == before.applied
            and known.created_at is not None
            and not _has_other_marks(before, state)
        ):
            continue
        documents = _documents(before, state, known, now, oldest_day)
        facts = state.facts
        # Most that changes attributes touches no address; the reach need not be read for it.
        if _is_other(before.facts, facts, "reach") or (
            _is_other(before.facts, facts, "values")
            and facts.values.get("phone") != before.facts.values.get("phone")
        ):
            had = address_index.addresses_of(before.facts.reach, before.facts.values)
            moved.append((customer, had, address_index.addresses_of(facts.reach, facts.values)))
        was, now_in = before.facts.segments, facts.segments
        if now_in is not was and now_in != was:
            entered += [(customer, name) for name in sorted(now_in - was)]
            left += [(customer, name) for name in sorted(was - now_in)]
        if known.created_at is None:
            head = (batch.bucket, customer, facts.timezone, facts.timezone_why, state.applied, now)
            inserted.append((*head, *documents))
        elif (
            documents != known.documents
            or state.applied != before.applied
            or facts.timezone != before.facts.timezone
        ):
            updated.append((
                facts.timezone, facts.timezone_why, state.applied, *documents, batch.bucket, customer,
            ))  # fmt: skip
    change_many(conn, _INSERT, inserted)
    change_many(conn, _UPDATE, updated)
    address_index.write(conn, batch.bucket, moved)
    memberships.write(conn, batch.bucket, entered, left, now)


def exists(conn: Connection, bucket: int, customer: str) -> bool:
    """Whether anything is known of a customer."""
    return bool(rows(conn, "SELECT 1 FROM customer WHERE bucket = ? AND id = ?", (bucket, customer)))


def count(conn: Connection) -> int:
    """How many customers there are."""
    return int(rows(conn, "SELECT count(*) FROM customer")[0][0])


def chunks(conn: Connection, size: int, after: tuple[int, str] = (-1, "")) -> Iterator[tuple[int, list[str]]]:
    """Everybody behind a customer (bucket, id), bucket by bucket, at most `size` at a time."""
    bucket, last = after
    while True:
        found = rows(
            conn,
            "SELECT bucket, id FROM customer WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",
            (bucket, last, size),
        )
        if not found:
            return
        bucket, last = found[-1]
        for number, group in groupby(found, key=lambda row: int(row[0])):
            yield number, [customer for _, customer in group]


def zones(conn: Connection) -> list[str]:
    """Every time zone that customers have."""
    return [zone for (zone,) in rows(conn, "SELECT DISTINCT zone FROM customer ORDER BY zone")]


def _state(row: Any, initial: Mapping[str, Any], journeys: Journeys) -> CustomerState:
    customer, zone, zone_why, applied, _, *documents = row
    marks, segments = text.load_marks(documents[_MARKS]), documents[_SEGMENTS]
    facts = StoredFacts(
        customer, zone, zone_why, documents, initial,
        frozenset(load(segments)) if segments != "{}" else _NOWHERE, marks.cap_slots, marks.engagement,
    )  # fmt: skip
    # Who has no zone of their own has that of the files in use, which may be another one by now
    if zone_why == "project" and zone != journeys.timezone:
        facts.timezone, facts.timezone_why = journeys.resolve_zone(facts.values)
    return CustomerState(
        facts,
        {},
        marks.last_starts,
        marks.occurred,
        marks.crossings,
        applied,
        marks.collecting,
        marks.turns,
        marks.points_due,
    )


def _documents(
    before: CustomerState, after: CustomerState, known: StoredCustomer, now: Instant, oldest_day: str
) -> tuple[str, ...]:
    """The documents now; what is equal is not written anew. Decisions copy what they write, so that most of
    it is the very same object. `oldest_day`: whose fired dates are still kept."""
    attributes, twins, memory, seen, segments, reach, marks = known.documents
    old, new = before.facts, after.facts
    if known.created_at is None or _has_changed(old, new, "values"):
        attributes = text.dump_attributes(new)
        if known.created_at is None or _has_other_texts(old.values, new.values):
            twins = dump(folded(new.values))
    if _has_changed(old, new, "fact_state"):
        memory = text.dump_fact_state(new.fact_state)
    if _has_changed(old, new, "event_counters"):
        seen = text.dump_event_counters(new.event_counters)
    if new.segments is not old.segments and new.segments != old.segments:
        # Who stays in a segment keeps the moment at which they came in
        since = load(segments)
        segments = dump({name: since.get(name, now) for name in sorted(new.segments)})
    if _has_changed(old, new, "reach"):
        reach = text.dump_reach(new.reach)
    # Many small things in one document: any of them writes all
    if (
        (new.cap_slots is not old.cap_slots and new.cap_slots != old.cap_slots)
        or new.engagement is not old.engagement
        or _has_other_marks(before, after)
    ):
        known_marks = text.CustomerMarks(
            after.last_starts,
            after.occurred,
            after.crossings,
            new.cap_slots,
            new.engagement,
            after.collecting,
            after.turns,
            after.points_due,
        )
        marks = text.dump_marks(known_marks, oldest_day)
    return attributes, twins, memory, seen, segments, reach, marks


def _has_other_marks(before: CustomerState, after: CustomerState) -> bool:
    """Whether anything beside the facts that the document `marks` holds has changed."""
    return (
        after.crossings != before.crossings
        or after.last_starts != before.last_starts
        or after.occurred != before.occurred
        or after.collecting != before.collecting
        or after.turns != before.turns
        or after.points_due != before.points_due
    )


def _is_other(old: Facts, new: Facts, name: str) -> bool:
    """Whether a container of the facts is another object than before; asks for none that nobody read."""
    if isinstance(new, StoredFacts) and name not in new.read:
        return False
    return getattr(new, name) is not getattr(old, name)


def _has_other_texts(old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if before is not after and (type(before) is str or type(after) is str):
            return True
    return False


def _has_changed(old: Facts, new: Facts, name: str) -> bool:
    return _is_other(old, new, name) and getattr(new, name) != getattr(old, name)


def _load_history(
    conn: Connection,
    bucket: int,
    states: Mapping[str, CustomerState],
    stored: Mapping[str, StoredCustomer],
    journeys: Journeys,
    now: Instant,
) -> None:
    """The events that questions may look at, of the customers who have any of them."""
    if not journeys.needs:
        return
    start = {name: history_from(name, journeys.needs, now) for name in journeys.needs}
    # Most customers did none of these: their counters need not be read for it.
    keys = [f"{dump(name)}:" for name in start]
    wanted = {}
    for customer, state in states.items():
        seen = stored[customer].documents[_SEEN]
        if any(key in seen for key in keys) and any(
            name in start and counter.last_at >= (start[name] or 0)
            for name, counter in state.facts.event_counters.items()
        ):
            wanted[customer] = state
    if wanted:
        for customer, event in events.load(conn, bucket, wanted, start):
            wanted[customer].facts.history.setdefault(event.name, []).append(event)


def _load_products(
    conn: Connection,
    states: Mapping[str, CustomerState],
    happened: Mapping[str, Sequence[Happening]],
    now: Instant,
) -> None:
    """The products that runs look at: those that are open, and those that may begin."""
    wanted: dict[str, list[CustomerState]] = {}
    for state in states.values():
        for collecting in state.collecting.values():
            for signal in collecting.signals if collecting.until <= now else ():
                wanted.setdefault(signal.product, []).append(state)
        for happening in happened.get(state.facts.customer, ()):
            product = happening.fields.get("product_id") if isinstance(happening, Event) else None
            if product is not None:
                wanted.setdefault(str(product), []).append(state)
        for enrollment in state.enrollments.values():
            if enrollment.product_id is not None:
                wanted.setdefault(enrollment.product_id, []).append(state)
    if not wanted:
        return
    for id_, fields in products.find(conn, wanted).items():
        for state in wanted[id_]:
            state.facts.products[id_] = fields
