"""Ceilings, sudden volume and `deliver_only`: asked in the last moment before a message leaves."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.channels.outbox.channel import kept_messages
from engine.config import Ceilings
from engine.core.reasons import ReturnReason
from engine.runtime.delivery.send_limits import AllowList, SendLimits
from engine.store.alerting import alerts
from engine.store.messages import daily_limits, queue
from engine.store.sql import change, rows
from engine.values import DAY, HOUR, MINUTE, Instant, instant, zone
from tests.runtime.delivery.test_deliverer import NOW, House, anyio_backend, house
from tests.runtime.shop import FILES, Shop

__all__ = ["anyio_backend", "house"]

BERLIN = zone("Europe/Berlin")


def guard(house: House, most: int | None = None, only: tuple[str, ...] | None = None) -> None:
    listed = AllowList(only) if only is not None else None
    guards = SendLimits(
        listed, Ceilings(each=None, of={"welcome": most} if most else {}), {"welcome": "anna"}, BERLIN
    )
    house.stock = replace(house.stock, guards=guards)


def told(house: House | Shop) -> list[tuple[str, str, str]]:
    with house.store.read() as conn:
        return [(each.journey, each.owner, each.why) for each in alerts.latest(conn)]


def planned(house: House) -> list[tuple[str, int]]:
    with house.store.read() as conn:
        return [tuple(row) for row in rows(conn, "SELECT why, ready_at FROM outbox WHERE state = 'planned'")]


@pytest.mark.anyio
async def test_a_ceiling_holds_to_the_message_and_its_owner_is_told_once(house: House) -> None:
    house.customers(40)
    house.plan(40, "push")
    guard(house, most=7)
    deliverer = house.deliverer(house.outbox("push"))
    for _ in range(12):
        await deliverer.once()
    assert house.states() == {"accepted": 7, "planned": 33}
    midnight = instant(dt.datetime(2026, 6, 22, 0, 0, tzinfo=BERLIN))
    assert NOW < midnight < NOW + DAY
    assert set(planned(house)) == {(daily_limits.WHY, midnight)}, "they ask again at midnight in Berlin"
    assert told(house) == [
        ("welcome", "anna", (
            "the ceiling of 7 messages was reached on 2026-06-21; the others wait for midnight or a higher "
            "ceiling"
        ))
    ]  # fmt: skip
    house.clock.advance_to(midnight)
    for _ in range(6):
        await deliverer.once()
    assert house.states()["accepted"] == 14, "another day, another seven"
    assert len(told(house)) == 2


@pytest.mark.anyio
async def test_a_higher_ceiling_counts_at_once_and_other_journeys_have_their_own(house: House) -> None:
    house.customers(10)
    house.plan(10, "push")
    guard(house, most=3)
    deliverer = house.deliverer(house.outbox("push"))
    await deliverer.once()
    assert house.states()["accepted"] == 3
    guard(house, most=5)
    assert house.store.write(lambda conn: daily_limits.release(conn, house.clock.now())) == 7
    await deliverer.once()
    assert house.states()["accepted"] == 5
    guard(house)
    house.store.write(lambda conn: daily_limits.release(conn, house.clock.now()))
    await deliverer.once()
    assert house.states() == {"accepted": 10}
    with house.store.read() as conn:
        assert daily_limits.handed(conn, "welcome", "2026-06-21") == 10, "counted with and without a ceiling"


def test_what_a_ceiling_holds_for_too_long_goes_the_way_of_late_messages(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    now = shop.clock.now()
    quota = daily_limits.DailyQuota("2026-03-02", Instant(now + 3 * DAY), 0, "")
    (message,) = shop.store.write(lambda conn: queue.claim(conn, "push", "test", now, MINUTE, 5))
    assert shop.store.write(lambda conn: queue.hand_over(conn, message, "h", now, quota)) == "later"
    assert shop.planned()[0].valid_until < now + 2 * DAY
    shop.clock.advance_to(shop.planned()[0].valid_until)
    assert shop.send_all() == []
    assert shop.states() == {("hello", "expired"): 1}
    assert "skip" in shop.told("ann")


def test_a_second_try_is_not_counted_again(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    now = shop.clock.now()
    quota = daily_limits.DailyQuota("2026-03-02", Instant(now + DAY), 1, "")
    for _ in range(3):
        (message,) = shop.store.write(lambda conn: queue.claim(conn, "push", "test", now, MINUTE, 5))
        handed = shop.store.write(lambda conn: queue.hand_over(conn, message, "h", now, quota))  # noqa: B023
        assert handed == "handed"
        shop.store.write(lambda conn: queue.defer(conn, message, now))  # noqa: B023
        shop.run()
    with shop.store.read() as conn:
        assert daily_limits.handed(conn, "welcome", "2026-03-02") == 1


@pytest.mark.parametrize(
    ("before", "today", "is_sudden"),
    [
        (100, 300, False),
        (100, 301, True),
        (0, 99, False),
        (0, 100, True),
        (10, 99, False),
        (1000, 900, False),
    ],
)
def test_sudden_volume_is_told_once_a_day(shop: Shop, before: int, today: int, is_sudden: bool) -> None:
    day = dt.date(2026, 6, 21)

    def job(conn: Connection) -> None:
        for back in range(1, 8):
            sql = "INSERT INTO volume (journey, day, handed) VALUES ('news', ?, ?)"
            change(conn, sql, ((day - dt.timedelta(days=back)).isoformat(), before))
        change(conn, "INSERT INTO volume VALUES ('news', ?, ?)", (day.isoformat(), today))

    shop.store.write(job)
    for hour in range(3):
        now = Instant(NOW + hour * HOUR)
        shop.store.write(
            lambda conn: daily_limits.tell_of_sudden_volume(conn, day, 3.0, {"news": "anna"}, now)  # noqa: B023
        )
    assert len(told(shop)) == is_sudden
    if is_sudden:
        assert told(shop)[0][:2] == ("news", "anna")
        assert told(shop)[0][2].startswith("sudden volume on 2026-06-21: ")


@pytest.mark.anyio
async def test_only_listed_addresses_get_anything(house: House) -> None:
    house.customers(6)
    house.plan(6, "push")
    house.plan(6, "email")
    guard(house, only=("C1@Example.com", "token-2", "customer:c3"))
    deliverer = house.deliverer(house.outbox("push"), house.outbox("email"))
    for _ in range(3):
        await deliverer.once()
        house.apply_inbox()
    found = kept_messages(house.folder / "outbox")
    assert len(list(found)) == 4  # c1 by mail, c2 by push, c3 by both
    with house.store.read() as conn:
        states = {
            (channel, customer): (state, why)
            for channel, customer, state, why in rows(
                conn, "SELECT channel, customer, state, why FROM outbox"
            )
        }
    listed = {("email", "c1"), ("push", "c2"), ("push", "c3"), ("email", "c3")}
    assert {key for key, (state, _) in states.items() if state == "accepted"} == listed
    assert {states[key] for key in states.keys() - listed} == {("suppressed", "not on the deliver_only list")}


@pytest.mark.parametrize(
    ("written", "channel", "address", "customer", "is_listed"),
    [
        ("anna@shop.example", "email", "ANNA@Shop.Example", "", True),
        ("@shop.example", "email", "bob@SHOP.example", "", True),
        ("@shop.example", "email", "bob@evil-shop.example", "", False),
        ("@shop.example", "email", "bob@shop.example.evil.com", "", False),
        ("@shop.example", "email", "bob@sub.shop.example", "", False),
        ("+359 888 123-456", "sms", "+359888123456", "", True),
        ("+359888123456", "sms", "+3598881234567", "", False),
        ("customer:anna", "push", "any-token", "anna", True),
        ("customer:anna", "push", "any-token", "ann", False),
        ("customer:anna", "push", "customer:anna", "", False),
        ("TOKEN", "push", "token", "", False),
    ],
)
def test_who_is_on_the_list(written: str, channel: str, address: str, customer: str, is_listed: bool) -> None:
    assert AllowList((written,)).names(channel, address, customer) is is_listed
    assert not AllowList(()).names(channel, address, customer)


CASCADE = {
    **FILES,
    "config.yaml": FILES["config.yaml"].replace(
        "  push: {via: outbox, price: 0 EUR}",
        "  push: {via: outbox, price: 0 EUR}\n  sms: {via: outbox, price: 0.05 EUR}",
    ),
    "journeys/welcome.yaml": FILES["journeys/welcome.yaml"].replace(
        "- send: hello", "- send: hello\n    via: [push, sms]\n    next_after: 1 hour"
    ),
    "templates/hello.sms.txt": "This is hello",
}


def test_a_channel_that_is_not_listed_is_passed_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path, CASCADE)
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    now = shop.clock.now()
    (message,) = shop.store.write(lambda conn: queue.claim(conn, "push", "test", now, MINUTE, 5))
    shop.store.write(lambda conn: queue.stop(conn, message, ReturnReason.NOT_LISTED, now))
    shop.run()
    assert shop.states() == {("hello", "suppressed"): 1}
    assert "skip" in shop.told("ann"), "no other channel reaches her: the step is over, and not asked again"
    assert shop.resting("welcome") == {"before_offer": 1}
    shop.close()
