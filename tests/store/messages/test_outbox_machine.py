"""The outbox under everything that may happen, in any order: claims, lost leases, outcomes, reports,
look-ups, an operator, cancels, pauses.

The model is a provider that counts what reaches it. Nothing is sent that was not handed over, nothing is
handed over twice unless somebody decided to send it again, and every message is accounted for.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import Connection

from engine.channels.base import LookupResult, Report
from engine.core.decision.effects import Send
from engine.runtime.delivery.reconciler import apply_found
from engine.runtime.feedback.reports import take_reports
from engine.store import meta, sql
from engine.store.customers import suppressions
from engine.store.customers.suppressions import SuppressionReason
from engine.store.inbox import inbox
from engine.store.journeys import pauses
from engine.store.messages import manual_resolution, outcomes, queue, records
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import HOUR, MINUTE, Instant
from tests.stores import new_store

START = Instant(1_772_442_000_000)

_AFTER = {
    "accepted": {"accepted", "delivered", "bounced", "complained", "failed"},
    "delivered": {"delivered", "bounced", "complained"},
    "treated_as_sent": {"treated_as_sent", "accepted", "delivered", "bounced", "complained", "failed"},
    "bounced": {"bounced"},
    "complained": {"complained"},
    "failed": {"failed"},
}
"""Where a settled message may still go; never back on its way."""


class Outbox(RuleBasedStateMachine):
    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = new_store(Path(self.folder.name))
        self.now = START
        self.handed: Counter[str] = Counter()
        self.resent: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.planned: set[str] = set()
        self.final: dict[str, str] = {}
        self.events = 0
        self.paused = False

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def state(self, key: str) -> str:
        with self.store.read() as conn:
            found = records.find(conn, key)
        assert found is not None
        return found.state

    @rule(number=st.integers(0, 4), valid=st.sampled_from([MINUTE, 6 * HOUR]))
    def plan(self, number: int, valid: int) -> None:
        key = f"k{number}"
        send = Send(key, "run", "welcome", "hello", "hello", "email", "marketing", "marketing", self.now,
                    Instant(self.now + valid), True)  # fmt: skip
        before = self.state(key) if key in self.planned else None
        self.store.write(lambda conn: records.plan(conn, 0, [(f"c{number}", send)], self.now))
        self.planned.add(key)
        if before not in (None, "cancelled", "expired", "suppressed"):
            assert self.state(key) == before

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        taken = self.store.write(lambda conn: queue.claim(conn, "email", "me", self.now, 10 * MINUTE, limit))
        assert not (self.paused and taken)
        return taken

    @rule(taken=claims)
    def hand_over(self, taken: list[OutboxMessage]) -> None:
        for message in taken:
            said = self.store.write(
                partial(queue.hand_over, message=message, address_hash="hash", now=self.now)
            )
            if said == "handed":
                assert not self.paused
                self.handed[message.send_key] += 1
                assert self.state(message.send_key) == "handoff"

    @rule(
        taken=consumes(claims),
        how=st.sampled_from(["accepted", "bounced", "failed", "unknown", "defer", "give up"]),
    )
    def answer(self, taken: list[OutboxMessage], how: str) -> None:
        def job(conn: Connection) -> None:
            for message in taken:
                if how == "defer":
                    if queue.defer(conn, message, Instant(self.now + MINUTE)):
                        self.refused[message.send_key] += 1
                elif how == "give up":
                    queue.release(conn, message, self.now)
                else:
                    outcomes.settle(conn, message.send_key, message.customer, MessageState(how), self.now)

        self.store.write(job)

    @rule(number=st.integers(0, 4), again=st.booleans())
    def decide_unknown(self, number: int, again: bool) -> None:
        key, customer = f"k{number}", f"c{number}"
        if again:
            if self.store.write(lambda conn: outcomes.requeue(conn, key, customer, self.now, resend=True)):
                self.resent[key] += 1
        else:
            self.store.write(
                lambda conn: outcomes.settle(conn, key, customer, MessageState.TREATED_AS_SENT, self.now)
            )

    @rule(
        number=st.integers(0, 4),
        kind=st.sampled_from(
            ["accepted", "delivered", "refused", "bounced", "complained", "opened", "bounced for now"]
        ),
        times=st.integers(1, 3),
    )
    def report(self, number: int, kind: Any, times: int) -> None:
        """A provider says something late, early, or again."""
        self.events += 1
        told = Report(kind, f"e{self.events}", f"k{number}")
        taken = self.store.write(lambda conn: take_reports(conn, "email", [told] * times, self.now))
        assert taken.new + taken.lost == 1
        assert taken.known == times - 1

    @rule(number=st.integers(0, 4), found=st.sampled_from(["sent", "not sent", "cannot say"]))
    def look_up(self, number: int, found: Any) -> None:
        """The provider's list was asked about an unknown message; much may have happened since."""
        with self.store.read() as conn:
            message = records.find(conn, f"k{number}")
        if message is None or message.state != "unknown":
            return
        if self.store.write(lambda conn: apply_found(conn, message, LookupResult(found), self.now)):
            self.resent[message.send_key] += 1

    @rule(number=st.integers(0, 4), way=st.sampled_from(["sent", "resend", "failed"]))
    def resolve(self, number: int, way: Any) -> None:
        """An operator decides; what is settled is not touched."""
        key = f"k{number}"
        before = self.state(key) if key in self.planned else ""
        done = self.store.write(lambda conn: manual_resolution.resolve(conn, key, way, self.now))
        assert done.settled or done.why
        if before not in ("unknown", "held"):
            assert not done.settled
            assert not before or self.state(key) == before
        elif done.settled:
            self.resent[key] += way == "resend"
            assert (
                self.state(key) == {"sent": "treated_as_sent", "resend": "planned", "failed": "failed"}[way]
            )

    @rule(gone=st.booleans())
    def the_channel_goes(self, gone: bool) -> None:
        """config.yaml has no such channel any more: what waits goes back to its owners."""
        if gone:
            self.store.write(lambda conn: queue.return_channel_to_journeys(conn, "email", self.now))
            assert not {"planned", "deferred"} & {self.state(key) for key in self.planned}

    @rule(number=st.integers(0, 4))
    def cancel(self, number: int) -> None:
        self.store.write(lambda conn: records.cancel(conn, 0, {f"k{number}": "goal"}, self.now))

    @rule(minutes=st.sampled_from([1, 11, 60]))
    def time_passes(self, minutes: int) -> None:
        self.now = Instant(self.now + minutes * MINUTE)
        before = {key: self.state(key) for key in self.planned}
        self.store.write(lambda conn: outcomes.expire_leases(conn, self.now, self.now))
        for key, state in before.items():
            if state == "handoff":
                assert self.state(key) in ("handoff", "unknown")

    @rule()
    def the_inbox_is_applied(self) -> None:
        self.store.write(
            lambda conn: inbox.remove(conn, [row.number for row in inbox.claim(conn, 0, self.now, 9999)])
        )

    @precondition(lambda self: not self.paused)
    @rule()
    def pause(self) -> None:
        self.store.write(lambda conn: pauses.pause(conn, "channel", "email", self.now, "me"))
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule()
    def resume(self) -> None:
        assert self.store.write(lambda conn: pauses.resume(conn, "channel", "email"))
        self.paused = False

    @invariant()
    def nothing_is_handed_over_more_often_than_somebody_decided(self) -> None:
        for key, times in self.handed.items():
            assert times <= 1 + self.resent[key] + self.refused[key]

    @invariant()
    def nothing_comes_back_from_a_final_state(self) -> None:
        for key in self.planned:
            state, before = self.state(key), self.final.get(key)
            if before is not None:
                assert state in _AFTER[before], (before, state)
            if state in _AFTER:
                self.final[key] = state

    @invariant()
    def every_unknown_is_listed(self) -> None:
        with self.store.read() as conn:
            listed = {one.message.send_key for one in outcomes.list_open(conn)}
        assert listed == {key for key in self.planned if self.state(key) in ("unknown", "held")}

    @invariant()
    def every_message_is_accounted_for(self) -> None:
        with self.store.read() as conn:
            found = sql.rows(conn, "SELECT send_key, state, handed_at FROM outbox")
        assert {key for key, _, _ in found} == self.planned
        for key, state, handed_at in found:
            assert (handed_at is not None) == (self.handed[key] > 0), (key, state)
            if state in ("planned", "claimed") and self.handed[key]:
                assert self.resent[key] + self.refused[key] > 0
                assert key not in self.final, "it is on its way again after it was settled"


