"""Make-believe customers: they live by themselves, and they answer what they get."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.channels.base import Message
from engine.values import DAY, HOUR, Instant, instant
from tools.demo.actions import FollowLink, OpenMail, RedeemPoints, SendEvent, Unsubscribe
from tools.demo.behaviour import ShopCustomers
from tools.demo.mailbox import Caller
from tools.demo.messages import ReceivedMessage, parse_mail, read_received
from tools.demo.shop import make_shop

START = instant(dt.datetime(2026, 3, 29, 18, tzinfo=dt.UTC))
MAIL = b"""From: shop@shop.example\r
To: x@example.org\r
Subject: Hello\r
List-Unsubscribe: <http://127.0.0.1:8080/u/abc>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
Content-Type: text/html; charset=utf-8\r
\r
<a href="http://127.0.0.1:8080/c/top">Shop</a> <a style="x" href="http://127.0.0.1:8080/c/go?a=1&amp;b=2">Go</a>\r
<b>WELCOME-AB12-CD34</b> <a href="http://127.0.0.1:8080/u/abc">leave</a><img src="http://127.0.0.1:8080/o/xyz">\r
"""


def shop_customers(customers: int = 400, seed: int = 1) -> ShopCustomers:
    shop = make_shop(seed, customers, START)
    list(shop.history())
    made = ShopCustomers(shop)
    made.begin()
    return made


def test_three_days_by_themselves() -> None:
    actions = [
        action for action in shop_customers().until(Instant(START + 3 * DAY)) if isinstance(action, SendEvent)
    ]
    names = Counter(action.event for action in actions)
    wanted = {
        "site_visited",
        "product_viewed",
        "cart_updated",
        "order_placed",
        "order_delivered",
        "optin_requested",
        "price_drop",
    }
    assert wanted <= set(names)
    assert names["product_viewed"] > names["cart_updated"] > 5
    assert len({action.id for action in actions}) == len(actions)


def test_the_same_seed_lives_the_same_life() -> None:
    assert list(shop_customers().until(Instant(START + DAY))) == list(
        shop_customers().until(Instant(START + DAY))
    )


def test_a_confirmed_address_subscribes() -> None:
    people = shop_customers(20)
    asked = next(
        action
        for action in people.until(Instant(START + HOUR))
        if isinstance(action, SendEvent) and action.event == "optin_requested"
    )
    person = people.shop.people[asked.customer]
    link = "http://127.0.0.1:8080/y/yes"
    people.landed(person, link, ReceivedMessage("", "email", (link,), confirm=link), Instant(START + HOUR))
    told = [
        action.event
        for action in people.until(Instant(START + 2 * HOUR))
        if isinstance(action, SendEvent) and action.customer == person.id
    ]
    assert [event for event in told if event.startswith(("optin", "sub"))] == ["subscribed"]


def test_points_are_redeemed_by_who_has_as_many(httpserver: HTTPServer) -> None:
    people = shop_customers(40)
    link = "http://shop.example/points"
    for person in people.shop.people.values():
        people.landed(person, link, ReceivedMessage("", "email", (link,)), Instant(START + HOUR))
    wishes = [each for each in people.until(Instant(START + 2 * HOUR)) if isinstance(each, RedeemPoints)]
    assert 1 < len(wishes) < 40
    rich = wishes[0].redeemed.customer
    for wish in wishes:
        points = 140 if wish.redeemed.customer == rich else 99
        path = f"/customers/{wish.redeemed.customer}/points"
        httpserver.expect_request(path).respond_with_json({"points": points})
    sent: list[dict[str, Any]] = []

    def take(request: Request) -> Response:
        sent.extend(request.get_json()["batch"])
        return Response('{"refused": []}', content_type="application/json")

    httpserver.expect_request("/v1/batch").respond_with_handler(take)

    async def play() -> None:
        caller = Caller(httpserver.url_for(""), "key", people)
        await caller.do(wishes, Instant(START + 2 * HOUR))
        await caller.close()

    asyncio.run(play())
    assert [(call["userId"], call["event"]) for call in sent] == [(rich, "points_redeemed")]


def test_letters_are_opened_followed_and_sometimes_the_last() -> None:
    people = shop_customers(600)
    for person in people.shop.people.values():
        for hour in range(4):
            received = ReceivedMessage(
                person.addresses["email"], "email", ("http://x/c/1",), "", "http://x/o/1", "http://x/u/1"
            )
            people.receive(received, Instant(START + hour * HOUR))
    found = Counter(type(action) for action in people.until(Instant(START + 6 * DAY)))
    assert found[OpenMail] > found[FollowLink] > found[Unsubscribe] > 0


def test_what_a_reader_sees_in_a_mail() -> None:
    received = read_received(parse_mail("x@example.org", MAIL, "k1"))
    assert received.links == ("http://127.0.0.1:8080/c/go?a=1&b=2",)
    assert received.code == "WELCOME-AB12-CD34"
    assert received.pixel == "http://127.0.0.1:8080/o/xyz"
    assert received.leave == "http://127.0.0.1:8080/u/abc"


def test_the_decoy_for_machines_is_not_seen_and_a_confirmation_comes_first() -> None:
    decoy = (
        b'<a href="http://127.0.0.1:8080/c/decoy" rel="nofollow" tabindex="-1" aria-hidden="true" '
        b'style="display:none"></a>'
    )
    button = b'<a href="http://127.0.0.1:8080/y/yes">Yes</a>'
    head, _, body = MAIL.partition(b'<a href="http://127.0.0.1:8080/c/top">')
    assert read_received(parse_mail("x@example.org", MAIL.replace(b"<img", decoy + b"<img"), "k1")).links == (
        "http://127.0.0.1:8080/c/go?a=1&b=2",
    )
    asked = read_received(
        parse_mail("x@example.org", head + button + b'<a href="http://127.0.0.1:8080/c/top">' + body, "k1")
    )
    assert (asked.links, asked.confirm) == (("http://127.0.0.1:8080/y/yes",), "http://127.0.0.1:8080/y/yes")


def test_what_a_reader_sees_in_a_text() -> None:
    body = (
        "Bean There: 20% off with BACK-AB12-CD34. http://127.0.0.1:8080/c/go "
        "Stop: http://127.0.0.1:8080/c/stop"
    )
    received = read_received(Message("k", "sms", "+447700900001", "winback_offer", "en", "marketing", body))
    assert received.links == ("http://127.0.0.1:8080/c/go",)
    assert received.code == "BACK-AB12-CD34"
