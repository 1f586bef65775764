"""E-mail over SMTP: a small pool of connections, and an honest answer to "did it leave?".

The hand-over is committed after the server accepted the recipient and before DATA. Whatever goes wrong
before the first byte of the body is `never left` or an explicit refusal; a connection that dies after
the body was written is `unknown` (RELIABILITY 2.1, 2.2).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from engine import faults
from engine.channels.base import Delivery, HandOver, Message
from engine.channels.mime import HeaderError, mail_bytes, mailbox
from engine.channels.smtp_answers import Stage, refusal
from engine.clock import Clock

MAILS_PER_CONNECTION = 100
IDLE_SECONDS = 30.0
COMMAND_SECONDS = 30.0
DOT_SECONDS = 120.0
"""RFC 5321 asks for ten minutes after the final dot; a server that needs longer than this is `unknown`."""

_DOTS = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. `tls`: `tls` from the first byte, `starttls` or nothing, `offered` if the server can
    (certificate not checked, as between mail servers), `none`."""

    host: str
    port: int
    tls: str = "offered"
    user: str = ""
    password: str = field(default="", repr=False)
    return_path: str = ""
    name: str = "localhost"
    command_seconds: float = COMMAND_SECONDS
    dot_seconds: float = DOT_SECONDS


@dataclass(slots=True)
class _Connection:
    client: aiosmtplib.SMTP
    mails: int = 0
    used_at: float = 0.0


class Smtp:
    """The e-mail channel. `secret` makes Message-IDs; `concurrency` is the number of connections."""

    def __init__(
        self, server: Server, secret: str, clock: Clock, *, name: str = "email", concurrency: int = 10
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._server = server
        self._secret = secret
        self._clock = clock
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(concurrency)

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt to hand one mail to the server."""
        try:
            data = mail_bytes(message, self._secret, self._clock.now())
            sender = self._server.return_path or mailbox(message.sender).addr_spec
            recipient = mailbox(message.address).addr_spec
        except HeaderError as wrong:
            return Delivery("refused", detail=str(wrong), fault="address")
        async with self._places:
            connection = await self._connect()
            if isinstance(connection, Delivery):
                return connection
            is_usable = False
            try:
                delivery, is_usable = await self._one(connection, sender, recipient, data, hand_over)
            finally:
                if is_usable and connection.mails < MAILS_PER_CONNECTION:
                    connection.used_at = asyncio.get_running_loop().time()
                    self._idle.append(connection)
                else:
                    connection.client.close()
            return delivery

    async def close(self) -> None:
        """Says goodbye on idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            try:
                await connection.client.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                connection.client.close()

    async def _connect(self) -> _Connection | Delivery:
        """An idle connection that still lives, or a new one; a Delivery when there is none to be had."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.client.is_connected and now - connection.used_at < IDLE_SECONDS:
                return connection
            connection.client.close()
        client = self._client()
        try:
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError as mistake:
            client.close()
            return Delivery(
                "never left",
                detail="the server refused our user and password",
                fault="sender",
                raw=_raw(mistake),
            )
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as mistake:
            client.close()
            return Delivery(
                "never left", detail="no connection to the mail server", fault="provider", raw=_raw(mistake)
            )
        carrier = client.get_transport_info("socket")
        if carrier is not None and carrier.family in (socket.AF_INET, socket.AF_INET6):
            carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Connection(client)

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        start = {"starttls": True, "offered": None}.get(server.tls, False)
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            local_hostname=server.name,
            timeout=server.command_seconds,
            use_tls=server.tls == "tls",
            start_tls=start,
            validate_certs=server.tls != "offered",
        )

    async def _one(
        self, connection: _Connection, sender: str, recipient: str, data: bytes, hand_over: HandOver
    ) -> tuple[Delivery, bool]:
        """The conversation for one mail, and whether the connection can be used again."""
        client = connection.client
        stage: Stage = "sender"
        try:
            await client.mail(sender, encoding="ascii")
            stage = "recipient"
            await client.rcpt(recipient, encoding="ascii")
            if not await hand_over():
                await client.rset()
                return Delivery("never left", detail="the hand-over was not given"), True
            stage = "data"
            answer = await client.execute_command(b"DATA")
            if answer.code != 354:
                return refusal(answer.code, answer.message, stage), await self._reset(client, answer.code)
        except aiosmtplib.SMTPResponseException as answered:
            return refusal(answered.code, answered.message, stage), await self._reset(client, answered.code)
        except (aiosmtplib.SMTPException, OSError) as mistake:
            detail = "the connection was lost before the message left"
            return Delivery("never left", detail=detail, fault="provider", raw=_raw(mistake)), False
        connection.mails += 1
        return await self._body(client, data)

    async def _body(self, client: aiosmtplib.SMTP, data: bytes) -> tuple[Delivery, bool]:
        """From here on only an answer tells what became of the message."""
        protocol = client.protocol
        if protocol is None or not protocol.is_connected:
            return Delivery(
                "never left", detail="the connection was lost before the message left", fault="provider"
            ), False
        body = _DOTS.sub(b"..", data)
        try:
            faults.reach("before the last byte")
            protocol.write(body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
            faults.reach("after the last byte")
            answer = await protocol.read_response(timeout=self._server.dot_seconds)
        except aiosmtplib.SMTPResponseException as answered:
            return Delivery(
                "unknown", detail="the server's answer made no sense", fault="provider", raw=_raw(answered)
            ), False
        except (aiosmtplib.SMTPException, OSError) as mistake:
            detail = "the connection was lost after the message left and before the answer"
            return Delivery("unknown", detail=detail, fault="provider", raw=_raw(mistake)), False
        if 200 <= answer.code < 300:
            return Delivery(
                "accepted", provider_id=_queue_id(answer.message), raw=f"{answer.code} {answer.message}"[:500]
            ), True
        return refusal(answer.code, answer.message, "dot"), answer.code != 421

    async def _reset(self, client: aiosmtplib.SMTP, code: int) -> bool:
        """Clears a half told mail; False when the connection is of no more use."""
        if code == 421 or not client.is_connected:
            return False
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True


def _raw(mistake: BaseException) -> str:
    return f"{type(mistake).__name__}: {mistake}"[:500]


def _queue_id(words: str) -> str:
    """Most servers say `queued as ID`."""
    found = re.search(r"queued as ([A-Za-z0-9._-]{4,64})", words)
    return found[1] if found else ""
