"""`import --mapping`: exports of other systems as they really look, with their encodings and quirks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.cli.importing.row_mapping_file import READY
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

EXPORTS = Path(__file__).parent / "exports"


def take(shop: Shop, name: str, *words: str, mapping: str = "") -> dict[str, Any]:
    path = EXPORTS / name if not (shop.folder / name).exists() else shop.folder / name
    asked = (
        "--mapping",
        mapping or name.removesuffix(".csv"),
        "--refused",
        str(shop.folder / f"{path.name}.refused.csv"),
    )
    answer = shop.run("import", str(path), *asked, *words, "--format", "json")
    assert answer.code in (0, 1), answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


def received(shop: Shop) -> list[tuple[str, str, list[Any]]]:
    """(customer, kind, body as in the inbox) of everything that is taken: history of a shop that is published
    is applied at once."""
    applied = "SELECT customer, name, id, occurred_at, CAST(fields AS TEXT) FROM event ORDER BY number"
    store = shop.store()
    try:
        with store.read() as conn:
            past = conn.exec_driver_sql(applied).all()
            waiting = "SELECT customer, kind, CAST(body AS TEXT) FROM inbox ORDER BY number"
            found = conn.exec_driver_sql(waiting).all()
    finally:
        store.close()
    rows: list[tuple[str, str, list[Any]]] = []
    for customer, name, id_, at, fields in past:
        if name != "$changed":
            rows.append((customer, "event", [id_, name, at, at, json.loads(fields)]))
            continue
        values, addresses, agreed, _ = json.loads(fields)["changed"]
        consents = [[*what.split("."), state] for what, state in agreed.items()]
        rows.append((customer, "changed", [at, values, addresses, consents]))
    return rows + [(customer, kind, json.loads(body)) for customer, kind, body in found]


def about(shop: Shop) -> dict[str, list[Any]]:
    return {customer: body for customer, kind, body in received(shop) if kind == "changed"}


def orders(shop: Shop) -> dict[str, tuple[str, str, Mapping[str, Any]]]:
    """By id: customer, moment (UTC), fields."""
    from engine.values import Instant, iso

    return {
        body[0]: (customer, iso(Instant(body[2])), body[4])
        for customer, kind, body in received(shop)
        if kind == "event"
    }


def why(shop: Shop, name: str) -> list[str]:
    with (shop.folder / f"{name}.refused.csv").open(encoding="utf-8", newline="") as file:
        return [row["why"] for row in csv.DictReader(file)]


def test_shopify_customers(shop: Shop) -> None:
    found = take(shop, "shopify_customers.csv")
    assert (found["taken"], found["refused"]) == (3, 1)
    said = about(shop)
    assert list(said) == [f"620123456789{last}" for last in range(4)]
    anna, boyan, carl = said["6201234567890"], said["6201234567891"], said["6201234567893"]
    assert anna[1] | {"last_name": "Müller", "phone": "+493012345678", "country": "DE"} == anna[1]
    assert ["email", "marketing", "given"] in anna[3]
    assert ["email", "marketing", "withdrawn"] in boyan[3]
    assert boyan[1]["last_name"] == "Петров, мл."
    assert carl[1] == {"first_name": "Carl", "phone": "+49301234567", "country": "DE"}
    assert "no e-mail address" in why(shop, "shopify_customers.csv")[0]


def test_shopify_orders_of_several_lines_find_their_customers(shop: Shop, golden: Golden) -> None:
    take(shop, "shopify_customers.csv")
    refused = shop.run("import", str(EXPORTS / "shopify_orders.csv"), "--mapping", "shopify_orders")
    golden("golden/import_others_wait.txt", report(refused))
    shop.play()
    found = take(shop, "shopify_orders.csv")
    assert (found["taken"], found["refused"], found["left_out"]) == (2, 2, 1)
    taken = orders(shop)
    customer, moment, fields = taken["#1001"]
    assert (customer, moment) == ("6201234567890", "2026-10-02T08:15:20Z")
    assert fields["total"] == {"amount": 59.9, "currency": "EUR"}
    assert fields["product_id"] == ["K-17"]
    assert [item["name"] for item in fields["items"]] == ["Kettle 1.7 l", "Filter, 100 pieces"]
    assert taken["#1002"][0].startswith("import-")
    assert about(shop)[taken["#1002"][0]][1] == {"email": "new@example.com", "country": "AT"}
    reasons = why(shop, "shopify_orders.csv")
    assert "properties.total" in reasons[0]
    assert "email or phone" in reasons[1]


def test_refused_orders_of_several_lines_come_again_after_they_were_corrected(shop: Shop) -> None:
    take(shop, "shopify_orders.csv")
    path = shop.folder / "shopify_orders.csv.refused.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("nine", "9.00"), encoding="utf-8")
    shop.play()
    found = take(shop, path.name, mapping="shopify_orders")
    assert (found["taken"], found["refused"]) == (1, 1)


def test_woocommerce_orders_as_a_german_spreadsheet_saved_them(shop: Shop) -> None:
    mapping = (READY / "woocommerce_orders.yaml").read_text(encoding="utf-8")
    written = (
        "file: {group: order_number, encoding: cp1252, dates: day.month.year, decimal: comma, "
        "timezone: Europe/Berlin}"
    )
    shop.write("woo.yaml", mapping.replace("file: {group: order_number}", written))
    found = take(shop, "woocommerce_orders.csv", mapping=str(shop.folder / "woo.yaml"))
    assert (found["taken"], found["refused"], found["left_out"]) == (1, 1, 1)
    _, moment, fields = orders(shop)["4711"]
    assert moment == "2026-10-31T17:30:00Z"
    assert fields["total"] == {"amount": 1039.9, "currency": "EUR"}
    assert [item["price"]["amount"] for item in fields["items"]] == [999.9, 20]
    assert fields["items"][0]["name"] == "Espressomühle „Größe L“"
    (joerg, *_) = about(shop).values()
    assert (joerg[1]["last_name"], joerg[1]["email"]) == ("Groß", "joerg@example.com")
    assert "12.5" in (shop.folder / "woocommerce_orders.csv.refused.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "is_order"),
    [
        ("On hold", True), ("on-hold", True), ("wc-processing", True), ("WC-Completed", True),
        ("Cancelled", False), ("wc-refunded", False), ("Pending payment", False), ("", False),
    ],
)  # fmt: skip
def test_woocommerce_names_a_status_as_people_or_as_its_tables_do(
    shop: Shop, status: str, is_order: bool
) -> None:
    shop.write(
        "w.csv",
        "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount\n"
        f"5001,{status},2026-10-01 18:30,joe@example.com,39.90\n",
    )
    found = take(shop, "w.csv", mapping="woocommerce_orders")
    assert (found["taken"], found["refused"], found["left_out"]) == (is_order, 0, not is_order)


def test_a_mailchimp_audience(shop: Shop) -> None:
    found = take(shop, "mailchimp_audience.csv")
    assert (found["taken"], found["refused"]) == (3, 0)
    by_address = {body[1]["email"]: body for body in about(shop).values()}
    dora, gone, bounced = (by_address[f"{name}@example.com"] for name in ("dora", "gone", "bounced"))
    assert dora[1]["tags"] == ["VIP", "Newsletter"]
    assert dora[1]["phone"] == "+4930556677"
    assert "12-31" in json.dumps(dora[1]["birthday"])
    states = [body[3][0][2] for body in (dora, gone, bounced)]
    assert states == ["given", "withdrawn", "none"]
    store = shop.store()
    try:
        with store.read() as conn:
            proof = conn.exec_driver_sql("SELECT at, source FROM consent WHERE state = 'given'").one()
    finally:
        store.close()
    assert tuple(proof) == (1_740_902_490_000, "Mailchimp")


def test_klaviyo_profiles_in_utf_16_with_tabs_and_people_who_have_only_a_phone(shop: Shop) -> None:
    found = take(shop, "klaviyo_profiles.csv")
    assert (found["taken"], found["refused"]) == (3, 0)
    kim, phil, off = about(shop).values()
    assert (kim[1]["last_name"], kim[3]) == ("O'Neil", [["email", "marketing", "given"]])
    assert (phil[1]["phone"], phil[3]) == ("+493011223344", [["sms", "marketing", "given"]])
    assert {tuple(consent) for consent in off[3]} == {
        ("email", "marketing", "withdrawn"), ("sms", "marketing", "withdrawn"),
    }  # fmt: skip


def test_the_same_address_is_the_same_customer_in_every_file(shop: Shop) -> None:
    take(shop, "mailchimp_audience.csv")
    shop.write("more.csv", "E-Mail;First name\nDORA@EXAMPLE.com;Dora\nnew@example.com;New\n")
    answer = shop.run("import", str(shop.folder / "more.csv"), "--format", "json")
    assert json.loads(answer.out)["taken"] == 2, answer.err
    assert len(about(shop)) == 4
    shop.play()
    shop.write("visits.csv", "email,event,at\ndora@example.com,site_visited,2026-11-01\n")
    shop.run("import", str(shop.folder / "visits.csv"))
    ((customer, _, _),) = (row for row in received(shop) if row[1] == "event")
    assert customer.startswith("import-")


DATES = [
    ("day.month.year", "31.12.2024", "2024-12-31"),
    ("day.month.year", "1.2.2024", "2024-02-01"),
    ("day.month.year", "31.12.2024 18:30", "2024-12-31"),
    ("day.month.year", "45657", "2024-12-31"),
    ("day.month.year", "45657,75", "2024-12-31"),
    ("day.month.year", "2024-12-31", "2024-12-31"),
    ("month/day/year", "12/31/2024", "2024-12-31"),
    ("year/month/day", "2024/12/31", "2024-12-31"),
    ("day.month.year", "31.12.24", None),
    ("day.month.year", "12/31/2024", None),
    ("day.month.year", "32.12.2024", None),
    ("month/day/year", "31/12/2024", None),
]


@pytest.mark.parametrize(("order", "written", "day"), DATES)
def test_dates_are_read_in_the_order_that_the_mapping_says_and_never_guessed(
    shop: Shop, order: str, written: str, day: str | None
) -> None:
    shop.write(
        "m.yaml", f"file: {{dates: {order}}}\ncustomers:\n  id: nr\n  fields: {{customer_since: since}}\n"
    )
    shop.write("p.csv", f'Nr,Since\n7,"{written}"\n')
    found = take(shop, "p.csv", mapping=str(shop.folder / "m.yaml"))
    assert found["refused"] == (0 if day else 1)
    assert (json.dumps(about(shop).get("7", "")).find(day) >= 0) if day else not about(shop)


AMOUNTS = [
    ("comma", "39,90", "39.9 EUR"),
    ("comma", "1.234,56 €", "1234.56 EUR"),
    ("comma", "1 234,56", "1234.56 EUR"),
    ("comma", "39", "39 EUR"),
    ("comma", "USD 39,90", "39.9 USD"),
    ("point", "1,234.56", "1234.56 EUR"),
    ("point", "$39.90", "39.9 USD"),
    ("comma", "39.90", None),
    ("point", "39,90", None),
    ("comma", "1.23,45", None),
    ("comma", "about 5", None),
]


@pytest.mark.parametrize(("decimal", "written", "amount"), AMOUNTS)
def test_amounts_are_read_as_the_mapping_says_and_never_guessed(
    shop: Shop, decimal: str, written: str, amount: str | None
) -> None:
    mapping = "events:\n  order_placed:\n    customer_id: nr\n    at: day\n    fields: {total: sum}\n"
    shop.write("m.yaml", f"file: {{decimal: {decimal}}}\n{mapping}")
    shop.write("o.csv", f'Nr,Day,Sum\n7,2026-11-01,"{written}"\n')
    found = take(shop, "o.csv", mapping=str(shop.folder / "m.yaml"))
    assert found["refused"] == (0 if amount else 1)
    if amount:
        ((_, _, body),) = received(shop)
        assert f"{body[4]['total']['amount']} {body[4]['total']['currency']}" == amount


def test_a_file_of_which_every_row_was_refused_comes_again_with_another_mapping(
    shop: Shop, tmp_path: Path
) -> None:
    rows, mapping = tmp_path / "people.csv", tmp_path / "people.yaml"
    rows.write_text("id;Email;Birthday\nc1;anna@example.com;12.03.1990\n", encoding="utf-8")
    words = ("import", str(rows), "--refused", str(tmp_path / "refused.csv"), "--format", "json")
    without = json.loads(shop.run(*words).out)
    assert (without["taken"], without["refused"]) == (0, 1)
    mapping.write_text(
        'file: {delimiter: ";", dates: day.month.year}\n'
        "customers:\n  id: id\n  fields: {email: email, birthday: birthday}\n",
        encoding="utf-8",
    )
    found = json.loads(shop.run(*words, "--mapping", str(mapping)).out)
    assert (found["taken"], found["refused"], found["imported_before"]) == (1, 0, False)
    assert json.loads(shop.run(*words, "--mapping", str(mapping)).out)["imported_before"] is True


def test_mistakes_of_a_mapping_are_told_with_their_place(shop: Shop, golden: Golden) -> None:
    shop.write("p.csv", "Nr\n7\n")
    shop.write(
        "m.yaml",
        "file: {dates: 31.12.2024, decimal: ','}\ncustomers:\n  id: nr\n  fields: {fisrt_name: a}\n"
        "  consent: {fax: {given: {x: yes}}}\nevents:\n  order_place: {at: sum over x}\n",
    )
    answer = shop.run("import", str(shop.folder / "p.csv"), "--mapping", str(shop.folder / "m.yaml"))
    golden("golden/import_mapping_wrong.txt", report(answer))
    golden("golden/import_mapping_none.txt", report(shop.run("import", "p.csv", "--mapping", "shopfy")))


def test_a_long_file_is_taken_row_by_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in memory is a batch and the rows of one order, whatever the length of the file."""
    from engine.cli.importing import mapped_rows

    alive: list[int] = []
    united = mapped_rows._united

    def watched(group: Any) -> Any:
        alive.append(len(group))
        return united(group)

    monkeypatch.setattr(mapped_rows, "_united", watched)
    rows = (
        f"#{number // 3},a{number}@example.com,paid,2026-10-02 10:15:20 +0200,5" for number in range(3_000)
    )
    shop.write("long.csv", "Name,Email,Financial Status,Created at,Total\n" + "\n".join(rows) + "\n")
    found = take(shop, "long.csv", mapping="shopify_orders")
    assert (found["taken"], max(alive), len(alive)) == (1_000, 3, 1_000)


