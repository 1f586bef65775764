"""`export` and `erase` on the command line."""

from __future__ import annotations

import json
import stat

import pytest

from engine.store.customers import batches
from tests.cli.conftest import Shop, report
from tests.conftest import Golden
from tests.stores import is_on_postgresql

PEOPLE = (
    '{"customer_id": "c1", "email": "anna@example.com", "first_name": "Anna",'
    ' "consent": {"email": "given"}}\n'
    '{"customer_id": "c2", "email": "ben@example.com", "consent": {"email": "given"}}\n'
    '{"customer_id": "c3", "email": "ben@example.com"}\n'
    '{"customer_id": "events"}\n'
)
EVENTS = '{"customer_id": "c1", "event": "subscribed", "at": "2026-11-20T09:59:00Z", "id": "e1"}\n'


@pytest.fixture
def people(small_shop: Shop) -> Shop:
    assert small_shop.run("import", str(small_shop.write("people.jsonl", PEOPLE))).code == 0
    assert small_shop.run("import", "--live", str(small_shop.write("events.jsonl", EVENTS))).code == 0
    small_shop.play()
    return small_shop


def known(shop: Shop) -> list[str]:
    store = shop.store()
    try:
        with store.read() as conn:
            return [name for name in ("c1", "c2", "c3") if batches.exists(conn, 0, name)]
    finally:
        store.close()


def test_export_writes_what_is_kept(people: Shop) -> None:
    document = json.loads(people.run("export", "anna@example.com").out)
    assert document["customer"] == "c1"
    assert document["attributes_and_facts"]["first_name"] == "Anna"
    assert [event["event"] for event in document["events"]] == ["subscribed"]
    file = people.folder / "anna.json"
    said = people.run("export", "c1", "--out", str(file))
    assert "1 event, readable by you alone" in said.out
    assert json.loads(file.read_text())["events"] == document["events"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_somebody_whose_id_is_the_word_for_all_events_can_be_exported(people: Shop) -> None:
    assert json.loads(people.run("export", "--customer", "events").out)["customer"] == "events"
    stream = people.folder / "stream.jsonl"
    assert people.run("export", "events", "--out", str(stream)).code == 0
    assert '"c1"' in stream.read_text(encoding="utf-8")


def test_what_they_say(people: Shop, golden: Golden) -> None:
    golden("golden/export_nobody.txt", report(people.run("export", "zoe")))
    golden("golden/export_two_names.txt", report(people.run("export", "c1", "--customer", "c2")))
    golden("golden/export_several.txt", report(people.run("export", "ben@example.com")))
    golden("golden/erase_whom.txt", report(people.run("erase")))
    golden("golden/erase_unasked.txt", report(people.run("erase", "c1")))
    golden("golden/erase.txt", report(people.run("erase", "c1", "--yes")))
    golden("golden/erase_again.txt", report(people.run("erase", "c1", "--yes")))
    golden("golden/erase.json", report(people.run("erase", "c2", "--yes", "--format", "json")))


@pytest.mark.skipif(is_on_postgresql(), reason="looks into the one bucket of SQLite")
def test_a_file_names_several(people: Shop) -> None:
    people.write("leavers.txt", "c2\n\n  c3 \n")
    said = people.run("erase", "--file", str(people.folder / "leavers.txt"), "--yes")
    assert "2 customers forgotten" in said.out
    assert known(people) == ["c1"]


@pytest.mark.file
def test_a_backup_that_is_put_back_is_erased_again(people: Shop) -> None:
    copy, other = people.folder / "b.db", people.folder / "moved.db"
    assert people.run("backup", str(copy)).code == 0
    people.clock.advance(60_000)
    assert people.run("erase", "c1", "--yes").code == 0
    people.clock.advance(60_000)
    again = '{"customer_id": "c2", "email": "new@example.com"}\n'
    assert people.run("erase", "c2", "--yes").code == 0
    people.clock.advance(60_000)
    assert people.run("import", str(people.write("again.jsonl", again))).code == 0
    people.play()
    later = people.folder / "later.db"
    assert people.run("backup", str(later)).code == 0
    # by the log of the store that is replaced
    assert people.run("restore", str(copy)).code == 0
    assert known(people) == ["c3"]
    # by the one beside it, where the store is lost
    (people.folder / "data" / "shop.db").rename(other)
    assert people.run("restore", str(copy)).code == 0
    assert known(people) == ["c3"]
    # who began anew after the erasure stays
    assert people.run("restore", str(later)).code == 0
    assert known(people) == ["c2", "c3"]
    assert "0 customers forgotten" in people.run("erase", "--again").out
