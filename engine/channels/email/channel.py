"""E-mail over SMTP: one mail, one recipient, and an honest answer to "did it leave?".

The hand-over is committed after the server accepted the recipient and before DATA. Whatever goes wrong
before the final dot is `never left` or an explicit refusal; a connection that dies after the dot was
written is `unknown` (design/reliability 2.1, 2.2).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path

import aiosmtplib

from engine import faults
from engine.channels.base import Channel, ChannelSetup, Delivery, HandOver, Message
from engine.channels.email.answers import refusal
from engine.channels.email.dkim import Signer, open_signer
from engine.channels.email.pool import COMMAND_SECONDS, Connection, ConnectionPool, Server, raw
from engine.channels.mail_headers import AddressError, HeaderError, mailbox, tagged, written
from engine.channels.mime import PLAIN, MailHeaders, is_ours, mail_bytes, token_of
from engine.clock import Clock
from engine.config.channels.email import EmailOptions
from engine.errors import UsageError

__all__ = ["COMMAND_SECONDS", "PER_DOMAIN", "Server", "EmailChannel"]

PER_DOMAIN = 10
LAST_LOOK = 0.002
"""Seconds between the body and its final dot: a server that hung up on the body is noticed, and the mail has
not left."""

TURNS = 8
"""Of the loop at least, besides: when it is busy, one turn may take longer than the look, and the news waits
behind it."""

_DOTS = re.compile(rb"(?m)^\.")
_LOST = "the connection was lost before the message left"


@dataclass(frozen=True, slots=True)
class _Envelope:
    """One mail as it goes. `international`: its recipient is not ASCII, and only SMTPUTF8 can take it."""

    sender: bytes
    recipient: bytes
    domain: str
    data: bytes
    international: bool


class EmailChannel:
    """The e-mail channel. `secret` makes Message-IDs; `concurrency` is the number of connections,
    `per_domain` how many of them may work for one recipient domain."""

    def __init__(
        self,
        server: Server,
        secret: str,
        clock: Clock,
        *,
        name: str = "email",
        concurrency: int = 20,
        per_domain: int = PER_DOMAIN,
        letterhead: MailHeaders = PLAIN,
        signer: Signer | None = None,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.per_domain = per_domain
        self._server = server
        self._secret = secret
        self._clock = clock
        self._letterhead = letterhead
        self._signer = signer
        self._pool = ConnectionPool(server)
        self._places = asyncio.Semaphore(concurrency)

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt to hand one mail to the server."""
        try:
            recipient = mailbox(message.address, international=True)
            is_foreign = not recipient.username.isascii()
            now, token = self._clock.now(), token_of(self._secret, message.key)
            data = mail_bytes(message, self._secret, now, self._letterhead, international=is_foreign)
            path = self._server.return_path
            sender = tagged(path, token) if path else mailbox(message.sender).addr_spec
            spec = f"{recipient.username}@{recipient.domain}"
            envelope = _Envelope(sender.encode(), spec.encode(), recipient.domain.lower(), data, is_foreign)
        except AddressError as wrong:
            return Delivery("refused", detail=str(wrong), fault="address")
        except HeaderError as wrong:
            return Delivery("refused", detail=str(wrong), fault="template")
        if self._signer is not None:
            # in a thread: RSA takes milliseconds that the other conversations would wait
            envelope = replace(envelope, data=await asyncio.to_thread(self._signer.signed, envelope.data))
        async with self._places:
            delivery = await self._attempt(envelope, hand_over, fresh=False)
            # a kept connection had died meanwhile: nothing was asked and nothing has left, so once more
            return delivery or await self._attempt(envelope, hand_over, fresh=True) or _never_left()

    async def close(self) -> None:
        """Says goodbye on idle connections."""
        await self._pool.close()

    async def _attempt(self, envelope: _Envelope, hand_over: HandOver, *, fresh: bool) -> Delivery | None:
        """One try on one connection; None: it was an old one, and dead."""
        connection = await self._pool.take(fresh=fresh)
        if isinstance(connection, Delivery):
            return connection
        is_usable = False
        try:
            delivery = await self._one(connection, envelope, hand_over)
            is_usable = connection.client.is_connected
        finally:
            self._pool.give(connection, is_usable=is_usable)
        return delivery

    async def _one(self, connection: Connection, envelope: _Envelope, hand_over: HandOver) -> Delivery | None:
        """The conversation for one mail; the client is closed where it cannot be used again."""
        client, conversation = connection.client, connection.conversation
        try:
            refused = await self._address(connection, envelope)
            if refused is not None:
                if connection.is_reused and not client.is_connected:
                    return None  # 421: so many mails and no more on one connection
                await self._reset(connection)
                return refused
        except (aiosmtplib.SMTPException, OSError) as mistake:
            client.close()
            return None if connection.is_reused else _never_left(mistake)
        # after RCPT and before DATA: a refused recipient costs no hand-over, and nothing leaves without one
        if not await hand_over():
            await self._reset(connection)
            return Delivery("never left", detail="the hand-over was not given")
        try:
            answer = await conversation.ask(b"DATA", self._server.command_seconds)
        except (aiosmtplib.SMTPException, OSError) as mistake:
            client.close()
            return _never_left(mistake)
        if answer.code != 354:
            if answer.code < 400:  # it may be waiting for the mail now, or not
                _cut(connection)
                return _never_left(aiosmtplib.SMTPResponseException(answer.code, answer.message))
            await self._reset(connection)
            return refusal(answer.code, answer.message, "data", envelope.domain)
        connection.mails += 1  # from DATA on: servers count bodies, not addresses they refused
        return await self._body(connection, envelope)

    async def _address(self, connection: Connection, envelope: _Envelope) -> Delivery | None:
        """MAIL and RCPT: the one recipient. Why not, where the server said no."""
        client = connection.client
        options = [b"SIZE=%d" % len(envelope.data)] if client.supports_extension("size") else []
        if envelope.international:
            if not client.supports_extension("smtputf8"):
                why = "the part of the address before the @ is not ASCII"
                return Delivery(
                    "refused", detail=f"{why}, and the mail server offers no SMTPUTF8", fault="address"
                )
            options += [b"BODY=8BITMIME", b"SMTPUTF8"]
        mail = b" ".join((b"MAIL", b"FROM:<%s>" % envelope.sender, *options))
        rcpt = b"RCPT TO:<%s>" % envelope.recipient
        seconds, conversation = self._server.command_seconds, connection.conversation
        if client.supports_extension("pipelining"):
            conversation.say(b"%s\r\n%s\r\n" % (mail, rcpt), 2)
            answers = await conversation.hear(seconds)
        else:
            answers = [await conversation.ask(mail, seconds)]
            if answers[0].code == 250:
                answers.append(await conversation.ask(rcpt, seconds))
        if answers[0].code != 250:
            return refusal(answers[0].code, answers[0].message, "sender", envelope.domain)
        if len(answers) < 2:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        if answers[1].code in (250, 251, 252):
            return None
        return refusal(answers[1].code, answers[1].message, "recipient", envelope.domain)

    async def _body(self, connection: Connection, envelope: _Envelope) -> Delivery:
        """Up to the final dot nothing has left; from there on only an answer tells what became of the
        message."""
        client, conversation = connection.client, connection.conversation
        seconds = self._server.dot_seconds
        body = _DOTS.sub(b"..", envelope.data)
        try:
            # all but the final dot: until it is written the server must throw the mail away
            conversation.say(body if body.endswith(b"\r\n") else body + b"\r\n")
            async with asyncio.timeout(seconds):
                await _written_out(connection)
            faults.reach("before the last byte")
            conversation.say(b".\r\n", 1)
        except (aiosmtplib.SMTPException, OSError) as mistake:
            _cut(connection)
            return _never_left(mistake)
        try:
            # from here on the server may deliver it, whatever happens to the connection
            faults.reach("after the last byte")
            answer = (await conversation.hear(seconds, is_last=True))[0]
        except aiosmtplib.SMTPResponseException as answered:
            client.close()
            return Delivery(
                "unknown", detail="the server's answer made no sense", fault="provider", raw=raw(answered)
            )
        except (aiosmtplib.SMTPException, OSError) as mistake:
            client.close()
            detail = "the connection was lost after the message left and before the answer"
            return Delivery("unknown", detail=detail, fault="provider", raw=raw(mistake))
        words = f"{answer.code} {answer.message}"[:500]
        if 200 <= answer.code < 300:
            queued = re.search(r"queued as ([A-Za-z0-9._-]{4,64})", answer.message)  # as most servers say
            return Delivery("accepted", provider_id=queued[1] if queued else "", raw=words)
        if not 400 <= answer.code < 600:  # neither yes nor no, and the mail is with the server
            client.close()
            return Delivery(
                "unknown", detail="the server's answer made no sense", fault="provider", raw=words
            )
        if answer.code == 421:
            client.close()
        return refusal(answer.code, answer.message, "dot", envelope.domain)

    async def _reset(self, connection: Connection) -> None:
        """Clears a half told mail; closes a connection that is of no more use."""
        try:
            if connection.client.is_connected:
                await connection.conversation.ask(b"RSET", self._server.command_seconds)
        except (aiosmtplib.SMTPException, OSError):
            connection.client.close()