Outbox.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestOutbox = Outbox.TestCase


def test_a_suppressed_address_goes_back_to_its_owner(store: Any) -> None:
    """Between the decision and the hand-over somebody unsubscribed."""
    send = Send(
        "k", "run", "welcome", "hello", "hello", "email", "p", "marketing", START, Instant(START + HOUR), True
    )

    def prepare(conn: Connection) -> OutboxMessage:
        bucket = meta.bucket_of(conn, "c")
        records.plan(conn, bucket, [("c", send)], START)
        suppressions.suppress(
            conn, "email", "c@example.com", "marketing", START, SuppressionReason.UNSUBSCRIBED
        )
        (taken,) = queue.claim(conn, "email", "me", START, MINUTE, 10)
        return taken

    taken = store.write(prepare)

    def hand(conn: Connection) -> str:
        return queue.hand_over(conn, taken, suppressions.hash_of(conn, "email", "c@example.com"), START)

    assert store.write(hand) == "returned"
    with store.read() as conn:
        found = (
            records.find(conn, "k") if conn.dialect.name == "sqlite" else records.of_customer(conn, "c")[0]
        )
        assert found is not None
        assert found.state == "suppressed"
        waiting = [row.kind for bucket in range(256) for row in inbox.claim(conn, bucket, START, 10)]
    assert waiting == ["returned"]
