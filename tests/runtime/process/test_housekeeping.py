"""What is old goes at night and in slices; what questions may still look at stays, and no fact changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.config import Retention
from engine.config.file import default_config, read_config
from engine.core.facts.computed import windowed_value
from engine.core.happening import Event
from engine.runtime.process import housekeeping
from engine.runtime.process.housekeeping import Housekeeping
from engine.store.customers import batches, events
from engine.store.daemon import retention, upkeep
from engine.store.products import catalogue
from engine.store.sql import change, change_many, rows
from engine.values import DAY, HOUR, Instant, Value
from tests.runtime.shop import ATTRIBUTES, FILES, Shop
from tests.stores import new_store

pytestmark = pytest.mark.anyio
TRACE = """INSERT INTO trace (bucket, customer, at, "commit", lines) VALUES (0, 'ann', 0, '', '[]')"""
BUSY = "segment: busy\nabout: Bought lately.\nwho: {orders_lately: at least 2}\n"
WINDOW = "  orders_lately: count of order_placed in last 200 days\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(housekeeping, "REST", 0)
    monkeypatch.setattr(retention, "WALKED", 3)
    monkeypatch.setattr(retention, "SLICE", 2)
    files = {"schemas/customer.yaml": ATTRIBUTES + WINDOW, "journeys/segments/busy.yaml": BUSY}
    opened = Shop(tmp_path, {**FILES, **files})
    yield opened
    opened.store.close()


def keeper(shop: Shop, policy: Retention) -> Housekeeping:
    config = replace(default_config(), timezone="Europe/Berlin", retention=policy)
    return Housekeeping(shop.store, shop.clock, lambda: config, lambda: shop.publication.journeys)


def history(shop: Shop, customer: str) -> list[tuple[str, int]]:
    """Names of events, and how many days ago they were."""
    with shop.store.read() as conn:
        found = events.of_customer(conn, 0, customer)
    return [(event.name, (shop.clock.now() - event.occurred_at) // DAY) for event in found]


def fact(shop: Shop, customer: str, name: str) -> object:
    with shop.store.read() as conn:
        loaded = batches.load_batch(conn, 0, [customer], shop.publication.journeys, shop.clock.now())
    facts = loaded.states[customer].facts
    (rule,) = (rule for rule in shop.publication.journeys.facts if rule.name == name)
    return windowed_value(rule, facts, shop.clock.now()) if rule.last is not None else facts.values[name]


async def test_events_go_but_no_fact_changes(shop: Shop) -> None:
    now = shop.clock.now()
    for number, days in enumerate((300, 150, 20)):
        at = Instant(now - days * DAY)
        for customer in ("ann", "bob", "carl"):
            for name in ("order_placed", "cart_updated"):
                event = Event(0, f"{customer}{name}{number}", name, at, now, {}, starts=False)
                shop.happen(customer, event, f"{customer}{name}{number}")
    shop.run()
    facts = [fact(shop, "ann", name) for name in ("orders_count", "orders_lately", "last_order_at")]
    assert facts[:2] == [3, 2]
    dropped = await keeper(shop, Retention(events=30 * DAY)).drop_old()
    # of orders 200 days are counted: they are kept so long, however short the policy is
    kept = [("cart_updated", 20), ("order_placed", 150), ("order_placed", 20)]
    for customer in ("ann", "bob", "carl"):
        assert sorted(event for event in history(shop, customer) if event[0][0] != "$") == sorted(kept)
    assert dropped["event"] >= 9
    assert [fact(shop, "ann", name) for name in ("orders_count", "orders_lately", "last_order_at")] == facts


async def test_traces_and_receipts_go_after_their_time(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "subscribed", "e1")
    shop.run()
    policy = Retention(traces=DAY, receipts=DAY)
    await keeper(shop, policy).drop_old()
    assert shop.told("ann") != []
    shop.clock.advance(2 * DAY)
    await keeper(shop, policy).drop_old()
    assert shop.told("ann") == []
    with shop.store.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM receipt").scalar_one() == 0
        assert batches.count(conn) == 1
    assert [name for name, _ in history(shop, "ann")].count("subscribed") == 1, "events are kept for ever"


async def test_words_go_and_the_rows_that_tell_what_happened_stay(shop: Shop) -> None:
    now = shop.clock.now()
    report = (
        "INSERT INTO report (bucket, customer, send_key, channel, event_id, provider_id, kind, fault, at,"
        " received_at, detail, raw) VALUES (0, 'ann', 'k', 'email', ?, '', 'bounced', '', ?, ?, 'd', 'raw')"
    )
    call = (
        "INSERT INTO webhook_call (bucket, customer, call_key, enrollment, webhook, body, state, planned_at,"
        " ready_at, attempts, detail) VALUES (0, 'ann', ?, 'e', 'crm', '{\"a\": 1}', ?, ?, 0, 1, '')"
    )

    def fill(conn: Connection) -> None:
        old = now - 100 * DAY
        change_many(conn, report, [(f"r{n}", at, at) for n, at in enumerate([old] * 5 + [now] * 2)])
        change_many(conn, call, [("a", "done", old), ("b", "planned", old), ("c", "failed", now)])

    shop.store.write(fill)
    for _ in range(2):  # the second night goes on where the first has stopped
        await keeper(shop, Retention(bodies=30 * DAY)).drop_old()
    with shop.store.read() as conn:
        assert [raw for (raw,) in rows(conn, "SELECT raw FROM report ORDER BY number")] == [""] * 5 + [
            "raw"
        ] * 2
        calls = dict(rows(conn, "SELECT call_key, body FROM webhook_call"))
    assert calls == {"a": "{}", "b": '{"a": 1}', "c": '{"a": 1}'}


async def test_it_is_done_once_a_night_by_whoever_leads(shop: Shop) -> None:
    leads = False
    config = replace(default_config(), timezone="Europe/Berlin", retention=Retention(traces=HOUR))
    keeps = Housekeeping(
        shop.store, shop.clock, lambda: config, lambda: shop.publication.journeys, lambda: leads
    )

    async def passes(hours: int) -> int:
        """How often rows went in so many hours."""
        times = 0
        for _ in range(hours):
            shop.clock.advance(HOUR)
            shop.store.write(lambda conn: change(conn, TRACE))
            await keeps.look()
            with shop.store.read() as conn:
                times += rows(conn, "SELECT count(*) FROM trace")[0][0] == 0
        return times

    assert await passes(3 * 24) == 0
    leads = True
    assert await passes(1) == 1, "it was never done"
    assert await passes(5 * 24) in (4, 5)


@pytest.mark.file
async def test_the_log_is_cut_off_and_a_reader_is_not_waited_for(tmp_path: Path) -> None:
    store = new_store(tmp_path)

    def fill(conn: Connection) -> None:
        change(conn, "INSERT INTO meta (name, value) VALUES (?, ?)", (str(len(seen)), "x" * 300_000))

    seen: list[int] = []

    def size() -> int:
        with store.read() as conn:
            return upkeep.sizes(conn)["wal"]

    for number in range(5):
        seen.append(number)
        store.write(fill)
    assert size() > 1_000_000
    with store.read() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM meta")
        seen.append(9)
        store.write(fill)
        with store.engine.connect() as conn:
            upkeep.shrink_log(conn)
    assert size() > 0
    with store.engine.connect() as conn:
        upkeep.shrink_log(conn)
    assert size() == 0
    store.close()


def test_lengths_are_read_and_what_is_none_is_told() -> None:
    config, problems = read_config(
        "retention: {events: 3 years, traces: 1 year, bodies: 90 days, receipts: 2 weeks}"
    )
    assert problems == []
    assert config.retention == Retention(1095 * DAY, 365 * DAY, 90 * DAY, 14 * DAY)
    assert read_config("")[0].retention.events is None


async def test_old_prices_and_stock_go(shop: Shop) -> None:
    now = shop.clock.now()
    for days in (900, 800, 100, 61, 5):
        fields: dict[str, Value] = {"price": Decimal(days), "stock": days}
        at = Instant(now - days * DAY)
        shop.store.write(lambda conn: catalogue.write(conn, {"p1": fields}, at))  # noqa: B023
    dropped = await keeper(shop, Retention()).drop_old()
    assert (dropped["product_price"], dropped["product_stock"]) == (1, 4)
    with shop.store.read() as conn:
        found = conn.exec_driver_sql("SELECT amount FROM product_price ORDER BY at").scalars().all()
    assert [amount // 1_000_000 for amount in found] == [800, 100, 61, 5]
