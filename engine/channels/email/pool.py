"""Connections to one mail server: opened, kept, checked, renewed; and why there is none.

aiosmtplib holds its connect lock until `close`, and a client that lost its connection has hung on
reconnecting (its issues 38 and 243): a client here is connected once and thrown away afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from engine.channels.base import Delivery
from engine.channels.email.conversation import Conversation

MAILS_PER_CONNECTION = 100
IDLE_SECONDS = 30.0
COMMAND_SECONDS = 30.0
DOT_SECONDS = 120.0
"""RFC 5321 asks for ten minutes after the final dot; a server that needs longer than this is `unknown`."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. `tls`: `tls` from the first byte, `starttls` or nothing, `offered` if the
    server can (certificate not checked, as between mail servers), `none`. `certificates`: a file of those to
    trust beside nobody else; "" for those of this machine."""

    host: str
    port: int
    tls: str = "offered"
    user: str = ""
    password: str = field(default="", repr=False)
    return_path: str = ""
    name: str = "localhost"
    command_seconds: float = COMMAND_SECONDS
    dot_seconds: float = DOT_SECONDS
    certificates: str = ""
    mails_per_connection: int = MAILS_PER_CONNECTION

    def context(self) -> ssl.SSLContext:
        """How the server proves who it is. Raises OSError (ssl.SSLError is one) for certificates that cannot
        be read."""
        context = ssl.create_default_context(cafile=self.certificates or None)
        if self.tls == "offered":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(slots=True)
class Connection:
    """`mails`: how many bodies went over it. `used_at`: seconds of the loop's clock."""

    client: aiosmtplib.SMTP
    conversation: Conversation
    mails: int = 0
    used_at: float = 0.0
    is_reused: bool = False


class ConnectionPool:
    """Idle connections of one channel."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: list[Connection] = []
        self._context = None if server.tls == "none" else server.context()

    async def take(self, *, fresh: bool = False) -> Connection | Delivery:
        """An idle connection that seems to live, or a new one; a Delivery when there is none to be had."""
        now = asyncio.get_running_loop().time()
        while self._idle and not fresh:
            # the one that was used last: the others grow old, so that few stay open on a quiet day
            connection = self._idle.pop()
            if connection.client.is_connected and now - connection.used_at < IDLE_SECONDS:
                connection.is_reused = True
                return connection
            connection.client.close()
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=server.name,
            timeout=server.command_seconds,
            use_tls=server.tls == "tls",
            start_tls=False,
            tls_context=self._context,
        )
        is_ready = False
        try:
            async with asyncio.timeout(2 * server.command_seconds):
                failure = await self._prepare(client)
            is_ready = failure is None
        except (aiosmtplib.SMTPException, OSError, ValueError) as mistake:
            failure = _why(mistake)
        finally:  # also where the task is cancelled: a half-open connection has nobody else who closes it
            if not is_ready:
                client.close()
        return failure or Connection(client, Conversation(client))

    def give(self, connection: Connection, *, is_usable: bool) -> None:
        """Back from a conversation."""
        if is_usable and connection.mails < self._server.mails_per_connection:
            connection.used_at = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.client.close()

    async def close(self) -> None:
        """Says goodbye on idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await connection.conversation.ask(b"QUIT", 2.0)
            connection.client.close()

    async def _prepare(self, client: aiosmtplib.SMTP) -> Delivery | None:
        """Connects, protects, greets and logs in. Why not, where the server said so."""
        server = self._server
        await client.connect()
        carrier = client.get_transport_info("socket")
        if carrier is not None and carrier.family in (socket.AF_INET, socket.AF_INET6):
            # the final dot is a small packet behind a big one, and would wait for the server's late ACK
            carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _greet(client)
        if server.tls in ("starttls", "offered"):
            if client.supports_extension("starttls"):
                try:
                    await client.starttls()
                except aiosmtplib.SMTPResponseException as refused:
                    return _unsafe(f"the server refused STARTTLS: {refused.code} {refused.message}"[:300])
                # what the server said before may have been said by somebody between (RFC 3207 4.2)
                await _greet(client)
            elif server.tls == "starttls":
                return _unsafe("the server offers no STARTTLS, and nothing is sent in clear text")
        # last, so that the password never leaves before the connection is protected
        if server.user:
            await client.login(server.user, server.password)
        return None


async def _greet(client: aiosmtplib.SMTP) -> None:
    """EHLO, or HELO for a server that knows no better."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


def raw(mistake: BaseException) -> str:
    """What a library said, cut to what is kept."""
    return f"{type(mistake).__name__}: {mistake}"[:500]


def _why(mistake: Exception) -> Delivery:
    """No connection, told by the cause; nothing has left."""
    cause: BaseException | None = mistake
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _unsafe(f"the certificate of the mail server cannot be trusted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return _unsafe(f"no protected connection to the mail server: {cause.reason or 'TLS failed'}")
        cause = cause.__cause__
    if isinstance(mistake, aiosmtplib.SMTPAuthenticationError) and mistake.code >= 500:
        return Delivery(
            "never left", detail="the server refused our user and password", fault="sender", raw=raw(mistake)
        )
    return Delivery(
        "never left", detail="no connection to the mail server", fault="provider", raw=raw(mistake)
    )


def _unsafe(why: str) -> Delivery:
    return Delivery("never left", detail=why, fault="provider")
