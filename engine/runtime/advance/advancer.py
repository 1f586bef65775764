"""Moves customers on: what happened to them is applied, then what is due; a whole batch in one
transaction."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.clock import Clock
from engine.core.codes import CodeSource
from engine.core.decide import Decided, decide, next_due
from engine.core.facts.backfill import Backfill
from engine.core.happening import Happening
from engine.core.journeys import Journeys
from engine.garbage_collection import without_garbage_collection
from engine.runtime.advance.definitions import in_use, put_in_place
from engine.runtime.advance.draws import without_doubles
from engine.runtime.workers.cluster_view import ALONE, ClusterView
from engine.store import decisions, meta
from engine.store.counting import daily_counts
from engine.store.customers import batches as customers
from engine.store.customers import events
from engine.store.database import Store, is_refusal
from engine.store.facts import definitions
from engine.store.facts.definitions import UnsettledFact
from engine.store.inbox import due_queue as due
from engine.store.inbox import inbox, lanes, quarantine
from engine.store.inbox.busy_buckets import busy_buckets, hold
from engine.store.inbox.inbox import PendingItem
from engine.store.journeys import deployments, pauses
from engine.store.learning import learned
from engine.store.messages import reactions
from engine.store.products import changes as product_changes
from engine.values import MINUTE, SECOND, Instant

SMALLEST, LARGEST = 500, 5000
"""Limits of a batch; between them it follows what the last one took."""

AIM = 0.1
"""Seconds of a batch: the next one is so large that it would take so long. Intake waits about so long for the
writer."""

NOT_YET = MINUTE
"""A customer who is due but whom no decision moves is looked at again so much later."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published: the number of the deployment and its journeys, compiled."""

    number: int
    journeys: Journeys


@dataclass(slots=True)
class AdvanceProgress:
    """What a batch has done."""

    applied: int = 0  # happenings
    woken: int = 0  # customers whose moment had come
    decided: int = 0
    set_aside: int = 0
    more: bool = False  # something is left to do now
    stale: bool = False  # another deployment is the current one, so nothing was done

    def add(self, other: AdvanceProgress) -> None:
        """Adds up batches."""
        self.applied += other.applied
        self.woken += other.woken
        self.decided += other.decided
        self.set_aside += other.set_aside
        self.more = self.more or other.more
        self.stale = self.stale or other.stale


@dataclass(slots=True)
class _Work:
    """One batch."""

    bucket: int
    pending: dict[str, list[PendingItem]]  # what happened to each customer, in order
    due: AbstractSet[str]  # customers whose moment has come
    more: bool  # something is left for the next batch
    held_back: AbstractSet[str]  # not to be woken, since more of theirs is waiting
    aside: AbstractSet[str] = frozenset()  # were quarantined, and are tried again
    customers: list[str] = field(default_factory=list)  # all of them, in the order of their decisions


@dataclass(frozen=True, slots=True)
class _Present:
    """Journeys as they hold now, kept for the next batch: they change with what they were made of, and
    seldom."""

    published: Journeys
    paused: frozenset[str]  # by an operator
    stamp: int  # of what was learned
    unsettled: tuple[UnsettledFact, ...]  # facts with a definition that is not whole
    journeys: Journeys
    placing: tuple[Backfill, ...]


