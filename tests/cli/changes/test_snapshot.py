"""`snapshot`: a file for reviewers that names nobody and that a replay reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.store.meta import secret
from tests.cli.changes.test_diff import replace
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

CANARIES = ("Zebulon", "Quagmire", "zebulon@canary.example", "359888123456", "ORD-77-CANARY", "canary road")


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """Twelve people of whom one has everything that must not leave the shop."""
    events = small_shop.folder / "schemas/events.yaml"
    text = events.read_text(encoding="utf-8")
    fields = "{referrer: text, seller: text, product_id: text, coming_on: date, bonus: money}"
    events.write_text(f"{text.rstrip()}\n  invited:\n    fields: {fields}\n", encoding="utf-8")
    customer = small_shop.folder / "schemas/customer.yaml"
    words = customer.read_text(encoding="utf-8")
    customer.write_text(
        words.replace("  birthday: birthday", "  birthday: birthday\n  birth_date: date\n  since: date"),
        encoding="utf-8",
    )
    people = [
        {"customer_id": f"zebulon-{n}@canary.example", "email": f"zebulon{n}@canary.example", "country": "BG",
         "language": "en", "consent": {"email": "given"}, "birthday": "1983-12-02",
         "birth_date": "1984-02-29", "since": "2026-01-05"}
        for n in range(12)
    ]  # fmt: skip
    people[0] |= {"first_name": "Zebulon", "last_name": "Quagmire", "phone": "+359888123456", "country": "NZ"}
    signed = [
        {"customer_id": person["customer_id"], "event": "subscribed", "at": f"2026-11-20T09:59:{n:02}Z"}
        for n, person in enumerate(people)
    ]
    order = {
        "customer_id": people[0]["customer_id"], "event": "order_placed", "at": "2026-11-20T09:59:58Z",
        "properties": {"order_id": "ORD-77-CANARY", "total": 20, "currency": "EUR", "note": "canary road 7"},
    }  # fmt: skip
    invited = [
        {"customer_id": person["customer_id"], "event": "invited", "at": f"2026-11-20T09:59:{n + 30}Z",
         "properties": {"referrer": people[0]["customer_id"], "seller": "zebulon@canary.example",
                        "bonus": 30 + n, "currency": "EUR", "coming_on": "2026-11-25",
                        "product_id": f"kettle-{n}"}}
        for n, person in enumerate(people)
    ]  # fmt: skip
    kettle = '{"product_id": "kettle-3", "name": "Kettle", "price": "30 EUR"}\n'
    assert small_shop.run("import", str(small_shop.write("products.jsonl", kettle))).code == 0
    for name, rows in (("people.jsonl", people), ("events.jsonl", [*signed, order, *invited])):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        live = ("--live",) if name == "events.jsonl" else ()
        assert small_shop.run("import", *live, str(small_shop.write(name, lines))).code == 0
    small_shop.play()
    return small_shop


def snapshot(shop: Shop, name: str = "snapshot.jsonl") -> list[dict[str, Any]]:
    said = shop.run("snapshot", "--out", str(shop.folder / name))
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in (shop.folder / name).read_text(encoding="utf-8").splitlines()]
    events = [line for line in lines if line["event"] not in ("$snapshot", "$file")]
    assert f": {len(events)} lines of events" in said.out
    return lines


def test_nothing_that_names_somebody_is_in_it(shop: Shop) -> None:
    snapshot(shop)
    text = (shop.folder / "snapshot.jsonl").read_text(encoding="utf-8").lower()
    assert not [canary for canary in CANARIES if canary.lower() in text]
    store = shop.store()
    try:
        with store.read() as conn:
            assert secret(conn) not in text
    finally:
        store.close()
    assert "1983" not in text
    assert "1984" not in text


def test_what_many_share_stays_and_what_few_have_does_not(shop: Shop) -> None:
    changed = [line for line in snapshot(shop) if line["event"] == "customer_changed"]
    countries = [line["properties"]["attributes"]["country"] for line in changed]
    assert countries.count("BG") == 11
    assert "NZ" not in countries
    assert {line["properties"]["attributes"]["birthday"] for line in changed} == {"12-02"}
    assert {line["properties"]["attributes"]["language"] for line in changed} == {"en"}


def test_amounts_and_days_stay_and_so_do_the_ids_of_products(shop: Shop) -> None:
    lines = snapshot(shop)
    invited = [line["properties"] for line in lines if line["event"] == "invited"]
    assert {each["bonus"] for each in invited} == {f"{30 + n} EUR" for n in range(12)}
    assert {each["coming_on"] for each in invited} == {"2026-11-25"}
    assert [each["product_id"] for each in invited if each["product_id"].startswith("kettle")] == ["kettle-3"]
    attributes = next(
        line["properties"]["attributes"] for line in lines if line["event"] == "customer_changed"
    )
    assert (attributes["birth_date"], attributes["since"]) == ("2000-02-29", "2026-01-05")


def test_an_id_of_a_customer_in_a_field_is_their_pseudonym_whoever_shares_it(shop: Shop) -> None:
    lines = snapshot(shop)
    ordered = next(line["customer_id"] for line in lines if line["event"] == "order_placed")
    assert {line["properties"]["referrer"] for line in lines if line["event"] == "invited"} == {ordered}


def test_a_person_is_the_same_pseudonym_every_time(shop: Shop) -> None:
    first, second = snapshot(shop), snapshot(shop, "again.jsonl")
    assert first[1:] == second[1:]
    people = {line["customer_id"] for line in first if line.get("customer_id")}
    assert len(people) == 12


def test_it_says_who_is_where_and_how_large_segments_are(shop: Shop) -> None:
    head, *lines = snapshot(shop)
    assert head["event"] == "$snapshot"
    welcome = head["properties"]["journeys"]["welcome"]
    assert welcome["people"] == 11
    assert sum(place["people"] for place in welcome["places"]) == 11
    files = {line["properties"]["path"] for line in lines if line["event"] == "$file"}
    assert {"journeys/welcome.yaml", "config.yaml", "templates/welcome_hello.email.mjml"} <= files


def test_a_plan_by_it_says_what_becomes_of_people_as_one_beside_the_store(shop: Shop) -> None:
    snapshot(shop)
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 3 days")
    beside = json.loads(shop.run("plan", "--format", "json").out)
    said = shop.run("plan", "--format", "json", "--snapshot", str(shop.folder / "snapshot.jsonl"))
    assert said.code == 0, said.err
    assert json.loads(said.out) == beside
    assert beside["people"]["journeys"][0]["people"] == 11
    assert "only the store can say who leaves" in said.err


def test_a_plan_by_it_counts_who_comes_into_a_changed_segment_and_who_goes(shop: Shop) -> None:
    """Through a changed fact too; over days inside the recorded ones as beside the store."""
    recent = "segment: recent\nabout: Lately here.\nwho:\n  did: {subscribed: in last 20 days}\n"
    ever = "segment: ever\nabout: Ever here.\nwho:\n  orders_count: at most 0\n"
    shop.write("journeys/segments/recent.yaml", recent)
    shop.write("journeys/segments/ever.yaml", ever)
    assert shop.run("deploy").code == 0
    shop.play()
    snapshot(shop)
    shop.write("journeys/segments/recent.yaml", recent.replace("20 days", "1 hour"))
    counted = "orders_count: count of order_placed"
    replace(shop, "schemas/customer.yaml", counted, "orders_count: count of subscribed")
    file = str(shop.folder / "snapshot.jsonl")
    planned = json.loads(shop.run("plan", "--format", "json", "--snapshot", file).out)
    told = {each["segment"]: each for each in planned["traffic"]["segments"]}
    beside = json.loads(shop.run("plan", "--format", "json").out)
    (by_definition,) = (each for each in beside["people"]["segments"] if each["segment"] == "recent")
    assert (told["recent"]["leaves"], told["recent"]["enters"]) == (by_definition["leaves"], 0)
    assert told["ever"]["leaves"] == 11
    assert told["ever"]["limits"] == ["orders_count"]
    of_store = {each["segment"]: each for each in beside["traffic"]["segments"]}
    assert of_store["ever"]["leaves"] == 11
    assert of_store["ever"]["limits"] == [], "all that is recorded was played"
    said = shop.run("plan", "--snapshot", file).out
    assert "segment ever: of those who were played" in said
    assert "orders_count: only what is recorded counts" in said


def test_what_is_no_snapshot_is_refused(shop: Shop, golden: Golden) -> None:
    text = shop.write("text.jsonl", '{"event": "subscribed", "at": "2026-11-20T09:59:00Z"}\n')
    broken = shop.write("broken.jsonl.gz", b"\x1f\x8b nothing")
    said = [
        report(shop.run("plan", "--snapshot", str(text))),
        report(shop.run("plan", "--snapshot", str(broken))),
        report(shop.run("plan", "--snapshot", "nowhere.jsonl")),
        report(shop.run("plan", "--snapshot", str(text), "--out", "plan.json")),
    ]
    golden("golden/plan_snapshot_refused.txt", "".join(said))


def test_a_replay_of_it_counts_what_one_of_the_whole_stream_counts(shop: Shop) -> None:
    # what is so now is told first, and is no event of now before which everything was late
    shop.go_to("2026-11-22T12:00:00+00:00")
    shop.play()
    snapshot(shop)
    assert shop.run("export", "events", "--out", str(shop.folder / "whole.jsonl")).code == 0
    answers = [
        json.loads(
            shop.run("replay", "--strict", "--format", "json", "--events", str(shop.folder / name)).out
        )
        for name in ("snapshot.jsonl", "whole.jsonl")
    ]
    assert answers[0] == answers[1]
    assert answers[0]["journeys"]
    assert answers[0]["unknown_events"] == {}
