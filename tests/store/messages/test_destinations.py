"""Two hand-overs to one address at the same time: one of them passes, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from engine.core.decision.effects import Send
from engine.core.reasons import ReturnReason
from engine.store import meta, sql
from engine.store.database import Store
from engine.store.messages import destinations, queue, records
from engine.store.messages.destinations import Destination
from engine.store.messages.records import OutboxMessage
from engine.values import DAY, HOUR, MINUTE, Instant

NOW = Instant(1_782_000_000_000)
SHARED = Destination("0123456789abcdef")


def claimed(store: Store, *customers: str) -> list[OutboxMessage]:
    """The same message to each of them, claimed by a worker."""

    def job(conn: Connection) -> list[OutboxMessage]:
        for name in customers:
            key, until = f"k-{name}", Instant(NOW + 3 * DAY)
            send = Send(key, "run", "cart", "hi", "hi", "sms", "p", "marketing", NOW, until, False)
            records.plan(conn, meta.bucket_of(conn, name), [(name, send)], NOW)
        return queue.claim(conn, "sms", "me", NOW, 3 * DAY, len(customers))

    return store.write(job)


def hand_over(store: Store, message: OutboxMessage, now: Instant = NOW) -> str:
    return store.write(lambda conn: queue.hand_over(conn, message, "hash", now, None, SHARED))


def test_of_many_at_once_one_is_handed_over_and_the_others_come_back(store: Store) -> None:
    messages = claimed(store, *(f"c{number}" for number in range(8)))
    begin = threading.Barrier(len(messages))

    def at_once(message: OutboxMessage) -> str:
        begin.wait()
        return hand_over(store, message)

    with ThreadPoolExecutor(len(messages)) as threads:
        answers = list(threads.map(at_once, messages))
    assert sorted(answers) == ["handed", *["returned"] * 7]


def test_a_transaction_that_has_not_ended_keeps_the_address_until_it_has(store: Store) -> None:
    """Of another process, beside whose hand-over ours begins: PostgreSQL has no single writer."""
    first, second = claimed(store, "max", "max2")
    if store.engine.dialect.name == "sqlite":  # whose file has one writer, whatever the number of processes
        assert [hand_over(store, first), hand_over(store, second)] == ["handed", "returned"]
        return
    answers: list[str] = []
    with store.engine.connect().execution_options(writes="shared") as other, other.begin():
        assert queue.hand_over(other, first, "hash", NOW, None, SHARED) == "handed"
        ours = threading.Thread(target=lambda: answers.append(hand_over(store, second)))
        ours.start()
        ours.join(0.3)
        assert answers == []  # it waits
    ours.join(30)
    assert answers == ["returned"]


def test_the_address_is_free_again_after_a_day_and_forgotten(store: Store) -> None:
    first, second, third = claimed(store, "max", "max2", "max3")
    assert hand_over(store, first) == "handed"
    assert hand_over(store, second, Instant(NOW + 23 * HOUR)) == "returned"
    with store.read() as conn:
        (told,) = sql.rows(conn, "SELECT body FROM inbox WHERE customer = 'max2'")
        assert ReturnReason.SAME_ADDRESS.value in told[0]
    assert hand_over(store, third, Instant(NOW + DAY + MINUTE)) == "handed"
    assert store.write(lambda conn: destinations.forget(conn, Instant(NOW + 3 * DAY))) == 1
