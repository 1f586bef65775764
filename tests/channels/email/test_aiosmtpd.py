"""The e-mail channel against a server that somebody else wrote."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from engine.channels.base import Message
from engine.channels.email.channel import EmailChannel, Server
from engine.clock import SystemClock
from tests.channels.certificates import issuer

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
    channel = EmailChannel(Server("127.0.0.1", port), "secret", SystemClock(), concurrency=2)

    def mail(address: str) -> Message:
        return Message(
            key=address, channel="email", address=address, template="t", language="uk", purpose="marketing",
            body="Привіт\n.\nкрапка", html="<p>Привіт</p>" * 200, subject="Привіт, Оксано!",
            sender="Зерно <hello@shop.example>",
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


@pytest.mark.parametrize("knows", [True, False], ids=["with SMTPUTF8", "without"])
async def test_case_34_a_foreign_local_part_and_a_server_of_somebody_else(knows: bool) -> None:
    found = Box()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(found, enable_SMTPUTF8=knows), "127.0.0.1", 0
    )
    channel = EmailChannel(Server("127.0.0.1", server.sockets[0].getsockname()[1]), "secret", SystemClock())
    message = Message(
        key="k", channel="email", address="оксана@пошта.example", template="t", language="uk", purpose=None,
        body="Привіт",
        subject="Привіт", sender="hello@shop.example",
    )  # fmt: skip
    delivery = await channel.deliver(message, yes)
    await channel.close()
    server.close()
    assert (delivery.kind, delivery.fault) == (("accepted", "") if knows else ("refused", "address"))
    assert [envelope.rcpt_tos for envelope in found.mails] == (
        [["оксана@xn--80a1acn3a.example"]] if knows else []
    )


@pytest.mark.parametrize("trusts", [True, False], ids=["a certificate that is trusted", "one that is not"])
async def test_case_35_starttls_with_a_server_of_somebody_else(tmp_path: Path, trusts: bool) -> None:
    found, known = Box(), issuer(tmp_path)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(found, tls_context=known.server("127.0.0.1"), require_starttls=True), "127.0.0.1", 0
    )
    where = Server(
        "127.0.0.1",
        server.sockets[0].getsockname()[1],
        "starttls",
        certificates=str(known.bundle) if trusts else "",
    )
    channel = EmailChannel(where, "secret", SystemClock())
    message = Message(
        "k", "email", "anna@example.com", "t", "en", None, "Hi", subject="Hi", sender="hello@shop.example"
    )
    delivery = await channel.deliver(message, yes)
    await channel.close()
    server.close()
    assert (delivery.kind, len(found.mails)) == (("accepted", 1) if trusts else ("never left", 0))
