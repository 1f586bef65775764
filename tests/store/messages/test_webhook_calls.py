"""Calls of webhooks as rows: taken once for a while, tried again, listed while they fail."""

from __future__ import annotations

from engine.core.decision.effects import Call
from engine.store.database import Store
from engine.store.messages import webhooks
from engine.values import MINUTE, Instant

NOW = Instant(1_782_000_000_000)


def plan(store: Store, webhook: str, count: int) -> None:
    calls = [("ann", Call(f"{webhook}-{n}", "r1", webhook, {}), "{}") for n in range(count)]
    store.write(lambda conn: webhooks.plan(conn, 0, calls, NOW))


def test_a_call_is_taken_by_one_until_its_lease_ends(store: Store) -> None:
    plan(store, "crm", 3)
    plan(store, "erp", 2)
    with store.read() as conn:
        assert webhooks.due(conn, NOW) == {"crm": 3, "erp": 2}
    first = store.write(lambda conn: webhooks.take(conn, "crm", NOW, MINUTE, 2))
    second = store.write(lambda conn: webhooks.take(conn, "crm", NOW, MINUTE, 9))
    assert [call.key for call in first + second] == ["crm-0", "crm-1", "crm-2"]
    assert store.write(lambda conn: webhooks.take(conn, "crm", NOW, MINUTE, 9)) == []
    later = Instant(NOW + MINUTE)
    assert len(store.write(lambda conn: webhooks.take(conn, "crm", later, MINUTE, 9))) == 3


def test_webhooks_that_fail_are_listed_with_the_last_answer(store: Store) -> None:
    plan(store, "crm", 3)
    plan(store, "erp", 1)
    with store.read() as conn:
        assert webhooks.failing(conn) == []
    one, two, three = store.write(lambda conn: webhooks.take(conn, "crm", NOW, MINUTE, 9))
    store.write(lambda conn: webhooks.note_failure(conn, one, "500", Instant(NOW + MINUTE)))
    store.write(lambda conn: webhooks.note_failure(conn, two, "503", Instant(NOW + 2 * MINUTE)))
    store.write(lambda conn: webhooks.note_failure(conn, three, "410", None))
    with store.read() as conn:
        [failing] = webhooks.failing(conn)
        assert webhooks.counts(conn) == {"planned": 3, "failed": 1}
    assert failing == webhooks.FailingCalls("crm", 2, NOW, Instant(NOW + MINUTE), "503")
