"""The catalogue feed through a daemon in a process of its own: prices that fall start each watcher once,
whenever somebody dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.runtime.feeds.applying import SLICE
from engine.runtime.intake.items import EventItem
from tests.daemon.shop import PLAIN, Shop, open_shop, wait_until
from tests.daemon.test_catalogue import CHEAPER, EVENTS, PRODUCT

MANY = 10 * SLICE
WATCHED = range(0, MANY, MANY // 40)


class Publisher:
    """A feed whose prices the test sets."""

    def __init__(self) -> None:
        self.price, self.asked = 20, 0

    def answer(self, _: Request) -> Response:
        self.asked += 1
        rows = (f"p{n},{self.price},true" for n in range(MANY))
        return Response("product_id,price,in_stock\n" + "\n".join(rows), headers={"ETag": f'"{self.price}"'})


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def shop(tmp_path: Path, httpserver: HTTPServer, publisher: Publisher) -> Iterator[Shop]:
    """A shop that does not run yet, with a feed and a journey that starts by it."""
    httpserver.expect_request("/feed").respond_with_handler(publisher.answer)
    place = f"127.0.0.1:{httpserver.port}"
    with open_shop(tmp_path) as opened:
        config = (tmp_path / "config.yaml").read_text(encoding="utf-8")
        more = f"catalogue: {{feed: http://{place}/feed}}\negress: {{allow: [{place}]}}\n"
        files = {
            "config.yaml": config + more,
            "schemas/events.yaml": EVENTS,
            "schemas/product.yaml": PRODUCT,
            "journeys/cheaper.yaml": CHEAPER,
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        yield opened


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shares", [(0.1,), pytest.param((0.1, 0.4, 0.7), marks=pytest.mark.soak)])
def test_who_watches_starts_once_though_the_daemon_dies_between_two_slices(
    shop: Shop, publisher: Publisher, shares: tuple[float, ...]
) -> None:
    shop.command("catalogue", "fetch")
    shop.receive(
        EventItem(n, f"c{n}", "product_viewed", None, f"view-{n}", {"product_id": f"p{n}"}) for n in WATCHED
    )
    publisher.price = 10
    changed = "SELECT count(*) FROM product_price WHERE amount = 10000000"
    kills = 0
    for share in shares:
        # another look at once, as after a night without a daemon
        with shop.store() as store:
            store.write(lambda conn: conn.exec_driver_sql("DELETE FROM meta WHERE name = 'catalogue.feed'"))
        shop.start()
        wait_until(lambda: shop.ask(changed)[0][0] >= share * MANY, 60, shop.log)  # noqa: B023
        shop.kill()
        kills += shop.ask(changed)[0][0] < MANY
    assert kills, "every kill came after the last slice"
    shop.start()
    wait_until(lambda: shop.ask(changed) == [(MANY,)], 60, shop.log)
    runs = "SELECT count(*), count(DISTINCT customer) FROM enrollment WHERE journey = 'cheaper'"
    wait_until(lambda: not shop.ask("SELECT 1 FROM product_change UNION SELECT 1 FROM inbox"), 60, shop.log)
    wait_until(lambda: shop.ask(runs)[0][0] >= len(WATCHED), 60, shop.log)
    assert shop.ask(runs) == [(len(WATCHED), len(WATCHED))]
    assert shop.ask("SELECT count(*) FROM stuck") == [(0,)]
    figures = shop.command("catalogue")
    assert f"{MANY:,} products, 0 refused" in figures
    text = httpx2.get(f"{shop.url}/metrics", verify=PLAIN).text
    assert f'perennial_catalogue_feed_items{{result="taken"}} {MANY}.0' in text
    assert "perennial_catalogue_feed_refused 0.0" in text
    assert shop.stop() == 0
    assert "Traceback" not in shop.log()
