"""SMTP over real sockets: what the server does decides the outcome, and every mail arrives once."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from engine.channels.base import HandOver, Message, OutcomeKind
from engine.channels.email.channel import EmailChannel, Server
from engine.clock import ManualClock
from engine.values import Instant
from tests.channels.smtp_server import SmtpServer

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)
BOTH_LOOPS = ("asyncio", ("asyncio", {"use_uvloop": True}))
"""What is written when differs between them."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def smtp() -> AsyncIterator[list[EmailChannel]]:
    """Channels opened by a test, closed after it."""
    opened: list[EmailChannel] = []
    yield opened
    for channel in opened:
        await channel.close()


def channel(
    opened: list[EmailChannel], server: SmtpServer, concurrency: int = 2, **settings: object
) -> EmailChannel:
    made = EmailChannel(
        Server(
            **{"host": "127.0.0.1", "port": server.port, "command_seconds": 2, "dot_seconds": 2}  # type: ignore[arg-type]
            | settings
        ),
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


async def test_an_accepted_mail_arrives_as_it_was_written(smtp: list[EmailChannel]) -> None:
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


async def test_a_refused_hand_over_sends_nothing(smtp: list[EmailChannel]) -> None:
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
    smtp: list[EmailChannel], settings: dict[str, object], kind: OutcomeKind, fault: str, handed: bool
) -> None:
    calls: list[bool] = []
    async with SmtpServer(**settings) as server:  # type: ignore[arg-type]
        delivery = await channel(smtp, server).deliver(mail(), handing(True, calls))
    assert (delivery.kind, delivery.fault) == (kind, fault)
    assert bool(calls) == handed


