"""The e-mail channel against a server that somebody else wrote."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from engine.channels.base import Message
from engine.channels.smtp import Server, Smtp
from engine.clock import SystemClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Box:
    """Keeps what arrives; one address does not exist."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 nobody"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 2.0.0 queued as 4Z9"


@pytest.fixture
async def box() -> AsyncIterator[tuple[Box, int]]:
    found = Box()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(found), "127.0.0.1", 0)
    yield found, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def yes() -> bool:
    return True


async def test_mails_arrive_and_refusals_are_told_apart(box: tuple[Box, int]) -> None:
    found, port = box
    channel = Smtp(Server("127.0.0.1", port), "secret", SystemClock(), concurrency=2)

    def mail(address: str) -> Message:
        return Message(
            key=address, channel="email", address=address, template="t", language="uk", purpose="marketing",
            body="Привіт\n.\nкрапка", html="<p>Привіт</p>" * 200, subject="Привіт, Оксано!", sender="Зерно <hello@shop.example>",
        )  # fmt: skip

    kinds = [
        (await channel.deliver(mail(f"{name}@example.com"), yes)).kind
        for name in ("anna", "nobody", "oksana")
    ]
    await channel.close()
    assert kinds == ["accepted", "bounced", "accepted"]
    assert [envelope.rcpt_tos for envelope in found.mails] == [["anna@example.com"], ["oksana@example.com"]]
    content = found.mails[0].content
    assert isinstance(content, bytes)
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Subject"] == "Привіт, Оксано!"
    text, html = read.iter_parts()
    assert text.get_content().replace("\r\n", "\n").rstrip("\n") == "Привіт\n.\nкрапка"
    assert html.get_content().rstrip("\r\n") == "<p>Привіт</p>" * 200
