"""Messages that were refused before they left count, also those from before they did."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic.command import downgrade
from sqlalchemy import Connection

from engine.store import migrations
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.database import Store
from engine.store.sql import insert_many, rows
from engine.values import DAY, HOUR
from tests.stores import new_store

NOON = 20_000 * DAY + 12 * HOUR
"""In UTC; in Auckland it is the next day."""

MESSAGE = {
    "bucket": 0, "customer": "c", "enrollment": "", "journey": "j", "step": "s", "template": "t",
    "channel": "email", "policy": "", "purpose": None, "why": "", "fence": 0, "planned_at": 0, "due_at": 0,
    "valid_until": 0, "ready_at": 0, "attempts": 1, "counts": True, "resent": 0, "names": "{}", "detail": "",
}  # fmt: skip


def counted(store: Store) -> list[tuple[object, ...]]:
    sql = "SELECT day, what, sum(n), sum(money) FROM daily GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2"
    with store.read() as conn:
        return [tuple(map(str, row)) for row in rows(conn, sql)]


def test_they_are_counted_on_the_day_of_the_refusal_when_the_store_is_brought_up_to_date(
    tmp_path: Path,
) -> None:
    with closing(new_store(tmp_path)) as store:

        def fill(conn: Connection) -> None:
            daily_counts.describe_shop(conn, ShopFacts("Pacific/Auckland", "EUR", {"email": 500}))
            insert_many(conn, "outbox", [
                {**MESSAGE, "send_key": f"m{number}", "state": state, "handed_at": left, "settled_at": NOON}
                for number, (state, left) in enumerate((
                    ("bounced", None), ("bounced", None), ("failed", None), ("bounced", NOON),
                    ("expired", None),
                ))
            ])  # fmt: skip

        def before() -> None:
            with store.engine.connect().execution_options(writes=True) as conn, conn.begin():
                config = migrations.script_config()
                config.attributes["connection"] = conn
                downgrade(config, "0026")

        before()
        store.write(fill)
        for _ in range(2):
            migrations.upgrade(store.engine)
            assert counted(store) == [
                ("20001", "bounced", "2", "0"), ("20001", "failed", "1", "0"), ("20001", "sent", "3", "0"),
            ]  # fmt: skip
            before()
            assert counted(store) == []
