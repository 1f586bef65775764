"""Reports, soft bounces, unknown messages and orphans as statements, on both databases."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.decision.effects import Send
from engine.core.journeys import Journeys
from engine.store import meta, sql
from engine.store.customers import suppressions
from engine.store.customers.suppressions import SuppressionReason
from engine.store.database import Store
from engine.store.messages import manual_resolution, outcomes, queue, records, reports
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE, Instant

NOW = Instant(1_782_000_000_000)


def handed(store: Store, key: str = "k", customer: str = "anna", channel: str = "sms") -> OutboxMessage:
    """A message that was handed over."""
    send = Send(key, "run", "cart", "hi", "hi", channel, "p", "marketing", NOW, Instant(NOW + HOUR), True)

    def job(conn: Connection) -> OutboxMessage:
        records.plan(conn, meta.bucket_of(conn, customer), [(customer, send)], NOW)
        (taken,) = queue.claim(conn, channel, "me", NOW, MINUTE, 1)
        queue.note_bodies(conn, [queue.Body(taken, "{}", "hash", "+359881234567")])
        assert queue.hand_over(conn, taken, "hash", NOW) == "handed"
        sql.change(conn, "DELETE FROM inbox")
        return taken

    return store.write(job)


def state(store: Store, customer: str = "anna") -> str:
    with store.read() as conn:
        return records.of_customer(conn, customer)[-1].state


def test_a_report_is_kept_once_and_finds_its_message_later(store: Store) -> None:
    taken = handed(store)
    one = reports.StoredReport("sms", "e1", "SM1", "delivered", "", NOW, "x" * 900, "raw")
    assert store.write(lambda conn: reports.keep(conn, one, NOW))
    assert not store.write(lambda conn: reports.keep(conn, one, NOW))
    with store.read() as conn:
        assert reports.is_known(conn, "sms", "e1")
        assert not reports.is_known(conn, "email", "e1")
    (early,) = store.write(lambda conn: reports.take_early(conn, taken, "SM1"))
    assert (early.send_key, early.customer, len(early.detail)) == ("k", "anna", 500)
    assert store.write(lambda conn: reports.take_early(conn, taken, "SM1")) == []


def test_a_message_is_found_by_its_provider_and_by_where_it_went(store: Store) -> None:
    handed(store)
    store.write(
        lambda conn: outcomes.settle(conn, "k", "anna", MessageState.ACCEPTED, NOW, provider_id="SM1")
    )
    with store.read() as conn:
        found = reports.by_provider_id(conn, "sms", "SM1")
        assert found is not None
        assert found.send_key == "k"
        assert reports.by_provider_id(conn, "email", "SM1") is None
        last = reports.last_to(conn, "anna", "sms", lambda each: each.endswith("4567"))
        assert last is not None
        assert reports.last_to(conn, "anna", "sms", lambda each: False) is None


def test_days_of_a_full_mailbox_are_counted_each_once_and_forgotten(store: Store) -> None:
    def note(day: int) -> list[int]:
        at = Instant(NOW + day * DAY)
        return store.write(lambda conn: reports.note_soft_bounce(conn, "email", "a@b.example", at))

    assert [len(note(day)) for day in (0, 0, 1, 20)] == [1, 1, 2, 3]
    assert len(note(61)) == 3  # the first day is forgotten by now
    store.write(lambda conn: reports.forget_soft_bounces(conn, "email", "a@b.example"))
    assert len(note(62)) == 1


def test_start_lifts_what_a_stop_closed_and_nothing_else(store: Store) -> None:
    def job(conn: Connection) -> list[bool]:
        suppressions.suppress(conn, "sms", "+1", "all", NOW, SuppressionReason.UNSUBSCRIBED, "STOP")
        suppressions.suppress(conn, "sms", "+2", "all", NOW, SuppressionReason.BOUNCED, "gone")
        return [
            suppressions.lift(conn, "sms", number, SuppressionReason.UNSUBSCRIBED) for number in ("+1", "+2")
        ]

    assert store.write(job) == [True, False]
    with store.read() as conn:
        assert suppressions.active(conn, "sms", "+1") == {}
        assert "all" in suppressions.active(conn, "sms", "+2")


def test_what_nobody_answered_for_is_scheduled_due_listed_and_settled_once(store: Store) -> None:
    handed(store)
    assert store.write(lambda conn: outcomes.expire_leases(conn, Instant(NOW + HOUR))) == (0, 1)
    (lost,) = store.write(outcomes.unscheduled)
    store.write(lambda conn: outcomes.schedule(conn, lost, Instant(NOW + 2 * HOUR)))
    with store.read() as conn:
        assert outcomes.unscheduled(conn) == []
        assert outcomes.due(conn, Instant(NOW + HOUR)) == []
        assert [one.send_key for one in outcomes.due(conn, Instant(NOW + 2 * HOUR))] == ["k"]
        (listed,) = outcomes.list_open(conn)
        assert (listed.message.send_key, listed.settle_at) == ("k", NOW + 2 * HOUR)
        assert outcomes.list_open(conn, "somebody else") == []
    done = store.write(
        lambda conn: manual_resolution.resolve_channel(conn, "sms", Instant(NOW + 1), "failed", NOW)
    )
    assert [(one.key, one.settled) for one in done] == [("k", True)]
    assert state(store) == "failed"
    assert not store.write(lambda conn: outcomes.requeue(conn, "k", "anna", NOW, resend=True))


def test_what_waits_for_a_channel_that_is_gone_goes_back(store: Store) -> None:
    send = Send("k", "run", "cart", "hi", "hi", "fax", "p", None, NOW, Instant(NOW + HOUR), True)
    store.write(lambda conn: records.plan(conn, meta.bucket_of(conn, "anna"), [("anna", send)], NOW))
    handed(store, "other", "bob")
    with store.read() as conn:
        assert queue.waiting_channels(conn) == ["fax"]
    assert store.write(lambda conn: queue.return_channel_to_journeys(conn, "fax", NOW)) == 1
    assert (state(store), state(store, "bob")) == ("expired", "handoff")
    with store.read() as conn:
        assert queue.waiting_channels(conn) == []


def test_an_answer_finds_its_message_under_the_id_that_its_customer_has_now(store: Store) -> None:
    for name in ("v1", "v2", "v3"):  # on PostgreSQL some of them are in other buckets than `anna`
        handed(store, f"k-{name}", name)

        def join_and_settle(conn: Connection, name: str = name) -> bool:
            aliases.join(conn, name, "anna", Journeys({}), NOW)
            return outcomes.settle(conn, f"k-{name}", name, MessageState.ACCEPTED, NOW)

        assert store.write(join_and_settle)
    with store.read() as conn:
        assert {message.state for message in records.of_customer(conn, "anna")} == {"accepted"}
