"""Whatever the world does to a running daemon: told in a line, nothing lost, nobody else stopped."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from engine.channels.links import Links, UnsubscribeLink
from engine.store import meta
from tests.daemon.files import write_project
from tests.daemon.shop import PLAIN, ROOT, Shop, open_shop, wait_until


def one_line(answer: str) -> str:
    """What a command complains about, without the log of the daemon; it has to be one line."""
    lines = [line for line in answer.splitlines() if not re.match(r"20\d\d-\d\d-\d\dT", line)]
    assert len(lines) == 1, answer
    return lines[0]


@pytest.mark.file
def test_case_06_a_second_daemon_is_refused(running: Shop) -> None:
    said = one_line(running.refused())
    assert "another daemon works on" in said


@pytest.mark.file
def test_case_13_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    write_project(tmp_path, 2525)
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o555)
    command = [sys.executable, str(ROOT / "main.py"), "--project", str(tmp_path), "run"]
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that up
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("needs setpriv, or another user than root")
        command = [setpriv, "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (tmp_path / "data").chmod(0o755)
    assert done.returncode == 1
    assert "cannot be written: Permission denied" in one_line(done.stderr)


@pytest.mark.file
def test_case_14_a_store_that_is_cut_off_is_told_in_one_line(tmp_path: Path) -> None:
    shop = Shop(tmp_path, write_project(tmp_path, 2525))
    shop.command("deploy")
    file = tmp_path / "data" / "shop.db"
    os.truncate(file, file.stat().st_size // 2)
    said = one_line(shop.refused())
    assert "Restore it from a backup" in said


def test_a_port_that_is_taken_is_told_in_one_line(running: Shop, tmp_path: Path) -> None:
    write_project(tmp_path, 2525)
    config = tmp_path / "config.yaml"
    config.write_text(
        re.sub(r"listen: 127.0.0.1:\d+", f"listen: 127.0.0.1:{running.port}", config.read_text())
    )
    said = one_line(Shop(tmp_path, running.port).refused())
    assert f"nothing can listen on 127.0.0.1:{running.port}: Address already in use" in said


@pytest.mark.file
def test_case_10_a_store_that_somebody_locks_is_slow_and_loses_nothing(running: Shop) -> None:
    first, second = running.names("locked", 2)
    running.know([first, second])
    running.happens("signed_up", [first])
    answers: list[httpx2.Response] = []

    def post() -> None:
        with running.client() as client:
            answers.append(
                client.post("/events", json={"id": second, "event": "signed_up", "customer_id": second})
            )

    with closing(
        sqlite3.connect(running.folder / "data" / "shop.db", timeout=20, isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        posting = threading.Thread(target=post)
        posting.start()
        time.sleep(3.0)
        assert httpx2.get(f"{running.url}/healthz", timeout=5, verify=PLAIN).status_code == 200
        other.execute("COMMIT")
    posting.join(30)
    assert [answer.status_code for answer in answers] in ([200], [503])
    assert "Traceback" not in answers[0].text
    if answers[0].status_code == 503:
        post()
    wait_until(lambda: {first, second} <= set(accepted(running)), 30, running.log)
    sql = "SELECT count(*) FROM event WHERE name = 'signed_up' AND customer = ?"
    assert running.ask(sql, second) == [(1,)]


@pytest.mark.file
def test_case_11_a_disk_that_is_full_takes_nothing_and_recovers(running: Shop) -> None:
    """No file of the daemon may grow any more: for SQLite that is a full disk."""
    assert running.daemon is not None
    daemon = running.daemon.pid
    before, *customers = running.names("full", 6)
    running.know([before])
    running.happens("signed_up", [before])
    wait_until(lambda: before in accepted(running), 60, running.log)
    limits = resource.prlimit(daemon, resource.RLIMIT_FSIZE)
    with running.client() as client:

        def post(customer: str) -> httpx2.Response:
            event = {"id": customer, "event": "signed_up", "customer_id": customer}
            return client.post("/events", json=event)

        resource.prlimit(daemon, resource.RLIMIT_FSIZE, (1, limits[1]))
        try:
            answers = [post(customer) for customer in customers]
            healthy = client.get("/healthz").status_code
        finally:
            resource.prlimit(daemon, resource.RLIMIT_FSIZE, limits)
        assert {answer.status_code for answer in answers} == {503}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert all("Traceback" not in answer.text for answer in answers)
        assert healthy == 200
        heard_of = {customer for (customer,) in running.ask("SELECT customer FROM event")}
        assert heard_of.isdisjoint(customers)
        running.know(customers)
        again = [post(customer) for customer in customers]
    assert {answer.status_code for answer in again} == {200}
    wait_until(lambda: {before, *customers} <= set(accepted(running)), 30, running.log)
    mails = running.mails()
    assert [mails[f"{customer} hello"] for customer in (before, *customers)] == [1] * 6
    wait_until(
        lambda: httpx2.get(f"{running.url}/readyz", timeout=5, verify=PLAIN).status_code == 200,
        30,
        running.log,
    )


@pytest.mark.file
def test_ready_is_said_of_this_moment_also_right_after_the_store_was_locked(running: Shop) -> None:
    """Parts pause after failures, up to half a minute; who asks hears how it is now."""

    def ready() -> int:
        return httpx2.get(f"{running.url}/readyz", timeout=20, verify=PLAIN).status_code

    assert ready() == 200
    with closing(sqlite3.connect(running.folder / "data" / "shop.db", timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(1.5)
        began = time.monotonic()
        assert ready() == 503
        # Long enough for the parts of the daemon to fail as well: they wait for the lock for ten seconds.
        time.sleep(max(0.0, 25 - (time.monotonic() - began)))
        assert ready() == 503
        other.rollback()
    time.sleep(1.5)
    assert ready() == 200


def accepted(shop: Shop) -> list[str]:
    return [customer for customer, state in shop.states("hello").items() if state == "accepted"]


@pytest.mark.file
def test_a_customer_whose_row_is_damaged_stops_nobody_else(running: Shop) -> None:
    customers = damaged, *others = running.names("damaged", 3)
    running.know(customers)
    wait_until(lambda: len(running.ask("SELECT 1 FROM customer WHERE id IN (?, ?, ?)", *customers)) == 3)
    with closing(sqlite3.connect(running.folder / "data" / "shop.db", timeout=20)) as other, other:
        other.execute("""UPDATE customer SET seen = '{"visited": "nonsense"}' WHERE id = ?""", (damaged,))
    running.happens("signed_up", customers)
    wait_until(lambda: set(others) <= set(accepted(running)), 60, running.log)
    stuck = [each for each in running.status()["stuck"] if each["customer"] == damaged]
    assert len(stuck) == 1
    assert stuck[0]["why"]
    assert httpx2.get(f"{running.url}/readyz", timeout=5, verify=PLAIN).status_code == 200
    with closing(sqlite3.connect(running.folder / "data" / "shop.db", timeout=20)) as other, other:
        other.execute("UPDATE customer SET seen = '{}' WHERE id = ?", (damaged,))
        other.execute("UPDATE stuck SET retry_at = 0 WHERE customer = ?", (damaged,))
    wait_until(lambda: damaged in accepted(running), 60, running.log)


def test_case_86_who_unsubscribed_is_not_written_to_after_the_answer(tmp_path: Path) -> None:
    """R12: a mail server that takes its time, a queue before it, and people who leave meanwhile."""
    customers = [f"u{n}" for n in range(300)]
    with open_shop(tmp_path, answer_seconds=0.1) as shop:
        shop.start()
        shop.know(customers)
        shop.happens("signed_up", customers)
        wait_until(lambda: len(shop.ask("SELECT 1 FROM outbox")) == len(customers), 60, shop.log)
        keys = dict(shop.ask("SELECT customer, send_key FROM outbox"))
        with shop.store() as store, store.read() as conn:
            links = Links([meta.secret(conn)], shop.url)
        answered: dict[str, int] = {}
        with httpx2.Client(timeout=60, verify=PLAIN) as client:
            for customer in reversed(customers[100:]):
                url = links.unsubscribe(UnsubscribeLink(customer, "email", "marketing", keys[customer]))
                assert client.post(url).status_code == 200
                answered[customer] = shop.now()
        wait_until(lambda: not waits(shop, "u"), 60, shop.log)
        found = shop.ask("SELECT customer, state, handed_at FROM outbox")
        late = [customer for customer, _, at in found if at and at > answered.get(customer, at)]
        assert late == []
        assert sum(state == "suppressed" for _, state, _ in found) > 10, (
            "the test came too late to show anything"
        )
        reached = {mail.split()[0] for mail in shop.mails()}
        assert reached == {customer for customer, state, _ in found if state != "suppressed"}


def waits(shop: Shop, name: str) -> bool:
    waiting = shop.ask(
        "SELECT customer FROM outbox WHERE state IN ('planned', 'claimed', 'deferred', 'handoff')"
    )
    return any(customer.startswith(name) and customer[len(name)].isdigit() for (customer,) in waiting)
