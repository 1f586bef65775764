"""`take-mail`: from files and from standard input, with exit codes that a mail server understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.store.customers import suppressions
from tests.cli.conftest import ROOT, Shop
from tests.mails import delivery_report, plain


@pytest.fixture
def mailed(shop: Shop) -> Shop:
    """Anna has subscribed and got her first mail."""
    anna = {
        "customer_id": "anna",
        "email": "anna@example.com",
        "first_name": "Anna",
        "consent": {"email": "given"},
    }
    subscribed = {"event": "subscribed", "customer_id": "anna", "at": "2026-11-20T10:00:00Z"}
    assert shop.run("deploy").code == 0
    for name, row, *more in (("people.jsonl", anna), ("events.jsonl", subscribed, "--live")):
        assert shop.run("import", str(shop.write(name, json.dumps(row) + "\n")), *more).code == 0
    shop.play()
    return shop


def token(shop: Shop) -> str:
    """What stands in the Message-ID of the mail that Anna got."""
    with closing(shop.store()) as store, store.read() as conn:
        found = conn.exec_driver_sql("SELECT ref FROM outbox WHERE ref IS NOT NULL").fetchone()
    assert found is not None
    return str(found[0])


def piped(shop: Shop, raw: bytes, **env: str) -> subprocess.CompletedProcess[bytes]:
    """As a mail server starts it."""
    command = [sys.executable, str(ROOT / "main.py"), "--project", str(shop.folder), "take-mail"]
    return subprocess.run(
        command, input=raw, capture_output=True, env={**os.environ, **env}, check=False, timeout=60
    )


def test_a_mail_of_nobody_is_taken_and_changes_nothing(mailed: Shop) -> None:
    done = piped(mailed, plain("bounces@shop.example"))
    assert (done.returncode, done.stdout.decode().strip()) == (0, "other: about no message of ours")


def test_a_bounce_closes_the_address_once(mailed: Shop, tmp_path: Path) -> None:
    raw = delivery_report(
        f"bounces+{token(mailed)}@shop.example", ("anna@example.com", "5.1.1", "550 5.1.1 unknown")
    )
    file = tmp_path / "bounce.eml"
    file.write_bytes(raw)
    answer = mailed.run("take-mail", str(file), "--format", "json")
    assert [(one["kind"], one["new"], one["known"]) for one in json.loads(answer.out)] == [("bounce", 1, 0)]
    assert "bounce: known already" in mailed.run("take-mail", str(file)).out
    with closing(mailed.store()) as store, store.read() as conn:
        assert "all" in suppressions.active(conn, "email", "anna@example.com")


@pytest.mark.file
def test_a_store_that_cannot_be_written_leaves_the_mail_with_the_server(mailed: Shop) -> None:
    database = mailed.folder / "data" / "shop.db"
    kept = database.read_bytes()
    database.write_bytes(b"this is no database" * 100)
    done = piped(mailed, plain("bounces@shop.example"))
    database.write_bytes(kept)
    assert done.returncode == 75


def test_a_file_that_is_not_there_is_a_mistake_of_the_caller(mailed: Shop) -> None:
    answer = mailed.run("take-mail", "nowhere.eml")
    assert answer.code == 2
    assert "nowhere.eml cannot be read" in answer.err
