"""The extra for everything else, through the real library to a server of the test."""

from __future__ import annotations

import orjson
import pytest
from pytest_httpserver import HTTPServer

from engine.channels.apprise.channel import AppriseChannel, open_channel
from engine.channels.base import Delivery, Message
from engine.config.file import read_config
from engine.errors import UsageError
from tests.channels.gateway_desk import Hand, message, setup
from tests.channels.odd_http import drips, odd_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of what Apprise loads
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def channel(urls: str, more: str = "") -> AppriseChannel:
    opened = open_channel(setup(f"via: apprise\nurls: {urls}\n{more}", name="chat"))
    assert isinstance(opened, AppriseChannel)
    return opened


async def deliver(opened: AppriseChannel, sent: Message, hand: Hand | None = None) -> Delivery:
    try:
        return await opened.deliver(sent, hand or Hand())
    finally:
        await opened.close()


async def test_a_message_goes_to_the_address_of_its_customer(httpserver: HTTPServer) -> None:
    hand = Hand()
    httpserver.expect_request("/rooms/anna", method="POST").respond_with_data("")
    opened = channel(f'"json://127.0.0.1:{httpserver.port}/rooms/{{{{ message.address }}}}"')
    found = await deliver(opened, message("anna", fields={"title": "Hello"}), hand)
    assert (found.kind, len(hand.asked)) == ("accepted", 1)
    [(request, _)] = httpserver.log
    body = orjson.loads(request.data)
    assert (body["title"], body["message"]) == ("Hello", "Hi Anna")


async def test_several_addresses_under_one_hand_over(httpserver: HTTPServer) -> None:
    for name in ("a", "b"):
        httpserver.expect_request(f"/{name}", method="POST").respond_with_data("")
    hand = Hand()
    opened = channel(f'["json://127.0.0.1:{httpserver.port}/{{{{ message.address }}}}"]')
    found = await deliver(opened, message("a\nb"), hand)
    assert (found.kind, len(hand.asked), len(httpserver.log)) == ("accepted", 1, 2)


async def test_one_that_took_it_is_enough_for_not_sending_again(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a", method="POST").respond_with_data("")
    httpserver.expect_request("/b", method="POST").respond_with_data("", status=500)
    found = await deliver(
        channel(f'"json://127.0.0.1:{httpserver.port}/{{{{ message.address }}}}"'), message("a\nb")
    )
    assert (found.kind, found.detail) == ("accepted", "not all addresses took it")


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_failure_is_unknown_since_apprise_does_not_say_more(
    httpserver: HTTPServer, status: int
) -> None:
    httpserver.expect_request("/a", method="POST").respond_with_data("", status=status)
    found = await deliver(
        channel(f'"json://127.0.0.1:{httpserver.port}/{{{{ message.address }}}}"'), message("a")
    )
    assert (found.kind, found.fault) == ("unknown", "provider")


async def test_a_service_that_never_ends_is_unknown_after_the_time_out() -> None:
    async with odd_server(drips) as odd:
        found = await deliver(channel(f'"json://{odd.place}/x"', "timeout: 1\n"), message("a"))
    assert found.kind == "unknown"


async def test_without_the_hand_over_nothing_leaves(httpserver: HTTPServer) -> None:
    found = await deliver(channel(f'"json://127.0.0.1:{httpserver.port}/a"'), message("a"), Hand(says=False))
    assert (found.kind, httpserver.log) == ("never left", [])


async def test_an_address_that_apprise_does_not_know_is_refused_before_the_hand_over() -> None:
    hand = Hand()
    found = await deliver(channel('"nosuchservice://x/{{ message.address }}"'), message("a"), hand)
    assert (found.kind, found.fault, hand.asked) == ("refused", "template", [])


async def test_secrets_stay_out_of_what_is_kept(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_TOKEN", "canary4711")
    monkeypatch.setenv("CHAT_URL", f"json://user:canary4712@127.0.0.1:{httpserver.port}/y")
    httpserver.expect_request("/x/canary4711").respond_with_data("canary4711", status=500)
    urls = f'["json://127.0.0.1:{httpserver.port}/x/{{{{ secret.token }}}}", env:CHAT_URL]'
    found = await deliver(channel(urls, "token: env:CHAT_TOKEN\n"), message("a"))
    assert (found.kind, len(httpserver.log)) == ("unknown", 2)
    assert "canary" not in repr(found)
    monkeypatch.delenv("CHAT_TOKEN")
    with pytest.raises(UsageError, match="CHAT_TOKEN"):
        channel(urls, "token: env:CHAT_TOKEN\n")


@pytest.mark.parametrize(
    ("urls", "what"),
    [
        ('"{{ message.address }}"', "no address of a service"),
        ('"json://x/{{ message.adress }}"', 'has no "adress"'),
        ('"json://x/{{ secret.token }}"', "is not given"),
    ],
)
def test_check_tells_what_cannot_work(urls: str, what: str) -> None:
    _, [problem] = read_config(f"channels: {{chat: {{via: apprise, urls: {urls}}}}}\n")
    assert what in problem.what
    assert problem.span.line == 1
