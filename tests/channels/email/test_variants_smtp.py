"""Servers that answer what nobody asked, or in no words that SMTP knows: no mail is lost, doubled or goes to
somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Self

import pytest

from engine.channels.base import OutcomeKind
from engine.channels.email.channel import EmailChannel, Server
from engine.clock import ManualClock
from tests.channels.email.test_smtp import NOW, handing, mail

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Parrot:
    """Says these bytes after each command, whatever they are. `bye`: hangs up after the dot was answered.
    `during`: says this after the first line of a body."""

    greeting: bytes = b"220 x\r\n"
    mail: bytes = b"250 ok\r\n"
    rcpt: bytes = b"250 ok\r\n"
    data: bytes = b"354 go\r\n"
    dot: bytes = b"250 ok\r\n"
    during: bytes = b""
    bye: bool = False
    mails: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        recipient = b""
        words = {b"MAIL": self.mail, b"RCPT": self.rcpt, b"DATA": self.data, b"QUIT": b"221 bye\r\n"}
        try:
            writer.write(self.greeting)
            while line := await reader.readline():
                verb = line[:4].upper()
                recipient = line if verb == b"RCPT" else recipient
                writer.write(words.get(verb, b"250 ok\r\n"))
                if verb == b"DATA" and b"354" in self.data:
                    await self._body(reader, writer, recipient)
                    if self.bye:
                        await writer.drain()
                        return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _body(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: bytes
    ) -> None:
        body, during = b"", self.during
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            body += line
            writer.write(during)
            during = b""
        self.mails.append((recipient, body))
        writer.write(self.dot)


@pytest.fixture
async def opened() -> AsyncIterator[list[EmailChannel]]:
    made: list[EmailChannel] = []
    yield made
    for one in made:
        await one.close()


def channel(opened: list[EmailChannel], server: Parrot) -> EmailChannel:
    place = Server("127.0.0.1", server.port, tls="none", command_seconds=1, dot_seconds=1)
    opened.append(EmailChannel(place, "secret", ManualClock(NOW), concurrency=1))
    return opened[-1]


@pytest.mark.parametrize(
    "answer",
    [
        b"354 go on\r\n",
        b"199 well\r\n",
        b"300 hm\r\n",
        b"25 ok\r\n",
        b"600 ok\r\n",
        b"\r\n",
        b"OK\r\n",
        b"250 " + b"x" * 100_000 + b"\r\n",
        b"250-go on\r\n" * 50_000,
    ],
    ids=["354", "199", "300", "25", "600", "nothing", "OK", "a long line", "lines without end"],
)
async def test_case_29_an_answer_to_the_dot_that_is_neither_yes_nor_no_is_unknown(
    opened: list[EmailChannel], answer: bytes
) -> None:
    async with Parrot(dot=answer) as server:
        found = await channel(opened, server).deliver(mail(), handing(True, []))
    assert (found.kind, found.fault, len(server.mails)) == ("unknown", "provider", 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"data": b"354 go\r\n250 queued\r\n"},
        {"data": b"354 go\r\n550 5.1.1 nobody\r\n"},
        {"data": b"354 go\r\nwhat?\r\n"},
        {"rcpt": b"250 ok\r\n250 ok\r\n"},
        {"mail": b"250 ok\r\n550 5.1.1 nobody\r\n"},
        {"data": b"250 go\r\n"},
        {"data": b"334 go\r\n"},
    ],
    ids=str,
)
async def test_case_28_answers_that_nobody_asked_for_are_taken_for_no_outcome(
    opened: list[EmailChannel], settings: dict[str, bytes]
) -> None:
    async with Parrot(**settings) as server:  # type: ignore[arg-type]
        one = channel(opened, server)
        for name in ("anna", "ben"):  # the second must not go over the first's conversation
            found = await one.deliver(mail(f"{name}@example.com", name), handing(True, []))
            assert (found.kind, found.fault) == ("never left", "provider")
    assert server.mails == []
    assert server.connections == 2


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"greeting": b"220-a\r\n220-b\r\n220 c\r\n", "mail": b"250-a\r\n250 b\r\n",
         "rcpt": b"250-a\r\n250 b\r\n",
          "data": b"354-a\r\n354 b\r\n", "dot": b"250-2.0.0 a\r\n250 2.0.0 b\r\n"}, "accepted"),
        ({"dot": b"250 ok\n"}, "accepted"),
        ({"dot": b"250\r\n"}, "accepted"),
        ({"dot": "250 принято".encode("cp1251") + b"\x00\xff\r\n"}, "accepted"),
        ({"dot": "451 позже".encode("cp1251") + b"\r\n"}, "refused for now"),
        # two codes in one answer: the last one counts
        ({"dot": b"250-ok\r\n550 5.1.1 no such user\r\n"}, "refused"),
        ({"during": b"421 4.3.2 shutting down\r\n"}, "accepted"),
    ],
)  # fmt: skip
async def test_what_is_odd_but_clear_is_understood(
    opened: list[EmailChannel], settings: dict[str, bytes], kind: OutcomeKind
) -> None:
    async with Parrot(**settings) as server:  # type: ignore[arg-type]
        found = await channel(opened, server).deliver(mail(), handing(True, []))
    assert (found.kind, len(server.mails)) == (kind, 1)
    for text in (found.raw, found.detail, found.provider_id):
        assert "\x00" not in text
        text.encode("utf-8")  # or the store could not keep what became of it


@pytest.mark.parametrize(
    "greeting",
    [
        b"554 5.7.1 no\r\n",
        b"554-no\r\n554 never\r\n",
        b"421 later\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 400 no\r\n\r\n",
    ],
)
async def test_who_is_turned_away_at_the_door_has_not_left(
    opened: list[EmailChannel], greeting: bytes
) -> None:
    calls: list[bool] = []
    async with Parrot(greeting=greeting) as server:
        found = await channel(opened, server).deliver(mail(), handing(True, calls))
    assert (found.kind, found.fault, calls, server.mails) == ("never left", "provider", [], [])


async def test_case_36_a_server_that_takes_a_mail_and_hangs_up_before_quit_gets_each_once(
    opened: list[EmailChannel],
) -> None:
    async with Parrot(bye=True) as server:
        one = channel(opened, server)
        kinds = [
            (await one.deliver(mail(f"c{n}@example.com", f"k{n}"), handing(True, []))).kind for n in range(5)
        ]
    assert (kinds, server.connections) == (["accepted"] * 5, 5)
    assert [recipient for recipient, _ in server.mails] == [
        b"RCPT TO:<c%d@example.com>\r\n" % n for n in range(5)
    ]


async def test_case_36_what_is_said_too_much_after_one_mail_is_not_the_answer_to_the_next(
    opened: list[EmailChannel],
) -> None:
    async with Parrot(dot=b"250 ok\r\n550 5.1.1 nobody\r\n") as server:
        one = channel(opened, server)
        kinds = [
            (await one.deliver(mail(f"c{n}@example.com", f"k{n}"), handing(True, []))).kind for n in range(3)
        ]
    assert kinds == ["accepted"] * 3
    assert len(server.mails) == 3


@pytest.mark.parametrize(
    "settings",
    [{"rcpt": b"503 5.5.1 bad sequence of commands\r\n"}, {"data": b"503 no valid recipients\r\n"}],
    ids=str,
)
async def test_a_server_that_lost_the_thread_closes_no_address(
    opened: list[EmailChannel], settings: dict[str, bytes]
) -> None:
    async with Parrot(**settings) as server:  # type: ignore[arg-type]
        found = await channel(opened, server).deliver(mail(), handing(True, []))
    assert (found.kind, found.fault, found.soft) == ("refused for now", "provider", "")
