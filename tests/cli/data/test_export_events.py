"""`export events`: a store's own stream, and what a replay of it says."""

from __future__ import annotations

import gzip
import json
import stat
from typing import Any

import pytest

from engine.store.sql import change, rows
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

PEOPLE = (
    '{"customer_id": "c1", "email": "anna@example.com", "first_name": "Anna", "language": "en",'
    ' "consent": {"email": "given"}}\n'
    '{"customer_id": "c2", "email": "ben@example.com", "consent": {"email": "given"}}\n'
    '{"customer_id": "c3", "email": "zoe@example.com"}\n'
)
EVENTS = (
    '{"customer_id": "c1", "event": "subscribed", "at": "2026-11-20T09:59:00Z", "id": "e1"}\n'
    '{"customer_id": "c2", "event": "subscribed", "at": "2026-11-20T09:59:10Z", "id": "e2"}\n'
    '{"customer_id": "c3", "event": "subscribed", "at": "2026-11-20T09:59:20Z", "id": "e3"}\n'
)
ORDER = (
    '{"customer_id": "c2", "event": "order_placed", "at": "2026-11-21T12:00:00Z", "id": "e4",'
    ' "properties": {"total": 20.5, "currency": "EUR"}}\n'
)
CHANGE = '{"customer_id": "c1", "language": "de", "email": null}\n'


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """Three people of whom two may be written to, over four days."""
    assert small_shop.run("import", str(small_shop.write("people.jsonl", PEOPLE))).code == 0
    assert small_shop.run("import", "--live", str(small_shop.write("events.jsonl", EVENTS))).code == 0
    small_shop.play()
    small_shop.go_to("2026-11-21T12:00:00+00:00")
    assert small_shop.run("import", "--live", str(small_shop.write("order.jsonl", ORDER))).code == 0
    small_shop.play()
    for day in ("22", "23", "24"):
        small_shop.go_to(f"2026-11-{day}T12:00:00+00:00")
        small_shop.play()
    return small_shop


def exported(shop: Shop, *words: str, name: str = "events.jsonl") -> list[dict[str, Any]]:
    file = shop.folder / name
    said = shop.run("export", "events", "--out", str(file), *words)
    assert said.code == 0, said.err
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()
    assert f"{len(text.splitlines())} line" in said.out
    return [json.loads(line) for line in text.splitlines()]


def test_a_replay_of_it_sends_what_the_shop_sent(shop: Shop) -> None:
    lines = exported(shop)
    # They subscribed a minute before the shop heard of it, and of them.
    assert lines[0]["event"] == "customer_changed"
    store = shop.store()
    try:
        with store.read() as conn:
            sent = rows(
                conn,
                "SELECT customer, template, channel, handed_at FROM outbox WHERE handed_at IS NOT NULL",
            )
    finally:
        store.close()
    assert sent
    out = shop.folder / "out"
    said = shop.run("replay", "--strict", "--events", str(shop.folder / "events.jsonl"), "--out", str(out))
    assert said.code == 0, said.err
    played = [json.loads(line) for line in (out / "messages.jsonl").read_text().splitlines()]
    assert sorted((row["customer"], row["template"], row["channel"]) for row in played) == sorted(
        (customer, template, channel) for customer, template, channel, _ in sent
    )


def test_no_address_and_no_name_of_an_address_is_in_it(shop: Shop) -> None:
    lines = exported(shop, name="events.jsonl.gz")
    text = json.dumps(lines)
    assert "example.com" not in text
    (anna,) = [line for line in lines if line["customer_id"] == "c1" and line["event"] == "customer_changed"]
    assert anna["properties"]["addresses"] == {"email": True}
    assert anna["properties"]["consents"] == {"email": "given"}
    assert stat.S_IMODE((shop.folder / "events.jsonl.gz").stat().st_mode) == 0o600


def test_what_was_before_the_first_day_stands_at_its_beginning(shop: Shop) -> None:
    assert shop.run("import", str(shop.write("change.jsonl", CHANGE))).code == 0
    shop.play()
    lines = exported(shop, "--from", "2026-11-21")
    assert {line["event"] for line in lines if line["at"] < "2026-11-21T12"} == {"customer_changed"}
    first = next(line for line in lines if line.get("customer_id") == "c1")
    assert first["properties"]["attributes"]["language"] == "en"
    last = [
        line for line in lines if line.get("customer_id") == "c1" and line["event"] == "customer_changed"
    ][-1]
    assert last["properties"]["attributes"]["language"] == "de"
    assert exported(shop, "--to", "2026-11-19") == []


def test_reactions_name_the_message_that_they_are_about(shop: Shop) -> None:
    store = shop.store()
    try:
        store.write(
            lambda conn: change(
                conn,
                "INSERT INTO reaction (bucket, customer, send_key, kind, at, target, who)"
                " SELECT bucket, customer, send_key, 'clicked', handed_at + 60000, '', 'human' FROM outbox"
                " WHERE handed_at IS NOT NULL",
            )
        )
    finally:
        store.close()
    lines = exported(shop)
    sent = {(line["customer_id"], line["at"]) for line in lines if line["event"] == "message_handed"}
    clicks = [line for line in lines if line["event"] == "message_clicked"]
    assert clicks
    assert all((line["customer_id"], line["properties"]["sent_at"]) in sent for line in clicks)


def test_what_it_says(shop: Shop, golden: Golden) -> None:
    said = [
        report(shop.run("export", "events")),
        report(shop.run("export", "events", "--out", "events.jsonl", "--from", "yesterday")),
        report(shop.run("export", "c1", "--from", "2026-11-21")),
        report(shop.run("export", "events", "--out", "nowhere/events.jsonl")),
    ]
    golden("golden/export_events.txt", "".join(said))


def test_who_was_imported_as_history_starts_nowhere_in_the_replay_either(small_shop: Shop) -> None:
    assert small_shop.run("import", str(small_shop.write("people.jsonl", PEOPLE))).code == 0
    assert small_shop.run("import", str(small_shop.write("events.jsonl", EVENTS))).code == 0
    small_shop.play()
    lines = exported(small_shop)
    assert [line["properties"] for line in lines if line["event"] == "subscribed"] == [{"$history": True}] * 3
    said = small_shop.run("replay", "--events", str(small_shop.folder / "events.jsonl"), "--format", "json")
    assert json.loads(said.out)["events"]["subscribed"] == 3
    assert json.loads(said.out)["journeys"] == []
