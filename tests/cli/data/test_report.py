"""`report`: figures of journeys and channels against the period before, for people, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json

import pytest

from engine.values import DAY
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

PEOPLE = (
    "".join(
        f'{{"customer_id": "c{number}", "email": "c{number}@example.com", "consent": {{"email": "given"}}}}\n'
        for number in range(8)
    )
    + '{"customer_id": "silent", "first_name": "Sil"}\n'
)


_ITEM = '{"product_id": "espresso", "quantity": 1, "price": 40, "category": "coffee"}'
PAST = (
    ("c5", "2025-12-10T09:00:00Z"), ("c6", "2026-10-02T09:00:00Z"), ("c7", "2026-11-09T09:00:00Z"),
    ("c6", "2026-11-11T09:00:00Z"), ("c5", "2026-11-20T09:00:00Z"), ("c7", "2026-12-06T09:00:00Z"),
)  # fmt: skip


def _event(customer: str, event: str, at: str, properties: str) -> str:
    return f'{{"event": "{event}", "customer_id": "{customer}", "at": "{at}", "properties": {properties}}}\n'


@pytest.fixture
def lived(shop: Shop) -> Shop:
    """Carts in two months: three in October, five in November, of which two were bought."""
    assert shop.run("deploy").code == 0
    assert shop.run("import", str(shop.write("people.jsonl", PEOPLE))).code == 0
    shop.play()
    carts = [
        ("2026-11-20T10:00:00Z", ("c0", "c1", "silent")),
        ("2026-12-20T10:00:00Z", ("c3", "c4", "c5", "c6")),
    ]
    for at, customers in carts:
        shop.go_to(at.replace("Z", "+00:00"))
        cart = '{"cart_id": "k", "total": 80}'
        lines = "".join(_event(customer, "cart_updated", at, cart) for customer in customers)
        assert shop.run("import", str(shop.write("carts.jsonl", lines)), "--live").code == 0
        shop.play()
        shop.clock.advance(DAY)
        shop.play()
    past = "".join(
        _event(who, "order_placed", at, f'{{"order_id": "{number}", "total": 40, "items": [{_ITEM}]}}')
        for number, (who, at) in enumerate(PAST)
    )
    assert shop.run("import", str(shop.write("past.jsonl", past))).code == 0
    bought = _event("c3", "order_placed", "2026-12-22T09:00:00Z", '{"order_id": "9", "total": 80}')
    assert shop.run("import", str(shop.write("orders.jsonl", bought)), "--live").code == 0
    shop.play()
    return shop


def test_reports_tell_of_the_period_and_the_one_before(lived: Shop, golden: Golden) -> None:
    days = ("--from", "2026-12-01", "--to", "2026-12-31")
    golden("golden/report_journeys.txt", report(lived.run("report", "journeys", *days, "--by", "week")))
    golden("golden/report_journey.txt", report(lived.run("report", "journey", "abandoned_cart", *days)))
    golden("golden/report_channels.txt", report(lived.run("report", "channels", *days)))
    golden("golden/report_overview.txt", report(lived.run("report", *days, "--by", "week")))
    golden("golden/report_customers.txt", report(lived.run("report", "customers", *days)))
    golden("golden/report_cohorts.txt", report(lived.run("report", "cohorts")))
    for name in ("segments", "codes", "recommendations", "deployments", "audit"):
        golden(f"golden/report_{name}.txt", report(lived.run("report", name, *days)))
    golden("golden/report_year.txt", report(lived.run("report", "year", "c5", "--last", "1 year")))
    golden("golden/report_points.txt", report(lived.run("report", "points", *days, "--by", "month")))
    read = json.loads(lived.run("report", "journeys", *days, "--format", "json").out)
    carts = next(row for row in read["tables"][0]["rows"] if row["journey"] == "abandoned_cart")
    assert (carts["started"], carts["before"]["started"]) == (4, 3)
    assert read["before"] == {"from": "2026-11-01", "to": "2026-11-30"}
    assert set(read["tables"][0]["rows"][0]) - {"journey", "before", "trend"} == set(read["definitions"])
    lines = list(csv.DictReader(io.StringIO(lived.run("report", "journeys", *days, "--format", "csv").out)))
    started = [each for each in lines if (each["line"], each["figure"]) == ("abandoned_cart", "started")]
    assert [(each["value"], each["before"]) for each in started] == [("4", "3")]


def test_a_page_stays_in_its_folder_whatever_an_id_holds(shop: Shop) -> None:
    assert shop.run("deploy").code == 0
    assert shop.run("import", str(shop.write("people.jsonl", '{"customer_id": "../../a b"}\n'))).code == 0
    shop.play()
    out = shop.folder / "pages" / "of_people"
    assert shop.run("report", "year", "../../a b", "--out", str(out)).code == 0
    assert [file.name for file in out.parent.rglob("*.html")] == ["year-.._.._a_b.html"]


def test_a_report_is_refused_with_what_to_write(shop: Shop, golden: Golden) -> None:
    wrong = (
        ("jurneys",), ("journey",), ("journey", "abandoned_kart"), ("channels", "email"),
        ("channels", "--from", "yesterday"), ("channels", "--last", "a while"),
        ("channels", "--from", "2026-03-02", "--to", "2026-03-01"), ("channels", "--last", "30 years"),
        ("channels", "--from", "2026-03-02", "--last", "30 days"), ("channels", "--size", "2%"),
        ("experiments", "--size", "2%", "--by", "week"), ("channels", "--mail", "--format", "csv"),
        ("channels", "--mail"), ("experiments", "--size", "much"),
        ("experiments", "--size", "5%", "--from", "97%"),
    )  # fmt: skip
    shop.store().close()
    golden("golden/report_refused.txt", "\n".join(report(shop.run("report", *words)) for words in wrong))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("jurneys",), "there is no report"), (("journey",), "needs the name of one"),
        (("channels", "--from", "yesterday"), "is not a date"),
        (("channels", "--size", "2%"), "--size is of"),
        (("experiments", "--size", "much"), "--size"),
    ],
)  # fmt: skip
def test_a_mistyped_word_is_told_before_a_store_that_is_not_there(
    small_shop: Shop, words: tuple[str, ...], why: str
) -> None:
    said = small_shop.run("report", *words)
    assert said.code == 2
    assert why in said.err


HELD = """
journey: held
start:
  event: subscribed
