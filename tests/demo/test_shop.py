"""The make-believe shop: the same from the same seed, believable, and nobody's real address."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter

from engine.values import instant
from tools.demo.shop import Shop, make_shop

START = instant(dt.datetime(2026, 3, 29, 18, tzinfo=dt.UTC))


def told(shop: Shop) -> list[dict[str, object]]:
    return [*shop.history(), *shop.customers()]


def test_the_same_seed_makes_the_same_year() -> None:
    assert told(make_shop(4, 60, START)) == told(make_shop(4, 60, START))
    assert told(make_shop(4, 60, START)) != told(make_shop(5, 60, START))


def test_nobody_real_is_ever_written_to() -> None:
    shop = make_shop(1, 900, START)
    mails = [person.addresses["email"] for person in shop.people.values()]
    phones = [person.addresses["sms"] for person in shop.people.values() if "sms" in person.addresses]
    assert all(re.fullmatch(r"[a-z.]+\.\d+@example\.(com|org|net)", mail) for mail in mails)
    assert all(re.fullmatch(r"\+447700900\d{3}|\+1\d{3}55501\d\d", phone) for phone in phones)
    assert len(set(mails)) == len(mails)
    assert len(set(phones)) == len(phones) > 100


def test_history_ends_where_the_demo_begins() -> None:
    shop = make_shop(2, 300, START)
    rows = list(shop.history())
    assert max(str(row["at"]) for row in rows) < "2026-03-29T18:00:00Z"
    assert {row["event"] for row in shop.coming} == {"order_delivered"}
    assert min(str(row["at"]) for row in shop.coming) >= "2026-03-29T18:00:00Z"
    assert len({row["id"] for row in rows}) == len(rows)


def test_people_come_back_at_their_own_pace_and_some_are_lost() -> None:
    shop = make_shop(3, 800, START)
    list(shop.history())
    orders = Counter(min(len(shop.orders.get(name, ())), 3) for name in shop.people)
    assert all(orders[times] > 60 for times in (0, 1, 2, 3))
    ago = [START - instant(dt.datetime.fromisoformat(str(rows[-1]["at"]))) for rows in shop.orders.values()]
    lapsed = sum(gap > 90 * 86_400_000 for gap in ago)
    assert 0.08 < lapsed / len(ago) < 0.5
