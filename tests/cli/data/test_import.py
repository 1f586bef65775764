"""`import`: encodings, delimiters, refused rows, once and only once, and going on after an interruption."""

from __future__ import annotations

import csv
import gzip
import io
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cli.importing.rows import open_table, safe_cell
from engine.cli.importing.source_file import look_through
from engine.runtime.intake.intake import Intake
from tests.cli.conftest import ROOT, Shop, report
from tests.conftest import Golden

PEOPLE = """customer_id;email;first_name;country;tier;consent.email
c1;Anna@Example.com;Анна;BG;gold;given
c2;not-an-address;=HYPERLINK("x");DE;;given
c3;bob@example.com;Bob;DE;platinum;
c4;eve@example.com;Eve
c5;eve@example.com;'=1+1;DE;;withdrawn
"""


def _inbox(shop: Shop) -> list[tuple[str, str, str]]:
    store = shop.store()
    try:
        with store.read() as conn:
            return [
                tuple(row)
                for row in conn.exec_driver_sql("SELECT customer, kind, body FROM inbox ORDER BY number")
            ]
    finally:
        store.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_case_64_every_letter_arrives_in_every_encoding(
    small_shop: Shop, encoding: str, delimiter: str
) -> None:
    text = "customer_id,first_name\nc1,Христо Ѝ ё\n".replace(",", delimiter).replace("Ѝ", "Й")
    small_shop.write("people.csv", text.encode(encoding))
    asked = ("--encoding", "cp1251") if encoding == "cp1251" else ()
    answer = small_shop.run("import", str(small_shop.folder / "people.csv"), *asked)
    assert answer.code == 0, answer.err
    ((customer, kind, body),) = _inbox(small_shop)
    assert (customer, kind) == ("c1", "changed")
    assert "Христо Й ё" in body


def test_case_64_a_wrong_encoding_is_refused_with_its_line(small_shop: Shop, golden: Golden) -> None:
    rows = ["customer_id,first_name", *(f"c{number},Anna" for number in range(200_000)), "c,Анна", ""]
    path = small_shop.write("people.csv", "\n".join(rows).encode("cp1251"))
    golden("golden/import_wrong_encoding.txt", report(small_shop.run("import", str(path))))
    golden(
        "golden/import_no_encoding.txt", report(small_shop.run("import", str(path), "--encoding", "klingon"))
    )
    golden(
        "golden/import_utf16_unmarked.txt",
        report(small_shop.run("import", str(small_shop.write("u.csv", "a,b\n".encode("utf-16-le"))))),
    )
    golden("golden/import_missing.txt", report(small_shop.run("import", str(small_shop.folder / "none.csv"))))
    assert not (small_shop.folder / "data/shop.db").exists()


def test_good_rows_are_taken_and_bad_ones_listed(small_shop: Shop, golden: Golden) -> None:
    path = small_shop.write("people.csv", PEOPLE)
    refused = small_shop.folder / "refused.csv"
    golden("golden/import_people.txt", report(small_shop.run("import", str(path), "--refused", str(refused))))
    golden("golden/import_people_refused.csv", refused.read_text(encoding="utf-8"))
    golden("golden/import_again.txt", report(small_shop.run("import", str(path), "--refused", str(refused))))
    golden("golden/import_again.json.txt", report(small_shop.run("import", str(path), "--format", "json")))
    assert [(customer, kind) for customer, kind, _ in _inbox(small_shop)] == [
        ("c1", "changed"),
        ("c2", "changed"),  # without the address
        ("c3", "changed"),  # without the tier
        ("c5", "changed"),
    ]
    assert "Anna@example.com" in _inbox(small_shop)[0][2]
    assert '"=1+1"' in _inbox(small_shop)[3][2]


