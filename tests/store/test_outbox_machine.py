"""The outbox under everything that may happen, in any order: claims, lost leases, outcomes, cancels, pauses.

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

from engine.core.effects import Send
from engine.store import hot, inbox, messages, meta, outbox, outcomes, pauses, suppressions
from engine.store.database import open_store
from engine.store.messages import Claimed
from engine.values import HOUR, MINUTE, Instant

START = Instant(1_772_442_000_000)


class Outbox(RuleBasedStateMachine):
    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store("sqlite:///shop.db", Path(self.folder.name))
        self.now = START
        self.handed: Counter[str] = Counter()
        self.resent: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.planned: set[str] = set()
        self.paused = False

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def state(self, key: str) -> str:
        with self.store.read() as conn:
            found = messages.find(conn, key)
        assert found is not None
        return found.state

    @rule(number=st.integers(0, 4), valid=st.sampled_from([MINUTE, 6 * HOUR]))
    def plan(self, number: int, valid: int) -> None:
        key = f"k{number}"
        send = Send(key, "run", "welcome", "hello", "hello", "email", "marketing", "marketing", self.now,
                    Instant(self.now + valid), True)  # fmt: skip
        before = self.state(key) if key in self.planned else None
        self.store.write(lambda conn: messages.plan(conn, 0, [(f"c{number}", send)], self.now))
        self.planned.add(key)
        if before not in (None, "cancelled", "expired", "suppressed"):
            assert self.state(key) == before

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        taken = self.store.write(lambda conn: outbox.claim(conn, "email", "me", self.now, 10 * MINUTE, limit))
        assert not (self.paused and taken)
        return taken

    @rule(taken=claims)
    def hand_over(self, taken: list[Claimed]) -> None:
        for message in taken:
            said = self.store.write(
                partial(outbox.hand_over, message=message, address_hash="hash", now=self.now)
            )
            if said == "handed":
                assert not self.paused
                self.handed[message.send_key] += 1
                assert self.state(message.send_key) == "handoff"

    @rule(
        taken=consumes(claims),
        how=st.sampled_from(["accepted", "bounced", "failed", "unknown", "defer", "give up"]),
    )
    def answer(self, taken: list[Claimed], how: str) -> None:
        def job(conn: Connection) -> None:
            for message in taken:
                if how == "defer":
                    if outbox.defer(conn, message, Instant(self.now + MINUTE)):
                        self.refused[message.send_key] += 1
                elif how == "give up":
                    outbox.give_up(conn, message, self.now)
                else:
                    outcomes.settle(conn, message.send_key, message.customer, how, self.now)  # type: ignore[arg-type]

        self.store.write(job)

    @rule(number=st.integers(0, 4), again=st.booleans())
    def decide_unknown(self, number: int, again: bool) -> None:
        key, customer = f"k{number}", f"c{number}"
        if again:
            if self.store.write(lambda conn: outcomes.plan_again(conn, key, customer, self.now, resend=True)):
                self.resent[key] += 1
        else:
            self.store.write(lambda conn: outcomes.settle(conn, key, customer, "treated_as_sent", self.now))

    @rule(number=st.integers(0, 4))
    def cancel(self, number: int) -> None:
        self.store.write(lambda conn: messages.cancel(conn, 0, [(f"k{number}", "goal")], self.now))

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
    def every_message_is_accounted_for(self) -> None:
        with self.store.read() as conn:
            found = hot.rows(conn, "SELECT send_key, state, handed_at FROM outbox")
        assert {key for key, _, _ in found} == self.planned
        for key, state, handed_at in found:
            assert (handed_at is not None) == (self.handed[key] > 0), (key, state)
            if state in ("planned", "claimed") and self.handed[key]:
                assert self.resent[key] + self.refused[key] > 0


Outbox.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestOutbox = Outbox.TestCase


def test_a_suppressed_address_goes_back_to_its_owner(store: Any) -> None:
    """Between the decision and the hand-over somebody unsubscribed."""
    send = Send(
        "k", "run", "welcome", "hello", "hello", "email", "p", "marketing", START, Instant(START + HOUR), True
    )

    def prepare(conn: Connection) -> Claimed:
        bucket = meta.bucket_of(conn, "c")
        messages.plan(conn, bucket, [("c", send)], START)
        suppressions.suppress(conn, "email", "c@example.com", "marketing", START, "unsubscribed")
        (taken,) = outbox.claim(conn, "email", "me", START, MINUTE, 10)
        return taken

    taken = store.write(prepare)

    def hand(conn: Connection) -> str:
        return outbox.hand_over(conn, taken, suppressions.hash_of(conn, "email", "c@example.com"), START)

    assert store.write(hand) == "returned"
    with store.read() as conn:
        found = (
            messages.find(conn, "k") if conn.dialect.name == "sqlite" else messages.of_customer(conn, "c")[0]
        )
        assert found is not None
        assert found.state == "suppressed"
        waiting = [row.kind for bucket in range(256) for row in inbox.claim(conn, bucket, START, 10)]
    assert waiting == ["returned"]
