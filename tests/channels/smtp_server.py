"""A small SMTP server that misbehaves on order, and counts what it accepted."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self

OK = "250 2.0.0 ok"


@dataclass
class SmtpServer:
    """Answers by order. `close_at`: where the connection is cut (`greeting`, `data`, `body`, `dot`; `never`: no answer and no end), for the mails in
    `close_for` (None: all, counted from 1 in the order of DATA). `mails_per_connection`: then it hangs up."""

    greeting: str = "220 sink ready"
    mail: str = OK
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "354 go on"
    dot: str = "250 2.0.0 queued as ABC123"
    close_at: str = ""
    close_for: set[int] | None = None
    mails_per_connection: int = 0
    extensions: tuple[str, ...] = ("SIZE 10000000",)
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    started: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
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
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._session(reader, writer)
        finally:
            self._talks.discard(talk)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def accepts(self, count: int) -> None:
        """Waits until so many mails were accepted."""
        while len(self.accepted) < count:
            self._news.clear()
            await self._news.wait()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        if self.close_at == "greeting":
            return
        await say(self.greeting)
        recipient, mails = "", 0
        while line := await reader.readline():
            command = line.decode("latin-1").rstrip()
            self.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO":
                for extension in self.extensions:
                    await say(f"250-{extension}")
                await say("250 HELP")
            elif verb == "MAIL":
                await say(self.mail)
            elif verb == "RCPT":
                recipient = command.partition("<")[2].partition(">")[0]
                await say(self.rcpt.get(recipient, OK))
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
                body = await reader.readuntil(b"\r\n.\r\n")
                self.accepted.append((recipient, body[:-3]))
                self._news.set()
                if self.close_at == "dot" and cut:
                    return
                if self.close_at == "never":
                    await asyncio.Event().wait()
                await say(self.dot)
                mails += 1
                if self.mails_per_connection and mails >= self.mails_per_connection:
                    return
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                await say(OK)