class Advancer:
    """Advances the buckets of a store, batch after batch. `standing`: whose turn they are."""

    def __init__(
        self, store: Store, clock: Clock, standing: Callable[[], ClusterView] = lambda: ALONE
    ) -> None:
        self._store = store
        self._clock = clock
        self._standing = standing
        self.limit = 1000
        """Of the next batch: it follows what the last one took."""
        self._began = 0.0  # when the batch had the writer
        self._present: _Present | None = None
        self._source = CodeSource()

    def advance(self, publication: Publication) -> AdvanceProgress:
        """One batch of every bucket in which something is to be done. Raises only what the database raises;
        nothing is lost then."""
        total, standing = AdvanceProgress(), self._standing()
        with self._store.read() as conn:
            busy = standing.in_order(busy_buckets(conn, self._clock.now()))
            is_catalogue_changed = product_changes.is_anything_left(conn)
        # one slice, then everybody else: a product that many people watch keeps nobody waiting
        if is_catalogue_changed and standing.is_leader:
            total.add(self._store.write(lambda conn: self._tell_of_products(conn, publication)))
        for bucket in busy:
            total.add(self._advance_bucket(publication, bucket))
        return total

    def run(self, publication: Publication, most: int = 1_000_000) -> AdvanceProgress:
        """Batches until nothing is left to do now (or `most` batches), for tests, imports and the demo."""
        total = AdvanceProgress()
        for _ in range(most):
            progress = self.advance(publication)
            total.add(progress)
            if progress.stale or not progress.more:
                total.more = progress.more
                break
        return total

    def apply_at_once(
        self,
        conn: Connection,
        publication: Publication,
        happened: Mapping[int, Mapping[str, Sequence[Happening]]],
        now: Instant,
    ) -> None:
        """Applies what happened without the inbox, by bucket and customer, in a transaction of the caller.
        For customers of whom nothing waits there. Nobody is woken: who is due comes with the next batch."""
        for bucket, of_customers in happened.items():
            journeys = self._at_present(conn, publication.journeys, bucket, of_customers, now)
            work = _Work(bucket, {}, frozenset(), more=False, held_back=of_customers.keys())
            _decide_and_write(conn, work, of_customers, journeys, now, self._codes_of(conn, journeys))

    def _advance_bucket(self, publication: Publication, bucket: int) -> AdvanceProgress:
        # A batch (about `AIM`) makes a million small objects, all of which reference counting frees at its
        # end; the collector would walk them again and again and find nothing
        with without_garbage_collection():
            try:
                progress = self._store.write(
                    lambda conn: self._batch(conn, publication, bucket, self.limit), shared=True, patient=True
                )
            except Exception as failure:
                # a store that refuses would refuse every customer: nobody may be quarantined for it
                if is_refusal(failure):
                    raise
                # somebody in this batch cannot be applied: find out who, let the others go on
                progress = self._store.write(
                    lambda conn: self._one_by_one(conn, publication, bucket), patient=True
                )
        # Of a batch that was not full nothing can be learned but that it was too large.
        took = time.monotonic() - self._began
        if progress.more or took > AIM:
            fitting = int(self.limit * min(max(AIM / took, 0.5), 2))
            self.limit = min(max(fitting, SMALLEST), LARGEST)
        return progress

    def _batch(self, conn: Connection, publication: Publication, bucket: int, limit: int) -> AdvanceProgress:
        # From here on, and not from when it was handed in: others may have had the writer first.
        self._began = time.monotonic()
        # asked inside the transaction: a deployment that lands in between moves people, and old files would
        # move them back
        if deployments.current_number(conn) != publication.number:
            return AdvanceProgress(stale=True)
        if not hold(conn, bucket):
            return AdvanceProgress()
        now = self._clock.now()
        work = _claim(conn, bucket, now, limit)
        journeys = self._at_present(conn, publication.journeys, bucket, work.customers, now)
        return _apply(conn, work, work.customers, journeys, now, self._codes_of(conn, journeys))

    def _codes_of(self, conn: Connection, journeys: Journeys) -> CodeSource:
        """What codes are drawn with; the key belongs to the database and never changes."""
        if journeys.drawn_pools and not self._source.key:
            self._source = CodeSource(meta.secret(conn).encode())
        return self._source

    def _tell_of_products(self, conn: Connection, publication: Publication) -> AdvanceProgress:
        if deployments.current_number(conn) != publication.number:
            return AdvanceProgress(stale=True)
        journeys = publication.journeys
        triggers = [trigger for _, some in journeys.index.product_starts for trigger in some]
        more = product_changes.tell(conn, triggers, journeys.currency, self._clock.now())
        return AdvanceProgress(more=more)

    def _one_by_one(self, conn: Connection, publication: Publication, bucket: int) -> AdvanceProgress:
        """The careful way: every customer in a savepoint of their own; who fails is set aside with the
        reason."""
        if deployments.current_number(conn) != publication.number:
            return AdvanceProgress(stale=True)
        now = self._clock.now()
        work = _claim(conn, bucket, now, SMALLEST)
        journeys = self._at_present(conn, publication.journeys, bucket, work.customers, now)
        total = AdvanceProgress(more=work.more)
        for customer in work.customers:
            counted = daily_counts.mark(conn)
            try:
                with conn.begin_nested():
                    total.add(_apply(conn, work, [customer], journeys, now, self._codes_of(conn, journeys)))
            except Exception as failure:
                if is_refusal(failure):
                    raise
                daily_counts.back_to(conn, counted)
                # after the savepoint is rolled back, so that the row of the quarantine stays; what happened
                # to the customer stays in the inbox, in its order
                why = f"{type(failure).__name__}: {failure}"
                retry_at = quarantine.quarantine(conn, bucket, customer, why, now)
                due.put(conn, bucket, [(retry_at, customer)])
                total.set_aside += 1
        return total

    def _at_present(
        self, conn: Connection, journeys: Journeys, bucket: int, customers: Iterable[str], now: Instant
    ) -> Journeys:
        """With what was learned last, and the definitions of facts that are in use; these customers are
        brought to them. An operator's pause of a journey is like `state: paused` in its file."""
        paused, stamp = pauses.paused_journeys(conn), learned.stamp(conn)
        unsettled = definitions.unsettled(conn)
        if not paused and not stamp and not unsettled:
            return journeys
        present = self._present
        if (
            present is None
            or present.published is not journeys
            or (present.paused, present.stamp, present.unsettled) != (paused, stamp, unsettled)
        ):
            by_name = {
                name: dataclasses.replace(journey, state="paused")
                if name in paused and journey.state in ("live", "closing")
                else journey
                for name, journey in journeys.by_name.items()
            }
            known = learned.known(conn) if stamp else journeys.learned
            facts = in_use(conn, dataclasses.replace(journeys, by_name=by_name, learned=known), unsettled)
            present = self._present = _Present(
                journeys, paused, stamp, unsettled, facts.journeys, facts.placing
            )
        if present.placing:
            put_in_place(conn, present.journeys, bucket, customers, present.placing, now)
        return present.journeys