def test_events_come_as_history_unless_they_are_live(small_shop: Shop, golden: Golden) -> None:
    rows = [
        '{"event": "subscribed", "customer_id": "c1", "at": "2026-11-20T09:00:00Z", "id": "e1"}',
        '{"event": "order_placd", "customer_id": "c1", "at": "2026-11-20T09:00:00Z"}',
        (
            '{"event": "Order Completed", "customer_id": "c1", "at": "2026-11-19T09:00:00Z", "properties": '
            '{"total": 20}}'
        ),
        '{"event": "subscribed", "customer_id": "c2"}', "nonsense", '["a"]',
        '{"event": "subscribed", "customer_id": "c2", "at": "yesterday"}',
        '{"event": "journey_started", "customer_id": "c2", "at": "2026-11-19T09:00:00Z"}',
        '{"event": "subscribed", "customer_id": "", "at": "2026-11-19T09:00:00Z"}',
    ]  # fmt: skip
    path = small_shop.write("events.jsonl.gz", gzip.compress("\n".join(rows).encode()))
    refused = small_shop.folder / "refused.jsonl"
    golden("golden/import_events.txt", report(small_shop.run("import", str(path), "--refused", str(refused))))
    golden("golden/import_events_refused.jsonl", refused.read_text(encoding="utf-8"))
    small_shop.play()
    assert json.loads(small_shop.run("show", "c1", "--format", "json").out)["runs"] == []
    live = small_shop.write("live.csv", "customer_id,at,source\nc7,2026-11-20T09:59:00Z,popup\n")
    golden(
        "golden/import_live.txt",
        report(small_shop.run("import", str(live), "--event", "subscribed", "--live")),
    )
    small_shop.play()
    runs = json.loads(small_shop.run("show", "c7", "--format", "json").out)["runs"]
    assert [run["journey"] for run in runs] == ["welcome"]


def test_the_same_row_of_two_files_counts_once_per_source(small_shop: Shop) -> None:
    row = (
        '{"event": "order_placed", "customer_id": "c1", "at": "2026-11-19T09:00:00Z", "properties": '
        '{"total": 20}}\n'
    )
    for name, more in (("a.jsonl", ""), ("b.jsonl", row.replace("20}", "30}"))):
        answer = small_shop.run(
            "import", str(small_shop.write(name, row + more)), "--source", "till", "--format", "json"
        )
    assert (json.loads(answer.out)["taken"], json.loads(answer.out)["duplicates"]) == (1, 1)
    assert len(_inbox(small_shop)) == 2


def test_products_and_unclear_files(small_shop: Shop, golden: Golden) -> None:
    path = small_shop.write("goods.csv", "product_id,name\np1,Kettle\n")
    golden("golden/import_products.txt", report(small_shop.run("import", str(path))))
    golden(
        "golden/import_unclear.txt",
        report(small_shop.run("import", str(small_shop.write("x.csv", "a,b\n1,2\n")))),
    )
    golden(
        "golden/import_twice.txt",
        report(small_shop.run("import", str(small_shop.write("y.csv", "customer_id,a,a\n1,2,3\n")))),
    )
    golden("golden/import_list.txt", report(small_shop.run("import", str(small_shop.write("z.json", "[1]")))))


