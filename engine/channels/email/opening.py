"""The e-mail channel from its entry in config.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from engine.channels.base import Channel
from engine.channels.email.channel import PER_DOMAIN, EmailChannel
from engine.channels.email.dkim import Signer, open_signer
from engine.channels.email.pool import COMMAND_SECONDS, MAILS_PER_CONNECTION, Server
from engine.channels.mail_headers import HeaderError, mailbox, written
from engine.channels.mime import MailHeaders, is_ours
from engine.channels.opening import Opening
from engine.errors import UsageError

_TOKEN = 27
"""Characters that a tag adds to the part before the @, of which 64 are allowed."""


def open_channel(opening: Opening) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    if opening.name != "email":
        raise UsageError(f'the channel "{opening.name}" cannot go via smtp', "Write  via: outbox")
    number = opening.channel.number
    return EmailChannel(
        server_of(opening),
        opening.secret,
        opening.clock,
        name=opening.name,
        concurrency=number("connections", 10),
        per_domain=number("per_domain", PER_DOMAIN),
        letterhead=mail_headers_of(opening),
        signer=signer_of(opening),
    )


def server_of(opening: Opening) -> Server:
    """The SMTP server of a channel, secrets revealed. Raises UsageError with the cure."""
    channel = opening.channel
    password = channel.text("password")
    tls = channel.text("tls") or ("starttls" if password else "offered")
    if password and tls in ("offered", "none"):
        raise UsageError(
            f'the channel "{channel.name}" would send its password unprotected',
            "Write  tls: starttls  or  tls: tls",
        )
    hello = channel.text("hello")
    if hello and not re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,253}", hello):
        raise UsageError(
            f'"hello" of the channel "{channel.name}" is no host name', "Write  hello: mail.shop.example"
        )
    server = Server(
        host=channel.text("host"),
        port=channel.number("port", {"tls": 465, "starttls": 587}.get(tls, 25)),
        tls=tls,
        user=channel.text("user"),
        password=password,
        return_path=_tagged_mailbox(opening, "return_path"),
        name=hello or mailbox(opening.sender).domain,
        command_seconds=float(channel.number("timeout", int(COMMAND_SECONDS))),
        certificates=_certificates(opening, tls),
        mails_per_connection=channel.number("mails_per_connection", MAILS_PER_CONNECTION),
    )
    try:
        server.context()
    except OSError as wrong:
        raise UsageError(
            f'the certificates of the channel "{channel.name}" cannot be read: {wrong.strerror or wrong}',
            "Write  certificates: certificates/mail.pem  with certificates in PEM form",
        ) from wrong
    return server


def mail_headers_of(opening: Opening) -> MailHeaders:
    """What is added to every mail of a channel. Raises UsageError with the cure."""
    channel = opening.channel
    found = channel.options.get("headers", {})
    headers = dict(found) if isinstance(found, Mapping) else None
    if headers is None or not all(isinstance(value, str) for value in headers.values()):
        raise UsageError(
            f'"headers" of the channel "{channel.name}" are no names with texts',
            "Write  headers: {Feedback-ID: shop}",
        )
    plain = {name: str(value) for name, value in headers.items()}
    for name, value in plain.items():
        if is_ours(name):
            raise UsageError(
                f'the channel "{channel.name}" cannot have a header {name} of its own: the engine writes it',
                "Take it out of  headers:",
            )
        try:
            written(name, value)
        except HeaderError as wrong:
            raise UsageError(
                f'"headers" of the channel "{channel.name}": {wrong}', "Write a name and a text of one line"
            ) from wrong
    return MailHeaders(plain, _tagged_mailbox(opening, "unsubscribe"))


def signer_of(opening: Opening) -> Signer | None:
    """Who signs the mail of a channel; None: nobody here. Raises UsageError with the cure."""
    text = opening.channel.text
    return open_signer(opening.name, text("dkim_domain"), text("dkim_selector"), text("dkim_key"))


def _tagged_mailbox(opening: Opening, option: str) -> str:
    """A mailbox that gets the token of a message behind a plus."""
    text = opening.channel.text(option)
    if not text:
        return ""
    try:
        found = mailbox(text)
    except HeaderError as wrong:
        raise UsageError(
            f'"{option}" of the channel "{opening.name}" is no address: {wrong}',
            f"Write  {option}: mailbox@shop.example",
        ) from wrong
    if len(found.username) + _TOKEN > 64:
        raise UsageError(
            f'"{option}" of the channel "{opening.name}" is too long to carry the token of a message',
            f"Write at most {64 - _TOKEN} characters before the @",
        )
    return found.addr_spec


def _certificates(opening: Opening, tls: str) -> str:
    text = opening.channel.text("certificates")
    if not text:
        return ""
    if tls not in ("tls", "starttls"):
        raise UsageError(
            f'the channel "{opening.name}" names certificates, and would not look at them',
            "Write  tls: starttls  or  tls: tls",
        )
    folder: Path = opening.folder.resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder):
        raise UsageError(
            f'the certificates of the channel "{opening.name}" are outside the project',
            "Write a path inside it:  certificates: certificates/mail.pem",
        )
    return str(path)
