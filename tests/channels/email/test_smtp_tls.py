"""Protected or not at all: certificates, and servers that take STARTTLS back."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from engine.channels.base import Delivery, Message
from engine.channels.email.channel import EmailChannel, Server
from engine.clock import ManualClock
from engine.values import Instant
from tests.channels.certificates import Issuer, issuer
from tests.channels.smtp_server import SmtpServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return issuer(tmp_path_factory.mktemp("trusted"))


async def deliver(
    server: SmtpServer,
    tls: str,
    certificates: str = "",
    calls: list[bool] | None = None,
    host: str = "127.0.0.1",
) -> Delivery:
    where = Server(host, server.port, tls, "shop", "word", command_seconds=2, certificates=certificates)
    channel = EmailChannel(where, "secret", ManualClock(Instant(0)))
    message = Message(
        "k1",
        "email",
        "anna@example.com",
        "t",
        "en",
        "marketing",
        "Hi",
        subject="Hi",
        sender="hello@shop.example",
    )

    async def hand_over() -> bool:
        if calls is not None:
            calls.append(True)
        return True

    delivery = await channel.deliver(message, hand_over)
    await channel.close()
    return delivery


def clear_text(server: SmtpServer) -> list[str]:
    """What a listener on the wire could have read of us."""
    return [command for command in server.commands if not command.startswith(("EHLO", "STARTTLS", "QUIT"))]


@pytest.mark.parametrize(
    "offers",
    [None, "454 4.7.0 TLS not available", "502 5.5.1 what?", "501 no"],
    ids=["stripped", "not now", "unknown", "refused"],
)
async def test_case_35_without_starttls_nothing_is_sent_and_nothing_handed_over(offers: str | None) -> None:
    calls: list[bool] = []
    async with SmtpServer(starttls=offers) as server:
        delivery = await deliver(server, "starttls", calls=calls)
    assert (delivery.kind, delivery.fault, calls, server.accepted) == ("never left", "provider", [], [])
    assert "STARTTLS" in delivery.detail
    assert clear_text(server) == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["not trusted", "wrong name", "ended"])
async def test_case_35_a_certificate_that_is_not_good_stops_everything(
    trusted: Issuer, tmp_path: Path, tls: str, wrong: str
) -> None:
    shown = {
        "not trusted": issuer(tmp_path).server("127.0.0.1"),
        "wrong name": trusted.server("mail.other.example"),
        "ended": trusted.server("127.0.0.1", days=-1),
    }[wrong]
    calls: list[bool] = []
    async with _server(tls, shown) as server:
        delivery = await deliver(server, tls, str(trusted.bundle), calls)
    assert (delivery.kind, delivery.fault, calls, server.accepted) == ("never left", "provider", [], [])
    assert "certificate" in delivery.detail
    assert clear_text(server) == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_case_35_no_certificate_of_our_own_making_is_trusted_without_being_named(
    trusted: Issuer, tls: str
) -> None:
    async with _server(tls, trusted.server("127.0.0.1")) as server:
        delivery = await deliver(server, tls)
    assert (delivery.kind, server.accepted) == ("never left", [])


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_that_is_named_and_fits_protects_the_mail(
    trusted: Issuer, tls: str, host: str
) -> None:
    async with _server(tls, trusted.server(host)) as server:
        server.extensions = ("SIZE 1000000", "AUTH PLAIN")
        delivery = await deliver(server, tls, str(trusted.bundle), host=host)
    assert (delivery.kind, len(server.accepted)) == ("accepted", 1)
    assert any(command.startswith("AUTH PLAIN") for command in server.commands)


async def test_opportunistic_tls_takes_any_certificate_and_no_tls_at_all(trusted: Issuer) -> None:
    where = {"command_seconds": 2.0}
    message = Message(
        "k1",
        "email",
        "anna@example.com",
        "t",
        "en",
        "marketing",
        "Hi",
        subject="Hi",
        sender="hello@shop.example",
    )

    async def yes() -> bool:
        return True

    for shown in (trusted.server("other.example"), None):
        async with SmtpServer(starttls=shown) as server:
            reached = Server("127.0.0.1", server.port, **where)  # type: ignore[arg-type]
            channel = EmailChannel(reached, "secret", ManualClock(Instant(0)))
            assert (await channel.deliver(message, yes)).kind == "accepted"
            await channel.close()
        assert ("STARTTLS" in server.commands) == (shown is not None)


def _server(tls: str, shown: ssl.SSLContext) -> SmtpServer:
    return SmtpServer(tls=shown) if tls == "tls" else SmtpServer(starttls=shown)
