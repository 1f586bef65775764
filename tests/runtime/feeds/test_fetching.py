"""A feed from an address: only when it is new, by the guarded way out, judged before anything is written."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.clock import ManualClock
from engine.config import Config
from engine.config.file import read_config
from engine.runtime.alerting.trouble_detection import store_troubles
from engine.runtime.feeds import fetching
from engine.runtime.feeds.catalogue_feed import CatalogueFeed
from engine.store.database import Store
from engine.store.feeds import feed_state
from engine.store.feeds.feed_state import FeedState
from engine.store.products import catalogue as products
from engine.values import HOUR, Instant
from tests.channels.odd_http import odd_server, says
from tests.runtime.feeds.test_taking import CATALOGUE, NOW, feed
from tests.stores import new_store

TEN = feed(*(f"p{n} 5 yes" for n in range(10)))


@dataclass
class Publisher:
    """A shop's server that publishes a feed, and what was asked of it."""

    server: HTTPServer
    content: bytes = TEN
    etag: str = '"1"'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    asked: list[Request] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        time.sleep(self.seconds)
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            return Response(status=304)
        marks = {"ETag": self.etag, "Last-Modified": "Fri, 27 Nov 2026 10:00:00 GMT"} if self.etag else {}
        return Response(self.content, self.status, {**marks, **self.headers})


@dataclass
class Following:
    """A store that follows the feed, on a clock that stands still."""

    store: Store
    publisher: Publisher
    clock: ManualClock
    extra: str = ""
    seconds: float = 5.0

    def config(self) -> Config:
        own = f"feed: http://{self.publisher.place}/feed?key=hush{', ' if self.extra else ''}{self.extra}"
        config, problems = read_config(
            f"currency: EUR\negress: {{allow: [{self.publisher.place}]}}\ncatalogue: {{{own}}}\n"
        )
        assert not problems
        return config

    def look(self, hours: float = 0) -> FeedState:
        """Time goes on, and somebody looks."""
        self.clock.advance_to(Instant(self.clock.now() + int(hours * HOUR)))
        made = CatalogueFeed(self.store, self.clock, lambda: (CATALOGUE, self.config()), seconds=self.seconds)
        asyncio.run(made.look())
        with self.store.read() as conn:
            return feed_state.load(conn)

    def price(self, product: str) -> str:
        with self.store.read() as conn:
            return str(products.find(conn, [product])[product]["price"])

    def troubles(self) -> dict[str, str]:
        with self.store.read() as conn:
            return store_troubles(conn, self.config(), self.clock.now())


@pytest.fixture
def publisher(httpserver: HTTPServer) -> Publisher:
    made = Publisher(httpserver)
    httpserver.expect_request("/feed").respond_with_handler(made.answer)
    return made


@pytest.fixture
def following(tmp_path: Path, publisher: Publisher) -> Iterator[Following]:
    store = new_store(tmp_path)
    yield Following(store, publisher, ManualClock(NOW))
    store.close()


def test_a_feed_is_fetched_when_its_time_has_come_and_taken_when_it_is_new(following: Following) -> None:
    state = following.look()
    assert (state.products, state.changed, state.etag, state.applied_at) == (10, 10, '"1"', NOW)
    following.look(0.9)
    assert len(following.publisher.asked) == 1
    state = following.look(0.2)
    assert [bool(asked.headers.get("If-None-Match")) for asked in following.publisher.asked] == [False, True]
    assert following.publisher.asked[1].headers["If-Modified-Since"] == "Fri, 27 Nov 2026 10:00:00 GMT"
    assert (state.applied_at, state.products) == (following.clock.now(), 10)
    following.publisher.content, following.publisher.etag = TEN.replace(b"p1,5", b"p1,4"), '"2"'
    assert following.look(1).changed == 1
    assert following.price("p1") == "4 EUR"


def test_a_packed_feed_is_unpacked(following: Following) -> None:
    following.publisher.content = gzip.compress(TEN)
    following.publisher.headers = {"Content-Encoding": "gzip"}
    assert following.look().products == 10
    assert following.publisher.asked[0].headers["Accept-Encoding"] == "gzip"


def test_a_halved_feed_is_refused_and_told_until_a_good_one_comes(following: Following) -> None:
    following.look()
    following.publisher.content, following.publisher.etag = feed("p1 4 yes", "p2 5 yes"), '"2"'
    state = following.look(1)
    assert "it has 2 products, and 10 came by the last one" in state.refused
    assert following.price("p1") == "5 EUR"
    assert "catalogue feed" in following.troubles()
    state = following.look(1)  # it is asked for anew: what was refused is no feed that is known
    assert following.publisher.asked[-1].headers.get("If-None-Match") is None
    assert state.refused
    following.publisher.content = TEN
    assert following.look(1).refused == ""
    assert not following.troubles()


@pytest.mark.parametrize(
    "content", [b"", b"<rss><channel><item>", b"product_id,price\n", b"<html>Log in</html>"]
)
def test_what_is_no_feed_or_empty_is_refused(following: Following, content: bytes) -> None:
    following.look()
    following.publisher.content, following.publisher.etag = content, ""
    state = following.look(1)
    assert state.refused
    assert state.products == 10
    assert following.price("p1") == "5 EUR"
    assert "catalogue feed" in following.troubles()


