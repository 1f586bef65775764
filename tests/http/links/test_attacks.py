"""What strangers try on our pages: changed links, other sites, markup, SQL, a wrong Host, guessed keys,
canaries (design/reliability 5F)."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from engine.channels.links import ConfirmationLink, UnsubscribeLink
from engine.core.happening import ProfileChanged
from engine.runtime.intake.items import ConsentGiven, CustomerItem, EventItem
from engine.store.keys import new_key
from engine.values import SECOND
from tests.daemon.shop import PLAIN, open_shop, wait_until
from tests.http.web_shop import CONFIG, URL, WebShop

SVG = "<svg onload=alert(1)>"
HERE = "http://127.0.0.1:8080"
SHOP = {"Origin": "https://shop.example"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path)
    made.customer("anna")
    yield made
    made.close()


class Tags(HTMLParser):
    """Every tag of a page and every attribute that would run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.handlers: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}


def links_of(shop: WebShop, key: str = "k") -> dict[str, str]:
    links = shop.links
    return {
        "click": links.click(key, "https://shop.example/a?b=1"),
        "open": links.open(key),
        "unsubscribe": links.unsubscribe(UnsubscribeLink("anna", "email", "marketing", key)),
        "preferences": links.preferences("anna"),
        "confirm": links.confirm(ConfirmationLink("anna", "email", "marketing", key)),
    }


@pytest.mark.parametrize("kind", ["click", "open", "unsubscribe", "preferences", "confirm"])
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_case_99_every_byte_of_a_link_that_is_changed_is_not_found_and_leads_nowhere(
    shop: WebShop, kind: str, every: int
) -> None:
    """Every change is refused by the reader of the page; every fifth of them is asked of the page itself."""
    head, _, token = links_of(shop)[kind].rpartition("/")
    readers = {
        "click": shop.links.read_click, "open": shop.links.read_open,
        "unsubscribe": shop.links.read_unsubscribe,
        "preferences": shop.links.read_preferences, "confirm": shop.links.read_confirm,
    }  # fmt: skip
    genuine, tried = readers[kind](token), 0
    for place in range(len(token)):
        for other in ("A", "z", "-", ".", "%00", "/"):
            changed = token[:place] + other + token[place + 1 :]
            if changed == token or readers[kind](changed) == genuine:  # bits that base64 leaves out
                continue
            tried += 1
            if tried % every:
                assert readers[kind](changed) is None, changed
                continue
            answer = shop.browser.get(f"{head}/{changed}")
            assert answer.status_code == 404, changed
            assert "location" not in answer.headers
    assert tried > 4 * len(token)
    for cut in (token[:-1], token[1:], token + "A", "", token * 3, "a" * 20_000):
        assert shop.browser.get(f"{head}/{cut}").status_code in (404, 405)
    assert (shop.count("reaction"), shop.count("inbox")) == (0, 0)


def test_case_99_a_target_beside_the_token_changes_nothing(shop: WebShop) -> None:
    link = links_of(shop)["click"]
    for more in (
        "?url=https://evil.example",
        "#https://evil.example",
        "?to=//evil.example&u=https:evil.example",
    ):
        assert shop.browser.get(link + more).headers["location"] == "https://shop.example/a?b=1"