def _claim(conn: Connection, bucket: int, now: Instant, limit: int) -> _Work:
    """What happened first, then who is due. Somebody of whom more is waiting in the inbox than fits into this
    batch may not be woken yet: everything received is applied before what is due (design/language 2.13)."""
    live = lanes.claim_live(conn, bucket, now, limit)
    # at least some are woken however much arrives: a flood of events must not stop the waits
    room = max(limit - len(live.pending), SMALLEST)
    woken = due.take(conn, bucket, now, room)
    is_more_due = len(woken) == room
    is_anybody_aside = quarantine.next_try(conn) is not None
    if is_anybody_aside:
        # who is set aside is not woken before the next try; `take` has removed them from the queue, so
        # they go back
        aside = quarantine.among(conn, bucket, woken)
        later = {customer: at for customer, at in aside.items() if at > now}
        due.put(conn, bucket, [(at, customer) for customer, at in later.items()])
        woken -= later.keys()
    claimed = lanes.with_history(conn, bucket, now, live, woken, room)
    pending: dict[str, list[PendingItem]] = {}
    for row in claimed.pending:
        pending.setdefault(row.customer, []).append(row)
    due.put(conn, bucket, [(Instant(now + SECOND), customer) for customer in claimed.behind & woken])
    work = _Work(bucket, pending, woken - claimed.behind, claimed.is_cut or is_more_due, claimed.behind)
    if is_anybody_aside:
        work.aside = quarantine.among(conn, bucket, {*pending, *woken}).keys()
    # sorted, so that the same store and the same clock decide in the same order
    work.customers = [*pending, *sorted(work.due - pending.keys())]
    return work


