"""`/outbox`, `/docs` and `/metrics`: for whoever sits at this machine and has the token, and for nobody whom
a proxy, a name or a page of somebody else brings here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from engine.channels.base import Message
from engine.channels.outbox.channel import OutboxChannel
from engine.clock import SystemClock
from engine.http.console_access import TOKEN_FILE, console_token
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served, make_shop, start

PAGES = ("/outbox", "/docs")


@pytest.fixture
def console(served: Served) -> Iterator[httpx2.Client]:
    with served.console() as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_without_the_token_nothing_is_shown(served: Served, path: str) -> None:
    for ask in (path, f"{path}?token=", f"{path}?token=wrong", f"{path}?token=%ff%00"):
        answer = httpx2.get(served.url + ask, verify=PLAIN)
        assert answer.status_code == 401
        assert "token" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_can_use(served: Served) -> None:
    token = console_token(served.folder)
    answer = httpx2.get(f"{served.url}/docs?token={token}", verify=PLAIN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))


def test_the_address_with_the_token_is_printed_and_the_file_is_the_owners_alone(served: Served) -> None:
    log = (served.folder / "daemon.log").read_text(encoding="utf-8")
    assert f"{served.url}/outbox?token={console_token(served.folder)}" in log
    assert (served.folder / TOKEN_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", [*PAGES, "/metrics"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.test"}, 421), ({"Host": "127.0.0.1.attacker.test"}, 421), ({"Host": ""}, 421),
        ({"Host": "localhost.attacker.test:8080"}, 421), ({"Host": "attacker.test@127.0.0.2.evil"}, 421),
        ({"Host": "[::1"}, 421), ({"Host": "10.0.0.1"}, 421),
        ({"X-Forwarded-For": "203.0.113.9"}, 404), ({"X-Forwarded-Proto": "https"}, 404),
        ({"X-Forwarded-Anything": ""}, 404), ({"Forwarded": "for=203.0.113.9"}, 404),
        ({"X-Real-IP": "203.0.113.9"}, 404), ({"Via": "1.1 proxy"}, 404),
        ({"CF-Connecting-IP": "1.1.1.1"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "anything"}, 403), ({"Origin": "https://attacker.test"}, 403),
        ({"Origin": "null"}, 403), ({"Origin": ""}, 403), ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
    ids=str,
)  # fmt: skip
def test_who_is_brought_here_is_refused_also_with_the_token(
    console: httpx2.Client, path: str, headers: dict[str, str], status: int
) -> None:
    answer = console.get(path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("host", ["localhost:9000", "LOCALHOST", "127.0.0.1", "[::1]:8080", "127.8.8.8"])
def test_the_names_of_this_machine_are_ours_under_any_port(console: httpx2.Client, host: str) -> None:
    assert console.get("/outbox", headers={"Host": host}).status_code == 200


def test_the_description_is_for_programs_under_our_own_names(served: Served) -> None:
    assert "/events" in httpx2.get(f"{served.url}/openapi.json", verify=PLAIN).json()["paths"]
    evil = httpx2.get(f"{served.url}/openapi.json", headers={"Host": "attacker.test"}, verify=PLAIN)
    assert evil.status_code == 421


def test_the_page_of_the_endpoints_fetches_nothing_from_anywhere(console: httpx2.Client) -> None:
    page = console.get("/docs")
    assert "/v1/batch" in page.text
    assert not re.search(r"<(script|link|img|iframe)\b|src=|https?://", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_links_and_health_answer_under_every_name(served: Served) -> None:
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/u/x", 404)):
        for host in ("10.0.0.7:8080", "perennial:8080"):
            answer = httpx2.get(served.url + path, headers={"Host": host}, verify=PLAIN)
            assert answer.status_code == status


def test_the_folder_of_a_channel_is_shown_as_well(tmp_path: Path) -> None:
    port = make_shop(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("via: outbox", "via: outbox, folder: data/mail"))
    message = Message(
        "key1",
        "email",
        "a@example.com",
        "hello",
        "en",
        "marketing",
        "text",
        subject="In its own folder",
        sender="Shop <hello@shop.example>",
    )

    async def yes() -> bool:
        return True

    channel = OutboxChannel(tmp_path / "data" / "mail", "secret", SystemClock(), name="email")
    asyncio.run(channel.deliver(message, yes))
    served = start(tmp_path, port)
    try:
        with served.console() as client:
            page = client.get("/outbox").text
            assert "In its own folder" in page
            link = re.search(r'href="(/outbox/email/[^"]+)"', page)
            assert link is not None
            assert "In its own folder" in client.get(link[1]).text
    finally:
        served.end()


# --- figures ---------------------------------------------------------------------------------------


def test_figures_are_for_this_machine_and_for_keys_that_may_read(served: Served) -> None:
    with served.client() as client:
        client.post("/events", json={"event": "site_visited", "customer_id": "figures"})
    here = httpx2.get(f"{served.url}/metrics", verify=PLAIN)
    assert (here.status_code, "perennial_inbox_rows" in here.text) == (200, True)
    assert "test-" not in here.text, "the names of keys are told to nobody without a key"
    for scope, status in (("read", 200), ("admin", 200), ("write", 403)):
        with served.client(scope) as client:  # type: ignore[arg-type]
            far = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9", "Host": "shop.example"})
        assert far.status_code == status
        if status == 200:
            assert 'perennial_key_items_total{result="taken",source="test-' in far.text
    assert httpx2.get(f"{served.url}/metrics", auth=("wrong", ""), verify=PLAIN).status_code == 401
