"""`codes`: how pools stand, a file that fills one, and what is known of a single code."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from engine.core.decision.effects import GiveBack, TakeCode
from engine.store.incentives import code_stock, code_uses, codes
from engine.store.incentives.code_uses import ShownCode
from engine.store.meta import bucket_of
from engine.values import DAY, Instant, Money
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

POOLS = """codes:
  VIP15: {kind: file, path: codes/vip15.csv, text: 15 %}
  OFFER:
    choose: total_spent
    into:
      less than 500 EUR: {pool: WELCOME10, valid: 7 days}
      else: {pool: VIP15, valid: 14 days}
"""


@pytest.fixture
def code_shop(shop: Shop) -> Shop:
    """Four codes of a file; three are given out, of which one was used; and the code for everybody."""
    config = shop.folder / "config.yaml"
    config.write_text(config.read_text().replace("codes:\n", POOLS, 1))
    shop.write("codes/vip15.csv", "code\nV-1\nV-2\nV-3\nV-4\n")
    store, now = shop.store(), shop.clock.now()
    week, past = Instant(now + 7 * DAY), Instant(now - DAY)

    def take(conn: Connection, who: str, pool: str, value: str, kind: str, end: Instant, asked: str) -> None:
        text = "15 %" if pool == "VIP15" else ""
        code = TakeCode(f"run-{value}-{who}", pool, value, end, kind, "win_back", asked, text)  # type: ignore[arg-type]
        codes.take(conn, bucket_of(conn, who), [(who, code)], Instant(now - 2 * DAY))

    def job(conn: Connection) -> None:
        code_stock.add(conn, "VIP15", ["V-1", "V-2", "V-3"], now)
        asked = [
            code_stock.CodeRequest(f"run-V-{n}-{who}", 0, who)
            for n, who in ((1, "anna"), (2, "bert"), (3, "cleo"))
        ]
        code_stock.take(conn, "VIP15", [*asked, code_stock.CodeRequest("run-x", 0, "dora")], now)
        for number, who in ((1, "anna"), (2, "bert"), (3, "cleo")):
            take(conn, who, "VIP15", f"V-{number}", "file", past if number == 2 else week, "OFFER")
        bucket = bucket_of(conn, "cleo")
        codes.give_back(conn, bucket, [GiveBack("run-V-3-cleo", "VIP15", "V-3")], now)
        take(conn, "anna", "SPRING", "SPRING", "shared", week, "SPRING")
        order = Money(Decimal("39.90"), "EUR")
        code_uses.note(
            conn,
            [
                ShownCode("V-1", "anna", now, "order", "o1", order),
                ShownCode("V-1", "anna", now, "order", "o2", order),
                ShownCode("V-1", "eve", now, "order", "o3", order),
            ],
        )

    try:
        store.write(job)
    finally:
        store.close()
    return shop


def test_pools_are_listed_with_what_became_of_their_codes(code_shop: Shop, golden: Golden) -> None:
    golden("golden/codes.txt", report(code_shop.run("codes")))
    golden("golden/codes_pool.txt", report(code_shop.run("codes", "VIP15")))
    golden("golden/codes_choice.txt", report(code_shop.run("codes", "OFFER")))
    (pool,) = json.loads(code_shop.run("codes", "VIP15", "--format", "json").out)
    assert (pool["free"], pool["size"], pool["reserved"], pool["used"]) == (1, 3, 0, 1)
    assert (pool["given_back"], pool["expired"], pool["waiting"], pool["orders"]) == (1, 1, 1, 1)
    assert pool["value"] == {"EUR": "39.9"}
    assert pool["not_counted"] == {"used twice": 2}
    assert pool["by_journey"][0]["asked_as"] == "OFFER"


def test_a_file_fills_a_pool_and_what_is_there_already_is_told(code_shop: Shop, golden: Golden) -> None:
    long = "x" * 200
    file = code_shop.write("more.csv", f'Code;Worth\nV-1;15\nN-1;15\n\n"N-2";15\nN-1;15\n{long}\nN\x07;1\n')
    answer = code_shop.run("codes", "import", "VIP15", str(file))
    assert answer.code == 1
    golden("golden/codes_import.txt", report(answer))
    again = json.loads(code_shop.run("codes", "import", "VIP15", str(file), "--format", "json").out)
    assert (again["added"], again["known"], again["refused"]) == (0, 4, 2)


def test_a_deployment_reads_the_files_of_pools(code_shop: Shop) -> None:
    assert "1 code added to VIP15" in code_shop.run("deploy", "--yes").out
    assert "added to VIP15" not in code_shop.run("deploy", "--yes").out
    code_shop.write("codes/vip15.csv", "V-1\nV-5\nV-6\n")
    assert "2 codes added to VIP15" in code_shop.run("deploy", "--yes").out


def test_a_single_code_is_told_with_who_showed_it(code_shop: Shop, golden: Golden) -> None:
    golden("golden/codes_check.txt", report(code_shop.run("codes", "check", "v-1")))
    told = json.loads(code_shop.run("codes", "check", "V-2", "--format", "json").out)
    assert (told["state"], told["customer"], told["worth"]) == ("after its end", "bert", "15 %")
    assert json.loads(code_shop.run("codes", "check", "V-3", "--format", "json").out)["state"] == "given back"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["NOPE"], 'there is no pool "NOPE"'),
        (["check", "NOPE"], 'nobody has the code "NOPE"'),
        (["import", "NOPE", "x.csv"], 'there is no pool "NOPE"'),
        (["import", "WELCOME10", "x.csv"], 'the pool "WELCOME10" makes its codes itself'),
        (["import", "VIP15", "not_there.csv"], "not_there.csv cannot be read"),
        (["import", "VIP15"], "this is nothing that can be done with codes"),
    ],
)
def test_what_cannot_be_done_is_said(code_shop: Shop, words: list[str], told: str) -> None:
    answer = code_shop.run("codes", *words)
    assert answer.code == 2
    assert told in answer.err
