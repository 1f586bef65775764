"""Other scripts in bodies, domains and addresses, with servers that know them and servers that do not."""

from __future__ import annotations

import email
import email.policy

import pytest

from engine.channels.base import Delivery, Message
from engine.channels.email.channel import EmailChannel, Server
from engine.channels.mail_headers import HeaderError, mailbox
from engine.clock import ManualClock
from engine.values import Instant
from tests.channels.smtp_server import SmtpServer

pytestmark = pytest.mark.anyio

BOTH = ("8BITMIME", "SMTPUTF8", "SIZE 1000000")
CYRILLIC = "Привіт, Оксано!\n" * 100


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def deliver(server: SmtpServer, address: str, **fields: str) -> Delivery:
    channel = EmailChannel(
        Server("127.0.0.1", server.port, command_seconds=2), "secret", ManualClock(Instant(0))
    )
    message = Message(**({
        "key": "k1", "channel": "email", "address": address, "template": "t", "language": "uk",
        "purpose": "marketing", "body": CYRILLIC,
        "html": "<p>Зерно</p>" * 300, "subject": "Привіт " * 30, "sender": "Зерно <hello@shop.example>",
    } | fields))  # type: ignore[arg-type]  # fmt: skip

    async def hand_over() -> bool:
        return True

    delivery = await channel.deliver(message, hand_over)
    await channel.close()
    return delivery


@pytest.mark.parametrize("extensions", [(), BOTH], ids=["a plain server", "a server with everything"])
async def test_case_34_a_cyrillic_mail_is_ascii_on_the_wire_and_comes_back(
    extensions: tuple[str, ...],
) -> None:
    async with SmtpServer(extensions=extensions) as server:
        assert (await deliver(server, "anna@пошта.example", body=CYRILLIC)).kind == "accepted"
    ((recipient, data),) = server.accepted
    assert recipient == "anna@xn--80a1acn3a.example"
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    read = email.message_from_bytes(data.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    assert read["Subject"] == ("Привіт " * 30).strip()
    assert [part["Content-Transfer-Encoding"] for part in read.iter_parts()] == ["base64", "base64"]
    assert next(read.iter_parts()).get_content().replace("\r\n", "\n") == CYRILLIC
    (said,) = (command for command in server.commands if command.startswith("MAIL"))
    assert "UTF8" not in said  # only when needed
    assert "8BIT" not in said


async def test_case_34_mostly_latin_text_is_quoted_printable() -> None:
    async with SmtpServer(extensions=()) as server:
        await deliver(
            server, "anna@example.com", body="Café, naïve and much plain text after it. " * 9, html=""
        )
    read = email.message_from_bytes(server.accepted[0][1], policy=email.policy.default)
    assert read["Content-Transfer-Encoding"] == "quoted-printable"
    assert read.get_content().strip() == ("Café, naïve and much plain text after it. " * 9).strip()


@pytest.mark.parametrize(
    "address", ["оксана@пошта.example", "оксана@example.com", "jösé@example.com", "用户@例え.example"]
)
async def test_case_34_a_foreign_local_part_fails_clearly_without_smtputf8(address: str) -> None:
    async with SmtpServer(extensions=("8BITMIME",)) as server:
        delivery = await deliver(server, address)
    assert (delivery.kind, delivery.fault, server.accepted) == ("refused", "address", [])
    assert "SMTPUTF8" in delivery.detail
    assert not any(command.startswith(("MAIL", "RCPT")) for command in server.commands)


async def test_case_34_a_foreign_local_part_goes_with_smtputf8() -> None:
    async with SmtpServer(extensions=BOTH) as server:
        assert (await deliver(server, "оксана@пошта.example")).kind == "accepted"
        assert (await deliver(server, "anna@example.com")).kind == "accepted"
    assert "RCPT TO:<оксана@xn--80a1acn3a.example>" in server.commands
    first, second = (command for command in server.commands if command.startswith("MAIL"))
    assert "SMTPUTF8" in first
    assert "BODY=8BITMIME" in first
    assert "SMTPUTF8" not in second
    read = email.message_from_bytes(server.accepted[0][1], policy=email.policy.SMTPUTF8)
    assert "оксана@xn--80a1acn3a.example" in server.accepted[0][1].decode()
    assert read["Subject"] == ("Привіт " * 30).strip()


@pytest.mark.parametrize(
    ("written", "domain"),
    [("a@faß.example", "xn--fa-hia.example"), ("a@BÜCHER.example", "xn--bcher-kva.example"),
     ("a@例え.example", "xn--r8jz45g.example")],
)  # fmt: skip
def test_case_34_domains_by_the_rules_of_today(written: str, domain: str) -> None:
    assert mailbox(written).domain == domain


@pytest.mark.parametrize(
    "written",
    ["о к@b.example", "о\u2028к@b.example", "о\u202eк@b.example", "о..к@b.example", "о,к@b.example",
     "о\x00@b.example", "о" * 33 + "@b.example"]
)  # fmt: skip
def test_case_97_a_foreign_local_part_smuggles_nothing(written: str) -> None:
    with pytest.raises(HeaderError):
        mailbox(written, international=True)
