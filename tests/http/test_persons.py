"""A person is handed out and forgotten, to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from engine.core.decision.effects import Alert, TakeCode
from engine.core.happening import Event
from engine.runtime import erasure
from engine.runtime.intake.items import CustomerItem, EventItem
from engine.store.alerting import alerts
from engine.store.incentives import codes
from engine.store.keys import KeyScope, new_key
from engine.store.messages import outcomes, queue
from engine.store.messages.states import MessageState
from engine.store.persons import export
from engine.store.sql import rows
from engine.values import DAY, HOUR, Instant
from tests.http.web_shop import WebShop
from tests.stores import is_on_postgresql

CANARY, OTHER = "CanaryBird", "SparrowBird"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path)
    yield made
    made.close()


def headers(shop: WebShop, scope: KeyScope = "admin") -> dict[str, str]:
    now = shop.clock.now()
    name = f"{scope}{len(shop.look('SELECT name FROM api_key'))}"
    key = shop.store.write(lambda conn: new_key(conn, name, scope, now))
    return {"Authorization": f"Bearer {key}"}


def person_of(word: str) -> str:
    return f"{word}-4711@private.example"


def address_of(word: str) -> str:
    return f"{word}.post@private.example".lower()


def send(shop: WebShop, path: str, body: object, status: int = 200) -> None:
    answer = shop.browser.post(path, json=body, headers=headers(shop, "write"))
    assert answer.status_code == status, answer.text


def live(shop: WebShop, word: str) -> None:
    """Everything that can be known of somebody: attributes, addresses, consents, events, messages, clicks,
    another id, something that was refused, something that waits."""
    person, now = person_of(word), shop.clock.now()
    consent = {"email": {"state": "given", "text": f"I am {word}"}, "sms": "given"}
    values = {"first_name": word, "tier": word, "email": address_of(word), "phone": "+359888765432"}
    shop.receive(
        CustomerItem(0, person, f"{person}-c", values, consent=consent, undeclared=True),
        EventItem(1, person, "signed_up", None, f"{person}-e", {"note": word}),
    )
    shop.settle_down()
    for link in shop.links_in(address_of(word)):
        if "/c/" in link:
            shop.get(link)
    shop.receive(EventItem(0, person, "order_placed", None, None, {"who": word}))
    shop.later(2 * HOUR)
    send(shop, "/v1/alias", {"previousId": f"{word}-visitor", "userId": person})
    send(shop, "/events", {"customer_id": person, "event": "flown_away", "properties": {"note": word}}, 400)
    send(shop, "/events", {"customer_id": person, "event": "sang", "at": word}, 400)
    # what names them only in its text
    send(shop, "/events", {"event": "sang", "properties": {"by": address_of(word)}}, 400)
    why = f"the last word of {person} was not understood"
    shop.store.write(lambda conn: alerts.raise_alerts(conn, [Alert("news", "", why)], now))
    shop.shop.happen(person, Event(0, f"{person}-late", "signed_up", now, now, {"note": word}), None)


def found(shop: WebShop, word: str) -> list[str]:
    """Where a word stands: in the files of the store and of messages, and in the tables of PostgreSQL."""
    places = []
    if is_on_postgresql():
        with shop.store.read() as conn:
            for (name,) in rows(conn, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                held = rows(conn, f'SELECT CAST(t AS TEXT) FROM "{name}" t')
                if any(word.lower() in row.lower() for (row,) in held):
                    places.append(name)
    files = (file for file in shop.folder.parent.rglob("*") if file.is_file())
    return places + [file.name for file in files if word.lower().encode() in file.read_bytes().lower()]


def export_of(shop: WebShop, word: str) -> Mapping[str, object] | None:
    with shop.store.read() as conn:
        return export.export(conn, person_of(word), Instant(0))


def test_nothing_of_somebody_who_was_erased_can_be_found_and_others_keep_everything(shop: WebShop) -> None:
    live(shop, OTHER)
    live(shop, CANARY)
    before, counted = export_of(shop, OTHER), shop.look("SELECT journey, day, handed FROM volume")
    assert found(shop, CANARY)
    answer = shop.browser.delete(f"/customers/{person_of(CANARY)}", headers=headers(shop))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["erased"]
    assert said["rows"]["customer"] == 1
    assert said["files"] > 0
    assert found(shop, CANARY) == []
    assert export_of(shop, CANARY) is None
    assert export_of(shop, OTHER) == before
    assert shop.look("SELECT journey, day, handed FROM volume") == counted
    shop.later(DAY)
    assert found(shop, CANARY) == []


def test_an_export_holds_everything_that_is_kept(shop: WebShop) -> None:
    live(shop, CANARY)
    answer = shop.browser.get(f"/customers/{address_of(CANARY)}/export", headers=headers(shop))
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["customer"] == person_of(CANARY)
    assert document["other_ids"] == [f"{CANARY}-visitor"]
    assert document["attributes_and_facts"]["first_name"] == CANARY
    assert document["channels"]["email"]["addresses"] == [address_of(CANARY)]
    assert {"signed_up", "order_placed"} <= {event["event"] for event in document["events"]}
    assert [message["template"] for message in document["messages"]] == ["hello"]
    assert {"clicked"} == {reaction["kind"] for reaction in document["reactions"]}
    assert document["consents"][0]["wording"] == f"I am {CANARY}"
    assert document["journeys"][0]["journey"] == "news"
    assert any(line["what"] == "send" for line in document["decisions"])
    assert document["not_applied_yet"]
    held = {name for name in ("customer", "event", "outbox", "trace") if shop.count(name)}
    assert held == {"customer", "event", "outbox", "trace"}


def test_only_admin_keys_may_and_nobody_who_is_unknown_is_found(shop: WebShop) -> None:
    shop.customer("anna")
    for scope in ("read", "write"):
        key = headers(shop, scope)
        assert shop.browser.delete("/customers/anna", headers=key).status_code == 403
        assert shop.browser.get("/customers/anna/export", headers=key).status_code == 403
    key = headers(shop)
    assert shop.browser.get("/customers/nobody/export", headers=key).status_code == 404
    assert shop.browser.delete("/customers/nobody", headers=key).json()["erased"] is False
    shop.customer("ben", email="anna@example.com")
    answer = shop.browser.delete("/customers/anna@example.com", headers=key)
    assert answer.status_code == 409
    assert answer.json()["title"] == "2 customers have this address"


def test_a_message_that_is_on_its_way_brings_nobody_back(shop: WebShop) -> None:
    """Claimed when they are erased: nothing leaves that had not left, and the answer of a provider finds
    nobody."""
    for name in ("anna", "ben", "cleo"):
        shop.customer(name)
        shop.receive(EventItem(0, name, "signed_up", None, None))
    shop.shop.run()
    now = shop.clock.now()
    claimed = shop.store.write(lambda conn: queue.claim(conn, "email", "test", now, HOUR, 10))
    assert len(claimed) == 3
    live_config = shop.live.project.config
    erasure.erase(shop.store, live_config, shop.folder, ["anna", "ben", "cleo"], now)
    for message in claimed:
        settled = shop.store.write(
            lambda conn, key=message.send_key, who=message.customer: outcomes.settle(  # type: ignore[misc]
                conn, key, who, MessageState.ACCEPTED, now
            )
        )
        assert settled is False
    shop.later(DAY)
    assert shop.count("customer") == 0
    assert shop.count("outbox") == 0
    assert shop.count("inbox") == 0
    assert list(shop.sent.rglob("*.eml")) == []


def test_whoever_leaves_by_an_old_link_is_not_written_to_when_the_shop_imports_them_again(
    shop: WebShop,
) -> None:
    shop.customer("anna", email="anna@example.com")
    shop.receive(EventItem(0, "anna", "signed_up", None, None))
    shop.settle_down()
    links = shop.links_in("anna@example.com")
    leave = next(link for link in links if "/u/" in link)
    choose = next(link for link in links if "/p/" in link)
    erasure.erase(shop.store, shop.live.project.config, shop.folder, ["anna"], shop.clock.now())
    assert shop.get(choose).status_code == 200
    assert shop.browser.post(choose, data={"save": "1", "often": "1 a week"}).status_code == 200
    assert shop.browser.post(leave, content=b"List-Unsubscribe=One-Click").status_code == 200
    shop.settle_down()
    assert shop.count("customer") == 0
    assert "marketing" in shop.closed("email", "anna@example.com")
    shop.later(DAY)
    shop.customer("anna", email="anna@example.com")
    shop.receive(EventItem(0, "anna", "signed_up", None, None))
    shop.settle_down()
    assert list(shop.sent.rglob("*.eml")) == []
    assert shop.count("customer") == 1


def test_an_address_that_was_closed_stays_closed(shop: WebShop) -> None:
    shop.customer("anna", email="anna@example.com")
    shop.receive(EventItem(0, "anna", "signed_up", None, None))
    shop.settle_down()
    leave = next(link for link in shop.links_in("anna@example.com") if "/u/" in link)
    shop.browser.post(leave, content=b"List-Unsubscribe=One-Click")
    shop.settle_down()
    erasure.erase(shop.store, shop.live.project.config, shop.folder, ["anna"], shop.clock.now())
    assert "marketing" in shop.closed("email", "anna@example.com")


def test_codes_stay_as_a_number_and_lead_to_nobody(shop: WebShop) -> None:
    """The id of a run is made from the customer's, so it goes as well; and who comes back under the same id
    does not get the code again that they had."""
    shop.customer("anna")
    shop.customer("ben")
    now = shop.clock.now()
    (bucket,) = {row[0] for row in shop.look("SELECT bucket FROM customer WHERE id = 'anna'")}
    given = [
        ("anna", TakeCode("run-of-anna", "SPRING", "SPRING", Instant(now + DAY), "shared")),
        ("anna", TakeCode("run-of-anna", "VIP", "VIP-1", Instant(now + DAY), "generated")),
    ]
    shop.store.write(lambda conn: codes.take(conn, int(str(bucket)), given, now))
    erasure.erase(shop.store, shop.live.project.config, shop.folder, ["anna"], now)
    left = shop.look("SELECT value, customer, enrollment FROM code ORDER BY value")
    assert [(value, customer) for value, customer, _ in left] == [("SPRING", ""), ("VIP-1", "")]
    assert all("anna" not in str(run) for _, _, run in left)
    with shop.store.read() as conn:
        assert codes.held_by_others(conn, {"VIP-1": "run-of-anna"}) == {"VIP-1"}


def test_whoever_is_erased_under_one_id_is_erased_under_all(shop: WebShop) -> None:
    live(shop, CANARY)
    erasure.erase(shop.store, shop.live.project.config, shop.folder, [f"{CANARY}-visitor"], shop.clock.now())
    assert found(shop, CANARY) == []


def test_the_log_of_erasures_names_nobody(shop: WebShop) -> None:
    live(shop, CANARY)
    config = shop.live.project.config
    erasure.erase(shop.store, config, shop.folder, [person_of(CANARY)], shop.clock.now())
    file = erasure.log_file(config, shop.folder)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 2  # the id and the other one
    assert all(len(id_hash) == 64 for id_hash, _, _ in lines)
    assert file.stat().st_mode & 0o077 == 0
    erasure.erase(shop.store, config, shop.folder, ["nobody"], shop.clock.now())
    assert len(file.read_text().splitlines()) == 3
