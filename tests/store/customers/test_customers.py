"""Customers and decisions go to disk and come back as they were, on both databases."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.decision.effects import Alert, Call, Cancel, Decision, Emit, GiveBack, Send, TakeCode, Trace
from engine.core.enrollment import Enrollment, Waiting
from engine.core.facts.customer import CapSlot, CustomerState, EventCounter, Facts, LastStart, Reach
from engine.core.facts.learned import EngagementStats
from engine.core.happening import Event
from engine.core.journeys import Journeys
from engine.store import decisions
from engine.store.alerting import alerts
from engine.store.customers import batches, events
from engine.store.customers.customer_codec import dump_fact_state, load_fact_state
from engine.store.database import Store
from engine.store.inbox import due_queue, inbox
from engine.store.incentives import code_uses
from engine.store.journeys import traces
from engine.store.messages import records, webhooks
from engine.store.meta import bucket_of
from engine.values import DAY, HOUR, Birthday, Instant, Money

NOW = Instant(1_772_442_000_000)
JOURNEYS = Journeys({}, timezone="UTC", needs={"order_placed": 30 * DAY})


def state() -> CustomerState:
    facts = Facts(
        "ann", "Europe/Sofia", "customer",
        {"tier": "gold", "name": "Ärger", "spent": Money(Decimal("12.50"), "EUR"), "born": Birthday(2, 29),
         "tags": ("a",)},
        {"average": (Money(Decimal("12.50"), "EUR"), 3), "place": (NOW, 5), "favourite": {"tea": 3}},
        {"order_placed": EventCounter(3, Instant(5), NOW, 7)}, {}, frozenset({"vip"}),
        {"email": Reach("a@example.com", {"marketing": "given"}), "sms": Reach("", {}, "all", True)}, False,
        [CapSlot("k", NOW, "email"), CapSlot("l", NOW, "push", False)], {},
        EngagementStats({"email": (3, 1), "sms": (1, 0)}, (0,) * 18 + (2, 3) + (0,) * 4),
        frozenset({"welcome"}),
    )  # fmt: skip
    runs = {"r1": run("r1")}
    starts = {("welcome", ""): LastStart(NOW, "r1"), ("order", "o1"): LastStart(NOW, "r2")}
    return CustomerState(
        facts, runs, starts, {("birthday", "2026-03-01")}, {"lapsed": Instant(NOW + DAY)}, 41
    )


def run(id_: str) -> Enrollment:
    return Enrollment(id_, "welcome", "", NOW, 1, NOW, NOW, {"x": "y"}, state=Waiting("w", NOW, 3))


def load(conn: Connection) -> CustomerState:
    return batches.load_batch(conn, bucket_of(conn, "ann"), ["ann"], JOURNEYS, NOW).states["ann"]


def save(conn: Connection, after: CustomerState, *effects: object) -> None:
    bucket = bucket_of(conn, "ann")
    batch = batches.load_batch(conn, bucket, ["ann"], JOURNEYS, NOW)
    batches.save_batch(conn, batch, {"ann": after}, NOW)
    line = Trace(NOW, "asked", "welcome", "r1", "if#1", 12, "tier: gold", "then", (("tier", "gold"),))
    taken = [Decision(each, tuple(effects), (line,)) for each in after.enrollments.values()]  # type: ignore[arg-type]
    decisions.save(conn, bucket, [("ann", batch.states["ann"].enrollments, taken)], NOW, "abc123")


def test_a_customer_comes_back(store: Store) -> None:
    store.write(lambda conn: save(conn, state()))
    assert store.write(load) == state()
    changed = state()
    changed.facts.values["tier"] = "silver"
    changed.facts.segments = frozenset()
    changed.applied = 42
    store.write(lambda conn: save(conn, changed))
    assert store.write(load) == changed


def test_history_comes_back_as_far_as_it_is_needed(store: Store) -> None:
    def happened(conn: Connection) -> None:
        found = [
            (
                "ann",
                Event(number, f"e{number}", name, Instant(NOW - days * DAY), NOW, {"total": Decimal("1.50")}),
            )
            for number, (name, days) in enumerate(
                [("order_placed", 40), ("order_placed", 20), ("viewed", 1)], 1
            )
        ]
        events.append(conn, bucket_of(conn, "ann"), found)
        save(conn, state())

    store.write(happened)
    (known,) = store.write(load).facts.history["order_placed"]
    assert (known.id, known.fields) == ("e2", {"total": Decimal("1.5")})


def test_every_effect_becomes_a_row_once(store: Store) -> None:
    send = Send("k", "r1", "welcome", "hello", "hello", "email", "p", None, NOW, Instant(NOW + HOUR), True,
                {"with": "x", "trigger": {"total": Money(Decimal("9.90"), "EUR")}})  # fmt: skip
    effects = (
        send, Cancel("gone", "goal"), TakeCode("r1", "WELCOME10", "W-1", NOW), GiveBack("r1", "OLD", "O-1"),
        Call("call", "r1", "crm", {"reason": "lapsed"}),
        Emit("emit", "goal_reached", NOW, {"journey": "welcome"}),
        Alert("welcome", "anna", "the pool is empty"),
    )  # fmt: skip
    store.write(lambda conn: save(conn, state(), *effects))
    store.write(lambda conn: save(conn, state(), send, effects[4], effects[6]))  # decided twice
    calls = store.write(lambda conn: webhooks.take(conn, "crm", NOW, 60_000, 9))
    assert [(call.key, call.values) for call in calls] == [("call", {"reason": "lapsed"})]
    with store.read() as conn:
        (message,) = records.of_customer(conn, "ann")
        assert message.names == send.names
        assert (message.state, message.valid_until) == ("planned", send.valid_until)
        made = code_uses.find(conn, "W-1")
        assert made is not None
        assert (made.pool, made.customer, made.expires) == ("WELCOME10", "ann", NOW)
        assert code_uses.find(conn, "other") is None
        assert [alert.why for alert in alerts.latest(conn)] == ["the pool is empty"]
        (row,) = inbox.claim(conn, bucket_of(conn, "ann"), NOW, 9)
        assert row.kind == "event"
        noted = traces.of_customer(conn, "ann")
        assert [(each.commit, each.line.read) for each in noted] == [("abc123", (("tier", "gold"),))] * 2


def test_who_is_due_is_taken_in_order_and_once(store: Store) -> None:
    moments = [(Instant(NOW + n), f"c{n}") for n in range(10)]
    store.write(lambda conn: due_queue.put(conn, 0, [*moments, (NOW, "c0")]))
    assert store.write(lambda conn: due_queue.take(conn, 0, Instant(NOW + 20), 4)) == {"c0", "c1", "c2", "c3"}
    assert store.write(lambda conn: due_queue.take(conn, 0, Instant(NOW + 5), 4)) == {"c4", "c5"}
    assert store.write(lambda conn: due_queue.take(conn, 0, Instant(NOW + 5), 4)) == set()
    with store.read() as conn:
        assert due_queue.first(conn) == NOW + 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.one_of(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 10**9), st.just(Money(Decimal("1.10"), "EUR"))),
                st.integers(0, 99),
            ),
            st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9), max_size=3),
        ),
        max_size=4,
    )
)
def test_what_facts_remember_comes_back(memory: dict[str, object]) -> None:
    assert load_fact_state(dump_fact_state(memory)) == memory
