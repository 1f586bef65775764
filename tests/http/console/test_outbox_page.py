"""`/outbox`: shows what was sent, and nothing in it runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from engine.channels.base import Message
from engine.channels.outbox.channel import OutboxChannel
from engine.clock import ManualClock
from engine.compiler.templates.mail import with_preheader
from engine.http.console.outbox_page import outbox_router
from engine.http.console.preview import PreviewedMessage, preview
from engine.runtime.intake.items import EventItem
from engine.values import Instant
from tests.http.web_shop import WebShop

CHROMIUM = Path("/usr/bin/chromium")
CANARY = "<svg onload=alert(1)>"


def message(key: str = "key1", **changes: str) -> Message:
    local = "".join(char for char in CANARY if char.isalnum())
    fields = {
        "channel": "email", "address": f"{local}@example.com", "template": "hello", "language": "en",
        "body": f"text {CANARY}", "html": f"<p>mail</p><script>alert(1)</script>{CANARY}",
        "subject": f"Hi {CANARY}", "sender": "Shop <hello@shop.example>",
    }  # fmt: skip
    return Message(key=key, purpose="marketing", **(fields | changes))  # type: ignore[arg-type]


async def yes() -> bool:
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(outbox_router(lambda: [folder]))
    with TestClient(app) as made:
        yield made


def send(folder: Path, *messages: Message) -> None:
    clock = ManualClock(Instant(1_782_000_000_000))
    for one in messages:
        clock.advance(60_000)
        delivery = asyncio.run(OutboxChannel(folder, "secret", clock, name=one.channel).deliver(one, yes))
        assert delivery.kind == "accepted"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_an_empty_outbox_says_so(client: TestClient) -> None:
    assert "Nothing was sent yet" in client.get("/outbox").text


def test_messages_are_listed_newest_first_and_lead_to_their_page(client: TestClient, folder: Path) -> None:
    send(
        folder,
        message("key1", subject="first"),
        message("key2", channel="sms", body="second", html="", subject=""),
        message("key3", subject="third"),
    )
    page = client.get("/outbox").text
    assert page.index("third</a>") < page.index("second</a>") < page.index("first</a>")
    links = [attrs["href"] for tag, attrs in tags(page) if tag == "a"]
    assert links == [
        "/outbox/email/2026-06-21/key3",
        "/outbox/sms/2026-06-21/key2",
        "/outbox/email/2026-06-21/key1",
    ]
    assert [client.get(str(link)).status_code for link in links] == [200, 200, 200]


def test_a_message_is_shown_at_two_widths_and_dark_with_text_and_headers_and_runs_nothing(
    client: TestClient, folder: Path
) -> None:
    send(folder, message())
    for response in (client.get("/outbox"), client.get("/outbox/email/2026-06-21/key1")):
        assert "script" not in [tag for tag, _ in tags(response.text)]
        assert "svg" not in [tag for tag, _ in tags(response.text)]
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "script-src" not in response.headers["Content-Security-Policy"]
        assert not any(name.startswith("on") for _, attrs in tags(response.text) for name in attrs)
    page = client.get("/outbox/email/2026-06-21/key1").text
    frames = [attrs for tag, attrs in tags(page) if tag == "iframe"]
    assert [(frame["sandbox"], "<p>mail</p>" in str(frame["srcdoc"])) for frame in frames] == [
        ("", True),
        ("", True),
        ("", True),
    ]
    assert "text &lt;svg onload=alert(1)&gt;" in page
    assert "hello@shop.example" in page


def test_sent_again_it_replaces_itself(client: TestClient, folder: Path) -> None:
    send(folder, message(subject="one"), message(subject="two"))
    page = client.get("/outbox").text
    assert ("one</a>" in page, "two</a>" in page) == (False, True)
    assert len(list(folder.rglob("*.json"))) == len(list(folder.rglob("*.eml"))) == 1


@pytest.mark.parametrize(
    "path",
    [
        "email/2026-06-21/nobody",
        "..%2f..%2fetc/x/passwd",
        "email/..%2f..%2f/key",
        "%2e%2e/%2e%2e/x",
        "email/2026-06-21/..%5cx",
        "a/b/%00",
    ],
)
def test_other_files_are_out_of_reach(client: TestClient, folder: Path, path: str) -> None:
    send(folder, message())
    (folder.parent / "passwd.json").write_text("{}")
    assert client.get(f"/outbox/{path}").status_code == 404


def test_the_page_shows_what_an_inbox_shows_and_the_mail_on_a_dark_screen() -> None:
    hidden = with_preheader("<body><p>Good morning</p></body>", "Your code &amp; more")
    sheet = PreviewedMessage(message(html=hidden, sender="Bean There <hello@shop.example>"))
    assert (sheet.sender, sheet.preheader) == ("Bean There", "Your code & more")
    assert "as programs turn the colours" in preview("t", [sheet])
    own = "<style>@media (prefers-color-scheme: dark){p{color:#fff}}</style><p>Good morning</p>"
    dark = PreviewedMessage(message(html=own, body="Good  morning", sender="hello@shop.example"))
    assert (dark.sender, dark.preheader) == ("hello@shop.example", "Good morning")
    assert "as programs turn the colours" not in preview("t", [dark])


@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")
def test_on_a_phone_nothing_leaves_the_screen(client: TestClient, folder: Path, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    long = "a-very-long-part-without-a-blank" * 4
    send(folder, message(subject=f"Hi {long}", address=f"{long[:60]}@example.com"), message("key2"))
    address = f"/outbox/email/2026-06-21/{next(folder.rglob('*.eml')).stem}"
    pages = {"list": client.get("/outbox").text, "message": client.get(address).text}
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        for name, text in pages.items():
            (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
            phone.goto((tmp_path / f"{name}.html").as_uri())
            assert phone.evaluate("document.documentElement.scrollWidth") <= 390, name
        browser.close()


def test_a_message_names_whom_it_is_for_and_which_consent_it_needed(tmp_path: Path) -> None:
    with closing(WebShop(tmp_path)) as shop:
        shop.customer("anna")
        shop.receive(EventItem(0, "anna", "signed_up", None, None))
        shop.settle_down()
        here = TestClient(shop.app, client=("127.0.0.1", 50_000), base_url="http://127.0.0.1:8080")
        assert here.get(f"/outbox?token={shop.token}").status_code == 200
        listed = here.get("/outbox").text
        assert "times of UTC" in listed
        assert re.search(r'<td class="name">anna</td>', listed)
        assert "<td>hello</td>" in listed
        assert '<td class="consent">marketing</td>' in listed
        link = re.search(r'href="(/outbox/email/[^"]+)"', listed)
        assert link
        page = here.get(link[1]).text
        assert re.search(r"<th>Customer</th><td>anna</td>", page)
        assert "no consent needed" not in page
