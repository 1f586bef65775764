"""Whatever breaks, wherever: nothing is lost and nothing is sent twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from engine.runtime.advance.advancer import Publication
from engine.store import connections, sql
from engine.store.database import open_store
from engine.store.inbox import inbox
from tests.runtime.shop import FILES, Shop
from tests.runtime.workday import Workday, open_workday
from tests.stores import address_of

ROOT = Path(__file__).parents[3]


class Fault:
    """Breaks the n-th statement or commit, once."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.struck = False

    def attach(self, engine: Any) -> None:
        event.listen(engine, "before_cursor_execute", self.hit)
        event.listen(engine, "commit", self.hit)

    def hit(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            raise OperationalError("statement", {}, Exception("disk I/O error"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Publication]:
    """A folder with a store that has a deployment, and what is published in it."""
    folder = tmp_path_factory.mktemp("begun")
    shop = Shop(folder, FILES)
    shop.close()
    return folder, shop.publication


def check(workday: Workday, sent: Counter[str]) -> None:
    """Every message that the day asks for, once; what is unknown is listed as that."""
    with workday.store.read() as conn:
        assert inbox.depth(conn) == 0
        rows = sql.rows(conn, "SELECT customer, template, state FROM outbox ORDER BY customer, template")
        events = sql.rows(conn, "SELECT count(*) FROM event WHERE name NOT LIKE '$%'")[0][0]
        open_runs = sql.rows(conn, "SELECT count(*) FROM enrollment WHERE ended_at IS NULL")[0][0]
        starts = sql.rows(
            conn, "SELECT customer, journey, count(*) FROM enrollment GROUP BY 1, 2 HAVING count(*) > 1"
        )
    buyers = set(workday.customers[::2])
    wanted = {(customer, "hello") for customer in workday.customers}
    for template in ("cart_reminder", "offer"):  # whoever buys within the hour gets neither
        wanted |= {(customer, template) for customer in workday.customers if customer not in buyers}
    found = {(customer, template): state for customer, template, state in rows}
    assert found.keys() == wanted
    assert events == 2 * len(workday.customers) + len(buyers)
    assert starts == []
    for (customer, template), state in found.items():
        times = sent[f"{customer} {template}"]
        if state == "unknown":
            assert times <= 1
        else:
            assert (state, times) == ("accepted", 1), (customer, template)
    assert open_runs == 0


@pytest.mark.file
@pytest.mark.parametrize("first", [1, *(pytest.param(first, marks=pytest.mark.soak) for first in (2, 3, 4))])
def test_any_statement_may_fail(
    begun: tuple[Path, Publication], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """The machine goes on in this test, so the files need not reach the disk at every commit."""
    monkeypatch.setattr(connections, "PRAGMAS", (*connections.PRAGMAS, "synchronous=OFF"))
    folder, publication = begun
    number = first
    while True:
        here = tmp_path / str(number)
        shutil.copytree(folder / "data", here / "data")
        fault = Fault(number)
        if not day_with(fault, here, publication):
            break
        number += 4
    assert number > 100  # every fourth statement of the day had its turn


def day_with(fault: Fault, folder: Path, publication: Publication) -> bool:
    """A day in which something breaks once, and what came of it. False: the day was over before."""
    sent: Counter[str] = Counter()
    workday = open_workday(folder, ["ann", "bob"], lambda line: sent.update([line]), publication)
    fault.attach(workday.store.engine)
    try:
        workday.go_on()
        fault.left = 0
    except OperationalError:  # the process dies here, and another one takes over
        workday.store.close()
        workday = open_workday(folder, ["ann", "bob"], workday.sink, publication)
        workday.go_on()
    check(workday, sent)
    workday.store.close()
    return fault.struck


@pytest.mark.file
@pytest.mark.parametrize("most", [2, pytest.param(5, marks=pytest.mark.soak)])
def test_kill_nine_at_any_time(begun: tuple[Path, Publication], tmp_path: Path, most: int) -> None:
    folder, publication = begun
    shutil.copytree(folder / "data", tmp_path / "data")
    count, dice = 24, Random(7)
    command = [sys.executable, "-m", "tests.runtime.workday", str(tmp_path), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kills = 0
    while not (tmp_path / "done").exists():
        with (tmp_path / "errors").open("ab") as errors:
            child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors)
        grown = (tmp_path / "sent").stat().st_size if (tmp_path / "sent").exists() else 0
        while child.poll() is None and kills < most:
            size = (tmp_path / "sent").stat().st_size if (tmp_path / "sent").exists() else 0
            if size > grown:  # it is at work: kill it somewhere in the next moments
                time.sleep(dice.random() * 0.15)
                child.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        if child.wait() not in (0, -signal.SIGKILL):
            pytest.fail((tmp_path / "errors").read_text(encoding="utf-8"))
    sent = Counter((tmp_path / "sent").read_text(encoding="utf-8").splitlines())
    assert kills >= 2
    store = open_store(address_of(tmp_path), tmp_path)
    check(Workday(store, publication, [f"c{n}" for n in range(count)], print), sent)
    with store.read() as conn:
        unknown = sql.rows(conn, "SELECT count(*) FROM outbox WHERE state = 'unknown'")[0][0]
    assert unknown <= kills
    store.close()
