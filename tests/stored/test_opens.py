"""A store that commit facc07a wrote opens, says the same, and goes on where it stopped (README.md: who is in
it)."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import lzma
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.cli.app import main
from engine.clock import ManualClock
from engine.store import migrations
from engine.store.customers.address_index import addresses_of, customers_of
from engine.store.customers.customer_codec import load_attributes, load_reach
from engine.values import Instant, instant
from tests.daemon.shop import ROOT, Shop, wait_until

HERE = Path(__file__).parent
SEEN_AT = "2026-03-03T08:20:00+00:00"
GOLDEN = dict(line.split("  ", 1) for line in (HERE / "store_of_facc07a.golden").read_text().splitlines())
ASKED = [
    words if number % 4 == 0 else pytest.param(words, marks=pytest.mark.soak)
    for number, words in enumerate(GOLDEN)
]
"""Every fourth command by default, all of them with the soak: each reads the project anew."""


def moment(text: str) -> Instant:
    return instant(dt.datetime.fromisoformat(text))


def unpack(folder: Path, http: int = 8080, smtp: int = 1025) -> Shop:
    """The store and its project. Nobody listens on the port of the provider of SMS."""
    shutil.copytree(HERE / "project", folder, dirs_exist_ok=True)
    config = folder / "config.yaml"
    text = config.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{http}")
    config.write_text(text.replace("port: 1025", f"port: {smtp}"))
    (folder / "data").mkdir()
    packed = (HERE / "store_of_facc07a.db.xz").read_bytes()
    (folder / "data" / "shop.db").write_bytes(lzma.decompress(packed))
    return Shop(folder, http)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The store as it was left; nobody writes to it."""
    shop = unpack(tmp_path_factory.mktemp("still") / "SHOP")
    # commands that only look leave the tables as they are, and this store has those of an earlier version
    with shop.store():
        pass
    return shop


