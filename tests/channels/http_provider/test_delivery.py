"""A described provider behind the whole delivery: real store, real templates, a real server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.channels.http_provider.channel import HttpProviderChannel
from engine.clock import ManualClock
from engine.runtime.delivery.channel_set import ChannelSet
from engine.store.journeys import pauses
from engine.store.messages import records
from tests.channels.gateway_desk import NOW, gateway, setup
from tests.channels.odd_http import drips, odd_server
from tests.runtime.delivery.test_deliverer import House, anyio_backend, house  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio

CHANNEL = """
via: http
url: http://{place}/send
timeout: 3
body: {{to: "{{{{ message.address }}}}", text: "{{{{ message.text }}}}"}}
answer: {{id: id}}
"""


def opened(house: House, place: str) -> HttpProviderChannel:  # noqa: F811
    channel = gateway(CHANNEL.format(place=place))
    house.opened.append(channel)
    return channel


class Provider:
    """Counts what it took. `answer`: for the number of a request, from 0."""

    def __init__(self, httpserver: HTTPServer, answer: Callable[[int], int]) -> None:
        self.place = f"127.0.0.1:{httpserver.port}"
        self.answer = answer
        self.taken: Counter[str] = Counter()
        self.asked = 0
        httpserver.expect_request("/send").respond_with_handler(self._play)

    def _play(self, request: Request) -> Response:
        status = self.answer(self.asked)
        self.asked += 1
        to = orjson.loads(request.data)["to"]
        if status == 200:
            self.taken[to] += 1
        return Response(orjson.dumps({"id": f"m{self.asked}"}), status, {"Retry-After": "60"})


async def test_every_message_is_taken_once_whatever_the_provider_asks_to_wait(
    house: House,  # noqa: F811
    httpserver: HTTPServer,
) -> None:
    house.customers(20)
    house.plan(20, "sms")
    provider = Provider(httpserver, lambda number: 429 if number % 3 == 0 else 200)
    await house.rounds(house.deliverer(opened(house, provider.place)))
    assert house.states() == {"accepted": 20}
    assert set(provider.taken.values()) == {1}
    assert len(provider.taken) == 20


async def test_case_43_a_wrong_key_stops_the_channel_after_a_few_and_burns_nothing(
    house: House,  # noqa: F811
    httpserver: HTTPServer,
) -> None:
    house.customers(60)
    house.plan(60, "sms")
    provider = Provider(httpserver, lambda _: 401)
    deliverer = house.deliverer(opened(house, provider.place))
    await house.rounds(deliverer, times=5)
    with house.store.read() as conn:
        assert [(pause.scope, pause.name) for pause in pauses.list_active(conn)] == [("channel", "sms")]
    assert provider.asked <= 2 * deliverer_room()
    assert set(house.states()) <= {"planned", "deferred"}
    provider.answer = lambda _: 200
    house.store.write(lambda conn: pauses.resume(conn, "channel", "sms"))
    await house.rounds(deliverer)
    assert house.states() == {"accepted": 60}
    assert set(provider.taken.values()) == {1}


def deliverer_room() -> int:
    """What can be under way when the third refusal comes: the places of the channel."""
    return gateway(CHANNEL.format(place="127.0.0.1:9")).concurrency


async def test_a_500_is_not_sent_again_by_itself(house: House, httpserver: HTTPServer) -> None:  # noqa: F811
    house.customers(3)
    house.plan(3, "sms")
    provider = Provider(httpserver, lambda _: 500)
    deliverer = house.deliverer(opened(house, provider.place))
    await house.rounds(deliverer, times=5)
    assert provider.asked == 3
    assert set(house.states()) <= {"unknown", "held"}


async def test_case_42_a_provider_that_never_ends_holds_back_no_other_channel(house: House) -> None:  # noqa: F811
    house.customers(5)
    house.plan(5, "sms")
    house.plan(5, "push")
    async with odd_server(drips) as odd:
        deliverer = house.deliverer(opened(house, odd.place), house.outbox("push"))
        delivering = asyncio.ensure_future(deliverer.once())
        while not delivering.done():
            await asyncio.sleep(0.05)
            house.apply_inbox()
        for _ in range(20):
            await deliverer.once()
            house.apply_inbox()
    with house.store.read() as conn:
        found = records.counts(conn)
    assert found["push", "accepted"] == 5
    assert (
        sum(number for (channel, state), number in found.items() if channel == "sms" and state == "accepted")
        == 0
    )


def test_another_egress_opens_the_channel_anew(tmp_path: Path) -> None:
    channels = ChannelSet(tmp_path, "secret", ManualClock(NOW))
    before = setup(CHANNEL.format(place="127.0.0.1:9")).config
    first = channels.opening(before)
    channels.opened(first)
    assert list(first.channels) == ["sms"]
    assert not channels.opening(before).channels
    after = setup(CHANNEL.format(place="127.0.0.1:9"), allow="10.0.0.0/8").config
    assert list(channels.opening(after).channels) == ["sms"]
