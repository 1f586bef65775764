"""Moves customers on: what happened to them is applied, then what is due; a whole batch in one transaction."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.clock import Clock
from engine.core.decide import Decided, decide, next_due
from engine.core.facts.learned import Learned
from engine.core.happening import Happening
from engine.core.journeys import Journeys
from engine.store import decisions
from engine.store.customers import batches as customers
from engine.store.customers import events, learned
from engine.store.database import Store, is_refusal
from engine.store.inbox import due_queue as due
from engine.store.inbox import inbox, quarantine
from engine.store.inbox.inbox import Pending
from engine.store.journeys import deployments, pauses
from engine.store.messages import reactions
from engine.store.meta import buckets
from engine.values import MINUTE, SECOND, Instant

SMALLEST, LARGEST = 200, 5000
"""Limits of a batch; between them it follows what the last one took."""

SLOW, FAST = 0.2, 0.05
"""Seconds of a batch: above, the next one is smaller; below, larger. Intake waits at most about so long for the writer."""

NOT_YET = MINUTE
"""A customer who is due but whom no decision moves is looked at again so much later."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published: the number of the deployment and its journeys, compiled."""

    number: int
    journeys: Journeys


@dataclass(slots=True)
class Progress:
    """What a batch has done. `more`: something is left to do now. `stale`: another deployment is the current one, so
    nothing was done."""

    applied: int = 0
    woken: int = 0
    decided: int = 0
    set_aside: int = 0
    more: bool = False
    stale: bool = False

    def add(self, other: Progress) -> None:
        """Adds up batches."""
        self.applied += other.applied
        self.woken += other.woken
        self.decided += other.decided
        self.set_aside += other.set_aside
        self.more = self.more or other.more
        self.stale = self.stale or other.stale


@dataclass(slots=True)
class _Work:
    """One batch: what happened to each customer, in order; who was due; who may not be woken yet since more of theirs is
    waiting (`held_back`); who was set aside before and is tried again (`aside`)."""

    bucket: int
    pending: dict[str, list[Pending]]
    due: set[str]
    more: bool
    held_back: set[str] = field(default_factory=set)
    aside: set[str] = field(default_factory=set)
    customers: list[str] = field(default_factory=list)


class Advancer:
    """Advances all buckets of a store, batch after batch."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._limit = 1000
        self._present: tuple[Journeys, frozenset[str], Instant, Journeys] | None = None

    def advance(self, publication: Publication) -> Progress:
        """One batch of every bucket. Raises only what the database raises; nothing is lost then."""
        total = Progress()
        with self._store.read() as conn:
            every_bucket = range(buckets(conn))
        for bucket in every_bucket:
            total.add(self._advance_bucket(publication, bucket))
        return total

    def run(self, publication: Publication, most: int = 1_000_000) -> Progress:
        """Batches until nothing is left to do now (or `most` batches), for tests, imports and the demo."""
        total = Progress()
        for _ in range(most):
            progress = self.advance(publication)
            total.add(progress)
            if progress.stale or not progress.more:
                total.more = progress.more
                break
        return total

    def _advance_bucket(self, publication: Publication, bucket: int) -> Progress:
        began = time.monotonic()
        gc.disable()  # a batch makes a million small things that all go at its end: nothing to find before
        try:
            progress = self._store.write(lambda conn: self._batch(conn, publication, bucket, self._limit))
        except Exception as wrong:
            if is_refusal(wrong):
                raise
            # somebody in this batch cannot be applied: find out who, let the others go on
            progress = self._store.write(lambda conn: self._one_by_one(conn, publication, bucket))
        finally:
            gc.enable()
        took = time.monotonic() - began
        if took > SLOW:
            self._limit = max(SMALLEST, self._limit // 2)
        elif took < FAST and progress.more:
            self._limit = min(LARGEST, self._limit * 2)
        return progress

    def _batch(self, conn: Connection, publication: Publication, bucket: int, limit: int) -> Progress:
        if deployments.current_number(conn) != publication.number:
            return Progress(stale=True)
        now = self._clock.now()
        work = _claim(conn, bucket, now, limit)
        journeys = self._at_present(conn, publication.journeys)
        return _apply(conn, work, work.customers, journeys, now)

    def _one_by_one(self, conn: Connection, publication: Publication, bucket: int) -> Progress:
        """The careful way: every customer in a savepoint of their own; who fails is set aside with the reason."""
        if deployments.current_number(conn) != publication.number:
            return Progress(stale=True)
        now = self._clock.now()
        work = _claim(conn, bucket, now, SMALLEST)
        journeys = self._at_present(conn, publication.journeys)
        total = Progress(more=work.more)
        for customer in work.customers:
            try:
                with conn.begin_nested():
                    total.add(_apply(conn, work, [customer], journeys, now))
            except Exception as wrong:
                if is_refusal(wrong):
                    raise
                retry_at = quarantine.quarantine(
                    conn, bucket, customer, f"{type(wrong).__name__}: {wrong}", now
                )
                due.put(conn, bucket, [(retry_at, customer)])
                total.set_aside += 1
        return total

    def _at_present(self, conn: Connection, journeys: Journeys) -> Journeys:
        """With what was learned last. An operator's pause of a journey is like `state: paused` in its file."""
        paused, stamp = pauses.paused_journeys(conn), learned.stamp(conn)
        if not paused and not stamp:
            return journeys
        known = self._present
        if known is None or known[0] is not journeys or known[1:3] != (paused, stamp):
            found = learned.known(conn) if stamp else journeys.learned
            known = self._present = (journeys, paused, stamp, _changed(journeys, paused, found))
        return known[3]


