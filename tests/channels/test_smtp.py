"""SMTP over real sockets: what the server does decides the outcome, and every mail arrives once."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator

import pytest

from engine.channels.base import HandOver, Message, OutcomeKind
from engine.channels.smtp import Server, Smtp
from engine.clock import ManualClock
from engine.values import Instant
from tests.channels.smtp_server import SmtpServer

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def smtp() -> AsyncIterator[list[Smtp]]:
    """Channels opened by a test, closed after it."""
    opened: list[Smtp] = []
    yield opened
    for channel in opened:
        await channel.close()


def channel(opened: list[Smtp], server: SmtpServer, concurrency: int = 2, **settings: object) -> Smtp:
    made = Smtp(
        Server("127.0.0.1", server.port, command_seconds=2, dot_seconds=2, **settings),  # type: ignore[arg-type]
        "secret", ManualClock(NOW), concurrency=concurrency,
    )  # fmt: skip
    opened.append(made)
    return made


def mail(address: str = "anna@example.com", key: str = "k1") -> Message:
    return Message(
        key=key, channel="email", address=address, template="hello", language="en", purpose="marketing",
        body="Hello\n.\n..dots\n", html="<p>Привіт\n.</p>", subject="Hi", sender="Shop <hello@shop.example>",
        headers={"List-Unsubscribe": "<https://news.example/u/x>"},
    )  # fmt: skip


def handing(answer: bool, calls: list[bool]) -> HandOver:
    async def hand_over() -> bool:
        calls.append(answer)
        return answer

    return hand_over


async def test_an_accepted_mail_arrives_as_it_was_written(smtp: list[Smtp]) -> None:
    calls: list[bool] = []
    async with SmtpServer() as server:
        delivery = await channel(smtp, server).deliver(mail(), handing(True, calls))
    assert (delivery.kind, delivery.provider_id) == ("accepted", "ABC123")
    assert calls == [True]
    recipient, data = server.accepted[0]
    assert recipient == "anna@example.com"
    parsed = email.message_from_bytes(data.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    text, html = parsed.iter_parts()
    assert text.get_content().replace("\r\n", "\n").rstrip("\n") == "Hello\n.\n..dots"
    assert html.get_content().replace("\r\n", "\n").rstrip("\n") == "<p>Привіт\n.</p>"
    assert parsed["List-Unsubscribe"] == "<https://news.example/u/x>"
    assert server.commands[1].startswith("MAIL FROM:<hello@shop.example>")


async def test_a_refused_hand_over_sends_nothing(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        one = channel(smtp, server)
        assert (await one.deliver(mail(), handing(False, []))).kind == "never left"
        assert (await one.deliver(mail(key="k2"), handing(True, []))).kind == "accepted"
    assert len(server.accepted) == 1
    assert server.connections == 1


@pytest.mark.parametrize(
    ("settings", "kind", "fault", "handed"),
    [
        ({"greeting": "421 4.3.2 busy"}, "never left", "provider", False),
        ({"close_at": "greeting"}, "never left", "provider", False),
        ({"mail": "451 4.3.0 later"}, "refused for now", "provider", False),
        ({"mail": "550 5.7.1 not you"}, "refused for now", "sender", False),
        ({"rcpt": {"anna@example.com": "450 4.2.1 later"}}, "refused for now", "provider", False),
        ({"rcpt": {"anna@example.com": "550 5.1.1 nobody"}}, "bounced", "address", False),
        ({"rcpt": {"anna@example.com": "550 User unknown"}}, "bounced", "address", False),
        ({"rcpt": {"anna@example.com": "552 5.2.2 mailbox full"}}, "refused", "address", False),
        ({"rcpt": {"anna@example.com": "550 5.7.26 unauthenticated"}}, "refused for now", "sender", False),
        ({"data": "451 4.3.0 later"}, "refused for now", "provider", True),
        ({"data": "421 4.3.2 bye"}, "refused for now", "provider", True),
        ({"close_at": "data"}, "never left", "provider", True),
        ({"dot": "451 4.3.0 later"}, "refused for now", "provider", True),
        ({"dot": "552 5.3.4 too big"}, "refused", "template", True),
        ({"dot": "554 no"}, "refused", "template", True),
        ({"dot": "550 5.7.515 authenticate"}, "refused for now", "sender", True),
        ({"close_at": "dot"}, "unknown", "provider", True),
        ({"dot": "hello?"}, "unknown", "provider", True),
    ],
)
async def test_what_the_server_says_is_the_outcome(
    smtp: list[Smtp], settings: dict[str, object], kind: OutcomeKind, fault: str, handed: bool
) -> None:
    calls: list[bool] = []
    async with SmtpServer(**settings) as server:  # type: ignore[arg-type]
        delivery = await channel(smtp, server).deliver(mail(), handing(True, calls))
    assert (delivery.kind, delivery.fault) == (kind, fault)
    assert bool(calls) == handed


async def test_a_connection_cut_before_the_final_dot_delivers_nothing(smtp: list[Smtp]) -> None:
    async with SmtpServer(close_at="body") as server:
        delivery = await channel(smtp, server).deliver(mail(), handing(True, []))
    assert delivery.kind in (
        "never left",
        "unknown",
    )  # which one depends on who notices first; never "accepted"
    assert server.accepted == []


async def test_nobody_listens(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        pass
    delivery = await channel(smtp, server).deliver(mail(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("never left", "provider")


async def test_a_silent_server_is_left_after_a_while(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        server.mail = ""  # an empty line is no answer
        delivery = await channel(smtp, server, tls="none").deliver(mail(), handing(True, []))
    assert delivery.kind in ("never left", "refused for now")


async def test_tls_that_is_asked_for_is_never_left_out(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        delivery = await channel(smtp, server, tls="starttls").deliver(mail(), handing(True, []))
    assert (delivery.kind, server.accepted) == ("never left", [])


async def test_a_server_that_hangs_up_every_few_mails_gets_each_once(smtp: list[Smtp]) -> None:
    async with SmtpServer(mails_per_connection=3) as server:
        one = channel(smtp, server, concurrency=1)
        kinds = [
            (await one.deliver(mail(f"c{n}@example.com", f"k{n}"), handing(True, []))).kind for n in range(10)
        ]
        again = [n for n, kind in enumerate(kinds) if kind == "never left"]
        for n in again:
            assert (
                await one.deliver(mail(f"c{n}@example.com", f"k{n}"), handing(True, []))
            ).kind == "accepted"
    assert set(kinds) <= {"accepted", "never left"}
    assert sorted(recipient for recipient, _ in server.accepted) == sorted(
        f"c{n}@example.com" for n in range(10)
    )


async def test_a_connection_is_used_again_and_renewed_after_a_hundred_mails(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        one = channel(smtp, server, concurrency=1)
        for n in range(101):
            await one.deliver(mail(key=f"k{n}"), handing(True, []))
    assert (len(server.accepted), server.connections) == (101, 2)


@pytest.mark.parametrize(
    "address",
    [
        "a@b.c,e@x.y",
        "a@b.example\r\nRCPT TO:<e@x.example>",
        '"a b"@c.example',
        "a@[127.0.0.1]",
        "x" * 65 + "@b.example",
    ],
)
async def test_what_is_not_one_address_reaches_no_server(smtp: list[Smtp], address: str) -> None:
    async with SmtpServer() as server:
        delivery = await channel(smtp, server).deliver(mail(address), handing(True, []))
    assert (delivery.kind, delivery.fault, server.connections) == ("refused", "address", 0)


async def test_an_international_domain_goes_in_ascii(smtp: list[Smtp]) -> None:
    async with SmtpServer() as server:
        await channel(smtp, server).deliver(mail("anna@bücher.example"), handing(True, []))
    assert server.accepted[0][0] == "anna@xn--bcher-kva.example"
