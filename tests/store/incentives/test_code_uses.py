"""Codes that people show: noted once, refused where they do not count, and used by one of many at once."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from sqlalchemy import Connection, event

from engine.core.code_verdict import Verdict
from engine.core.decision.effects import GiveBack, TakeCode
from engine.store import idempotency
from engine.store.amounts import amount_of
from engine.store.database import Store
from engine.store.incentives import code_stock, code_uses, codes
from engine.store.incentives.code_uses import ShownCode
from engine.store.sql import rows
from engine.values import DAY, Instant, Money

NOW = Instant(1_772_442_000_000)
END = Instant(NOW + DAY)
LATER = Instant(END + 1)


@pytest.fixture
def shop(store: Store) -> Store:
    """Ann has A-1, of a file; everybody has SPRING."""

    def job(conn: Connection) -> None:
        code_stock.add(conn, "VIP", ["A-1", "A-2"], NOW)
        taken = [("ann", TakeCode("r1", "VIP", "A-1", END, "file", "welcome", "VIP"))]
        taken += [
            (who, TakeCode(f"s-{who}", "SPRING26", "SPRING", END, "shared", "spring", "SPRING26"))
            for who in ("ann", "bob")
        ]
        codes.take(conn, 0, taken, NOW)

    store.write(job)
    return store


def noted(store: Store) -> list[tuple[str, str, str, str]]:
    with store.read() as conn:
        return rows(conn, "SELECT value, customer, order_id, verdict FROM code_use ORDER BY number")


def note(store: Store, *shown: ShownCode) -> dict[str, str]:
    return store.write(lambda conn: code_uses.note(conn, shown))


def test_an_order_uses_its_code_once_however_often_it_is_told(shop: Store) -> None:
    order = ShownCode("A-1", "ann", NOW, "order", "o1", Money(Decimal("39.90"), "EUR"))
    assert note(shop, order) == {"A-1": "VIP"}
    assert note(shop, order, order) == {"A-1": "VIP"}
    assert noted(shop) == [("A-1", "ann", "o1", "used")]
    with shop.read() as conn:
        ((amount,),) = rows(conn, "SELECT amount FROM code_use")
        assert amount_of(amount) == Decimal("39.9")
        found = code_uses.find(conn, "a-1")
        assert found is not None
        assert (found.used_at, found.journey) == (NOW, "welcome")


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (ShownCode("A-1", "bob", NOW, "order", "o2"), Verdict.OTHER),
        (ShownCode("A-1", "ann", LATER, "order", "o2"), Verdict.ENDED),
        (ShownCode("A-2", "bob", NOW, "order", "o2"), Verdict.NOT_GIVEN),
        (ShownCode("SPRING", "eve", NOW, "order", "o2"), Verdict.USED),
    ],
)
def test_what_does_not_count_is_noted(shop: Store, shown: ShownCode, verdict: Verdict) -> None:
    note(shop, shown)
    assert noted(shop) == [(shown.value, shown.customer, "o2", verdict.value)]


def test_a_second_order_with_a_code_is_noted_as_that(shop: Store) -> None:
    note(shop, *(ShownCode("A-1", "ann", NOW, "order", order) for order in ("o1", "o2")))
    note(shop, ShownCode("A-1", "ann", NOW, "order", "o3"))
    assert [verdict for *_, verdict in noted(shop)] == ["used", "used twice", "used twice"]


def test_a_cart_or_a_till_without_an_order_is_completed_by_the_order(shop: Store) -> None:
    note(shop, ShownCode("A-1", "ann", NOW, "order"))
    note(shop, ShownCode("A-1", "ann", NOW, "order", "o1", Money(Decimal(20), "EUR")))
    assert noted(shop) == [("A-1", "ann", "o1", "used")]


def test_a_code_that_its_run_takes_again_is_worth_what_its_pool_says_by_then(store: Store) -> None:
    def take(conn: Connection, end: Instant, text: str) -> None:
        code = TakeCode("r1", "SPRING26", "SPRING", end, "shared", "spring", "SPRING26", text)
        codes.take(conn, 0, [("ann", code)], NOW)

    store.write(lambda conn: take(conn, END, "10 %"))
    store.write(lambda conn: codes.give_back(conn, 0, [GiveBack("r1", "SPRING26", "SPRING")], NOW))
    store.write(lambda conn: take(conn, LATER, "20 %"))
    with store.read() as conn:
        assert rows(conn, "SELECT text, expires_at, given_back_at FROM code") == [("20 %", LATER, None)]


def test_a_text_that_is_no_code_of_ours_is_left_alone(shop: Store) -> None:
    assert note(shop, ShownCode("HELLO", "ann", NOW, "order", "o1")) == {}
    assert noted(shop) == []


def test_notes_take_as_many_statements_for_many_orders_as_for_one(shop: Store) -> None:
    told: list[str] = []

    def see(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    with shop.read() as conn:
        engine = conn.engine
    counts = []
    for many in (1, 200):
        told.clear()
        event.listen(engine, "before_cursor_execute", see)
        try:
            note(
                shop, *(ShownCode("SPRING", f"{many}.{n}", NOW, "order", f"{many}.{n}") for n in range(many))
            )
        finally:
            event.remove(engine, "before_cursor_execute", see)
        counts.append(len([each for each in told if "code" in each]))
    assert counts[0] == counts[1]


def use(store: Store, value: str, customer: str = "", order: str = "", at: Instant = NOW) -> Verdict:
    def job(conn: Connection) -> Verdict:
        code = code_uses.find(conn, value, customer)
        assert code is not None
        return code_uses.use(conn, code, ShownCode(code.value, customer, at, "till", order))[0]

    return store.write(job)


def test_a_till_uses_a_code_once_and_the_same_order_again_is_the_same(shop: Store) -> None:
    assert use(shop, "A-1", "ann", "o1") is Verdict.USED
    assert use(shop, "A-1", "ann", "o1") is Verdict.SAME
    assert use(shop, "A-1", "ann", "o2") is Verdict.TWICE
    assert use(shop, "A-1") is Verdict.TWICE


def test_a_till_is_refused_what_is_not_of_this_customer_or_over(shop: Store) -> None:
    assert use(shop, "A-1", "bob") is Verdict.OTHER
    assert use(shop, "A-1", at=LATER) is Verdict.ENDED
    assert use(shop, "A-2") is Verdict.NOT_GIVEN
    assert [verdict for *_, verdict in noted(shop)] == ["another customer", "after its end", "not given out"]
    assert use(shop, "A-1") is Verdict.USED


def test_everybody_uses_a_code_for_everybody_once(shop: Store) -> None:
    assert use(shop, "SPRING", "ann") is Verdict.USED
    assert use(shop, "SPRING", "ann") is Verdict.TWICE
    assert use(shop, "SPRING", "bob") is Verdict.USED


def test_of_many_tills_at_once_one_uses_the_code(shop: Store) -> None:
    found: list[Verdict] = []

    def till(number: int) -> None:
        found.append(use(shop, "A-1", "ann", f"o{number}"))

    threads = [threading.Thread(target=till, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found).count(Verdict.USED) == 1
    assert found.count(Verdict.TWICE) == 39


def test_a_key_gets_one_answer_and_nothing_is_done_twice(store: Store) -> None:
    done: list[int] = []

    def ask(body: bytes) -> idempotency.KeptAnswer:
        def answer() -> tuple[int, str]:
            done.append(1)
            return 200, f"answer {len(done)}"

        return store.write(lambda conn: idempotency.once(conn, "key", body, NOW, answer))

    assert ask(b"a") == ask(b"a") == idempotency.KeptAnswer(200, "answer 1")
    assert ask(b"b").is_other
    assert len(done) == 1
    assert store.write(lambda conn: idempotency.forget(conn, LATER)) == 1


def test_marking_reads_an_index_also_of_a_code_that_everybody_has(sqlite_store: Store) -> None:
    with sqlite_store.read() as conn:
        plan = " ".join(
            str(row)
            for row in rows(
                conn,
                "EXPLAIN QUERY PLAN UPDATE code SET used_at = 1 FROM (SELECT 'a' AS v, 'b' AS c) AS l"
                " WHERE code.value = l.v AND code.customer = l.c AND code.used_at IS NULL",
            )
        )
    assert "code_value (value=? AND customer=?)" in plan