async def _written_out(connection: Connection) -> None:
    """Waits until everything is on its way and the server has not hung up on it. Raises
    SMTPServerDisconnected."""
    await asyncio.sleep(LAST_LOOK)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    while connection.client.is_connected:
        if not connection.conversation.transport.get_write_buffer_size():
            return
        await asyncio.sleep(LAST_LOOK)
    raise aiosmtplib.SMTPServerDisconnected("Connection lost")


def _cut(connection: Connection) -> None:
    """Ends a connection without sending what is left of a body: it must not be taken for a whole one."""
    connection.conversation.cut()
    connection.client.close()


def _never_left(mistake: BaseException | None = None) -> Delivery:
    return Delivery("never left", detail=_LOST, fault="provider", raw=raw(mistake) if mistake else "")


_TOKEN = 27
"""Characters that a tag adds to the part before the @, of which 64 are allowed."""


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    if setup.name != "email":
        raise UsageError(f'the channel "{setup.name}" cannot go via smtp', "Write  via: outbox")
    options = setup.channel.options_as(EmailOptions)
    # before the secrets: what is wrong with the file is told on a machine that has none of them, too
    letterhead = mail_headers_of(setup)
    return EmailChannel(
        server_of(setup),
        setup.secret,
        setup.clock,
        name=setup.name,
        concurrency=options.connections,
        per_domain=options.per_domain,
        letterhead=letterhead,
        signer=signer_of(setup),
    )