@pytest.mark.parametrize("path", ["preferences", "confirm"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": URL},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    ],
)
def test_case_105_a_form_of_ours_that_another_site_sends_is_refused(
    shop: WebShop, path: str, headers: dict[str, str]
) -> None:
    answer = shop.browser.post(links_of(shop)[path], data={"all": "off"}, headers=headers)
    assert answer.status_code == 403
    assert (shop.count("inbox"), shop.count("consent")) == (0, 0)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/octet-stream"])
def test_case_105_a_choice_is_a_form_and_nothing_else(shop: WebShop, kind: str) -> None:
    answer = shop.browser.post(
        links_of(shop)["preferences"], content=b"all=off", headers={"Content-Type": kind}
    )
    assert answer.status_code == 415
    assert shop.count("inbox") == 0


_PART = b'--b\r\nContent-Disposition: form-data; name="save"\r\n\r\n%s\r\n'


def test_case_59_a_form_is_small(shop: WebShop) -> None:
    link = links_of(shop)["preferences"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shop.browser.post(link, content=b"a=" + b"b" * 20_000, headers=form).status_code == 413
    assert shop.browser.post(link, content=b"&".join([b"a=1"] * 4_000), headers=form).status_code == 422
    for unreadable in (b"save=%ff%fe", b"save=\xff", "save=1&name=ö".encode()):
        assert shop.browser.post(link, content=unreadable, headers=form).status_code == 422
    assert shop.count("inbox") == 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (_PART % b"1" + b"--b--\r\n", "boundary=b", 200),
        (_PART % "ö".encode() + b"--b--\r\n", "boundary=b; charset=utf-8", 200),
        (_PART % b"1" + b"--b--\r\n", "charset=idna" + 5_000 * ";" + 'boundary="b"', 200),
        (_PART % b"\xff" + b"--b--\r\n", "boundary=b", 422),
        (_PART % b"\\ud800" + b"--b--\r\n", "boundary=b; charset=unicode_escape", 200),
        (_PART % b"1" * 101 + b"--b--\r\n", "boundary=b", 422),
        (_PART % (b"1" * 20_000) + b"--b--\r\n", "boundary=b", 413),
        (b"no part at all", "boundary=b", 422),
        (_PART % b"1" + b"--b--\r\n", "", 422),
    ],
)
def test_case_59_a_form_in_parts_is_small_and_text(
    shop: WebShop, body: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": f"multipart/form-data; {kind}"}
    answer = shop.browser.post(links_of(shop)["preferences"], content=body, headers=headers)
    assert answer.status_code == status, answer.text


def test_a_file_in_a_form_is_left_out(shop: WebShop) -> None:
    sent = {"save": ("all.txt", b"\x31", "text/plain")}
    answer = shop.browser.post(links_of(shop)["preferences"], files=sent)
    assert answer.status_code == 200
    assert shop.count("inbox") == 0


def test_case_106_markup_in_every_field_is_shown_as_text(tmp_path: Path) -> None:
    files = {
        "config.yaml": CONFIG.replace("name: Bean There", f'name: "{SVG}"')
        .replace("consent: stories", f'consent: "{SVG}"')
        .replace('"Main Street 1, Sofia"', f'"{SVG}"')
        .replace("I want letters from Bean There.", SVG)
    }
    shop = WebShop(tmp_path, files=files)
    try:
        values = {"email": "a@example.com", "first_name": SVG, "language": SVG, "tier": SVG}
        agreed = (ConsentGiven("email", "given"),)
        name = CustomerItem(0, SVG, None, values, consents=agreed, undeclared=True)
        event = EventItem(1, SVG, "signed_up", None, None, {"source": SVG, SVG: SVG}, undeclared=True)
        assert shop.receive(name, event).refused == ()
        shop.settle_down()
        here = TestClient(
            shop.app, base_url=URL, client=("127.0.0.1", 5), headers={"User-Agent": SVG, "Referer": SVG}
        )
        console = TestClient(
            shop.app, base_url=HERE, client=("127.0.0.1", 5), headers={"User-Agent": SVG, "Referer": SVG}
        )
        assert console.get(f"/outbox?token={shop.token}").status_code == 200
        key = shop.message(SVG).send_key
        kept = [
            f"{HERE}{path}" for path in re.findall(r'href="(/outbox/[^"]+)"', console.get("/outbox").text)
        ]
        assert len(kept) == 1
        pages = [
            f"{HERE}/outbox", *kept, shop.links.preferences(SVG), f"{URL}/signup/newsletter",
            f"{URL}/u/{SVG}", f"{URL}/{SVG}",
            shop.links.unsubscribe(UnsubscribeLink(SVG, "email", SVG, key)),
            shop.links.confirm(ConfirmationLink(SVG, "email", SVG, key)),
            f"{URL}/signup/{SVG}", f"{HERE}/metrics", f"{HERE}/outbox/{SVG}/{SVG}/{SVG}", f"{HERE}/docs",
        ]  # fmt: skip
        shown = 0
        for page in pages:
            asking = console if page.startswith(HERE) else here
            for answer in (asking.get(page), asking.post(page, data={SVG: SVG, "save": SVG})):
                if "html" in answer.headers.get("content-type", ""):
                    tags = Tags(answer.text)
                    assert "svg" not in tags.names, page
                    assert not tags.handlers, page
                    assert "script" not in tags.names, page
                    assert (
                        "unsafe-inline"
                        not in answer.headers["content-security-policy"].partition("style-src")[0]
                    )
                    shown += "&lt;svg onload" in answer.text
        assert shown > 8, "the canary was looked at"
    finally:
        shop.close()


def test_case_108_guessing_keys_is_throttled(shop: WebShop) -> None:
    good = shop.store.write(lambda conn: new_key(conn, "shop", "write", shop.clock.now()))
    assert good is not None
    answers = [shop.browser.post("/events", auth=(f"wrong{n}", "")).status_code for n in range(500)]
    assert answers[0] == 401
    assert answers.count(401) <= 30
    assert set(answers[100:]) == {429}
    assert shop.browser.post("/events", headers={"Authorization": "Bearer x"}).headers["retry-after"] == "60"
    body = {"event": "signed_up", "customer_id": "anna"}
    answer = shop.browser.post("/events", auth=(good, ""), json=body)
    assert answer.status_code == 200, "a right key is never slowed by wrong ones, not even of its own address"


def test_case_108_a_key_in_the_address_is_no_key(shop: WebShop) -> None:
    good = shop.store.write(lambda conn: new_key(conn, "shop", "write", shop.clock.now()))
    for name in ("key", "write_key", "api_key", "writeKey", "access_token"):
        answer = shop.browser.post(
            f"/events?{name}={good}", json={"event": "signed_up", "customer_id": "anna"}
        )
        assert answer.status_code == 401
    assert shop.count("inbox") == 0


def test_case_110_sql_is_data_wherever_it_stands(shop: WebShop) -> None:
    sql = "' OR 1=1--"
    drop = "x'; DROP TABLE customer; --"
    assert shop.receive(
        CustomerItem(
            0, sql, None, {sql: drop, drop: sql, "tier": sql, "email": "b@example.com"}, undeclared=True
        ),
        EventItem(1, drop, f"e {sql}", None, sql, {sql: drop, "list": drop}, undeclared=True),
        EventItem(2, sql, "signed_up", None, drop, {"source": sql}),
    ).refused == ()  # fmt: skip
    shop.settle_down()
    token = shop.browser.get(f"{URL}/signup/newsletter", headers={"Accept": "application/json"}).json()[
        "seen"
    ]
    shop.clock.advance(30 * SECOND)
    for address in ("o'brien@example.com", '"\' OR 1=1--"@example.com'):
        shop.browser.post(
            f"{URL}/signup/newsletter", data={"email": address, "seen": token, sql: drop}, headers=SHOP
        )
    shop.browser.post(shop.links.preferences(sql), data={sql: drop, f"{sql}/email": drop, "save": sql})
    shop.browser.post(shop.links.unsubscribe(UnsubscribeLink(sql, sql, drop, drop)))
    for path in (f"/signup/{sql}", f"/u/{sql}"):
        assert shop.browser.get(path).status_code == 404
    shop.settle_down()
    who = {str(name) for (name,) in shop.look("SELECT id FROM customer")}
    assert {"anna", sql, drop} <= who
    assert [one.customer for one in shop.ledger("anna")] == []
    assert shop.reach("anna")["email"].consents == {"marketing": "given"}
    kept = [json.loads(str(row)) for (row,) in shop.look("SELECT CAST(attributes AS TEXT) FROM customer")]
    assert {"orders": 0, sql: drop, drop: sql, "tier": sql, "email": "b@example.com"} in kept


def test_case_111_a_wrong_host_changes_no_link(shop: WebShop) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    shop.shop.event("anna", "signed_up")
    shop.shop.event("anna", "optin_requested")
    shop.settle_down()
    key = shop.message("anna").send_key
    pages = [
        *links_of(shop, key).values(),
        f"{URL}/signup/newsletter",
        f"{URL}/u/x",
        f"{URL}/nothing",
        f"{URL}/outbox/",
    ]
    for page in pages:
        for answer in (shop.browser.get(page, headers=evil), shop.browser.post(page, headers=evil)):
            assert "evil.example" not in answer.text, page
            assert "evil.example" not in str(dict(answer.headers)), page
    answer = shop.browser.get(links_of(shop, key)["unsubscribe"], headers=evil)
    assert f'href="{URL}/p/' in answer.text
    assert "evil" not in shop.mailed("anna@example.com")


# --- canaries, with a daemon of its own -----------------------------------------------------------

NAME, ADDRESS, PHONE = "Canarya", "canary.person@private.example", "+359888765432"
PASSWORD = "canary-secret-7261"
WORDS = (NAME.lower(), "canary.person", "888765432", PASSWORD, "canary-query")


def test_case_112_no_address_name_or_secret_stands_in_logs_figures_or_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "CANARY_PASSWORD", PASSWORD)
    with open_shop(tmp_path) as shop:
        config = shop.folder / "config.yaml"
        lists = (
            'signup: {confirmed: order_placed, origins: ["https://shop.example"], '
            "lists: {news: {event: asked, text: Yes}}}"
        )
        config.write_text(config.read_text() + "link_key: env:CANARY_PASSWORD\n" + lists + "\n")
        broken = shop.folder / "templates" / "later.email.mjml"
        text = broken.read_text().replace(
            "This is later.", "{{ customer.first_name }} {{ customer.first_name / 3 }}"
        )
        broken.write_text(text)
        quick = shop.folder / "journeys" / "patient.yaml"
        quick.write_text(quick.read_text().replace("  - wait: 20 days\n    id: before_later\n", ""))
        shop.start()
        person = {
            "email": ADDRESS,
            "phone": PHONE,
            "first_name": NAME,
            "consent": {"email": "given", "push": "given"},
        }
        with shop.client() as client:
            assert client.put("/customers/c1", json=person).status_code == 200
            for body in (
                f'{{"event": "{NAME}", "customer_id": "{ADDRESS}"',
                "[" * 5_000 + NAME,
                f'"{ADDRESS}"',
            ):
                assert client.post("/events", content=body).status_code in (400, 422)
            client.put(f"/customers/{ADDRESS}", json={"email": f"{NAME}@@{ADDRESS}", NAME: ADDRESS})
            client.post(
                "/events", json={"event": NAME, "customer_id": ADDRESS, "properties": {NAME: ADDRESS}}
            )
            client.get(f"/nothing/{ADDRESS}?name={NAME}&key=canary-query")
            client.post(
                "/events",
                json=[{"event": "signed_up", "customer_id": "c1"}, {"event": "asked", "customer_id": "c1"}],
            )
        for path in (f"/u/{ADDRESS}", f"/c/{NAME}", f"/p/{PHONE}?{NAME}", "/events?key=canary-query"):
            httpx2.get(
                shop.url + path,
                headers={"User-Agent": NAME, "Referer": f"https://x.example/{ADDRESS}"},
                verify=PLAIN,
            )
        httpx2.post(
            shop.url + "/events?key=canary-query",
            headers={"Authorization": f"Bearer {PASSWORD}"},
            verify=PLAIN,
        )
        _half_a_request(
            shop.port, f"POST /events?email={ADDRESS} HTTP/1.1\r\nHost: {NAME}\r\nX: {PHONE}\x00\r\n\r\n"
        )
        wait_until(lambda: shop.mails()[f"{ADDRESS}\thello"] == 1, 30, shop.log)
        wait_until(lambda: shop.states("later") == {"c1": "failed"}, 30, shop.log)
        seen = httpx2.get(
            f"{shop.url}/signup/news", headers={"Accept": "application/json"}, verify=PLAIN
        ).json()["seen"]
        form = {"email": f"two.{ADDRESS}", "seen": seen, "website": NAME}
        httpx2.post(
            f"{shop.url}/signup/news", data=form, headers={"Origin": "https://shop.example"}, verify=PLAIN
        )
        with shop.store() as store:  # a row that nobody can read: the advancer stumbles over this customer
            store.write(
                lambda conn: conn.exec_driver_sql(
                    "UPDATE customer SET memory = '[\"Canarya\"]' WHERE id = 'c1'"
                )
            )
        shop.happens("visited", ["c1"])
        wait_until(lambda: bool(shop.ask("SELECT 1 FROM stuck")), 30, shop.log)
        shop.kill()
        shop.start()
        figures = httpx2.get(f"{shop.url}/metrics", verify=PLAIN).text
        status = shop.command("status")
        assert shop.stop() == 0
        log = shop.log()
    assert "set_aside" in log, "the crash is told"
    for place, said in (("log", log), ("figures", figures), ("status", status)):
        found = [word for word in WORDS if word in said.lower()]
        assert found == [], f"{found} in the {place}"


def _half_a_request(port: int, text: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(text.encode("latin-1"))
        raw.recv(4_096)


def test_case_112_no_link_of_a_message_holds_an_address(shop: WebShop) -> None:
    shop.shop.happen("anna", ProfileChanged(0, shop.clock.now(), {"first_name": NAME}), None)
    shop.shop.event("anna", "signed_up")
    shop.shop.event("anna", "optin_requested")
    shop.settle_down()
    links = [link for link in shop.links_in("anna@example.com") if link.startswith(URL)]
    assert len(links) >= 5
    for link in links:
        parts = link.rpartition("/")[2].split(".")
        plain = link + "".join(
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("latin-1") for part in parts
        )
        assert "example.com" not in plain
        assert NAME not in plain
        assert "888000001" not in plain
