"""`segments` on the command line, and what `check --store` says of them."""

from __future__ import annotations

import csv
import json
import stat

import pytest

from tests.cli.conftest import Shop, report
from tests.conftest import Golden

LOYAL = """segment: loyal
about: Who ordered twice.
who:
  orders_count: at least 2   # not once
"""
IDLE = "segment: idle\nwho: {orders_count: at least 1000}\n"
PEOPLE = (
    '{"customer_id": "c1", "email": "anna@example.com"}\n'
    '{"customer_id": "c2", "email": "=ben@example.com"}\n'
    '{"customer_id": "c3"}\n'
)
ORDER = '{{"customer_id": "{}", "event": "order_placed", "at": "2026-11-20T09:0{}:00Z", "id": "{}-{}"}}\n'


@pytest.fixture
def grouped(small_shop: Shop) -> Shop:
    small_shop.write("journeys/segments/loyal.yaml", LOYAL)
    small_shop.write("journeys/segments/idle.yaml", IDLE)
    small_shop.play()
    assert small_shop.run("import", str(small_shop.write("people.jsonl", PEOPLE))).code == 0
    orders = "".join(
        ORDER.format(who, n, who, n) for who, many in (("c1", 2), ("c2", 3)) for n in range(many)
    )
    said = small_shop.run("import", "--live", str(small_shop.write("orders.jsonl", orders)))
    assert said.code == 0, said.out + said.err
    small_shop.play()
    return small_shop


def test_what_segments_says(grouped: Shop, golden: Golden) -> None:
    golden("golden/segments.txt", report(grouped.run("segments")))
    golden("golden/segments_one.txt", report(grouped.run("segments", "loyal", "--format", "json")))
    golden("golden/segments_unknown.txt", report(grouped.run("segments", "loyl")))
    golden("golden/segments_out_of_all.txt", report(grouped.run("segments", "--out", "x.csv")))
    golden("golden/segments_out_as.txt", report(grouped.run("segments", "loyal", "--out", "x.txt")))


def test_members_go_to_a_file_that_a_spreadsheet_reads_as_text(grouped: Shop) -> None:
    table, lines = grouped.folder / "loyal.csv", grouped.folder / "loyal.jsonl"
    assert "2 members of loyal" in grouped.run("segments", "loyal", "--out", str(table)).out
    with table.open(newline="") as file:
        found = {row["customer_id"]: row["email"] for row in csv.DictReader(file)}
    assert found == {"c1": "anna@example.com", "c2": "'=ben@example.com"}
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    grouped.run("segments", "loyal", "--out", str(lines))
    people = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {(one["customer_id"], one["email"]) for one in people} == {
        ("c1", "anna@example.com"), ("c2", "=ben@example.com"),
    }  # fmt: skip


def test_check_with_the_store_tells_which_segments_say_nothing(grouped: Shop, golden: Golden) -> None:
    golden("golden/check_store.txt", report(grouped.run("check", "--store", "journeys/segments")))
    assert "W30" not in grouped.run("check").out


def test_what_the_store_warns_of_can_be_accepted_and_is_only_looked_for_with_it(grouped: Shop) -> None:
    grouped.write("journeys/segments/idle.yaml", f"# accepted W30, W31: for the spring\n{IDLE}")
    said = grouped.run("check", "--store", "journeys/segments/idle.yaml").out
    assert "W3" not in said
    assert ", 2 accepted. " in said
    assert "W50" not in grouped.run("check").out  # nobody looked
    grouped.write("journeys/segments/loyal.yaml", LOYAL.replace("# not once", "# accepted W31: not once"))
    assert "W50: W31 is accepted here, and nothing tells it" in grouped.run("check", "--store").out
