"""History applied in the transaction that receives it, so that none of it waits in the inbox."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.clock import Clock
from engine.core.happening import Happening
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.intake.intake import Intake, IntakeResult, PreparedBatch
from engine.runtime.publish.last_published import published_journeys
from engine.store.database import Store, is_refusal
from engine.store.inbox import inbox
from engine.store.inbox.inbox import Arrival, Row, Taken
from engine.store.journeys import deployments
from engine.store.meta import bucket_of
from engine.values import Instant


class HistoryPass:
    """From rows to facts in one transaction, by the journeys that are published: facts and segments learn of
    it, goals count, nothing starts. Before the first deployment nobody knows the facts, so it waits in the
    inbox."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._advancer = Advancer(store, clock)
        self._publication: Publication | None = None

    def follow(self) -> None:
        """Takes the journeys that are published now. Outside of the transaction: compiling takes long."""
        with self._store.read() as conn:
            number = deployments.current_number(conn)
            if number and (self._publication is None or self._publication.number != number):
                journeys = published_journeys(conn)
                self._publication = Publication(number, journeys) if journeys is not None else None

    def take(self, conn: Connection, intake: Intake, batch: PreparedBatch, now: Instant) -> IntakeResult:
        """Takes what was prepared, and applies what may be applied now. The rest is in the inbox, for the
        daemon."""
        publication = self._publication
        # Somebody may have deployed meanwhile: by old files nobody decides
        if publication is None or publication.number != deployments.current_number(conn):
            return intake.take(conn, batch, now)
        try:
            with conn.begin_nested():
                receiver = _AtOnce()
                result = intake.take(conn, batch, now, into=receiver)
                self._advancer.apply_at_once(conn, publication, receiver.happened, now)
                return result
        except Exception as failure:
            if is_refusal(failure):
                raise
        # Somebody of these customers cannot be applied. The advancer finds out who, and the others go on
        return intake.take(conn, batch, now)


class _AtOnce:
    """Keeps in hand what is to be applied, in order; what happened to customers of whom something waits
    already goes behind that."""

    def __init__(self) -> None:
        self.happened: dict[int, dict[str, list[Happening]]] = {}

    def append(self, conn: Connection, arrivals: Sequence[Arrival], now: Instant) -> list[Taken]:
        answers, new = inbox.receive(conn, arrivals, now)
        of_bucket: dict[int, set[str]] = {}
        for arrival, row in new:
            of_bucket.setdefault(row[0], set()).add(arrival.customer)
        waiting = {
            who for bucket, some in of_bucket.items() for who in inbox.waiting_among(conn, bucket, some)
        }
        # Numbers as the inbox gives them: what comes for the same customers from now on is behind them
        later: list[tuple[int, Row]] = []
        for number, (arrival, row) in zip(inbox.reserve(conn, len(new)), new, strict=True):
            if arrival.customer in waiting:
                later.append((number, row))
            else:
                self._hold(row[0], arrival.customer, replace(arrival.what, number=number))
        inbox.append_numbered(conn, later)
        return answers

    def append_one(self, conn: Connection, customer: str, what: Happening, now: Instant) -> None:
        bucket = bucket_of(conn, customer)
        if customer not in self.happened.get(bucket, {}):
            inbox.append_one(conn, customer, what, now)
            return
        (number,) = inbox.reserve(conn, 1)
        self._hold(bucket, customer, replace(what, number=number))

    def _hold(self, bucket: int, customer: str, what: Happening) -> None:
        self.happened.setdefault(bucket, {}).setdefault(customer, []).append(what)