@pytest.mark.parametrize("cut", ["data", "body", "half"])
async def test_case_28_a_connection_cut_before_the_final_dot_has_delivered_nothing_and_says_so(
    smtp: list[EmailChannel], cut: str
) -> None:
    async with SmtpServer(close_at=cut) as server:
        delivery = await channel(smtp, server).deliver(mail(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("never left", "provider")
    assert server.accepted == []


@pytest.mark.parametrize("anyio_backend", BOTH_LOOPS)
async def test_case_28_a_body_that_fills_the_pipe_of_a_server_that_does_not_read_never_left(
    smtp: list[EmailChannel],
) -> None:
    class Deaf(SmtpServer):
        async def _session(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> None:
            writer.write(b"220 x\r\n")
            while (line := await reader.readline()) and not line.startswith(b"DATA"):
                writer.write(b"250 ok\r\n")
            writer.write(b"354 go on\r\n")
            await asyncio.Event().wait()

    async with Deaf() as server:
        big = replace(mail(), html="<p>" + "x" * 800 + "\n" * 4_000_000)
        delivery = await channel(smtp, server).deliver(big, handing(True, []))
    assert (delivery.kind, delivery.fault) == ("never left", "provider")


async def test_case_29_a_connection_closed_after_the_dot_is_unknown(smtp: list[EmailChannel]) -> None:
    async with SmtpServer(close_at="dot") as server:
        delivery = await channel(smtp, server).deliver(mail(), handing(True, []))
    assert (delivery.kind, delivery.fault, len(server.accepted)) == ("unknown", "provider", 1)


async def test_case_29_a_server_that_never_answers_the_dot_is_unknown(smtp: list[EmailChannel]) -> None:
    async with SmtpServer(close_at="never") as server:
        delivery = await channel(smtp, server, dot_seconds=0.2).deliver(mail(), handing(True, []))
    assert (delivery.kind, len(server.accepted)) == ("unknown", 1)


async def test_nobody_listens(smtp: list[EmailChannel]) -> None:
    async with SmtpServer() as server:
        pass
    delivery = await channel(smtp, server).deliver(mail(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("never left", "provider")


async def test_a_silent_server_is_left_after_a_while(smtp: list[EmailChannel]) -> None:
    async with SmtpServer() as server:
        server.mail = ""  # an empty line is no answer
        delivery = await channel(smtp, server, tls="none").deliver(mail(), handing(True, []))
    assert delivery.kind in ("never left", "refused for now")


async def test_case_35_tls_that_is_asked_for_is_never_left_out(smtp: list[EmailChannel]) -> None:
    async with SmtpServer() as server:
        delivery = await channel(smtp, server, tls="starttls").deliver(mail(), handing(True, []))
    assert (delivery.kind, server.accepted) == ("never left", [])


GOODBYES: list[dict[str, object]] = [
    {"mails_per_connection": 1},
    {"mails_per_connection": 3},
    {"mails_per_connection": 3, "goodbye": "421 4.7.0 enough for one connection", "goodbye_at": "MAIL"},
    {"mails_per_connection": 3, "goodbye": "421 4.7.0 enough for one connection", "goodbye_at": "RCPT"},
    {"mails_per_connection": 3, "goodbye": "421 4.7.0 enough for one connection", "goodbye_at": "DATA"},
]


@pytest.mark.parametrize("settings", GOODBYES, ids=str)
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_case_36_a_server_that_hangs_up_every_few_mails_gets_each_once(
    smtp: list[EmailChannel], settings: dict[str, object], concurrency: int
) -> None:
    async with SmtpServer(**settings) as server:  # type: ignore[arg-type]
        one = channel(smtp, server, concurrency=concurrency)
        left = list(range(12))
        for _ in range(4):  # each mail that the channel says has not left is tried again, as the lane does
            tried = await asyncio.gather(
                *(one.deliver(mail(f"c{n}@example.com", f"k{n}"), handing(True, [])) for n in left)
            )
            assert {delivery.kind for delivery in tried} <= {"accepted", "never left", "refused for now"}
            left = [n for n, delivery in zip(left, tried, strict=True) if delivery.kind != "accepted"]
    assert left == []
    assert sorted(recipient for recipient, _ in server.accepted) == sorted(
        f"c{n}@example.com" for n in range(12)
    )


@pytest.mark.parametrize("settings", GOODBYES[:4], ids=str)
async def test_case_36_what_was_said_before_the_hand_over_is_said_again_on_a_new_connection(
    smtp: list[EmailChannel], settings: dict[str, object]
) -> None:
    """A provider that allows few mails on one connection costs no message its attempt."""
    calls: list[bool] = []
    async with SmtpServer(**settings) as server:  # type: ignore[arg-type]
        one = channel(smtp, server, concurrency=1)
        kinds = [(await one.deliver(mail(key=f"k{n}"), handing(True, calls))).kind for n in range(10)]
    assert (kinds, len(calls), len(server.accepted)) == (["accepted"] * 10, 10, 10)


async def test_case_36_a_server_that_hung_up_while_idle_or_after_rset_is_called_again(
    smtp: list[EmailChannel],
) -> None:
    async with SmtpServer() as server:
        one = channel(smtp, server, concurrency=1)
        assert (await one.deliver(mail(key="k0"), handing(True, []))).kind == "accepted"
        await server.hang_up()
        assert (await one.deliver(mail(key="k1"), handing(True, []))).kind == "accepted"
        server.close_at = "rset"
        assert (await one.deliver(mail(key="k2"), handing(False, []))).kind == "never left"
        assert (await one.deliver(mail(key="k3"), handing(True, []))).kind == "accepted"
    assert (len(server.accepted), server.connections) == (3, 3)


async def test_case_36_a_server_that_fell_silent_while_idle_is_left(smtp: list[EmailChannel]) -> None:
    async with SmtpServer() as server:
        one = channel(smtp, server, concurrency=1, command_seconds=0.3)
        assert (await one.deliver(mail(key="k0"), handing(True, []))).kind == "accepted"
        server.deaf = server.connections  # no FIN, no answer: what a lost route looks like
        assert (await one.deliver(mail(key="k1"), handing(True, []))).kind == "accepted"
    assert len(server.accepted) == 2


@pytest.mark.parametrize(("most", "connections"), [(100, 2), (1, 101), (40, 3)])
async def test_case_36_a_connection_is_renewed_after_so_many_mails(
    smtp: list[EmailChannel], most: int, connections: int
) -> None:
    async with SmtpServer() as server:
        one = channel(smtp, server, concurrency=1, mails_per_connection=most)
        for n in range(101):
            await one.deliver(mail(key=f"k{n}"), handing(True, []))
    assert (len(server.accepted), server.connections) == (101, connections)


@pytest.mark.parametrize("slow", ["", "example.com"], ids=["from the greeting on", "for one domain"])
async def test_case_42_a_server_that_answers_byte_by_byte_ends_by_time_out(
    smtp: list[EmailChannel], slow: str
) -> None:
    async with SmtpServer(byte_seconds=0.1, slow_for=frozenset({slow})) as server:
        one = channel(smtp, server, command_seconds=0.3, dot_seconds=0.3)
        assert (await one.deliver(mail(), handing(True, []))).kind == "never left"
        server.slow_for = frozenset()
        assert (await one.deliver(mail(), handing(True, []))).kind == "accepted"


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
async def test_case_97_what_is_not_one_address_reaches_no_server(
    smtp: list[EmailChannel], address: str
) -> None:
    async with SmtpServer() as server:
        delivery = await channel(smtp, server).deliver(mail(address), handing(True, []))
    assert (delivery.kind, delivery.fault, server.connections) == ("refused", "address", 0)


@pytest.mark.parametrize(
    "address", ["a+b@example.com", "Anna <anna@example.com>", "o'neil@example.com", "x" * 64 + "@example.com"]
)
async def test_case_97_what_is_one_address_gets_exactly_one_rcpt(
    smtp: list[EmailChannel], address: str
) -> None:
    async with SmtpServer() as server:
        assert (await channel(smtp, server).deliver(mail(address), handing(True, []))).kind == "accepted"
    assert [command for command in server.commands if command.startswith("RCPT")] == [
        f"RCPT TO:<{address.removeprefix('Anna <').removesuffix('>')}>"
    ]


async def test_case_34_an_international_domain_goes_in_ascii(smtp: list[EmailChannel]) -> None:
    async with SmtpServer() as server:
        await channel(smtp, server).deliver(mail("anna@bücher.example"), handing(True, []))
    assert server.accepted[0][0] == "anna@xn--bcher-kva.example"
