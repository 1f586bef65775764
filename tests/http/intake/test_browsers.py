"""Events from browsers: what a key that stands in a page may say, and the SDKs and calls that pages use, from
another origin."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from engine.store.customers import addressees, consents, events
from engine.store.persons import aliases
from engine.store.sql import rows
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served, make_shop, start

CHROMIUM = Path("/usr/bin/chromium")
SECRET = "what the shop's server knows"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
PAGE = b"<!doctype html><title>shop</title>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The shop's own web server on another origin, and its folder."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_bytes(PAGE)

    class Pages(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def daemon(site: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("struck")
    port = make_shop(folder)
    (folder / "identity_key").write_text(SECRET, encoding="utf-8")
    with (folder / "config.yaml").open("a", encoding="utf-8") as config:
        config.write(f"\nbrowser: {{origins: [{site[0]}], identity_key: 'file:{folder}/identity_key'}}\n")
    served = start(folder, port)
    yield served
    served.end()


@pytest.fixture
def page(daemon: Served, site: tuple[str, Path]) -> Iterator[httpx2.Client]:
    """A page of the shop, which calls with its key as the user name."""
    auth, headers = (daemon.key("browser"), ""), {"Origin": site[0]}
    with httpx2.Client(base_url=daemon.url, auth=auth, headers=headers, timeout=30, verify=PLAIN) as client:
        yield client


def proof(customer: str) -> str:
    return hmac.new(SECRET.encode(), customer.encode(), hashlib.sha256).hexdigest()


def wait_for(daemon: Served, customer: str, event: str) -> None:
    """Until something of this kind is known of the customer, under whatever name."""
    for _ in range(300):
        with daemon.store() as store, store.read() as conn:
            own = aliases.resolve(conn, [customer]).get(customer, customer)
            if event in {known.name for known in events.of_customer(conn, 0, own)}:
                return
        time.sleep(0.05)
    raise AssertionError(f"{customer} never did {event}")


def heard_of(daemon: Served, customer: str) -> bool:
    """Whether anything is known of somebody, or waits to be."""
    with daemon.store() as store, store.read() as conn:
        waits = rows(conn, "SELECT 1 FROM inbox WHERE customer = ?", (customer,))
        return bool(waits) or bool(addressees.find(conn, 0, [customer]))


# --- what a page may say ---------------------------------------------------------------------------


def test_a_visitor_is_tracked_and_nothing_of_a_customer_is_believed(
    daemon: Served, page: httpx2.Client
) -> None:
    visitor, victim = str(uuid4()), f"v-{uuid4().hex}"
    call = {"anonymousId": visitor, "userId": victim, "event": "Site Visited", "messageId": uuid4().hex}
    answer = page.post("/v1/track", json=call).json()
    assert (answer["taken"], [item["field"] for item in answer["refused"]]) == (1, ["userId"])
    wait_for(daemon, visitor, "site_visited")
    assert not heard_of(daemon, victim)


@pytest.mark.parametrize("write", [None, "", "wrong", proof("somebody else"), 5, ["x"]])
def test_an_identify_without_proof_says_nothing_of_the_person_and_brings_no_address(
    daemon: Served, page: httpx2.Client, write: Any
) -> None:
    visitor, victim = str(uuid4()), f"v-{uuid4().hex}"
    traits = {
        "email": "me@attacker.test",
        "Phone": "+359888000001",
        "consent": {"email": "given"},
        "plan": "x",
    }
    device = {"device": {"token": "stolen"}, "proof": write, "traits": {"email": "me@attacker.test"}}
    call = {"userId": victim, "anonymousId": visitor, "traits": traits, "context": device}
    answer = page.post("/v1/i", json=call).json()
    assert {item["field"] for item in answer["refused"]} >= {"userId", "traits.email", "traits.consent"}
    time.sleep(1)
    assert not heard_of(daemon, victim)
    with daemon.store() as store, store.read() as conn:
        of_visitor = addressees.find(conn, 0, [visitor])
        assert consents.of_customer(conn, visitor) == []
    assert all(not known.addresses for known in of_visitor.values())


def test_with_the_proof_of_the_shops_server_visitor_and_customer_are_one(
    daemon: Served, page: httpx2.Client
) -> None:
    visitor, customer = str(uuid4()), f"c-{uuid4().hex}"
    page.post("/v1/track", json={"anonymousId": visitor, "event": "Site Visited"})
    traits = {"email": f"{customer}@example.com", "consent": {"email": "given"}, "consent.email": "given"}
    call = {
        "userId": customer, "anonymousId": visitor, "traits": traits, "context": {"proof": proof(customer)},
    }  # fmt: skip
    answer = page.post("/v1/identify", json=call).json()
    assert [item["field"] for item in answer["refused"]] == ["traits.consent", "traits.consent.email"]
    wait_for(daemon, customer, "site_visited")
    with daemon.store() as store, store.read() as conn:
        assert addressees.find(conn, 0, [customer])[customer].addresses["email"] == f"{customer}@example.com"
        assert consents.of_customer(conn, customer) == [], "consent is never a page's to give"


@pytest.mark.parametrize("visitor", ["c42", "1001", "anna@example.com", "", None, 7, "x" * 36, ["a"], {}])
def test_a_visitor_has_an_id_that_nobody_guesses(daemon: Served, page: httpx2.Client, visitor: Any) -> None:
    answer = page.post(
        "/v1/track", json={"anonymousId": visitor, "anonymous_id": "c43", "event": "Site Visited"}
    )
    assert (answer.status_code, answer.json()["taken"]) == (200, 0)
    assert not heard_of(daemon, str(visitor))
    assert not heard_of(daemon, "c43")


def test_a_customer_whose_id_is_a_uuid_is_no_visitor(daemon: Served, page: httpx2.Client) -> None:
    customer = str(uuid4())
    with daemon.client() as server:
        server.put(f"/customers/{customer}", json={"email": f"{customer}@example.com"})
    answer = page.post("/v1/track", json={"anonymousId": customer, "event": "Site Visited"}).json()
    assert (answer["taken"], answer["refused"][0]["field"]) == (0, "anonymousId")


def test_an_alias_needs_a_proof_and_takes_no_customer_in(daemon: Served, page: httpx2.Client) -> None:
    mine, visitor, victim = f"c-{uuid4().hex}", str(uuid4()), f"v-{uuid4().hex}"
    page.post("/v1/track", json={"anonymousId": visitor, "event": "Site Visited"})
    proven = {"context": {"proof": proof(mine)}}
    for call in (
        {"userId": mine, "previousId": visitor}, {"userId": mine, "previousId": victim, **proven},
        {"userId": mine, "previousId": victim, "anonymousId": visitor, **proven},
        {"userId": victim, "previousId": visitor, **proven},
    ):  # fmt: skip
        for path, more in (("/v1/a", {}), ("/v1/batch", {"type": "alias"})):
            body = {**call, **more}
            answer = page.post(path, json={"batch": [body]} if more else body).json()
            assert answer["taken"] == 0, call
    page.post("/v1/alias", json={"userId": mine, "previousId": visitor, **proven})
    wait_for(daemon, mine, "site_visited")


def test_a_page_may_not_read_nor_write_anything_else(page: httpx2.Client) -> None:
    body = {"event": "site_visited", "customer_id": "x"}
    for method, path in (
        ("POST", "/events"), ("PUT", "/customers/x"), ("PUT", "/products/x"), ("POST", "/products"),
        ("POST", "/v1/import"), ("GET", "/metrics"),
    ):  # fmt: skip
        answer = page.request(method, path, json=body)
        assert answer.status_code == 403, path
        if not path.startswith("/v1"):
            assert "access-control-allow-origin" not in answer.headers
            assert page.options(path).headers.get("access-control-allow-origin") is None


# --- which pages, and with what key ----------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [None, "https://attacker.test", "null", "http://127.0.0.1", "http://127.0.0.1:1"]
)
def test_only_pages_of_the_shop_use_the_key(daemon: Served, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    call = {"anonymousId": str(uuid4()), "event": "Site Visited"}
    answer = httpx2.post(
        f"{daemon.url}/v1/t", json=call, auth=(daemon.key("browser"), ""), headers=headers, verify=PLAIN
    )
    assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (403, None)
    asked = httpx2.options(f"{daemon.url}/v1/t", headers=headers, verify=PLAIN)
    assert (asked.status_code, asked.headers.get("access-control-allow-origin")) == (403, None)


def test_a_page_may_ask_first_and_reads_also_why_it_was_refused(
    daemon: Served, site: tuple[str, Path]
) -> None:
    headers = {"Origin": site[0], "Access-Control-Request-Headers": "authorization,content-type"}
    for path in (
        "t",
        "i",
        "p",
        "a",
        "g",
        "b",
        "batch",
        "track",
        "identify",
        "page",
        "screen",
        "alias",
        "group",
    ):
        asked = httpx2.options(f"{daemon.url}/v1/{path}", headers=headers, verify=PLAIN)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, site[0])
        refused = httpx2.post(
            f"{daemon.url}/v1/{path}", json={"writeKey": "no"}, headers=headers, verify=PLAIN
        )
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, site[0])


def test_the_key_may_stand_in_the_body_and_the_body_may_call_itself_text(
    daemon: Served, site: tuple[str, Path]
) -> None:
    visitor, key = str(uuid4()), daemon.key("browser")
    call = {"type": "track", "anonymousId": visitor, "event": "Site Visited"}
    for path, body in (
        ("/v1/t", {**call, "writeKey": key}), ("/v1/b", {"batch": [call], "writeKey": key}),
        ("/v1/batch", {"batch": [{**call, "writeKey": key}]}),
    ):  # fmt: skip
        answer = httpx2.post(
            daemon.url + path, content=json.dumps(body), verify=PLAIN,
            headers={"Origin": site[0], "Content-Type": "text/plain;charset=UTF-8"},
        )  # fmt: skip
        assert answer.status_code == 200, path
    wait_for(daemon, visitor, "site_visited")


def test_a_servers_key_in_a_page_is_refused_before_anything_is_taken(
    daemon: Served, site: tuple[str, Path]
) -> None:
    headers = {"Origin": site[0], "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
    with daemon.client() as client:
        answer = client.post("/v1/track", json={"userId": "u", "event": "Site Visited"}, headers=headers)
    assert (answer.status_code, "secret" in answer.json()["title"]) == (403, True)


# --- the real ones ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDKs as npm has them, outside of the repository."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("sdks")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    packages = ["@segment/analytics-next@1.84.3", "@segment/analytics-node@3.1.0"]
    try:
        done = subprocess.run(
            [*command, *packages], cwd=folder, capture_output=True, timeout=100, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm took too long")
    if done.returncode != 0:
        pytest.skip(f"npm gives no SDK: {done.stderr.decode()[-200:]}")
    return folder / "node_modules" / "@segment"


def test_the_sdk_for_node_sends_from_a_server(daemon: Served, sdks: Path) -> None:
    customer = f"n-{uuid4().hex}"
    script = f"""
