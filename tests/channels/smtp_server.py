"""A small SMTP server that misbehaves on order, and counts what it accepted."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

OK = "250 2.0.0 ok"


@dataclass
class SmtpServer:
    """Answers by order. `close_at`: where the connection is cut (`greeting`, `data`, `body`, `half` of it,
    `dot`, `rset`; `never`: no answer and no end), for the mails in `close_for` (None: all, counted from 1 in
    the order of DATA). `mails_per_connection`: then it hangs up, in silence or with the words of `goodbye` at
    the next command (`goodbye_at`). `rcpt` and `dots`: answers by address or by domain. `tls`: implicit;
    `starttls`: its context, or the words that refuse it. `dot_seconds`: so long a body takes; `most`: of how
    many at once, by domain. `byte_seconds`: so long each byte of an answer takes for the domains in
    `slow_for`."""

    greeting: str = "220 sink ready"
    mail: str = OK
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "354 go on"
    dot: str = "250 2.0.0 queued as ABC123"
    dots: dict[str, str] = field(default_factory=dict)
    close_at: str = ""
    close_for: set[int] | None = None
    mails_per_connection: int = 0
    goodbye: str = ""
    goodbye_at: str = "MAIL"
    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | str | None = None
    byte_seconds: float = 0.0
    dot_seconds: float = 0.0
    slow_for: frozenset[str] = frozenset()
    extensions: tuple[str, ...] = ("SIZE 10000000", "PIPELINING")
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    started: int = 0
    port: int = 0
    deaf: int = 0
    _server: asyncio.Server | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with contextlib.suppress(ConnectionError, EOFError, ssl.SSLError, asyncio.CancelledError):
                await self._session(reader, writer, number)
        finally:
            self._talks.discard(talk)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(0.5):  # after a failed handshake it never ends (Python 3.11)
                    await writer.wait_closed()

    async def hang_up(self) -> None:
        """Ends every conversation, as servers do with connections that say nothing."""
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0.01)  # the other side hears of it

    async def accepts(self, count: int) -> None:
        """Waits until so many mails were accepted."""
        while len(self.accepted) < count:
            self._news.clear()
            await self._news.wait()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        async def say(line: str) -> None:
            data = f"{line}\r\n".encode()
            if self.byte_seconds and recipient.partition("@")[2] in self.slow_for:
                for byte in data:
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(self.byte_seconds)
                return
            writer.write(data)
            await writer.drain()

        recipient, mails, protected = "", 0, self.tls is not None

        if self.close_at == "greeting":
            return
        await say(self.greeting)
        while line := await reader.readline():
            command = line.decode("utf-8", "replace").rstrip()
            self.commands.append(command)
            if number <= self.deaf:
                await asyncio.Event().wait()
            verb = command.partition(" ")[0].upper()
            if self.goodbye and mails >= self.mails_per_connection and verb == self.goodbye_at:
                await say(self.goodbye)
                return
            if verb == "EHLO":
                await say("250-sink.example")
                for extension in (
                    *self.extensions,
                    *(("STARTTLS",) if self.starttls and not protected else ()),
                ):
                    await say(f"250-{extension}")
                await say("250 HELP")
            elif verb == "STARTTLS":
                if not isinstance(self.starttls, ssl.SSLContext):
                    await say(self.starttls or "502 5.5.1 no")
                    continue
                await say("220 go on")
                await writer.start_tls(self.starttls)
                protected = True
            elif verb == "RSET" and self.close_at == "rset":
                await say(OK)
                return
            elif verb == "MAIL":
                await say(self.mail)
            elif verb == "RCPT":
                recipient = command.partition("<")[2].partition(">")[0]
                await say(self.rcpt.get(recipient) or self.rcpt.get(recipient.partition("@")[2], OK))
            elif verb == "DATA":
                self.started += 1
                cut = self.close_for is None or self.started in self.close_for
                if self.close_at == "data" and cut:
                    return
                await say(self.data)
                if not self.data.startswith("354"):
                    continue
                if self.close_at == "body" and cut:
                    return
                if self.close_at == "half" and cut:
                    await reader.readexactly(200)
                    return
                domain = recipient.partition("@")[2]
                self.under_way[domain] += 1
                self.most[domain] = max(self.most[domain], self.under_way[domain])
                await asyncio.sleep(self.dot_seconds)
                self.under_way[domain] -= 1
                body = await reader.readuntil(b"\r\n.\r\n")
                if self.dots.get(recipient.partition("@")[2], self.dot).startswith("2"):
                    self.accepted.append((recipient, body[:-3]))
                self._news.set()
                if self.close_at == "dot" and cut:
                    return
                if self.close_at == "never":
                    await asyncio.Event().wait()
                await say(self.dots.get(recipient.partition("@")[2], self.dot))
                mails += 1
                if self.mails_per_connection and not self.goodbye and mails >= self.mails_per_connection:
                    return
            elif verb == "AUTH":
                await say("235 2.7.0 welcome")
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                await say(OK)