def answer(shop: Shop, words: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The JSON of a command, at the moment at which the golden lines were said."""
    program = ["main.py", "--project", str(shop.folder), *words.split(), "--format", "json"]
    monkeypatch.setattr(sys, "argv", program)
    monkeypatch.setenv("PERENNIAL_COMMAND", "./run")
    output = io.StringIO()
    with contextlib.redirect_stdout(output), pytest.raises(SystemExit) as end:
        main(ManualClock(moment(SEEN_AT)))
    assert end.value.code == 0
    return json.loads(output.getvalue().replace(str(shop.folder), "SHOP"))


@pytest.mark.parametrize("words", ASKED)
def test_it_says_what_the_old_code_said(still: Shop, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said, then = answer(still, words, monkeypatch), json.loads(GOLDEN[words])
    if isinstance(then, dict):  # what is said now beside it, the old code did not know
        said = {name: value for name, value in said.items() if name in then}
        for told in (said, then):  # the old code told them in the order of their ids
            told.get("runs", []).sort(key=lambda run: (run["started_at"], run["journey"]))
    assert said == then


@pytest.mark.parametrize("words", ["doctor", "status", "show petra", "why petra miss_you", "keys list"])
def test_a_command_that_only_looks_leaves_it_as_it_is(tmp_path: Path, words: str) -> None:
    shop = unpack(tmp_path)
    before = {file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    said = shop.command(*words.split(), code=1 if words == "doctor" else 2)
    assert "this store was written by an earlier version of Perennial" in said
    assert f"Make a backup, then start the daemon with  ./run --project {tmp_path} run" in said
    assert (tmp_path / "data" / "shop.db").read_bytes() == before["shop.db"]


def test_its_tables_are_those_of_today(still: Shop) -> None:
    with still.store() as store, store.read() as conn:
        assert migrations.differences(conn) == []


def test_whose_an_address_is_was_entered_for_everybody_who_was_known(still: Shop) -> None:
    with still.store() as store, store.read() as conn:
        known = conn.exec_driver_sql("SELECT id, attributes, reach FROM customer").all()
        held = {
            (customer, channel, address)
            for customer, values, reach in known
            for channel, address in addresses_of(load_reach(reach), load_attributes(values))
        }
        assert len(held) > 50
        for customer, channel, address in held:
            assert customer in customers_of(conn, [(channel, address)])[channel, address]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The store with a mail server, ready for a daemon."""
    monkeypatch.setenv("SMS_TOKEN", "invented")
    sink = subprocess.Popen([sys.executable, "-m", "tests.daemon.sink", str(tmp_path), "0"], cwd=ROOT)
    try:
        wait_until((tmp_path / "port").exists, 30)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            http = int(free.getsockname()[1])
        shop = unpack(tmp_path, http, int((tmp_path / "port").read_text()))
        with shop.store() as store:
            # A file that comes out of an archive is a copy to the daemon, which would hold all that is due.
            # That it
            # was moved here, and that the other daemon is gone for good, only this test can know.
            store.write(lambda conn: conn.exec_driver_sql("DELETE FROM meta WHERE name = 'place'"))
        yield shop
        shop.kill()
    finally:
        sink.kill()
        sink.wait()


def has_rows(shop: Shop, query: str) -> bool:
    return bool(shop.ask(query))


def work(shop: Shop, at: str, *done: str) -> None:
    """A daemon that begins at the moment and works until each of these queries has a row."""
    shop.moment = moment(at)
    shop.start()
    for query in done:
        wait_until(partial(has_rows, shop, query), 60, shop.log)
    assert shop.stop() == 0
    assert "Traceback" not in shop.log()


SENT = (
    "SELECT 1 FROM outbox WHERE customer = '{}' AND template = '{}' AND channel = 'email' AND state "
    "= 'accepted'"
)


@pytest.mark.timeout(300)
def test_it_goes_on_where_it_stopped(shop: Shop) -> None:
    hashes = shop.ask("SELECT kind, name, hash FROM sweep ORDER BY 1, 2")
    people = shop.ask("SELECT id FROM enrollment ORDER BY 1")
    mailed = {
        who
        for (who,) in shop.ask("SELECT customer FROM outbox WHERE template = 'hello' AND state = 'accepted'")
    }
    assert dict(shop.ask(
        "SELECT state, count(*) FROM outbox WHERE state IN ('claimed', 'handoff') GROUP BY "
        "1"
    )) == {
        "claimed": 3, "handoff": 4,
    }  # fmt: skip

    work(
        shop, "2026-03-03T08:30:00+00:00",
        SENT.format("newcomer", "hello"), SENT.format("stuck", "hello"),
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM inbox) AND NOT EXISTS (SELECT 1 FROM stuck)"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE state IN ('claimed', 'handoff'))",
    )  # fmt: skip
    # Claimed messages had not left and leave now, once. Those that were handed over may have left: they were
    # unknown
    # until the new daemon, and service mail is sent once more, the same to the letter.
    hello = shop.states("hello")
    assert {hello[name] for name in ("zoe", "vera", "rita", "newcomer", "stuck")} == {"accepted"}
    resent = (
        "SELECT customer FROM outbox WHERE template = 'hello' AND resent = 1 AND state = 'accepted' ORDER "
        "BY 1"
    )
    assert {who for (who,) in shop.ask(resent)} >= {"lost2", "maya", "otto", "yves"}
    mails = shop.mails()
    assert [mails[f"{name} hello"] for name in ("zoe", "vera", "rita", "newcomer", "stuck")] == [1] * 5
    assert [mails[f"{name} hello"] for name in ("lost2", "maya", "yves", "otto")] == [1] * 4
    # Rows that were received and not applied are applied: an order counts once.
    assert shop.ask("SELECT json_extract(attributes, '$.orders_count') FROM customer WHERE id = 'cleo'") == [
        (1,)
    ]

    # The cascade goes to its next channel; who lapsed meanwhile starts, whoever had lapsed before does not.
    work(shop, "2026-03-03T13:00:00+00:00", SENT.format("curt", "reminder"), SENT.format("vera", "miss_you"))
    # A wait ends, and the send that a person ordered goes out. What was held stays held.
    work(shop, "2026-03-04T09:30:00+00:00", SENT.format("rita", "news"))
    lapsed = shop.ask("SELECT DISTINCT customer FROM enrollment WHERE journey = 'lapsed' ORDER BY 1")
    assert {who for (who,) in lapsed} <= {"lapo", "otto", "petra", "vera"}
    # Not the scores: they are cut in another way since, so that their definition is another one, too.
    definitions = [row for row in hashes if row[0] in ("segment", "learned")]
    later = shop.ask("SELECT kind, name, hash FROM sweep ORDER BY 1, 2")
    assert definitions
    assert [row for row in later if row[0] in ("segment", "learned")] == definitions
    assert {id_ for (id_,) in people} <= {id_ for (id_,) in shop.ask("SELECT id FROM enrollment")}
    again = "SELECT customer FROM enrollment WHERE journey = 'welcome' GROUP BY 1 HAVING count(*) > 1"
    assert shop.ask(again) == []
    # Nothing twice: neither now, nor what the old code had sent.
    assert set(shop.mails().values()) == {1}
    assert [who for who in mailed if shop.mails()[f"{who} hello"]] == []