def test_an_address_that_gives_nothing_is_asked_again_and_told_when_it_lasts(following: Following) -> None:
    following.look()
    following.publisher.status, following.publisher.etag = 503, ""
    state = following.look(1)
    assert (state.failures, state.failed) == (1, f"{following.publisher.place} answered 503")
    following.look(4 / 60)
    assert len(following.publisher.asked) == 2
    following.look(1 / 60)
    assert len(following.publisher.asked) == 3
    assert not following.troubles()
    state = following.look(10 / 60)
    assert state.failures == 3
    assert "answered 503" in following.troubles()["catalogue feed address"]
    assert "hush" not in str(following.troubles())
    following.publisher.status = 200
    state = following.look(1)
    assert (state.failures, state.failed, state.applied_at) == (0, "", following.clock.now())


def test_a_slow_server_has_an_end(following: Following) -> None:
    following.seconds, following.publisher.seconds = 0.3, 1.0
    state = following.look()
    assert "no answer within 0.3 seconds" in state.failed


def test_a_feed_that_breaks_off_is_not_taken(following: Following) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(TEN) + 100}\r\n\r\n".encode()

    async def look() -> None:
        async with odd_server(says(head + TEN)) as odd:
            config = read_config(
                f"egress: {{allow: [{odd.place}]}}\ncatalogue: {{feed: http://{odd.place}/feed}}\n"
            )[0]
            await CatalogueFeed(following.store, following.clock, lambda: (CATALOGUE, config)).look()

    asyncio.run(look())
    with following.store.read() as conn:
        state = feed_state.load(conn)
        assert not products.count(conn)
    assert state.failures == 1
    assert "lost" in state.failed


def test_a_feed_that_is_too_large_is_refused(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST_DOWNLOAD", 50)
    assert "over the wire" in following.look().refused


def test_a_redirect_is_followed_and_checked_as_the_first_address(
    following: Following, httpserver: HTTPServer
) -> None:
    following.publisher.status, following.publisher.etag = 302, ""
    following.publisher.headers = {"Location": "/other"}
    httpserver.expect_request("/other").respond_with_data(TEN)
    assert following.look().products == 10
    for target in (
        "http://127.0.0.1:9/feed",
        "http://10.0.0.1/feed",
        "http://169.254.169.254/latest",
        "file:///etc",
    ):
        following.publisher.headers = {"Location": target}
        state = following.look(1)
        assert state.failures, target
        assert "public" in state.failed or "no address that may be called" in state.failed
        following.publisher.headers = {"Location": "/other"}
        assert following.look(1).failures == 0
    following.publisher.headers = {"Location": "/feed"}
    assert "more than 5 redirects" in following.look(1).failed


def test_a_login_is_sent_to_its_server_alone(
    following: Following, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_PASSWORD", "s3cret")
    following.extra = "user: shop, password: env:FEED_PASSWORD"
    with HTTPServer() as other:
        seen: list[Request] = []

        def answer(request: Request) -> Response:
            seen.append(request)
            return Response(TEN)

        other.expect_request("/feed").respond_with_handler(answer)
        elsewhere = f"127.0.0.1:{other.port}"
        allowed = following.config().egress
        following.publisher.status, following.publisher.etag = 302, ""
        following.publisher.headers = {"Location": f"http://{elsewhere}/feed"}
        config = read_config(
            f"currency: EUR\negress: {{allow: [{allowed[0]}, {elsewhere}]}}\ncatalogue: {{feed: "
            f"http://{following.publisher.place}/feed, {following.extra}}}\n"
        )[0]
        made = CatalogueFeed(following.store, following.clock, lambda: (CATALOGUE, config))
        asyncio.run(made.look())
    assert following.publisher.asked[0].authorization is not None
    assert following.publisher.asked[0].authorization.password == "s3cret"
    assert seen[0].authorization is None


def test_a_sale_that_begins_is_seen_though_the_feed_is_the_same(following: Following) -> None:
    columns = "id,title,price,sale_price,sale_price_effective_date"
    period = "2026-11-28T14:30:00Z/2026-11-28T16:30:00Z"
    following.publisher.content = (
        feed(f"p1 Mug 9_EUR 5_EUR {period}", columns=columns)
        .replace(b"_", b" ")
        .replace(columns.replace("_", " ").encode(), columns.encode())
    )
    following.extra = "every: day"
    following.look()
    assert following.price("p1") == "9 EUR"
    following.look(2)
    assert len(following.publisher.asked) == 1
    following.look(0.5)
    assert following.price("p1") == "5 EUR"
    following.look(2)
    assert following.price("p1") == "9 EUR"


def test_another_address_or_other_fields_are_another_feed(following: Following) -> None:
    following.look()
    following.extra = "fields: {name: p}"
    following.look()
    assert [asked.headers.get("If-None-Match") for asked in following.publisher.asked] == [None, None]


def test_one_of_many_processes_looks(following: Following) -> None:
    made = CatalogueFeed(
        following.store, following.clock, lambda: (CATALOGUE, following.config()), leads=lambda: False
    )
    asyncio.run(made.look())
    assert following.publisher.asked == []
