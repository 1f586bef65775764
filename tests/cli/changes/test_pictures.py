"""`diff --pictures` and `review --pictures`: what customers see before and after, and the journeys."""

from __future__ import annotations

import json
import os
import re
import struct
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from engine.cli.changes.pictures.chromium import BrowserError, Chromium, find_chromium
from engine.cli.changes.pictures.folder import safe_name
from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace
from tests.cli.conftest import Shop, report
from tests.conftest import Golden
from tests.http.console.test_outbox_page import CHROMIUM

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")


@pytest.fixture
def shop(small_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A committed project on a machine without a browser, with a changed journey and a changed message."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(small_shop.folder, "commit", "-m", "first")
    replace(small_shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    replace(small_shop, "templates/welcome_hello.email.mjml", "Hello", "Good morning")
    _without_browser(small_shop, monkeypatch)
    return small_shop


def _without_browser(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH holds git alone."""
    tools = shop.folder.parent / "tools"
    tools.mkdir()
    git_program = next(
        path for part in os.environ["PATH"].split(":") if (path := Path(part) / "git").exists()
    )
    (tools / "git").symlink_to(git_program.resolve())
    monkeypatch.setenv("PATH", str(tools))


def _program(shop: Shop, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A browser that is this script."""
    path = shop.write("browser", f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PERENNIAL_CHROMIUM", str(path))


class _Page(HTMLParser):
    """What a page refers to, and the words for pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.alts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.files += [value for key in ("src", "href") if (value := said.get(key)) and value[0] != "#"]
        if tag == "img":
            self.alts.append(said.get("alt") or "")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_change_is_a_folder_of_pages_and_pictures(shop: Shop, golden: Golden) -> None:
    folder = shop.folder / "pictures"
    said = shop.run("diff", "--pictures", str(folder))
    golden("golden/diff_pictures.txt", re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", report(said)))
    answer = json.loads(shop.run("diff", "--pictures", str(folder), "--format", "json").out)["pictures"]
    assert sorted([answer["index"], *answer["files"]]) == _files(folder)
    assert (answer["messages"], answer["journeys"]) == (1, 1)
    assert "No Chromium was found" in answer["missing"]
    assert answer["files"] == [
        "journey-welcome.before.svg", "journey-welcome.now.svg",
        "message-welcome_hello-email-en.before.html", "message-welcome_hello-email-en.now.html",
    ]  # fmt: skip
    page = _Page((folder / "index.html").read_text(encoding="utf-8"))
    assert set(page.files) == set(answer["files"])
    assert page.alts == [
        "the journey welcome before: 3 steps, 1 changed", "the journey welcome now: 3 steps, 1 changed",
    ]  # fmt: skip
    for name in ("before", "now"):
        ET.fromstring((folder / f"journey-welcome.{name}.svg").read_text(encoding="utf-8"))
        text = (folder / f"message-welcome_hello-email-en.{name}.html").read_text(encoding="utf-8")
        assert ("Good morning" in text) is (name == "now")


def test_only_what_is_seen_otherwise_is_shown(shop: Shop) -> None:
    git(shop.folder, "commit", "-am", "second")
    git(shop.folder, "checkout", "-b", "looks")
    folder = shop.folder / "pictures"
    text = (shop.folder / "templates/welcome_hello.email.mjml").read_text(encoding="utf-8")
    shop.write("templates/welcome_hello.email.mjml", text.replace("<mj-text", "<!-- said -->\n<mj-text", 1))
    journey = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    shop.write("journeys/welcome.yaml", f"# said\n{journey}")
    said = shop.run("diff", "--pictures", str(folder))
    assert "0 messages and 0 journeys before and after" in said.out, report(said)
    assert "No message reads differently" in (folder / "index.html").read_text(encoding="utf-8")
    assert _files(folder) == ["index.html"]
    shop.write("templates/welcome_hello.email.mjml", text.replace("<mj-text", '<mj-text color="#c00000"', 1))
    said = shop.run("diff", "--pictures", str(folder))
    assert "1 message and 0 journeys before and after" in said.out, report(said)
    assert "the same words; it looks different" in (folder / "index.html").read_text(encoding="utf-8")


def test_what_is_new_and_what_is_gone_has_one_side(shop: Shop) -> None:
    folder = shop.folder / "pictures"
    (shop.folder / "journeys/welcome.yaml").rename(shop.folder / "journeys/greeting.yaml")
    replace(shop, "journeys/greeting.yaml", "journey: welcome", "journey: greeting")
    shop.write("templates/note.sms.txt", "Hi {{ customer.first_name }} <b>& all</b>")
    answer = json.loads(shop.run("diff", "--pictures", str(folder), "--format", "json").out)["pictures"]
    assert "journey-greeting.now.svg" in answer["files"]
    assert "journey-greeting.before.svg" not in answer["files"]
    assert "journey-welcome.before.svg" in answer["files"]
    assert "journey-welcome.now.svg" not in answer["files"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "<b>& all" not in page
    assert "a new journey" in page


def test_the_comment_names_the_place(shop: Shop) -> None:
    folder = shop.folder / "pictures"
    said = shop.run("review", "--pictures", str(folder))
    line = "Before and after: 1 message and 1 journey side by side in `pictures/index.html`"
    assert line in said.out.partition("<details>")[0], report(said)
    assert (folder / "index.html").exists()
    assert "Before and after" not in shop.run("review").out
    answer = json.loads(shop.run("review", "--pictures", str(folder), "--format", "json").out)
    assert answer["pictures"]["journeys"] == 1


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 1", "ended by itself"),
        ("cat >/dev/null", "ended by itself"),
        ("printf 'no json\\0' >&4; read asked <&3", "answers what it should not"),
    ],
)
def test_a_browser_that_fails_is_a_sentence(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    _program(shop, monkeypatch, script)
    said = shop.run("diff", "--pictures", str(shop.folder / "pictures"))
    assert said.code == 0
    assert "Traceback" not in said.err
    assert why in " ".join(said.err.split()), report(said)
    assert "1 message and 1 journey" in said.out


def test_what_cannot_be_used_is_the_callers_mistake(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    said = shop.run("diff", "--pictures", str(shop.folder / "config.yaml"))
    assert (said.code, "cannot be written" in said.err) == (2, True), report(said)
    monkeypatch.setenv("PERENNIAL_CHROMIUM", "/nowhere/chromium")
    said = shop.run("diff", "--pictures", str(shop.folder / "pictures"))
    assert (said.code, "which is no program" in " ".join(said.err.split())) == (2, True), report(said)


def test_a_browser_that_is_silent_is_given_up(tmp_path: Path) -> None:
    silent = tmp_path / "browser"
    silent.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    silent.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(BrowserError, match=r"did not answer within 0\.3 seconds"), Chromium(silent, 0.3):
        pass
    assert time.monotonic() - began < 30  # far from the minute of the program


def test_names_of_files_are_safe_and_tell_apart() -> None:
    names = [
        safe_name("journey", "welcome"), safe_name("journey", "Welcome"), safe_name("journey", "../welcome"),
        safe_name("journey", "a/b"), safe_name("journey", "a-b"), safe_name("journey", "приветствие"),
        safe_name("journey", "прощание"), safe_name("journey", "x" * 300), safe_name("journey", "x" * 301),
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,100}", name) for name in names)
    assert names[0] == "journey-welcome"


# --- with a real browser ---


@needs_chromium
def test_mails_are_photographed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_CHROMIUM", str(CHROMIUM))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/bin:/bin")
    folder = shop.folder / "pictures"
    said = shop.run("diff", "--pictures", str(folder))
    assert said.code == 0, report(said)
    pictures = [folder / f"message-welcome_hello-email-en.{when}.png" for when in ("before", "now")]
    for picture in pictures:
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        wide, high = struct.unpack(">II", data[16:24])
        assert wide == 640
        assert 200 <= high <= 4000
    assert pictures[0].read_bytes() != pictures[1].read_bytes()
    page = _Page((folder / "index.html").read_text(encoding="utf-8"))
    assert all(page.alts)
    assert len(page.alts) == 4
    # a comment is written otherwise, and nobody sees it: the pictures are the same to the bit
    git(shop.folder, "commit", "-am", "second")
    git(shop.folder, "checkout", "-b", "looks")
    replace(shop, "templates/welcome_hello.email.mjml", "<mj-text", '<mj-text css-class="named"')
    said = shop.run("diff", "--pictures", str(folder))
    assert "0 messages and 0 journeys" in said.out, report(said)


@needs_chromium
def test_a_page_that_is_photographed_reaches_nothing(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    asked: list[str] = []

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Asked)
    Thread(target=server.serve_forever, daemon=True).start()
    secret = tmp_path / "secret.html"
    secret.write_text(
        '<body style="background:#f00;margin:0"><div style="height:150px"></div>', encoding="utf-8"
    )
    there, plain = f"http://127.0.0.1:{server.server_port}", "<!doctype html><body>%s<p>end</p></body>"
    hostile = (
        f'<meta http-equiv="refresh" content="0;url={there}/refresh">'
        f'<link rel="stylesheet" href="{there}/a.css">'
        f"<style>@import url({there}/b.css);body{{background:url({there}/bg.png)}}</style>"
        f"<script>document.body.style.background='#0f0';fetch('{there}/f')</script>"
    )
    try:
        with Chromium(CHROMIUM) as browser:
            harmless = browser.picture(plain % "", 300)
            assert browser.picture(plain % hostile, 300) == harmless
            frame = '<iframe width="200" height="100" src="%s"></iframe>'
            assert browser.picture(plain % (frame % secret.as_uri()), 300) == browser.picture(
                plain % (frame % "about:blank"), 300
            )
            browser.picture(plain % f'<img src="{there}/i.png"><iframe src="{there}/g"></iframe>', 300)
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def test_a_browser_is_found_by_its_name(tmp_path: Path) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert find_chromium({"PATH": str(tmp_path)}) == program
    assert find_chromium({"PATH": str(tmp_path / "nothing")}) is None
