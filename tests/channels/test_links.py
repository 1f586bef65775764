"""Signed links: each for one purpose, none that can be changed, none that leads where we did not say."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from engine.channels.links import ClickLink, Hosts, Links, UnsubscribeLink

LINKS = Links(["secret"], "https://news.example")
LEAVING = UnsubscribeLink("c1", "email", "marketing", "key-1")


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_links_say_what_they_were_made_for() -> None:
    assert LINKS.read_unsubscribe(token(LINKS.unsubscribe(LEAVING))) == LEAVING
    assert LINKS.read_preferences(token(LINKS.preferences("c1"))) == "c1"
    assert LINKS.read_click(token(LINKS.click("key-1", "https://shop.example/a?b=1"))) == ClickLink(
        "key-1", "https://shop.example/a?b=1"
    )
    assert LINKS.read_open(token(LINKS.open("key-1"))) == "key-1"


def test_a_token_is_good_for_its_own_purpose_only() -> None:
    tokens = [
        token(url)
        for url in (
            LINKS.unsubscribe(LEAVING),
            LINKS.preferences("c1"),
            LINKS.click("k", "https://a.example/"),
            LINKS.open("k"),
        )
    ]
    readers = [LINKS.read_unsubscribe, LINKS.read_preferences, LINKS.read_click, LINKS.read_open]
    for place, reader in enumerate(readers):
        assert [reader(one) is not None for one in tokens] == [place == other for other in range(4)]


def test_no_byte_of_a_click_link_can_be_changed() -> None:
    good = token(LINKS.click("key-1", "https://shop.example/a"))
    for place in range(len(good)):
        for other in "aZ9_.-":
            if other != good[place]:
                changed = good[:place] + other + good[place + 1 :]
                assert LINKS.read_click(changed) in (None, ClickLink("key-1", "https://shop.example/a"))
    assert LINKS.read_click(good[:-1]) is None
    payload = base64.urlsafe_b64encode(b'["key-1","https://evil.example/"]').decode().rstrip("=")
    assert LINKS.read_click(f"{payload}.{good.rpartition('.')[2]}") is None


@given(st.text())
def test_what_we_did_not_sign_is_nothing(text: str) -> None:
    for reader in (LINKS.read_unsubscribe, LINKS.read_preferences, LINKS.read_click, LINKS.read_open):
        assert reader(text) is None


def test_an_old_link_outlives_a_new_key() -> None:
    old = token(Links(["old"], "https://news.example").unsubscribe(LEAVING))
    assert Links(["old", "new"], "https://news.example").read_unsubscribe(old) == LEAVING
    assert Links(["new"], "https://news.example").read_unsubscribe(old) is None


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=600), min_size=4, max_size=4))
def test_tokens_are_those_of_itsdangerous_in_both_directions(words: list[str]) -> None:
    signer = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    other = URLSafeSerializer("secret", salt="perennial.unsubscribe", signer_kwargs=signer)
    assert other.loads(token(LINKS.unsubscribe(UnsubscribeLink(*words)))) == words
    assert LINKS.read_unsubscribe(str(other.dumps(words))) == UnsubscribeLink(*words)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.example",
        "https://user:pw@evil.example/",
        "ftp://x.example",
        "https://x.example/\n",
    ],
)
def test_a_click_leads_to_web_pages_only(url: str) -> None:
    assert LINKS.read_click(token(LINKS.click("k", url))) is None


def test_no_address_stands_in_a_link() -> None:
    data = base64.urlsafe_b64decode(token(LINKS.unsubscribe(LEAVING)).partition(".")[0] + "==")
    assert data == b'["c1","email","marketing","key-1"]'


def test_clicks_are_followed_in_html_and_text_but_not_our_own_links() -> None:
    own = LINKS.unsubscribe(LEAVING)
    html = (
        f'<a style="x" href="https://shop.example/a?b=1&amp;c=2">x</a> <a href="{own}">y</a> '
        f'<a href="mailto:a@b.example">z</a>'
    )
    made, text = LINKS.with_clicks(
        html, f"See https://shop.example/a. Stop: {own}\n", "key-1", Hosts("shop.example")
    )
    targets = [part.partition('"')[0] for part in made.split('href="')[1:]]
    assert LINKS.read_click(token(targets[0])) == ClickLink("key-1", "https://shop.example/a?b=1&c=2")
    assert targets[1:] == [own, "mailto:a@b.example"]
    assert LINKS.read_click(token(text.split(". Stop")[0])) == ClickLink("key-1", "https://shop.example/a")
    assert text.endswith(f". Stop: {own}\n")


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("https://shop.example/a", True),
        ("https://WWW.Shop.Example:8443/a", True),
        ("http://deep.down.shop.example", True),
        ("https://named.example/?x=1#y", True),
        ("https://below.named.example/", False),
        ("https://evil.example/", False),
        ("https://notshop.example/", False),
        ("https://shop.example.evil.example/", False),
        ("https://evil.example/shop.example", False),
        ("https://evil.example?.shop.example", False),
        ("https://evil.example#.shop.example", False),
        ("https://evil.example\\.shop.example/", False),
        ("https://evil.example%2f.shop.example/", False),
        ("https://evil.example;.shop.example/", False),
        ("https://127.0.0.1/", False),
    ],
)
def test_case_99_a_link_is_followed_to_the_shop_and_to_what_the_author_named(url: str, held: bool) -> None:
    hosts = Hosts("shop.example", frozenset({"named.example"}))
    assert hosts.holds(url) == held
    _, text = LINKS.with_clicks("", f"See {url} now", "k", hosts)
    assert ("/c/" in text) == held


def test_a_shop_without_an_address_has_no_home() -> None:
    assert not Hosts().holds("https://evil.example/")
