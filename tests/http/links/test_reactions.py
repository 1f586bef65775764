"""Who clicked and who opened: people move journeys, machines do not
(design/reliability 3.4, cases 85 and 90)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.happening import ProfileChanged
from engine.runtime.advance.advancer import decide_clicks
from engine.values import HOUR, MINUTE, SECOND
from tests.http.web_shop import BROWSER, WebShop

APPLE = {"User-Agent": "Mozilla/5.0"}
GMAIL = {
    "User-Agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
}
YAHOO = {"User-Agent": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"}
Open = Callable[..., WebShop]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    made: list[WebShop] = []

    def open_shop(extra: str = "", consent: str | None = None) -> WebShop:
        shop = WebShop(tmp_path, extra)
        made.append(shop)
        shop.customer("anna")
        if consent is not None:
            said = {("email", "opens"): consent}
            shop.shop.happen("anna", ProfileChanged(0, shop.clock.now(), consents=said), None)
        shop.shop.event("anna", "signed_up")
        shop.settle_down()
        assert shop.message("anna").state == "accepted"
        return shop

    yield open_shop
    for shop in made:
        shop.close()


def tracked(shop: WebShop) -> list[str]:
    """The two links of the letter and the decoy."""
    found = [link for link in shop.links_in("anna@example.com") if "/c/" in link]
    assert len(found) == 3
    return found


def pixel(shop: WebShop) -> str:
    return shop.mailed("anna@example.com").partition('<img src="')[2].partition('"')[0]


def test_a_click_of_a_person_moves_the_journey_when_it_stayed_alone(opened: Open) -> None:
    shop = opened()
    first, _, _ = tracked(shop)
    shop.clock.advance(MINUTE)
    answer = shop.get(first)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/a")
    assert shop.reactions() == [("clicked", "unknown")]
    shop.later(4 * SECOND)
    assert shop.reactions() == [("clicked", "unknown")]
    shop.later(SECOND)
    assert shop.reactions() == [("clicked", "human")]
    shop.later(2 * HOUR)
    with pytest.raises(IndexError):
        shop.message("anna", "sms")


def test_the_same_link_twice_is_an_impatient_person(opened: Open) -> None:
    shop = opened()
    first, _, _ = tracked(shop)
    shop.clock.advance(MINUTE)
    shop.get(first)
    shop.get(first)
    shop.later(6 * SECOND)
    assert shop.reactions() == [("clicked", "human"), ("clicked", "human")]


def test_a_click_that_waits_for_its_seconds_survives_a_restart(opened: Open) -> None:
    shop = opened()
    shop.clock.advance(MINUTE)
    shop.get(tracked(shop)[0])
    shop.clock.advance(HOUR // 2)  # nothing ran meanwhile
    assert decide_clicks(shop.store, shop.clock.now()) == 1
    shop.later(2 * HOUR)
    assert shop.reactions() == [("clicked", "human")]
    assert "sms" not in [channel for (channel,) in shop.look("SELECT channel FROM outbox")]


@pytest.mark.parametrize("how", ["fast", "two links", "decoy", "scanner", "no name", "prefetch", "apple"])
def test_machines_do_not_silence_a_cascade(opened: Open, how: str) -> None:
    shop = opened()
    first, second, decoy = tracked(shop)
    shop.clock.advance(5 * SECOND if how == "fast" else MINUTE)
    match how:
        case "two links":
            shop.get(first)
            shop.clock.advance(4 * SECOND)
            shop.get(second)
        case "decoy":
            shop.get(first)
            assert shop.get(decoy).headers["location"] == "https://shop.example"
        case "scanner":
            shop.get(first, user_agent="Barracuda Sentinel (EE)")
        case "no name":
            shop.get(first, user_agent="")
        case "prefetch":
            shop.get(first, sec_purpose="prefetch")
        case "apple":
            shop.get(first, user_agent="Mozilla/5.0")
        case _:
            shop.get(first)
    shop.later(10 * SECOND)
    assert {who for _, who in shop.reactions()} == {"machine"}
    shop.later(2 * HOUR)
    assert shop.message("anna", "sms").state == "accepted"


def test_a_look_at_the_head_of_a_link_is_nothing_at_all(opened: Open) -> None:
    shop = opened("tracking: {opens: always}\n")
    shop.clock.advance(MINUTE)
    assert shop.browser.head(tracked(shop)[0]).status_code == 302
    assert shop.browser.head(pixel(shop)).status_code == 200
    assert shop.reactions() == []


def test_a_person_who_clicks_after_a_scanner_is_a_person(opened: Open) -> None:
    shop = opened()
    first, second, _ = tracked(shop)
    shop.clock.advance(2 * SECOND)
    shop.get(first)
    shop.get(second)
    shop.clock.advance(HOUR // 2)
    shop.get(second)
    shop.later(6 * SECOND)
    assert [who for _, who in shop.reactions()] == ["machine", "machine", "human"]


@pytest.mark.parametrize("proxy", [APPLE, GMAIL, YAHOO])
def test_case_85_a_mail_proxy_that_opens_everything_is_nobody(opened: Open, proxy: dict[str, str]) -> None:
    shop = opened("tracking: {opens: always}\n")
    shop.clock.advance(MINUTE)
    assert shop.browser.get(pixel(shop), headers=proxy).headers["content-type"] == "image/gif"
    assert shop.reactions() == [("opened", "unknown")]
    shop.later(2 * HOUR)
    assert shop.message("anna", "sms").state == "accepted", "the cascade goes on when nobody reacted"


def test_an_opening_by_a_mail_program_is_told_once(opened: Open) -> None:
    shop = opened("tracking: {opens: always}\n")
    shop.clock.advance(MINUTE)
    for _ in range(3):
        shop.browser.get(pixel(shop), headers=BROWSER)
    assert shop.reactions() == [("opened", "human")]
    assert shop.look("SELECT kind FROM inbox") == [("reaction",)]


@pytest.mark.parametrize(
    ("extra", "consent", "there"),
    [
        ("", "given", False),
        ("tracking: {opens: with consent}\n", None, False),
        ("tracking: {opens: with consent}\n", "withdrawn", False),
        ("tracking: {opens: with consent}\n", "given", True),
        ("tracking: {opens: always}\n", None, True),
        ("tracking: {opens: always}\n", "withdrawn", False),
    ],
)
def test_case_90_the_picture_stands_in_mail_of_those_only_who_may_be_watched(
    opened: Open, extra: str, consent: str | None, there: bool
) -> None:
    shop = opened(extra, consent)
    assert ("/o/" in shop.mailed("anna@example.com")) is there


@pytest.mark.parametrize("mode", ["with consent", "always"])
def test_case_90_a_hit_after_the_withdrawal_is_not_stored(opened: Open, mode: str) -> None:
    shop = opened(f"tracking: {{opens: {mode}}}\n", "given")
    url = pixel(shop)
    shop.clock.advance(MINUTE)
    said = {("email", "opens"): "withdrawn"}
    shop.shop.happen("anna", ProfileChanged(0, shop.clock.now(), consents=said), None)
    shop.shop.run()
    assert shop.browser.get(url).status_code == 200
    assert shop.reactions() == []
    assert shop.look("SELECT count(*) FROM inbox") == [(0,)]


def test_clicks_are_not_followed_where_nobody_wants_it(opened: Open) -> None:
    shop = opened("tracking: {clicks: no}\n")
    found = shop.links_in("anna@example.com")
    assert found[:2] == ["https://shop.example/a", "https://shop.example/b"]
    assert not any("/c/" in link for link in found)
