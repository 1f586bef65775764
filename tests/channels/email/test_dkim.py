"""Signatures: read by the library that receivers use, with the DNS record that the shop publishes."""

from __future__ import annotations

import re
import sys

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from engine.channels.base import Message
from engine.channels.email.channel import EmailChannel, Server
from engine.channels.email.dkim import Signer, open_signer
from engine.channels.mime import MailHeaders, mail_bytes
from engine.clock import ManualClock
from engine.errors import UsageError
from engine.values import Instant
from tests.channels.smtp_server import SmtpServer

NOW = Instant(1_782_000_000_000)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def signer(key: rsa.RSAPrivateKey) -> Signer:
    found = open_signer("email", "shop.example", "p1", pem(key))
    assert found is not None
    return found


def mail(**fields: object) -> Message:
    return Message(**({
        "key": "k1", "channel": "email", "address": "anna@example.com", "template": "t", "language": "uk",
        "purpose": "marketing",
        "body": "Привіт\n.\n  \n\n", "html": "<p>Зерно\n.</p>" * 90, "subject": "Привіт " * 30,
        "sender": "Зерно <hello@shop.example>",
        "reply_to": "ask@shop.example",
        "headers": {"List-Unsubscribe": f"<https://news.example/u/{'a' * 300}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    } | fields))  # type: ignore[arg-type]  # fmt: skip


def verified(data: bytes, record: str) -> bool:
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record.encode()

    good = dkim.verify(data, dnsfunc=dns)
    assert asked == [b"p1._domainkey.shop.example."]
    return bool(good)


def test_case_81_a_signature_covers_both_headers_of_one_click_and_all_others(signer: Signer) -> None:
    letterhead = MailHeaders({"Feedback-ID": "shop"}, "unsub@shop.example")
    data = signer.signed(mail_bytes(mail(), "secret", NOW, letterhead))
    assert verified(data, signer.record)
    said = re.search(rb"h=([^;]*);", data)
    assert said is not None
    covered = [name.strip() for name in said[1].decode().split(":")]
    assert {
        "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to",
        "feedback-id",
        "list-unsubscribe", "list-unsubscribe-post",
    } == set(covered)  # fmt: skip
    assert max(map(len, data.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "tampered",
    [
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"Subject: ", b"Subject: Cheap "),
        (b"Date: ", b"List-Unsubscribe: <https://evil.example>\r\nDate: "),
        (b"Date: ", b"From: evil@x.example\r\nDate: "),
        (b"To: anna@", b"To: hanna@"),
    ],
    ids=lambda pair: pair[1][:30].decode(),
)
def test_case_81_whatever_is_changed_on_the_way_breaks_the_signature(
    signer: Signer, tampered: tuple[bytes, bytes]
) -> None:
    data = signer.signed(mail_bytes(mail(), "secret", NOW))
    changed = data.replace(*tampered, 1)
    assert changed != data
    assert not verified(changed, signer.record)


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
@pytest.mark.parametrize(
    "written",
    [lambda text: text, lambda text: text.replace("\n", "\\n"), lambda text: text.replace("\n", "\r\n")],
)
def test_keys_as_people_keep_them(
    key: rsa.RSAPrivateKey, form: serialization.PrivateFormat, written: object
) -> None:
    found = open_signer("email", "Shop.example", "p1", written(pem(key, form)))  # type: ignore[operator]
    assert found is not None
    assert verified(found.signed(mail_bytes(mail(html=""), "secret", NOW)), found.record)


def test_a_published_key_is_told_from_another_one(signer: Signer) -> None:
    other = open_signer("email", "shop.example", "p1", pem(rsa.generate_private_key(65537, 2048)))
    assert other is not None
    assert signer.matches(signer.record)
    assert signer.matches(signer.record.replace("; ", ";").replace("p=", "p= "))
    assert not signer.matches(other.record)
    assert not any(
        signer.matches(text) for text in ("", "v=DKIM1; p=", "v=DKIM1; p=!!", "v=spf1 -all", "p=AAAA")
    )
    assert signer.record_name == "p1._domainkey.shop.example"


def test_nothing_configured_signs_nothing() -> None:
    assert open_signer("email", "", "", "") is None


@pytest.mark.parametrize(
    ("domain", "selector", "text", "says"),
    [
        ("", "p1", "x", "dkim_domain is missing"),
        ("shop.example", "", "", "dkim_selector and dkim_key"),
        ("shop.example", "p1\r\nBcc: x", "x", "cannot sign for"),
        ("shop.example", "p1", "x", "no private key in PEM"),
        ("shop.example", "p1", pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        ("shop.example", "p1", pem(rsa.generate_private_key(65537, 1024)).replace("A", "B"), "no RSA key"),
    ],
)
def test_half_a_configuration_and_bad_keys_are_told_when_the_channel_opens(
    domain: str, selector: str, text: str, says: str
) -> None:
    with pytest.raises(UsageError) as told:
        open_signer("email", domain, selector, text)
    assert says in str(told.value)
    assert told.value.cure
    assert "PRIVATE" not in str(told.value)


def test_a_missing_extra_is_told_with_the_command_that_installs_it(
    key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)
    with pytest.raises(UsageError, match="uv sync --extra dkim"):
        open_signer("email", "shop.example", "p1", pem(key))


@pytest.mark.anyio
async def test_a_signed_mail_is_still_good_when_the_server_has_it(signer: Signer) -> None:
    async with SmtpServer() as server:
        channel = EmailChannel(Server("127.0.0.1", server.port), "secret", ManualClock(NOW), signer=signer)

        async def yes() -> bool:
            return True

        assert (await channel.deliver(mail(), yes)).kind == "accepted"
        await channel.close()
    assert verified(server.accepted[0][1].replace(b"\r\n..", b"\r\n."), signer.record)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