def server_of(setup: ChannelSetup) -> Server:
    """The SMTP server of a channel, secrets revealed. Raises UsageError with the cure."""
    channel, options = setup.channel, setup.channel.options_as(EmailOptions)
    tls = options.tls or ("starttls" if options.password else "offered")
    if options.hello and not re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,253}", options.hello):
        raise UsageError(
            f'"hello" of the channel "{channel.name}" is no host name', "Write  hello: mail.shop.example"
        )
    return_path = _tagged_mailbox(channel.name, "return_path", options.return_path)
    certificates = _certificates(setup, options.certificates, tls)
    password = channel.reveal("password", options.password)
    if password and tls in ("offered", "none"):
        raise UsageError(
            f'the channel "{channel.name}" would send its password unprotected',
            "Write  tls: starttls  or  tls: tls",
        )
    server = Server(
        host=options.host,
        port=options.port or {"tls": 465, "starttls": 587}.get(tls, 25),
        tls=tls,
        user=options.user,
        password=password,
        return_path=return_path,
        name=options.hello or mailbox(setup.sender).domain,
        command_seconds=float(channel.timeout or COMMAND_SECONDS),
        certificates=certificates,
        mails_per_connection=options.mails_per_connection,
    )
    try:
        # Those of this machine are there; to load them takes longer than the rest of `check`.
        if certificates:
            server.context()
    except OSError as wrong:
        raise UsageError(
            f'the certificates of the channel "{channel.name}" cannot be read: {wrong.strerror or wrong}',
            "Write  certificates: certificates/mail.pem  with certificates in PEM form",
        ) from wrong
    return server


def mail_headers_of(setup: ChannelSetup) -> MailHeaders:
    """What is added to every mail of a channel. Raises UsageError with the cure."""
    options = setup.channel.options_as(EmailOptions)
    for name, value in options.headers.items():
        if is_ours(name):
            raise UsageError(
                f'the channel "{setup.name}" cannot have a header {name} of its own: the engine writes it',
                "Take it out of  headers:",
            )
        try:
            written(name, value)
        except HeaderError as wrong:
            raise UsageError(
                f'"headers" of the channel "{setup.name}": {wrong}', "Write a name and a text of one line"
            ) from wrong
    return MailHeaders(options.headers, _tagged_mailbox(setup.name, "unsubscribe", options.unsubscribe))


def signer_of(setup: ChannelSetup) -> Signer | None:
    """Who signs the mail of a channel; None: nobody here. Raises UsageError with the cure."""
    options = setup.channel.options_as(EmailOptions)
    key = setup.channel.reveal("dkim_key", options.dkim_key)
    return open_signer(setup.name, options.dkim_domain, options.dkim_selector, key)


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


def _certificates(setup: ChannelSetup, text: str, tls: str) -> str:
    if not text:
        return ""
    if tls not in ("tls", "starttls"):
        raise UsageError(
            f'the channel "{setup.name}" names certificates, and would not look at them',
            "Write  tls: starttls  or  tls: tls",
        )
    folder: Path = setup.folder.resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder):
        raise UsageError(
            f'the certificates of the channel "{setup.name}" are outside the project',
            "Write a path inside it:  certificates: certificates/mail.pem",
        )
    return str(path)