def _changed(journeys: Journeys, names: frozenset[str], known: Learned) -> Journeys:
    def stand_still(name: str) -> bool:
        return name in names and journeys.by_name[name].state in ("live", "closing")

    by_name = {
        name: dataclasses.replace(journey, state="paused") if stand_still(name) else journey
        for name, journey in journeys.by_name.items()
    }
    return dataclasses.replace(journeys, by_name=by_name, learned=known)


def _claim(conn: Connection, bucket: int, now: Instant, limit: int) -> _Work:
    """What happened first, then who is due. Somebody of whom more is waiting in the inbox than fits into this batch
    may not be woken yet: everything received is applied before what is due (design/language 2.13)."""
    found = inbox.claim(conn, bucket, now, limit)
    pending: dict[str, list[Pending]] = {}
    for row in found:
        pending.setdefault(row.customer, []).append(row)
    room = max(limit - len(found), SMALLEST)
    woken = due.take(conn, bucket, now, room)
    work = _Work(bucket, pending, woken, len(found) == limit or len(woken) == room)
    _leave_out(conn, work, now)
    if found and len(found) == limit:
        work.held_back = inbox.has_unapplied(conn, bucket, found[-1].number, {*pending, *woken})
        due.put(conn, bucket, [(Instant(now + SECOND), customer) for customer in work.held_back])
        work.due -= work.held_back
    work.customers = [*pending, *sorted(work.due - pending.keys())]
    return work


def _leave_out(conn: Connection, work: _Work, now: Instant) -> None:
    """Who is set aside is not woken before the next try."""
    if quarantine.next_try(conn) is None:
        return
    aside = quarantine.among(conn, work.bucket, {*work.pending, *work.due})
    later = {customer: at for customer, at in aside.items() if at > now}
    due.put(conn, work.bucket, [(at, customer) for customer, at in later.items()])
    work.due -= later.keys()
    work.aside = aside.keys() - later.keys()


def _apply(
    conn: Connection, work: _Work, chosen: Sequence[str], journeys: Journeys, now: Instant
) -> Progress:
    """Loads, decides and writes these customers of a batch."""
    if not chosen:
        return Progress(more=work.more)
    batch = customers.load_batch(conn, work.bucket, chosen, journeys, now)
    happened = {customer: [row.read() for row in work.pending.get(customer, ())] for customer in chosen}
    decided: dict[str, Decided] = {}
    for customer in chosen:
        wakes = customer not in work.held_back
        decided[customer] = decide(batch.states[customer], happened[customer], journeys, now, wakes=wakes)
    _write(conn, work.bucket, batch, happened, decided, journeys, now)
    due.put(conn, work.bucket, _moments(work, batch, decided, journeys, now))
    quarantine.release(conn, work.bucket, [customer for customer in chosen if customer in work.aside])
    applied = sum(len(each) for each in happened.values())
    taken = sum(len(each.decisions) for each in decided.values())
    emitted = any(decision.effects for each in decided.values() for decision in each.decisions)
    woken = sum(customer in work.due for customer in chosen)
    return Progress(applied, woken, taken, more=work.more or emitted)


def _write(
    conn: Connection,
    bucket: int,
    batch: customers.CustomerBatch,
    happened: Mapping[str, Sequence[Happening]],
    decided: Mapping[str, Decided],
    journeys: Journeys,
    now: Instant,
) -> None:
    applied = [(customer, what) for customer, each in happened.items() for what in each]
    events.append(conn, bucket, applied)
    customers.save_batch(conn, batch, {customer: each.state for customer, each in decided.items()}, now)
    decisions.save(
        conn,
        bucket,
        (
            (customer, batch.states[customer].enrollments, each.decisions)
            for customer, each in decided.items()
        ),
        now,
        journeys.commit,
    )
    inbox.remove(conn, [what.number for _, what in applied])


def _moments(
    work: _Work,
    batch: customers.CustomerBatch,
    decided: Mapping[str, Decided],
    journeys: Journeys,
    now: Instant,
) -> Iterable[tuple[Instant, str]]:
    """When these customers have to be looked at next, where the queue does not know it yet."""
    for customer, each in decided.items():
        moment = next_due(each.state, journeys)
        if moment is None or customer in work.held_back:
            continue
        if (
            moment <= now
        ):  # a journey that is not published, a step that waits for something: no use in asking at once
            yield Instant(now + NOT_YET), customer
        elif customer in work.due or moment != next_due(batch.states[customer], journeys):
            yield moment, customer


def decide_clicks(store: Store, now: Instant) -> int:
    """Tells the journeys of clicks whose seconds are over. How many; the writer is asked only if there are any."""
    with store.read() as conn:
        if not reactions.undecided(conn, now):
            return 0
    return store.write(lambda conn: reactions.decide_clicks(conn, now))