const {{ Analytics }} = require({json.dumps(str(sdks / "analytics-node"))});
const analytics = new Analytics({{ writeKey: {json.dumps(daemon.key())}, host: {json.dumps(daemon.url)} }});
analytics.identify({{ userId: {json.dumps(customer)}, traits: {{ email: "{customer}@example.com" }} }});
analytics.track({{ userId: {json.dumps(customer)}, event: "Site Visited" }});
analytics.closeAndFlush({{ timeout: 20000 }}).then(() => process.exit(0));
"""
    subprocess.run(["node", "-e", script], check=True, timeout=60, capture_output=True)
    wait_for(daemon, customer, "site_visited")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")
@pytest.mark.parametrize("strategy", ["standard", "batching"])
def test_the_sdk_for_pages_sends_from_another_origin(
    daemon: Served, site: tuple[str, Path], sdks: Path, strategy: str
) -> None:
    from playwright.sync_api import sync_playwright

    origin, folder = site
    shutil.copytree(sdks / "analytics-next" / "dist" / "umd", folder / "sdk", dirs_exist_ok=True)
    (folder / "page.html").write_bytes(PAGE + b'<script src="/sdk/index.js"></script>')
    host = daemon.url.removeprefix("http://")
    customer = f"b-{uuid4().hex}"
    start_it = f"""async () => {{
        const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({{
            writeKey: {json.dumps(daemon.key("browser"))},
            cdnSettings: {{integrations: {{"Segment.io": {{apiKey: {json.dumps(daemon.key("browser"))}}}}}}},
        }}, {{integrations: {{"Segment.io": {{
            apiHost: "{host}/v1", protocol: "http",
            deliveryStrategy: {{strategy: "{strategy}", config: {{size: 3, timeout: 500}}}},
        }}}}}});
        await analytics.page();
        await analytics.identify("{customer}", {{plan: "gold"}}, {{context: {{proof: "{proof(customer)}"}}}});
        await analytics.track("Site Visited", {{from: "sdk"}});
        return (await analytics.user()).anonymousId();
    }}"""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{origin}/page.html")
        visitor = page.evaluate(start_it)
        page.wait_for_timeout(2_000)
        browser.close()
    assert [line for line in said if "CORS" in line] == []
    wait_for(daemon, visitor, "site_visited")
    wait_for(daemon, customer, "site_visited")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")
def test_a_beacon_of_a_page_that_is_left_arrives(daemon: Served, site: tuple[str, Path]) -> None:
    from playwright.sync_api import sync_playwright

    visitors = [str(uuid4()), str(uuid4())]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page()
        page.goto(f"{site[0]}/index.html")
        for visitor, kind in zip(visitors, ("text/plain", "application/json"), strict=True):
            call = {"anonymousId": visitor, "event": "Site Visited", "writeKey": daemon.key("browser")}
            page.evaluate(
                "([url, body, type]) => navigator.sendBeacon(url, new Blob([body], {type}))",
                [f"{daemon.url}/v1/t", json.dumps(call), kind],
            )
        page.goto("about:blank")
        page.wait_for_timeout(1_500)
        browser.close()
    for visitor in visitors:
        wait_for(daemon, visitor, "site_visited")
