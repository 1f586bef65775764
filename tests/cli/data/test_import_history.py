"""`import` of history on a shop that is published: from rows to facts in one pass, with nothing left for the
daemon, and with nothing that the way through the inbox would have made otherwise."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.channel_kinds import normalised
from engine.cli.importing.history import HistoryPass
from engine.core.happening import Event, ProfileChanged
from engine.project import load
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import EventItem
from engine.store.customers import suppressions
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox import Arrival
from tests.cli.conftest import ROOT, Shop
from tests.runtime.shop import FILES
from tests.runtime.shop import Shop as RunningShop

SEGMENT = "segment: buyers\nwho: {orders_count: at least 2}\n"


@pytest.fixture
def history_shop(small_shop: Shop) -> Shop:
    """A shop with facts, a segment and two journeys."""
    for name in ("journeys", "templates", "schemas", "segments"):
        shutil.rmtree(small_shop.folder / name, ignore_errors=True)
    for name, text in {**FILES, "journeys/segments/buyers.yaml": SEGMENT}.items():
        small_shop.write(name, text)
    return small_shop


def asked(shop: Shop, sql: str) -> list[tuple[Any, ...]]:
    store = shop.store()
    try:
        with store.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]
    finally:
        store.close()


KNOWN = (
    "SELECT id, zone, attributes, folded, memory, seen, segments, reach, marks FROM customer ORDER BY id",
    "SELECT customer, name, occurred_at, id, starts, fields FROM event ORDER BY 1, 2, 3, 4",
    "SELECT source, id, digest FROM receipt ORDER BY source, id",
    "SELECT customer, channel, purpose, state, at, source FROM consent ORDER BY customer, channel",
    "SELECT address_hash, channel, customer FROM address ORDER BY address_hash, customer",
    "SELECT product, customer, viewed_at, cart_at FROM watch ORDER BY product, customer",
    "SELECT count(*) FROM enrollment",
    "SELECT count(*) FROM inbox",
)


def known(shop: Shop) -> list[list[tuple[Any, ...]]]:
    """Everything that history leaves, without the numbers of receipt."""
    return [asked(shop, sql) for sql in KNOWN]


def rows_of_a_year() -> tuple[str, str]:
    """Customers (some twice, one refused, one whose address is suppressed) and events of them, in no
    order."""
    dice = random.Random(5)
    people = ["customer_id,email,country,tier,consent.push"]
    people += [
        f"c{n % 40},c{n % 40 + n // 40 * 50}@example.com,{dice.choice(('DE', 'BG', ''))},gold,given"
        for n in range(60)
    ]
    people.append("c1,nonsense,DE,platinum,given")
    events = [
        json.dumps({
            "customer_id": f"c{dice.randrange(50)}", "id": f"e{n}",
            "at": f"2026-{dice.randrange(1, 11):02}-{dice.randrange(1, 28):02}T10:00:00Z",
            "event": name, "properties": {"order_id": f"o{n}", "product_id": f"p{n % 7}", "total": n / 4},
        })
        for n in range(300) if (name := dice.choice(("order_placed", "cart_updated", "subscribed")))
    ]  # fmt: skip
    return "\n".join(people) + "\n", "\n".join(events) + "\n"


def suppress(shop: Shop) -> None:
    store, now = shop.store(), shop.clock.now()
    address = normalised("email", "c2@example.com")
    why = suppressions.SuppressionReason.COMPLAINED
    store.write(lambda conn: suppressions.suppress(conn, "email", address, "all", now, why))
    store.close()


def import_all(shop: Shop) -> None:
    people, events = rows_of_a_year()
    refused = str(shop.folder / "refused.csv")
    shop.run("import", str(shop.write("people.csv", people)), "--refused", refused, "--batch", "25")
    answer = shop.run("import", str(shop.write("events.jsonl", events)), "--batch", "70")
    assert answer.code == 0, answer.err


def test_one_pass_leaves_what_the_inbox_and_the_daemon_leave(history_shop: Shop, tmp_path: Path) -> None:
    twin = Shop(
        tmp_path / "twin", history_shop.clock, history_shop._capsys, history_shop._monkeypatch
    )  # fmt: skip
    shutil.copytree(history_shop.folder, twin.folder)
    # Of the one the journeys are published before, of the other after the import
    history_shop.play(deliver=False)
    suppress(history_shop)
    import_all(history_shop)
    at_once = known(history_shop)
    store = twin.store()
    store.close()
    shutil.copy(history_shop.folder / "data/shop.db", tmp_path / "first.db")
    with_secret(history_shop, twin)
    suppress(twin)
    import_all(twin)
    assert asked(twin, "SELECT count(*) FROM customer") == [(0,)]
    twin.play(deliver=False)
    assert at_once == known(twin)
    assert at_once[-1] == [(0,)]
    assert any("buyers" in row[6] for row in at_once[0])
    assert len(at_once[0]) == 50


def with_secret(one: Shop, other: Shop) -> None:
    """Both hash addresses with the same key."""
    ((secret,),) = asked(one, "SELECT value FROM meta WHERE name = 'secret'")
    store: Store = other.store()
    store.write(
        lambda conn: conn.exec_driver_sql("UPDATE meta SET value = ? WHERE name = 'secret'", (secret,))
    )
    store.close()


def test_what_waits_already_is_applied_before_the_history_of_the_same_customer(history_shop: Shop) -> None:
    history_shop.play(deliver=False)
    store, now = history_shop.store(), history_shop.clock.now()
    change = Arrival("c1", "api", "x", ProfileChanged(0, now, {"tier": "bronze"}))
    store.write(lambda conn: inbox.append(conn, [change], now))
    store.close()
    rows = "customer_id,tier\nc1,silver\nc2,silver\n"
    assert history_shop.run("import", str(history_shop.write("people.csv", rows))).code == 0
    sql = "SELECT id, json_extract(attributes, '$.tier') FROM customer ORDER BY id"
    assert asked(history_shop, sql) == [("c2", "silver")]
    assert asked(history_shop, "SELECT customer, lane FROM inbox ORDER BY number") == [("c1", 0), ("c1", 1)]
    history_shop.play(deliver=False)
    assert asked(history_shop, sql) == [("c1", "silver"), ("c2", "silver")]


def test_a_goal_in_the_history_ends_a_run_and_nobody_is_woken(history_shop: Shop) -> None:
    history_shop.play(deliver=False)
    store, now = history_shop.store(), history_shop.clock.now()
    said = []
    for who in ("ann", "bob"):
        said.append(Arrival(who, "api", f"{who}-1", ProfileChanged(0, now, {}, {"push": f"token-{who}"})))
        said.append(Arrival(who, "api", f"{who}-2", Event(0, who, "cart_updated", now, now)))
    store.write(lambda conn: inbox.append(conn, said, now))
    store.close()
    history_shop.play(deliver=False)
    history_shop.go_to("2026-11-20T14:00:00+00:00")  # both are due since eleven
    rows = (
        "customer_id,event,at\nann,order_placed,2026-11-20T10:30:00Z\nbob,cart_updated,2026-11-20T10:40:00Z\n"
    )
    assert history_shop.run("import", str(history_shop.write("e.csv", rows))).code == 0
    runs = "SELECT customer, outcome FROM enrollment WHERE journey = 'cart' ORDER BY customer"
    assert asked(history_shop, runs) == [("ann", "goal"), ("bob", None)]
    assert asked(history_shop, "SELECT count(*) FROM outbox") == [(0,)]
    history_shop.play(deliver=False)
    assert asked(history_shop, "SELECT customer FROM outbox") == [("bob",)]


def test_one_customer_who_cannot_be_applied_does_not_stop_the_import(history_shop: Shop) -> None:
    history_shop.play(deliver=False)
    rows = "customer_id,tier\nc1,gold\nc2,gold\n"
    history_shop.run("import", str(history_shop.write("people.csv", rows)))
    store = history_shop.store()
    store.write(lambda conn: conn.exec_driver_sql("UPDATE customer SET marks = '[7]' WHERE id = 'c1'"))
    store.close()
    later = rows.replace("gold", "silver")
    answer = history_shop.run("import", str(history_shop.write("later.csv", later)), "--format", "json")
    assert json.loads(answer.out)["taken"] == 2
    history_shop.play(deliver=False)
    sql = "SELECT json_extract(attributes, '$.tier') FROM customer WHERE id = 'c2'"
    assert asked(history_shop, sql) == [("silver",)]
    assert asked(history_shop, "SELECT customer FROM stuck") == [("c1",)]
    assert asked(history_shop, "SELECT customer FROM inbox") == [("c1",)]


def test_a_killed_pass_neither_loses_nor_doubles(history_shop: Shop) -> None:
    history_shop.play(deliver=False)
    events = "".join(
        json.dumps(
            {"customer_id": f"c{n % 300}", "event": "order_placed", "at": "2026-10-01T10:00:00Z", "id": n}
        )
        + "\n"
        for n in range(3_000)
    )
    path = history_shop.write("events.jsonl", events)
    words = [
        sys.executable, str(ROOT / "main.py"), "--project", str(history_shop.folder), "import", str(path),
        "--batch", "10",
    ]  # fmt: skip
    count = "SELECT count(*), count(DISTINCT id) FROM event"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while asked(history_shop, count) == [(0, 0)] and process.poll() is None:
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    ((some, _),) = asked(history_shop, count)
    assert 0 < some < 3_000
    ended = json.loads(history_shop.run("import", str(path), "--format", "json").out)
    assert (ended["taken"], ended["duplicates"], ended["done"]) == (3_000, 0, True)
    assert asked(history_shop, count) == [(3_000, 3_000)]
    counted = "SELECT DISTINCT json_extract(attributes, '$.orders_count') FROM customer"
    assert asked(history_shop, counted) == [(10,)]


def test_what_was_published_meanwhile_is_not_decided_by_old_journeys(tmp_path: Path) -> None:
    shop = RunningShop(tmp_path)
    project = load(tmp_path / "project0")
    intake = Intake(project.catalogue, project.config, project.journeys)
    history = HistoryPass(shop.store, shop.clock)
    history.follow()
    shop.publish({**FILES, "journeys/segments/buyers.yaml": SEGMENT})

    def waiting(customer: str) -> int:
        item = EventItem(0, customer, "order_placed", None, customer, history=True)
        batch = intake.prepare([item], "import", shop.clock.now())
        shop.store.write(lambda conn: history.take(conn, intake, batch, shop.clock.now()))
        with shop.store.read() as conn:
            return inbox.depth(conn)

    assert waiting("ann") == 1
    history.follow()
    assert waiting("bob") == 1
    shop.store.close()
