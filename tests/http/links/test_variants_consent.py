"""Unsubscribing the way that other mail programs do it, and keys that end while somebody uses them."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import pytest

from engine.store.keys import new_key, revoke
from tests.http.links.test_preferences import leaving, shop
from tests.http.web_shop import WebShop

__all__ = ["shop"]

FORM = "application/x-www-form-urlencoded"
CLICK = b"List-Unsubscribe=One-Click"
BOUNDARY = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


def _pieces() -> Iterator[bytes]:
    yield b"List-Unsubscribe="
    yield b"One-Click"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (CLICK, {"Content-Type": f"{FORM}; charset=UTF-8"}),
        (CLICK, {"Content-Type": FORM.upper()}),
        (b"List-Unsubscribe=One-Click\r\n", {"Content-Type": "text/plain"}),
        (CLICK, {}),
        (BOUNDARY, {"Content-Type": "multipart/form-data; boundary=b"}),
        (b"no part at all", {"Content-Type": "multipart/form-data; boundary=b"}),
        (b"", {"Content-Type": FORM}),
        (b"", {"Content-Length": "0"}),
        (b"list-unsubscribe=one-click&x=%ff", {"Content-Type": FORM}),
        (b"\xff\xfe\x00", {"Content-Type": "application/octet-stream"}),
        (gzip.compress(CLICK, mtime=0), {"Content-Type": FORM, "Content-Encoding": "gzip"}),
        (CLICK, {"Content-Type": FORM, "Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}),
        (CLICK, {"Content-Type": FORM, "User-Agent": "", "Accept": "application/json"}),
        (CLICK, {"Content-Type": FORM, "Expect": "100-continue"}),
    ],
)  # fmt: skip
def test_case_82_whatever_the_body_says_one_click_counts(
    shop: WebShop, content: bytes, headers: dict[str, str]
) -> None:
    answer = shop.browser.post(leaving(shop), content=content, headers=headers)
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert shop.closed("email", "anna@example.com") == {"marketing": "unsubscribed"}


def test_case_82_a_body_in_pieces_counts(shop: WebShop) -> None:
    answer = shop.browser.post(leaving(shop), content=_pieces(), headers={"Content-Type": FORM})
    assert answer.status_code == 200
    assert shop.closed("email", "anna@example.com") == {"marketing": "unsubscribed"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_case_83_no_other_method_changes_anything(shop: WebShop, method: str) -> None:
    link = leaving(shop)
    for one in (link, f"{link}?List-Unsubscribe=One-Click"):
        assert shop.browser.request(method, one).status_code == 405
    answer = shop.browser.get(
        f"{link}?List-Unsubscribe=One-Click", headers={"X-HTTP-Method-Override": "POST"}
    )
    assert answer.status_code == 200
    assert (shop.count("inbox"), shop.count("suppression"), shop.count("consent")) == (0, 0, 0)


def test_case_107_a_key_that_is_revoked_ends_for_whoever_is_using_it(shop: WebShop) -> None:
    key = shop.store.write(lambda conn: new_key(conn, "till", "write", shop.clock.now()))
    other = shop.store.write(lambda conn: new_key(conn, "web", "write", shop.clock.now()))
    assert key is not None
    assert other is not None

    def status(text: str) -> int:
        body = {"event": "signed_up", "customer_id": "anna"}
        return shop.browser.post("/events", auth=(text, ""), json=body).status_code

    assert (status(key), status(other)) == (200, 200)
    assert shop.store.write(lambda conn: revoke(conn, "till", shop.clock.now()))
    for _ in range(200):  # it is remembered for two seconds
        if status(key) == 401:
            break
        time.sleep(0.05)
    assert (status(key), status(other)) == (401, 200)
