"""Browsers subscribe: with a proof of the shop only, and the worker shows what is pushed."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from engine.channels.webpush.channel import new_private_key
from engine.store.customers import addressees, consents
from engine.store.meta import bucket_of
from tests.channels.push_service import Browser
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served, make_shop, start

CHROMIUM = Path("/usr/bin/chromium")
SECRET = "a secret of the shop's server"
SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def pushing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pushing")
    port = make_shop(folder)
    with pytest.MonkeyPatch.context() as env:
        env.setenv("VAPID_PRIVATE_KEY", new_private_key())
        env.setenv("PUSH_IDENTITY", SECRET)
        config = (folder / "config.yaml").read_text(encoding="utf-8")
        channel = (
            "push: {via: webpush, subject: mailto:push@shop.example, private_key: env:VAPID_PRIVATE_KEY,"
            " identity_key: env:PUSH_IDENTITY, price: 0 EUR}"
        )
        assert "push: {via: outbox, price: 0 EUR}" in config
        (folder / "config.yaml").write_text(
            config.replace("push: {via: outbox, price: 0 EUR}", channel), encoding="utf-8"
        )
        served = start(folder, port)
    yield served
    served.end()


def proof(customer: str) -> str:
    return hmac.new(SECRET.encode(), customer.encode(), hashlib.sha256).hexdigest()


def subscribe(
    served: Served,
    customer: str,
    browser: Browser,
    *,
    proven: str = "",
    origin: str = SHOP,
    method: str = "POST",
) -> httpx2.Response:
    body = {"customer_id": customer, "proof": proven or proof(customer), "subscription": browser.subscription,
            "wording": "Send me offers"}  # fmt: skip
    return httpx2.request(
        method, f"{served.url}/push/subscriptions", json=body, headers={"Origin": origin}, verify=PLAIN
    )


def reached_at(served: Served, customer: str) -> list[str]:
    """The browsers of a customer, as soon as the engine has taken in what it was told."""

    def look(conn: Connection) -> list[str]:
        found = addressees.find(conn, bucket_of(conn, customer), {customer}).get(customer)
        return found.addresses.get("push", "").split("\n") if found else []

    with served.store() as store:
        for _ in range(100):
            with store.read() as conn:
                if conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar() == 0:
                    return [one for one in look(conn) if one]
            time.sleep(0.05)
    raise AssertionError("the inbox was never applied")


def test_two_browsers_of_a_person_are_kept_and_one_can_leave(pushing: Served) -> None:
    phone, laptop = Browser("https://push.example/phone"), Browser("https://push.example/laptop")
    for browser in (phone, laptop, phone):
        answer = subscribe(pushing, "pusher", browser)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SHOP)
    assert reached_at(pushing, "pusher") == [laptop.address, phone.address]
    assert subscribe(pushing, "pusher", laptop, method="DELETE").status_code == 204
    assert reached_at(pushing, "pusher") == [phone.address]


def test_the_permission_is_a_consent_with_its_words_in_the_ledger(pushing: Served) -> None:
    subscribe(pushing, "agreed", Browser("https://push.example/a"))
    reached_at(pushing, "agreed")
    with pushing.store() as store, store.read() as conn:
        (line,) = consents.of_customer(conn, "agreed")
    assert (line.channel, line.purpose, line.state, line.source, line.wording) == (
        "push", "marketing", "given", "browser permission", "Send me offers",
    )  # fmt: skip


def test_nobody_subscribes_to_the_messages_of_somebody_else(pushing: Served) -> None:
    browser = Browser("https://push.example/thief")
    assert subscribe(pushing, "victim", browser, proven=proof("thief")).status_code == 403
    assert subscribe(pushing, "victim", browser, proven="é" * 64).status_code == 403
    assert subscribe(pushing, "victim", browser, origin="https://evil.example").status_code == 403
    assert reached_at(pushing, "victim") == []


@pytest.mark.parametrize(
    "subscription",
    [None, [], {}, {"endpoint": "ftp://x/", "keys": {"auth": "a", "p256dh": "b"}}, "x" * 9_000],
)
def test_what_is_no_subscription_is_refused_in_words(pushing: Served, subscription: object) -> None:
    body = {"customer_id": "c1", "proof": proof("c1"), "subscription": subscription}
    answer = httpx2.post(
        f"{pushing.url}/push/subscriptions", json=body, headers={"Origin": SHOP}, verify=PLAIN
    )
    assert answer.status_code in (400, 413)
    assert answer.json()["title"]


def test_tokens_come_as_a_list_or_one_by_one(pushing: Served) -> None:
    with pushing.client() as client:
        one, two = (Browser(f"https://push.example/{name}").address for name in ("one", "two"))
        assert client.put("/customers/many", json={"addresses": {"push": [one, two]}}).status_code == 200
        assert reached_at(pushing, "many") == [one, two]
        call = {"userId": "many", "traits": {}, "context": {"device": {"token": "t3"}}, "messageId": "m1"}
        assert client.post("/v1/identify", json=call).status_code == 200
        assert reached_at(pushing, "many") == [one, two, "t3"]
        refused = client.put(
            "/customers/many", json={"addresses": {"email": ["a@example.com", "b@example.com"]}}
        )
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("https://[::1", "no URL"),
        ("https://a:b/x", "no URL"),
        ("https://a:99999/x", "no URL"),
        ("https://me@push.example/x", "no URL"),
        ("https:///x", "no URL"),
        ("ftp://push.example/x", "no URL"),
        ("https://push.example/ x", "printable"),
        ("https://push.example/\u00e9", "printable"),
        ("https://push.example/" + "x" * 3_000, "printable"),
        ("http://push.example/x", "https"),
        ("https://127.0.0.1/x", "public internet"),
        ("https://[::ffff:10.0.0.1]/x", "public internet"),
        ("https://169.254.169.254/x", "public internet"),
        ("https://localhost/x", "public internet"),
        ("https://printer.local/x", "public internet"),
        ("https://intranet/x", "public internet"),
        ("https://192.0.2.7:8080/x", "public internet"),
    ],
)
def test_an_endpoint_that_leads_nowhere_is_refused_at_both_doors(
    pushing: Served, endpoint: str, why: str
) -> None:
    browser = Browser(endpoint)
    answer = subscribe(pushing, "door", browser)
    assert (answer.status_code, why in answer.text) == (400, True), answer.text
    with pushing.client() as client:
        answer = client.put("/customers/door", json={"addresses": {"push": browser.address}})
    assert why in answer.text
    assert reached_at(pushing, "door") == []


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({}, "auth is missing"),
        ({"auth": 1, "p256dh": "x"}, "auth is missing"),
        ({"auth": "AAAA"}, "auth has 3 bytes"),
        ({"p256dh": "BAAA"}, "p256dh has 3 bytes"),
        ({"p256dh": "B" + "A" * 86}, "no point of the curve"),
        ({"auth": "A"}, "base64url"),
    ],
)
def test_keys_of_the_wrong_length_are_refused(pushing: Served, keys: dict[str, Any], why: str) -> None:
    good = Browser("https://push.example/x").subscription
    subscription = {**good, "keys": {**good["keys"], **keys} if keys else {}}
    body = {"customer_id": "c1", "proof": proof("c1"), "subscription": subscription}
    answer = httpx2.post(
        f"{pushing.url}/push/subscriptions", json=body, headers={"Origin": SHOP}, verify=PLAIN
    )
    assert (answer.status_code, why in answer.text) == (400, True), answer.text


PAGE = b"""<!doctype html><html lang="en"><title>Shop</title><script src="%s/push/client.js"></script>"""
WORKER = b"""importScripts("%s/push/worker.js");"""


@pytest.fixture
def shop_page(pushing: Served) -> Iterator[str]:
    """The shop's own site on another origin, with the two lines that the docs ask for."""
    home = pushing.url.encode()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = (
                ("text/javascript", WORKER % home) if self.path == "/sw.js" else ("text/html", PAGE % home)
            )
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")
def test_the_worker_shows_a_push_and_a_tap_leads_to_its_link(shop_page: str) -> None:
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
    ]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        context = browser.new_context()
        context.grant_permissions(["notifications"], origin=shop_page)
        page = context.new_page()
        mistakes: list[str] = []
        page.on("pageerror", lambda wrong: mistakes.append(str(wrong)))
        page.goto(shop_page)
        assert page.evaluate("typeof perennialPush.subscribe") == "function"
        cdp = context.new_cdp_session(page)
        seen: list[str] = []
        cdp.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda found: seen.extend(one["registrationId"] for one in found["registrations"]),
        )
        cdp.send("ServiceWorker.enable")
        page.evaluate(
            "navigator.serviceWorker.register('/sw.js')"
            ".then(() => navigator.serviceWorker.ready).then(() => 1)"
        )
        page.wait_for_timeout(500)
        message = json.dumps({"title": "Bean There", "body": "Готово", "url": f"{shop_page}/x", "tag": "k1"})
        for _ in range(2):
            cdp.send("ServiceWorker.deliverPushMessage",
                     {"origin": shop_page, "registrationId": seen[-1], "data": message})  # fmt: skip
            page.wait_for_timeout(500)
        shown = page.evaluate(
            "navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((all) => all.map((n) =>"
            " [n.title, n.body, n.tag, n.data.url]))"
        )
        browser.close()
    assert shown == [["Bean There", "Готово", "k1", f"{shop_page}/x"]]  # the second copy replaced the first
    assert mistakes == []
