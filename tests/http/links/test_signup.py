"""The sign-up form: one answer for everybody, one question a day for each mailbox, so many an hour for a
network (design/reliability case 91)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Connection

from engine.runtime.intake.mailbox_aliases import mailbox_of
from engine.runtime.intake.signups import (
    SignUpRequest,
    address_of,
    is_allowed,
    network_of,
    sign_up,
)
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant
from tests.http.web_shop import URL, WebShop

SHOP = {"Origin": "https://shop.example"}
FORM = f"{URL}/signup/newsletter"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path)
    yield made
    made.close()


def seen(shop: WebShop, form: str = FORM) -> str:
    """The hidden field of a form that somebody looks at for half a minute."""
    token = shop.browser.get(form, headers={"Accept": "application/json"}).json()["seen"]
    shop.clock.advance(30 * SECOND)
    return str(token)


def send(shop: WebShop, address: str, token: str, form: str = FORM, **fields: str) -> httpx2.Response:
    return shop.browser.post(form, data={"email": address, "seen": token, **fields}, headers=SHOP)


def asked(shop: WebShop) -> int:
    """How many wishes were taken."""
    shop.settle_down()
    return sum(name == "optin_requested" for (name,) in shop.look("SELECT name FROM event"))


def letters(shop: WebShop) -> int:
    """How many letters asked for a confirmation."""
    shop.settle_down()
    return sum(template == "please_confirm" for (template,) in shop.look("SELECT template FROM outbox"))


def test_a_sign_up_asks_the_owner_of_the_mailbox(shop: WebShop) -> None:
    token = seen(shop)
    answer = send(
        shop, "New.One@Example.com", token, language="de", first_name="<b>Buy pills at evil.example</b>"
    )
    assert answer.status_code == 200
    assert asked(shop) == 1
    (customer,) = {str(who) for (who,) in shop.look("SELECT id FROM customer")}
    assert shop.reach(customer)["email"].consents == {"marketing": "asked"}
    (line,) = shop.ledger(customer)
    assert (line.state, line.wording) == ("asked", "I want letters from Bean There.")
    assert line.source == "sign-up form newsletter at https://shop.example"
    assert "evil.example" not in shop.mailed("New.One@example.com"), "what a stranger types is in no letter"
    (link,) = [link for link in shop.links_in("New.One@example.com") if "/y/" in link]
    assert shop.browser.post(link).status_code == 200
    shop.settle_down()
    assert shop.reach(customer)["email"].consents == {"marketing": "given"}


def test_an_address_that_we_know_stays_with_its_customer(shop: WebShop) -> None:
    shop.customer("anna", "none", email="Anna@example.com")
    send(shop, "anna@EXAMPLE.com", seen(shop))
    assert asked(shop) == 1
    assert [who for (who,) in shop.look("SELECT id FROM customer")] == ["anna"]


def flood(shop: WebShop, addresses: list[str]) -> None:
    """As the page does it after its checks: ten thousand requests take a minute, and their frame is the
    same."""
    rules, listed = shop.live.project.config.signup, shop.live.project.config.signup.lists["newsletter"]
    for address in addresses:
        wish, now = SignUpRequest(listed, address, "203.0.113.0/24", "", "form"), shop.clock.now()
        with shop.store.read() as conn:
            is_open = is_allowed(conn, wish, rules, now)
        if is_open:
            shop.store.write(partial(take, shop, wish, now))


def take(shop: WebShop, wish: SignUpRequest, now: Instant, conn: Connection) -> bool:
    return sign_up(conn, wish, None, shop.live.project.config.signup, shop.live.intake, now)


WRITTEN = ("Vic.Tim@gmail.com", "victim@gmail.com", "VICTIM+shop@googlemail.com", "v.i.c.t.i.m@gmail.com")


FLOODS = pytest.mark.parametrize("times", [500, pytest.param(10_000, marks=pytest.mark.soak)])
"""Both are far beyond every budget."""


@FLOODS
def test_case_91_thousands_of_posts_for_one_mailbox_are_one_question_and_one_answer(
    shop: WebShop, times: int
) -> None:
    token, answers = seen(shop), set()
    for n in range(300):
        answer = send(shop, WRITTEN[n % 4], token)
        answers.add((answer.status_code, answer.text))
        if n % 100 == 0:
            shop.clock.advance(HOUR)
    assert len(answers) == 1
    flood(shop, [WRITTEN[n % 4] for n in range(times)])
    assert letters(shop) == asked(shop) == 1
    assert shop.count("customer") == 1


@FLOODS
def test_case_91_thousands_of_mailboxes_from_one_network_are_within_the_budget(
    shop: WebShop, times: int
) -> None:
    token = seen(shop)
    for n in range(300):
        assert send(shop, f"victim{n}@example.com", token).status_code == 200
    assert letters(shop) == asked(shop) == 5
    flood(shop, [f"other{n}@example.com" for n in range(times)])
    assert asked(shop) == 10, "five of one network, five of another"
    shop.clock.advance(2 * HOUR)
    send(shop, "later@example.com", seen(shop))
    assert asked(shop) == 11


def test_case_91_the_next_day_the_mailbox_may_be_asked_again(shop: WebShop) -> None:
    send(shop, "anna@example.com", seen(shop))
    shop.clock.advance(DAY - MINUTE)
    send(shop, "anna@example.com", seen(shop))
    assert asked(shop) == 1
    shop.clock.advance(3 * HOUR)
    send(shop, "anna@example.com", seen(shop))
    assert asked(shop) == 2


def test_many_networks_do_not_close_the_form_for_everybody_and_somebody_is_told(shop: WebShop) -> None:
    token = seen(shop)
    for n in range(30):
        _from(shop, f"10.0.{n}.7", f"a{n}@example.com", token)
        _from(shop, f"10.0.{n}.8", f"b{n}@example.com", token)
    assert asked(shop) == 20 + 20, "twenty of ten networks, then the first one of each of the other twenty"
    told = shop.look("SELECT journey, why FROM alert")
    assert [(journey, "more than 20 sign-ups" in str(why)) for journey, why in told] == [
        ("sign-up newsletter", True)
    ]
    _from(shop, "192.0.2.1", "somebody@example.com", token)
    assert asked(shop) == 41, "somebody from elsewhere is still served"


def test_all_networks_together_have_an_end_and_that_is_told(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = 15  # thousands take minutes
    monkeypatch.setattr("engine.runtime.intake.signups.BEYOND", beyond)
    config = shop.live.project.config.signup
    listed, now = config.lists["newsletter"], shop.clock.now()

    def job(conn: Connection) -> list[bool]:
        wishes = (
            SignUpRequest(listed, f"a{n}@example.com", f"10.{n >> 8}.{n & 255}.0/24", "", "form")
            for n in range(config.in_all + beyond + 30)
        )
        return [is_allowed(conn, wish, config, now) and bool(note(conn, wish)) for wish in wishes]

    def note(conn: Connection, wish: SignUpRequest) -> bool:
        return sign_up(conn, wish, "anna", config, shop.live.intake, now)

    assert shop.store.write(job).count(True) == config.in_all + beyond
    assert [
        ("nobody can sign up" in str(why)) for (why,) in shop.look("SELECT why FROM alert ORDER BY number")
    ] == [
        False,
        True,
    ]


def _from(shop: WebShop, host: str, address: str, token: str) -> None:
    from fastapi.testclient import TestClient

    with TestClient(shop.app, base_url=URL, client=(host, 50_000), follow_redirects=False) as other:
        other.post(FORM, data={"email": address, "seen": token}, headers=SHOP)


@pytest.mark.parametrize(
    "why", ["trap", "too soon", "too old", "no token", "another list", "forged", "no address"]
)
def test_a_machine_gets_the_same_answer_and_nothing_else(shop: WebShop, why: str) -> None:
    good = send(shop, "person@example.com", seen(shop))
    token = seen(shop)
    fields: dict[str, str] = {}
    address = "machine@example.com"
    match why:
        case "trap":
            fields["website"] = "https://pills.example"
        case "too soon":
            token = shop.browser.get(FORM, headers={"Accept": "application/json"}).json()["seen"]
        case "too old":
            shop.clock.advance(2 * DAY)
        case "no token":
            token = ""
        case "another list":
            token = seen(shop, f"{URL}/signup/thanked")
        case "forged":
            token = token[:-2] + ("AA" if not token.endswith("AA") else "BB")
        case _:
            address = "a@b.c,e@x.y"
    answer = send(shop, address, token, **fields)
    assert (answer.status_code, answer.text) == (good.status_code, good.text)
    assert asked(shop) == 1


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", "https://shop.example.evil.example"]
)
def test_case_105_a_form_on_another_site_is_refused(shop: WebShop, origin: str | None) -> None:
    token = seen(shop)
    headers = {"Origin": origin} if origin else {}
    answer = shop.browser.post(FORM, data={"email": "a@example.com", "seen": token}, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert asked(shop) == 0


def test_case_105_json_under_a_simple_content_type_is_refused(shop: WebShop) -> None:
    body = f'{{"email": "a@example.com", "seen": "{seen(shop)}"}}'
    for kind in ("text/plain", "", "text/plain; application/json"):
        answer = shop.browser.post(FORM, content=body, headers={**SHOP, "Content-Type": kind})
        assert answer.status_code == 415
    assert asked(shop) == 0


def test_a_script_of_the_shops_page_may_send_it(shop: WebShop) -> None:
    allowed = shop.browser.options(FORM, headers=SHOP)
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert (
        "access-control-allow-origin"
        not in shop.browser.options(FORM, headers={"Origin": "https://evil.example"}).headers
    )
    body = {"email": "a@example.com", "seen": seen(shop)}
    answer = shop.browser.post(FORM, json=body, headers={**SHOP, "Accept": "application/json"})
    assert answer.json() == {"ok": True}
    assert asked(shop) == 1


def test_the_daemons_own_page_has_a_form_that_works(shop: WebShop) -> None:
    page = shop.browser.get(FORM).text
    fields = dict(re.findall(r'name="(seen|language)" value="([^"]+)"', page))
    shop.clock.advance(30 * SECOND)
    answer = shop.browser.post(
        FORM, data={"email": "a@example.com", "website": "", **fields}, headers={"Origin": URL}
    )
    assert "a message is on its way" in answer.text
    assert asked(shop) == 1


def test_the_form_leads_to_the_shops_page_and_nowhere_else(shop: WebShop) -> None:
    thanked = f"{URL}/signup/thanked"
    answer = send(shop, "a@example.com", seen(shop, thanked), thanked, next="https://evil.example/")
    assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/thanks")
    assert (
        "form-action 'self' https://shop.example;"
        in shop.browser.get(thanked).headers["content-security-policy"]
    )


def test_there_are_no_other_lists(shop: WebShop) -> None:
    for name in ("vip", "..%2fnewsletter", "<svg onload=alert(1)>"):
        assert shop.browser.get(f"{URL}/signup/{name}").status_code == 404
        assert shop.browser.post(f"{URL}/signup/{name}", headers=SHOP).status_code == 404


def test_no_address_and_no_network_is_kept_with_what_was_counted(shop: WebShop) -> None:
    send(shop, "anna@example.com", seen(shop))
    kept = repr(shop.look("SELECT kind, who FROM allowance"))
    assert kept.count("mailbox") == 1
    assert "anna" not in kept
    assert "testclient" not in kept


def test_mailboxes_networks_and_addresses() -> None:
    same = ("Anna.B@gmail.com", "annab@googlemail.com", "AN.NAB+x+y@GMAIL.COM", "ａnnab@gmail.com")
    assert {mailbox_of(address) for address in same} == {"annab@gmail.com"}
    assert mailbox_of("an.na@example.com") == "an.na@example.com"
    assert mailbox_of("+@example.com") == "+@example.com"
    assert network_of("203.0.113.77") == network_of("::ffff:203.0.113.1") == "203.0.113.0/24"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network_of("") == network_of("testclient") == "unknown"
    for wrong in (
        "a@b.c,e@x.y",
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "",
        "a" * 400 + "@example.com",
        "a@[127.0.0.1]",
    ):
        assert address_of(wrong) is None, wrong