again: never
goal:
  event: order_placed
  within: 7 days
policy: service
holdout:
  share: 40%
  decide: on 2026-12-05
steps:
  - split: greeting
    into:
      50% control:
        - send: welcome_hello
      50% story:
        - send: welcome_our_story
tests:
  - test: nothing here
    given: {holdout: true}
    when:
      - day 0 10:00: subscribed
    expect:
      - day 0 10:00: holdout
"""


def test_experiments_are_told_in_tables_and_words(shop: Shop, golden: Golden) -> None:
    for file in (shop.folder / "journeys").glob("*.yaml"):
        if "event: subscribed" in file.read_text(encoding="utf-8"):
            file.unlink()
    shop.write("journeys/held.yaml", HELD)
    assert shop.run("deploy").code == 0
    lines = "".join(_event(f"c{number}", "subscribed", "2026-11-20T10:00:00Z", "{}") for number in range(300))
    assert shop.run("import", str(shop.write("in.jsonl", lines)), "--live").code == 0
    shop.play()
    shop.clock.advance(DAY)
    lines = "".join(
        _event(f"c{n}", "order_placed", "2026-11-21T10:00:00Z", f'{{"order_id": "{n}", "total": {20 + n}}}')
        for n in range(0, 300, 3)
    )
    assert shop.run("import", str(shop.write("orders.jsonl", lines)), "--live").code == 0
    shop.play()
    shop.go_to("2026-12-04T10:00:00+00:00")
    golden("golden/report_experiments_before.txt", report(shop.run("report", "experiments")))
    shop.go_to("2026-12-06T10:00:00+00:00")
    golden("golden/report_experiments.txt", report(shop.run("report", "experiments")))
    read = json.loads(shop.run("report", "experiments", "--format", "json").out)
    held = next(table for table in read["tables"] if table["name"] == "held: holdout")
    assert [row["arm"] for row in held["rows"]] == ["holdout (control)", "journey"]
    assert held["rows"][1]["note"] in {"better", "worse", "cannot tell"}
    assert set(held["rows"][0]) - {"arm"} == set(read["definitions"])
    sized = report(shop.run("report", "experiments", "--size", "2%", "--from", "8%"))
    golden(
        "golden/report_experiments_size.txt",
        sized + report(shop.run("report", "experiments", "--size", "10%")),
    )
    lines = shop.run("report", "experiments", "--format", "csv").out
    assert "held: holdout,journey,rate_low," in lines
