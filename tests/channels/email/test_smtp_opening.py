"""The e-mail channel as config.yaml asks for it, up to the bytes on the wire."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from engine.channels.base import ChannelSetup, Message
from engine.channels.email.channel import EmailChannel, open_channel
from engine.channels.mime import token_of
from engine.clock import ManualClock
from engine.config import Config
from engine.config.file import read_config
from engine.errors import UsageError
from engine.values import Instant
from tests.channels.certificates import issuer
from tests.channels.smtp_server import SmtpServer

pytestmark = pytest.mark.anyio

TOKEN = token_of("secret", "k1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def config(options: str) -> Config:
    text = (
        f'channels:\n  email: {{via: smtp, host: 127.0.0.1, from: "Shop <hello@shop.example>", price: 0 EUR, '
        f"{options}}}\n"
    )
    found, problems = read_config(text)
    assert problems == [], problems
    return found


def opened(options: str, folder: Path = Path("/nowhere")) -> EmailChannel:
    found = config(options)
    channel = open_channel(
        ChannelSetup(found.channels["email"], found, folder, "secret", ManualClock(Instant(0)))
    )
    assert isinstance(channel, EmailChannel)
    return channel


async def sent(options: str, **fields: object) -> tuple[SmtpServer, email.message.EmailMessage]:
    async with SmtpServer() as server:
        channel = opened(f"port: {server.port}, {options}")
        message = Message(**({
            "key": "k1", "channel": "email", "address": "anna@example.com", "template": "t", "language": "en",
            "purpose": "marketing",
            "body": "Hi", "subject": "Hi", "sender": "Shop <hello@shop.example>",
            "headers": {"List-Unsubscribe": "<https://news.example/u/x>",
                        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        } | fields))  # type: ignore[arg-type]  # fmt: skip

        async def yes() -> bool:
            return True

        assert (await channel.deliver(message, yes)).kind == "accepted"
        await channel.close()
    return server, email.message_from_bytes(server.accepted[0][1], policy=email.policy.default)


async def test_a_bounce_comes_back_to_an_address_that_names_the_message() -> None:
    server, read = await sent("return_path: bounces@shop.example")
    assert f"MAIL FROM:<bounces+{TOKEN}@shop.example> SIZE=" in server.commands[1]
    assert read["Message-ID"] == f"<{TOKEN}@shop.example>"
    assert "anna" not in TOKEN


async def test_one_click_has_a_link_and_a_mailbox_on_one_line() -> None:
    server, _ = await sent("unsubscribe: unsub@shop.example")
    line = f"\r\nList-Unsubscribe: <https://news.example/u/x>, <mailto:unsub+{TOKEN}@shop.example>\r\n"
    assert line.encode() in server.accepted[0][1]


async def test_a_mail_that_nobody_can_unsubscribe_from_gets_no_mailbox() -> None:
    _, read = await sent("unsubscribe: unsub@shop.example", headers={})
    assert read["List-Unsubscribe"] is None


async def test_headers_of_the_shop_s_own() -> None:
    _, read = await sent(
        'headers: {Feedback-ID: "shop:1", Auto-Submitted: auto-generated, X-Greeting: Grüße}'
    )
    assert (read["Feedback-ID"], read["Auto-Submitted"], read["X-Greeting"]) == (
        "shop:1",
        "auto-generated",
        "Grüße",
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("headers: {bcc: evil@x.example}", "the engine writes it"),
        ("headers: {List-Unsubscribe: x}", "the engine writes it"),
        ("headers: {Content-Type: text/plain}", "the engine writes it"),
        ("headers: {DKIM-Signature: x}", "the engine writes it"),
        ('headers: {"X A": x}', "header"),
        ('headers: {X-A: "x\\r\\nBcc: y"}', "line break"),
        ('headers: {X-A: "x\\u2028y"}', "line break"),
        ("return_path: shop.example", "return_path"),
        ("return_path: a@b.example, unsubscribe: none", "unsubscribe"),
        (f"return_path: {'b' * 40}@shop.example", "too long"),
        ("tls: starttls, certificates: nothing.pem", "cannot be read"),
        ("tls: starttls, certificates: ../x.pem", "outside the project"),
        ("certificates: x.pem", "would not look at them"),
        ("dkim_domain: shop.example", "dkim_selector and dkim_key"),
        ("hello: a b", "no host name"),
    ],
)
def test_what_cannot_work_is_told_when_the_channel_opens(tmp_path: Path, options: str, says: str) -> None:
    with pytest.raises(UsageError) as told:
        opened(options, tmp_path)
    assert says in str(told.value)
    assert told.value.cure


def test_certificates_are_a_file_of_the_project(tmp_path: Path) -> None:
    issuer(tmp_path)
    opened("tls: starttls, certificates: trusted.pem", tmp_path)
    (tmp_path / "broken.pem").write_text("nothing")
    with pytest.raises(UsageError, match="cannot be read"):
        opened("tls: starttls, certificates: broken.pem", tmp_path)


def test_how_many_at_once() -> None:
    channel = opened("connections: 7, per_domain: 3, mails_per_connection: 20")
    assert (channel.concurrency, channel.per_domain) == (7, 3)
