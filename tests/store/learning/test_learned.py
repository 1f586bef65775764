"""What everybody's reactions say, asked of both databases, and the documents that it is kept in."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.decision.effects import Send
from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.learned import Interval, Learned, ReactionRate
from engine.core.happening import Event
from engine.core.journeys import Journeys
from engine.store.customers import batches, events
from engine.store.database import Store
from engine.store.learning import learned
from engine.store.messages import outcomes, queue, reactions, records
from engine.store.messages.states import MessageState
from engine.store.meta import bucket_of
from engine.values import DAY, HOUR, MINUTE, Instant

NOW = Instant(1_772_442_000_000)  # 2 March 2026, 09:00 UTC
LATER = Instant(NOW + 8 * DAY)


def hand_over(
    conn: Connection, key: str, customer: str, *, channel: str = "email", lost: bool = False
) -> None:
    bucket = bucket_of(conn, customer)
    until = Instant(NOW + HOUR)
    send = Send(key, f"r{key}", "welcome", "hello", "hello", channel, "p", None, NOW, until, False)
    records.plan(conn, bucket, [(customer, send)], NOW)
    (claimed,) = queue.claim(conn, channel, "test", NOW, MINUTE, 10)
    state = MessageState.BOUNCED if lost else MessageState.ACCEPTED
    assert queue.hand_over(conn, claimed, "hash", NOW) == "handed"
    assert outcomes.settle(conn, key, customer, state, NOW)


def click(
    conn: Connection, key: str, customer: str, minutes: int, kind: reactions.ReactionKind = "clicked"
) -> None:
    reactions.record(conn, customer, key, kind, Instant(NOW + minutes * MINUTE), "/")


def fill(conn: Connection) -> None:
    for number in range(10):
        hand_over(conn, f"k{number}", f"c{number}")
        click(conn, f"k{number}", f"c{number}", 10 * (number + 1))
        click(conn, f"k{number}", f"c{number}", 600)
    hand_over(conn, "silent", "d0")
    hand_over(conn, "sms", "d2", channel="sms")
    hand_over(conn, "lost", "d1", lost=True)
    click(conn, "sms", "d2", 5, "opened")


def test_intervals_by_reaction(store: Store) -> None:
    store.write(fill)
    with store.read() as conn:
        assert dict(learned.intervals(conn, "clicked", ["hello"], LATER)) == {
            ("hello", "email", "clicked"): Interval(90, 10)
        }
        assert dict(learned.intervals(conn, "opened", ["hello"], LATER)) == {
            ("hello", "email", "opened"): Interval(90, 10),
            ("hello", "sms", "opened"): Interval(5, 1),
        }
        assert dict(learned.intervals(conn, "clicked", ["other"], LATER)) == {}
        assert dict(learned.intervals(conn, "clicked", ["hello"], Instant(NOW + 91 * DAY))) == {}


def test_intervals_by_event(store: Store) -> None:
    def visits(conn: Connection) -> None:
        fill(conn)
        for number, customer in enumerate(("c0", "c1", "c2", "d1", "d2"), start=1):
            at = Instant(NOW + number * HOUR)
            event = Event(number, f"v{number}", "site_visited", at, at, {})
            events.append(conn, bucket_of(conn, customer), [(customer, event)])

    store.write(visits)
    with store.read() as conn:
        assert dict(learned.intervals(conn, "site_visited", ["hello"], LATER)) == {
            ("hello", "email", "site_visited"): Interval(180, 3),  # that of d1 bounced
            ("hello", "sms", "site_visited"): Interval(300, 1),
        }


def test_rates_count_what_arrived(store: Store) -> None:
    store.write(fill)
    with store.read() as conn:
        assert learned.rates(conn, LATER) == {
            ("hello", "email"): ReactionRate(11, 10),
            ("hello", "sms"): ReactionRate(1, 0),
        }


def test_hours_follow_the_zone_of_each_customer(store: Store) -> None:
    def live(conn: Connection) -> None:
        fill(conn)
        for name, zone in (("c0", "Asia/Kolkata"), ("c1", "America/New_York")):
            bucket = bucket_of(conn, name)
            batch = batches.load_batch(conn, bucket, [name], Journeys({}), NOW)
            state = CustomerState(Facts(name, zone, "customer"))
            batches.save_batch(conn, batch, {name: state}, NOW)

    store.write(live)
    with store.read() as conn:
        hours = learned.hours(conn, LATER)
    # c0 clicked at 09:10 UTC, 14:40 in Kolkata; c1 at 09:20, 04:20 in New York
    assert {hour: count for hour, count in enumerate(hours) if count} == {14: 1, 4: 1}


def test_what_was_learned_comes_back(store: Store) -> None:
    first = Learned(
        {("a", "sms", "opened"): Interval(7, 60)}, {("a", "sms"): ReactionRate(9, 1)}, (1,) * 24, NOW
    )
    second = Learned({}, {("b", "push"): ReactionRate(2, 2)}, (), LATER)
    with store.read() as conn:
        assert learned.known(conn) == Learned()
        assert learned.stamp(conn) == 0
    stamps = {0}
    for each in (first, second):
        store.write(lambda conn, each=each: learned.put(conn, each, each.at))  # type: ignore[misc]
        with store.read() as conn:
            assert learned.known(conn) == each
            assert learned.stamp(conn) not in stamps
            stamps.add(learned.stamp(conn))