@pytest.mark.parametrize("path", sorted(READY.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_ready_mapping_is_in_the_docs(path: Path) -> None:
    docs = "".join((READY.parent / name).read_text(encoding="utf-8") for name in ("import.md", "replay.md"))
    assert re.search(rf"\b{path.stem}\b", docs)


@pytest.mark.parametrize("export", sorted(EXPORTS.glob("*.csv")), ids=lambda export: export.stem)
def test_an_export_without_its_mapping_takes_nothing_and_is_told_which(shop: Shop, export: Path) -> None:
    said = ("--encoding", "cp1252") if export.stem == "woocommerce_orders" else ()
    answer = shop.run("import", str(export), *said)
    assert answer.code == 2
    assert f"--mapping {export.stem}" in answer.err
    store = shop.store()
    try:
        with store.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar() == 0
    finally:
        store.close()


def test_a_file_whose_kind_is_said_needs_no_mapping(shop: Shop) -> None:
    refused = ("--refused", str(shop.folder / "refused.csv"))
    answer = shop.run("import", "customers", str(EXPORTS / "shopify_customers.csv"), *refused)
    assert "--mapping" not in answer.err


@pytest.mark.parametrize(
    "header",
    [
        "product_id,sku,total,financial_status,billing_phone,lineitem_sku",
        "email,plugin,writes,said",  # words of a comment
    ],
)
def test_a_file_of_our_own_is_no_export(shop: Shop, header: str) -> None:
    own = shop.folder / "own.csv"
    own.write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    assert shop.run("import", str(own)).code != 2