def _apply(
    conn: Connection,
    work: _Work,
    chosen: Sequence[str],
    journeys: Journeys,
    now: Instant,
    source: CodeSource,
) -> AdvanceProgress:
    """Loads, decides and writes these customers of a batch, and takes what was applied out of the inbox."""
    if not chosen:
        return AdvanceProgress(more=work.more)
    happened = {customer: [row.read() for row in work.pending.get(customer, ())] for customer in chosen}
    # one transaction, and the inbox is emptied in it: after a crash either all of this has happened or none
    # of it, and what is still in the inbox is decided anew, with the same ids of messages (`derive`)
    decided = _decide_and_write(conn, work, happened, journeys, now, source)
    numbers = [what.number for happenings in happened.values() for what in happenings]
    inbox.remove(conn, numbers)
    quarantine.release(conn, work.bucket, [customer for customer in chosen if customer in work.aside])
    taken = sum(len(done.decisions) for done in decided.values())
    # an effect may have put something into the inbox of somebody: then there is more to do
    emitted = any(decision.effects for done in decided.values() for decision in done.decisions)
    woken = sum(customer in work.due for customer in chosen)
    return AdvanceProgress(len(numbers), woken, taken, more=work.more or emitted)


def _decide_and_write(
    conn: Connection,
    work: _Work,
    happened: Mapping[str, Sequence[Happening]],
    journeys: Journeys,
    now: Instant,
    source: CodeSource,
) -> dict[str, Decided]:
    batch = customers.load_batch(conn, work.bucket, list(happened), journeys, now, happened)

    def decided_with(customer: str, codes: CodeSource) -> Decided:
        wakes = customer not in work.held_back
        state, what = batch.states[customer], happened[customer]
        return decide(state, what, journeys, now, wakes=wakes, codes=codes)

    decided = {customer: decided_with(customer, source) for customer in happened}
    without_doubles(conn, decided, journeys, source, decided_with)
    applied = [(customer, what) for customer, happenings in happened.items() for what in happenings]
    events.append(conn, work.bucket, applied)
    customers.save_batch(conn, batch, {customer: done.state for customer, done in decided.items()}, now)
    decisions.save(
        conn,
        work.bucket,
        (
            (customer, batch.states[customer].enrollments, done.decisions)
            for customer, done in decided.items()
        ),
        now,
        journeys.commit,
    )
    due.put(conn, work.bucket, _moments(work, batch, decided, journeys, now))
    return decided


def _moments(
    work: _Work,
    batch: customers.CustomerBatch,
    decided: Mapping[str, Decided],
    journeys: Journeys,
    now: Instant,
) -> Iterable[tuple[Instant, str]]:
    """When these customers have to be looked at next, where the queue does not know it yet."""
    for customer, done in decided.items():
        moment = next_due(done.state, journeys)
        if moment is None:
            continue
        is_held_back = customer in work.held_back
        if moment <= now and not is_held_back:
            # a journey that is not published, a step that waits for something: no use in asking at once
            yield Instant(now + NOT_YET), customer
        elif customer in work.due and not is_held_back:
            # was taken out of the queue
            yield moment, customer
        elif moment != next_due(batch.states[customer], journeys):
            yield (max(moment, Instant(now + SECOND)) if is_held_back else moment), customer


def decide_clicks(store: Store, now: Instant) -> int:
    """Tells the journeys of clicks whose seconds are over. How many; the writer is asked only if there are
    any."""
    with store.read() as conn:
        if not reactions.undecided(conn, now):
            return 0
    return store.write(lambda conn: reactions.decide_clicks(conn, now))
