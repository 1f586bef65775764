"""The links in messages: a GET changes nothing, a POST counts when it is answered, a forged token is
nothing."""

from __future__ import annotations

from uuid import uuid4

import httpx2

from engine.channels.links import Links, UnsubscribeLink
from engine.store import meta
from engine.store.customers import consents
from engine.store.inbox import inbox
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served


def _links(served: Served) -> Links:
    with served.store() as store, store.read() as conn:
        return Links([meta.secret(conn)], served.url)


def _states(served: Served, who: str) -> dict[tuple[str, str], str]:
    for _ in range(200):
        with served.store() as store, store.read() as conn:
            if not inbox.depth(conn):
                return consents.current(conn, who)
    raise AssertionError("the inbox never became empty")


def _customer(served: Served) -> str:
    who = f"l-{uuid4().hex}"
    with served.client() as client:
        client.put(
            f"/customers/{who}",
            json={
                "email": f"{who}@example.com",
                "addresses": {"push": f"token-{who}"},
                "consent": {"email": "given", "push": "given"},
            },
        )
    return who


def test_only_a_post_unsubscribes(served: Served) -> None:
    who = _customer(served)
    link = _links(served).unsubscribe(UnsubscribeLink(who, "email", "marketing", "k"))
    assert "Unsubscribe" in httpx2.get(link, verify=PLAIN).text
    assert httpx2.head(link, verify=PLAIN).status_code in (200, 405)
    assert _states(served, who)["email", "marketing"] == "given"
    answer = httpx2.post(link, content="List-Unsubscribe=One-Click", verify=PLAIN)
    assert (answer.status_code, answer.is_redirect) == (200, False)
    assert _states(served, who) == {("email", "marketing"): "withdrawn", ("push", "marketing"): "given"}


def test_the_preference_page_saves_what_is_ticked(served: Served) -> None:
    who = _customer(served)
    link = _links(served).preferences(who)
    assert _states(served, who)
    assert "checked" in httpx2.get(link, verify=PLAIN).text
    assert httpx2.post(link, data={"marketing/email": "on", "save": "1"}, verify=PLAIN).status_code == 200
    assert _states(served, who) == {("email", "marketing"): "given", ("push", "marketing"): "withdrawn"}


def test_a_link_that_we_did_not_sign_leads_nowhere(served: Served) -> None:
    links = _links(served)
    for link in (links.click("k", "https://shop.example/a"), links.preferences("c"), links.open("k")):
        token = link.rsplit("/", 1)[1]
        for place in range(0, len(token), 7):
            forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert httpx2.get(link.replace(token, forged), verify=PLAIN).status_code == 404
    for purpose in ("u", "p", "o"):
        click = links.click("k", "https://evil.example/").rsplit("/", 1)[1]
        assert httpx2.get(f"{served.url}/{purpose}/{click}", verify=PLAIN).status_code == 404


def test_a_click_leads_to_the_signed_place_even_when_the_message_is_forgotten(served: Served) -> None:
    answer = httpx2.get(
        _links(served).click("k", "https://shop.example/a?b=c"), follow_redirects=False, verify=PLAIN
    )
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/a?b=c")


def test_the_health_of_the_daemon(served: Served) -> None:
    assert httpx2.get(f"{served.url}/healthz", verify=PLAIN).text == "ok\n"
    assert httpx2.get(f"{served.url}/readyz", verify=PLAIN).json()["ready"] is True
    figures = httpx2.get(f"{served.url}/metrics", verify=PLAIN).text
    assert "perennial_inbox_rows" in figures
    assert "@" not in figures
