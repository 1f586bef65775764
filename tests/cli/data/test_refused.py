"""`refused` and `refused retry`: what was not taken is shown, and taken once the schema was mended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.compiler.event_fields import needed_fields
from engine.http.intake.native_format import customer_item, event_item, product_item
from engine.http.intake.segment_format import sent_call, translate
from engine.runtime.intake.intake import Intake, IntakeResult
from engine.runtime.intake.items import Item, RefusedItem
from engine.runtime.intake.quarantine import Sent, SentItem
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

ORDER = {
    "id": "o-7", "event": "order_placed", "customer_id": "c1", "at": "2026-11-20T09:58:00Z",
    "properties": {"total": "12,50", "order_id": 7},
}  # fmt: skip


def receive(shop: Shop, read: Any, sent: Sent, source: str = "till") -> IntakeResult:
    """As the daemon takes one call by the files in the folder."""
    project, store, now = shop.project(), shop.store(), shop.clock.now()
    needed = needed_fields(project.journeys, project.messages, project.catalogue)
    intake = Intake(project.catalogue, project.config, project.journeys, needed)
    items: list[Item] = [] if isinstance(read, RefusedItem) else read if isinstance(read, list) else [read]
    try:
        batch = intake.prepare(items, source, now, [read] if isinstance(read, RefusedItem) else [], sent)
        return store.write(lambda conn: intake.take(conn, batch, now))
    finally:
        store.close()


def track(shop: Shop, **call: Any) -> IntakeResult:
    body = {"type": "track", "userId": "c1", **call}
    read = translate(body, None, 0, shop.clock.now(), None, history=False)
    return receive(shop, read, lambda _: sent_call(body, None, history=False), "site")


def event(shop: Shop, body: Any) -> IntakeResult:
    return receive(shop, event_item(body, 0), lambda _: SentItem("event", body))


def customer(shop: Shop, who: str, said: dict[str, Any]) -> IntakeResult:
    body = {"customer_id": who, "repeat": None, "said": said}
    return receive(shop, customer_item(who, said, None), lambda _: SentItem("customer", body))


def declare(shop: Shop, before: str, after: str, file: str = "schemas/events.yaml") -> None:
    path = shop.folder / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def shown(shop: Shop, customer: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shop.run("show", customer, "--format", "json").out)
    return found


def retried(shop: Shop, *words: str) -> tuple[int, int, int]:
    answer = json.loads(shop.run("refused", "retry", *words, "--format", "json").out)
    return answer["taken"], answer["not_needed"], answer["refused"]


def test_what_was_refused_is_shown_counted_and_taken_again(shop: Shop, golden: Golden) -> None:
    golden("golden/refused_none.txt", report(shop.run("refused")))
    event(shop, ORDER)
    track(shop, event="Quiz Finished", messageId="m1", properties={"score": 5})
    customer(shop, "c1", {"email": "c1@example.com", "lifecycle": "dormant", "phone": "12"})
    golden("golden/refused.txt", report(shop.run("refused")))
    golden("golden/refused.json.txt", report(shop.run("refused", "--format", "json")))
    golden("golden/refused_of_event.txt", report(shop.run("refused", "--event", "Quiz Finished")))
    golden("golden/refused_reason.txt", report(shop.run("refused", "--reason", "LIFECYCLE")))
    golden("golden/refused_status.txt", report(shop.run("status")))
    assert retried(shop) == (0, 0, 3)
    declare(shop, "events:\n", "events:\n  quiz_finished:\n    fields: {score: number}\n")
    declare(shop, "[lead, active, lost]", "[lead, active, lost, dormant]", "schemas/customer.yaml")
    golden("golden/refused_retry.txt", report(shop.run("refused", "retry")))
    assert retried(shop) == (0, 0, 2)
    shop.play()
    values = shown(shop, "c1")["attributes"]
    assert (values["lifecycle"], values["email"]) == ("dormant", "c1@example.com")
    golden("golden/refused_removed.txt", report(shop.run("refused", "remove", "--event", "order_placed")))
    golden("golden/refused_what.txt", report(shop.run("refused", "again")))


def test_an_item_that_came_again_meanwhile_is_not_taken_twice(shop: Shop) -> None:
    event(shop, ORDER)
    mended = {**ORDER, "properties": {"total": 12.5, "order_id": 7}}
    assert event(shop, mended).taken == 1
    assert retried(shop) == (0, 1, 0)
    store = shop.store()
    try:
        with store.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar() == 1
            assert conn.exec_driver_sql("SELECT count(*) FROM refused_item").scalar() == 0
    finally:
        store.close()


def test_an_event_happened_when_it_was_sent_and_starts_nothing_that_is_too_old(shop: Shop) -> None:
    track(shop, event="Quiz Finished", messageId="m1")
    shop.go_to("2026-11-25T10:00:00+00:00")
    declare(shop, "events:\n", "events:\n  quiz_finished: {}\n")
    assert retried(shop) == (1, 0, 0)
    store = shop.store()
    try:
        with store.read() as conn:
            (body,) = conn.exec_driver_sql("SELECT body FROM inbox").one()
    finally:
        store.close()
    assert json.loads(body)[2] == 1_795_168_800_000  # 2026-11-20T10:00:00Z


def test_what_was_said_since_is_newer_than_what_was_refused(shop: Shop) -> None:
    customer(shop, "c1", {"lifecycle": "dormant", "email": "c1@example.com", "consent": {"fax": "given"}})
    customer(shop, "c1", {"lifecycle": "active"})
    shop.play()
    declare(shop, "[lead, active, lost]", "[lead, active, lost, dormant]", "schemas/customer.yaml")
    assert retried(shop, "--reason", "lifecycle") == (0, 0, 1)  # the channel is still none
    shop.play()
    assert shown(shop, "c1")["attributes"]["lifecycle"] == "active"


def test_a_product_that_was_written_since_stays(shop: Shop) -> None:
    wrong = {"product_id": "p1", "price": "a lot", "name": "old"}
    receive(shop, product_item(wrong, 0), lambda _: SentItem("product", wrong))
    shop.go_to("2026-11-20T11:00:00+00:00")
    right = {"product_id": "p1", "price": 5, "name": "new"}
    assert receive(shop, product_item(right, 0), lambda _: SentItem("product", right)).taken == 1
    assert retried(shop) == (0, 1, 0)


@pytest.mark.parametrize("body", ["{broken", 5, [1], {"event": 7, "customer_id": "c"}, {"customer_id": "c"}])
def test_what_was_no_item_at_all_is_kept_and_stays_wrong(shop: Shop, body: Any) -> None:
    read = event_item(body, 0)
    assert isinstance(read, RefusedItem)
    receive(shop, read, lambda _: SentItem("event", body))
    assert retried(shop) == (0, 0, 1)
    assert shop.run("refused").code == 0


def test_rows_of_a_file_are_kept_too_and_count_once_however_they_come_again(shop: Shop) -> None:
    shop.run("status")
    rows = "customer_id,event,at,total\nc1,order_placd,2026-11-19T09:00:00Z,5\n"
    path = shop.write("orders.csv", rows)
    refused = shop.folder / "orders.csv.refused.csv"
    assert shop.run("import", str(path), "--refused", str(refused)).code == 1
    declare(shop, "also: [order_completed", "also: [order_placd, order_completed")
    assert retried(shop) == (1, 0, 0)
    again = json.loads(shop.run("import", str(refused), "--format", "json").out)
    assert (again["taken"], again["duplicates"]) == (0, 1)
