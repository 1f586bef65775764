"""Messages that left before a store counted by domain are counted so afterwards, a page at a time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic.command import downgrade
from sqlalchemy import Connection

from engine.store import count_backfill, migrations
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.database import Store
from engine.store.messages import outcomes
from engine.store.messages.states import MessageState
from engine.store.sql import insert_many, rows
from engine.values import DAY, HOUR, Instant
from tests.store.counting.test_refused_at_once import MESSAGE, NOON
from tests.stores import new_store

SHOP = ShopFacts("UTC", "EUR", {"email": 500, "sms": 70_000})
LATER = NOON + DAY
MESSAGES: tuple[dict[str, object], ...] = (
    {"address": "a@googlemail.com", "state": "accepted", "handed_at": NOON},
    {"address": "b@their-own.example", "state": "bounced", "handed_at": NOON},
    {"address": "c@their-own.example", "state": "failed", "settled_at": NOON},
    {"address": "d@gmail.com", "state": "planned"},
    {"address": "+4917012345", "state": "delivered", "handed_at": LATER, "channel": "sms", "parts": 2},
    {"address": "token", "state": "delivered", "handed_at": LATER, "channel": "push"},
)


def by_domain(store: Store) -> dict[tuple[int, str, str, str], tuple[int, int]]:
    sql = (
        "SELECT day, channel, domain, what, sum(n), sum(money) FROM daily_domain WHERE channel <> 'push'"
        " GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0"
    )
    with store.read() as conn:
        return {
            (day - NOON // DAY, channel, domain, what): (int(n), int(money))
            for day, channel, domain, what, n, money in rows(conn, sql)
        }


def fill(conn: Connection) -> None:
    """As the version before wrote it."""
    daily_counts.describe_shop(conn, SHOP)
    insert_many(conn, "outbox", [
        {**MESSAGE, "settled_at": None, "handed_at": None, "parts": 1, "customer": f"c{number}",
         "send_key": f"m{number}", **message}
        for number, message in enumerate(MESSAGES)
    ])  # fmt: skip
    insert_many(conn, "reaction", [
        {"bucket": 0, "customer": "c0", "send_key": "m0", "kind": "clicked", "at": NOON + HOUR, "target": "",
         "who": who} for who in ("human", "human", "machine")
    ])  # fmt: skip
    insert_many(conn, "credit", [
        {"bucket": 0, "customer": "c0", "occurred_at": LATER, "event": "o1", "amount": 12_000_000,
         "currency": "EUR", "send_key": "m0", "journey": "j", "step": "s", "channel": "email",
         "is_service": False}
    ])  # fmt: skip


EXPECTED = {
    (0, "email", "gmail.com", "sent"): (1, 500),
    (0, "email", "gmail.com", "delivered"): (1, 0),
    (0, "email", "gmail.com", "opened"): (1, 0),
    (0, "email", "gmail.com", "clicked"): (1, 0),
    (1, "email", "gmail.com", "attributed"): (1, 12_000_000),
    (0, "email", "other", "sent"): (2, 500),  # one was refused before it left, which costs nothing
    (0, "email", "other", "bounced"): (1, 0),
    (0, "email", "other", "failed"): (1, 0),
    (1, "sms", "+49", "sent"): (1, 140_000),
    (1, "sms", "+49", "delivered"): (1, 0),
}


@pytest.mark.parametrize("page", [1, 3, 100])
def test_the_past_is_counted_by_domain_whatever_the_pages_and_whatever_happens_meanwhile(
    tmp_path: Path, page: int
) -> None:
    with closing(new_store(tmp_path)) as store:
        with store.engine.connect().execution_options(writes=True) as conn, conn.begin():
            config = migrations.script_config()
            config.attributes["connection"] = conn
            downgrade(config, "0027")
        store.write(fill)
        migrations.upgrade(store.engine)
        assert by_domain(store) == {}
        with store.read() as conn:
            progress = count_backfill.progress(conn)
            assert progress is not None
            assert (progress.done, progress.all) == (0, len(MESSAGES))
        # a message that is not counted by domain yet comes back: it counts as what it is by then
        bounce(store, "m4", "c4")
        while store.write(lambda conn: count_backfill.count_page(conn, page)):
            pass
        expected = EXPECTED | {(1, "sms", "+49", "bounced"): (1, 0)}
        del expected[1, "sms", "+49", "delivered"]
        assert by_domain(store) == expected
        # and one that is counted moves from there
        bounce(store, "m0", "c0")
        del expected[0, "email", "gmail.com", "delivered"]
        assert by_domain(store) == expected | {(0, "email", "gmail.com", "bounced"): (1, 0)}
        with store.read() as conn:
            assert count_backfill.progress(conn) is None


def bounce(store: Store, send_key: str, customer: str) -> None:
    settled = store.write(
        lambda conn: outcomes.settle(conn, send_key, customer, MessageState.BOUNCED, Instant(LATER))
    )
    assert settled