def test_an_interrupted_import_goes_on_where_it_stopped(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"c{number},c{number}@example.com" if number != 3 else "c3,wrong" for number in range(25)]
    path = small_shop.write("people.csv", "\n".join(["customer_id,email", *rows]) + "\n")
    words = ("import", str(path), "--batch", "10", "--refused", str(small_shop.folder / "refused.csv"))
    prepare, calls = Intake.prepare, []

    def interrupted(*given: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return prepare(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "prepare", interrupted)
        stopped = small_shop.run(*words)
    assert stopped.code == 130
    assert "goes on from here" in stopped.out
    assert len(_inbox(small_shop)) == 9
    ended = small_shop.run(*words, "--format", "json")
    assert "going on from there" in ended.err
    found = json.loads(ended.out)
    assert (found["taken"], found["refused"], found["done"]) == (24, 1, True)
    assert [customer for customer, _, _ in _inbox(small_shop)] == [
        f"c{number}" for number in range(25) if number != 3
    ]
    assert (small_shop.folder / "refused.csv").read_text(encoding="utf-8").count("\n") == 2


def test_a_killed_import_neither_loses_nor_doubles(small_shop: Shop) -> None:
    rows = [f"c{number},c{number}@example.com" for number in range(12000)]
    path = small_shop.write("people.csv", "\n".join(["customer_id,email", *rows]) + "\n")
    assert small_shop.run("status").code == 0  # makes the store
    words = [
        sys.executable,
        str(ROOT / "main.py"),
        "--project",
        str(small_shop.folder),
        "import",
        str(path),
        "--batch",
        "20",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not _inbox(small_shop) and process.poll() is None:
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    assert 0 < len(_inbox(small_shop)) < 12000
    ended = json.loads(small_shop.run("import", str(path), "--format", "json").out)
    assert (ended["taken"], ended["duplicates"], ended["done"]) == (12000, 0, True)
    assert [customer for customer, _, _ in _inbox(small_shop)] == [f"c{number}" for number in range(12000)]


def test_case_64_a_suppressed_address_stays_suppressed(small_shop: Shop) -> None:
    """design/reliability case 89: the same address in other case and full width is the same address."""
    from engine.channel_kinds import normalised
    from engine.store.customers import suppressions

    store = small_shop.store()
    try:
        now = small_shop.clock.now()
        address = normalised("email", "anna@example.com")
        store.write(
            lambda conn: suppressions.suppress(
                conn, "email", address, "all", now, suppressions.SuppressionReason.COMPLAINED
            )
        )
    finally:
        store.close()
    small_shop.write("people.csv", "customer_id,email,consent.email\nc1,ＡNNA@Example.COM,given\n")
    small_shop.run("import", str(small_shop.folder / "people.csv"))
    small_shop.run(
        "import",
        str(small_shop.write("e.csv", "customer_id,at\nc1,2026-11-20T10:00:00Z\n")),
        "--event",
        "subscribed",
        "--live",
    )
    small_shop.play()
    small_shop.play()
    shown = json.loads(small_shop.run("show", "c1", "--format", "json").out)
    assert shown["reach"]["email"]["suppressed"] == "all"  # decisions see it, so nothing is planned either
    assert not [each for each in shown["history"] if each.get("what") == "send"]
    outbox = small_shop.folder / "data/outbox"
    assert not outbox.exists() or not list(outbox.rglob("*.eml"))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\n\r"), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text
)


@given(CELLS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_cell_that_was_made_safe_comes_back(tmp_path_factory: pytest.TempPathFactory, cell: str) -> None:
    """design/threats T18: no cell begins a formula, and import takes the apostrophe away again."""
    safe = safe_cell(cell)
    if safe.startswith(("=", "@", "\t", "＝", "＋", "－", "＠")):
        pytest.fail(f"a spreadsheet would calculate {safe!r}")
    if safe.startswith(("+", "-")):
        float(safe.replace(" ", ""))
    if cell.startswith("'") or not cell.strip():
        return
    file = io.StringIO()
    csv.writer(file).writerow(["customer_id", "x"])
    csv.writer(file).writerow(["c1", safe])
    path = tmp_path_factory.mktemp("cells") / "cells.csv"
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    source = look_through(path, None)
    with source.open_text() as text:
        (row,) = open_table(source, text, ",").rows
    assert row.cells["x"] == cell


def test_case_109_refused_rows_hold_no_formula_and_numbers_stay_numbers(small_shop: Shop) -> None:
    cells = ["=cmd|' /C calc'!A0", "@SUM(1+1)", "\tx", "＝1+1", "+1+1", "-2+3", "=HYPERLINK(1)"]
    numbers = ["-5", "+7.5", "12", "1e3"]
    rows = [f'c{n},no-address,"{cell}"' for n, cell in enumerate([*cells, *numbers])]
    path = small_shop.write("people.csv", "\n".join(["customer_id,email,first_name", *rows]) + "\n")
    small_shop.run("import", str(path), "--refused", str(small_shop.folder / "refused.csv"))
    with (small_shop.folder / "refused.csv").open(encoding="utf-8", newline="") as file:
        kept = list(csv.reader(file))
    assert kept[0] == ["line", "why", "customer_id", "email", "first_name"]
    assert [row[-1] for row in kept[1:]] == [f"'{cell}" for cell in cells] + numbers


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("events.csv", "event,customer_id,at\norder_placd,c1,2026-11-20T09:00:00Z\n"),
        ("events.jsonl", '{"event": "order_placd", "customer_id": "c1", "at": "2026-11-20T09:00:00Z"}\n'),
        (
            "products.xml",
            "<rss><channel><item><id>1</id></item><item><title>x</title></item></channel></rss>",
        ),
    ],
)
def test_refused_rows_lie_beside_the_file_and_the_answer_names_them(
    small_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    small_shop.write("schemas/product.yaml", "product: {name: text, price: money, in_stock: true/false}\n")
    path = small_shop.write(f"exports/{name}", rows)
    answer = small_shop.run("import", str(path))
    beside = [each.name for each in path.parent.iterdir() if each != path]
    assert beside == [f"{name}.refused.{'csv' if name.endswith('csv') else 'jsonl'}"]
    assert f"exports/{beside[0]}" in answer.out
    assert list(elsewhere.iterdir()) == []
