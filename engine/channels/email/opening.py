"""The e-mail channel from its entry in config.yaml."""

from __future__ import annotations

import re
from pathlib import Path

from engine.channels.base import Channel
from engine.channels.email.channel import EmailChannel
from engine.channels.email.dkim import Signer, open_signer
from engine.channels.email.pool import COMMAND_SECONDS, Server
from engine.channels.mail_headers import HeaderError, mailbox, written
from engine.channels.mime import MailHeaders, is_ours
from engine.channels.opening import Opening
from engine.config.channels.email import EmailOptions
from engine.errors import UsageError

_TOKEN = 27
"""Characters that a tag adds to the part before the @, of which 64 are allowed."""


def open_channel(opening: Opening) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    if opening.name != "email":
        raise UsageError(f'the channel "{opening.name}" cannot go via smtp', "Write  via: outbox")
    options = opening.channel.options_as(EmailOptions)
    return EmailChannel(
        server_of(opening),
        opening.secret,
        opening.clock,
        name=opening.name,
        concurrency=options.connections,
        per_domain=options.per_domain,
        letterhead=mail_headers_of(opening),
        signer=signer_of(opening),
    )


def server_of(opening: Opening) -> Server:
    """The SMTP server of a channel, secrets revealed. Raises UsageError with the cure."""
    channel, options = opening.channel, opening.channel.options_as(EmailOptions)
    password = channel.reveal("password", options.password)
    tls = options.tls or ("starttls" if password else "offered")
    if password and tls in ("offered", "none"):
        raise UsageError(
            f'the channel "{channel.name}" would send its password unprotected',
            "Write  tls: starttls  or  tls: tls",
        )
    if options.hello and not re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,253}", options.hello):
        raise UsageError(
            f'"hello" of the channel "{channel.name}" is no host name', "Write  hello: mail.shop.example"
        )
    server = Server(
        host=options.host,
        port=options.port or {"tls": 465, "starttls": 587}.get(tls, 25),
        tls=tls,
        user=options.user,
        password=password,
        return_path=_tagged_mailbox(channel.name, "return_path", options.return_path),
        name=options.hello or mailbox(opening.sender).domain,
        command_seconds=float(channel.timeout or COMMAND_SECONDS),
        certificates=_certificates(opening, options.certificates, tls),
        mails_per_connection=options.mails_per_connection,
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
    options = opening.channel.options_as(EmailOptions)
    for name, value in options.headers.items():
        if is_ours(name):
            raise UsageError(
                f'the channel "{opening.name}" cannot have a header {name} of its own: the engine writes it',
                "Take it out of  headers:",
            )
        try:
            written(name, value)
        except HeaderError as wrong:
            raise UsageError(
                f'"headers" of the channel "{opening.name}": {wrong}', "Write a name and a text of one line"
            ) from wrong
    return MailHeaders(options.headers, _tagged_mailbox(opening.name, "unsubscribe", options.unsubscribe))


def signer_of(opening: Opening) -> Signer | None:
    """Who signs the mail of a channel; None: nobody here. Raises UsageError with the cure."""
    options = opening.channel.options_as(EmailOptions)
    key = opening.channel.reveal("dkim_key", options.dkim_key)
    return open_signer(opening.name, options.dkim_domain, options.dkim_selector, key)


def _tagged_mailbox(channel: str, option: str, text: str) -> str:
    """A mailbox that gets the token of a message behind a plus; "" for none."""
    if not text:
        return ""
    try:
        address = mailbox(text)
    except HeaderError as wrong:
        raise UsageError(
            f'"{option}" of the channel "{channel}" is no address: {wrong}',
            f"Write  {option}: mailbox@shop.example",
        ) from wrong
    if len(address.username) + _TOKEN > 64:
        raise UsageError(
            f'"{option}" of the channel "{channel}" is too long to carry the token of a message',
            f"Write at most {64 - _TOKEN} characters before the @",
        )
    return address.addr_spec


def _certificates(opening: Opening, text: str, tls: str) -> str:
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
