"""What is said about mails on a connection that aiosmtplib has opened, protected and logged in.

aiosmtplib takes one command at a time, and with it a lock, a timer and a turn of the loop. Here several
commands are one write where the server takes them so (PIPELINING, RFC 2920), and more answers than commands
end the connection: what is too much would be taken for the answer to something else, and one person's mail
might go to another.
"""

from __future__ import annotations

import asyncio
from typing import cast

from aiosmtplib import SMTP, SMTPReadTimeoutError, SMTPResponse, SMTPResponseException, SMTPServerDisconnected

LARGEST_ANSWERS = 65_536
"""Bytes of answers that are not read yet; a server that says more than this makes no sense."""

LONGEST_LINE = 8_192
_CLOSING = 421
"""The server hangs up (RFC 5321 3.8), whether it has done so already or not."""


class Conversation(asyncio.Protocol):
    """Takes the place of the protocol of aiosmtplib, which goes on hearing of the end of the connection."""

    def __init__(self, client: SMTP) -> None:
        assert client.protocol is not None
        self._below = client.protocol
        # not asked for its class: the transports of uvloop are no subclass of asyncio's
        self.transport = cast("asyncio.Transport", client.transport)
        self._unread = b""
        self._lines: list[bytes] = []  # of an answer that has not ended
        self._heard: list[SMTPResponse] = []
        self._expected = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.transport.set_protocol(self)

    def say(self, data: bytes, answers: int = 0) -> None:
        """Writes, and expects so many answers to it. Raises SMTPServerDisconnected, and nothing was
        written."""
        # before the first byte: whoever is told so knows that nothing was sent, and may try elsewhere
        if self._failure is not None or self.transport.is_closing():
            raise SMTPServerDisconnected("Connection lost") from self._failure
        self._expected = answers
        self.transport.write(data)

    async def hear(self, seconds: float, *, is_last: bool = False) -> list[SMTPResponse]:
        """The answers to what was said last: all of them, or those before the server hung up, at least one.
        Raises SMTPServerDisconnected (for more answers than that, too, unless nothing depends on what
        follows: `is_last`), SMTPReadTimeoutError, and SMTPResponseException for what is no answer."""
        if len(self._heard) < self._expected and self._failure is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._waiter
            except TimeoutError as late:
                raise SMTPReadTimeoutError("Timed out waiting for server response") from late
            finally:
                self._waiter = None
        # taken at once, whatever is wrong below: no answer may be taken for one to the next command
        heard, self._heard = self._heard, []
        is_too_much = len(heard) > self._expected or self._unread or self._lines
        # answers that came before the connection ended are true; after one that is none nothing is
        if self._failure is not None and (not heard or not isinstance(self._failure, SMTPServerDisconnected)):
            raise self._failure
        # who speaks out of turn cannot be matched to what was asked any more
        if is_too_much and self._failure is None:
            self.cut()
            if not is_last:
                raise SMTPServerDisconnected("the server answered what it was not asked")
        heard = heard[: self._expected]
        self._expected = 0
        # it hangs up: this connection serves nobody any more
        if any(answer.code == _CLOSING for answer in heard):
            self.transport.close()
        return heard

    async def ask(self, command: bytes, seconds: float) -> SMTPResponse:
        """One command and its answer. Raises as `say` and `hear`."""
        self.say(command + b"\r\n", 1)
        return (await self.hear(seconds))[0]

    def cut(self) -> None:
        """Ends the connection without sending what is left of a body: it must not be taken for a whole
        one."""
        self.transport.abort()

    # --- what the transport calls ---------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Puts answers together."""
        if not self._expected:
            return  # of its own accord: that it shuts down, for example, which its end will show
        self._unread += data
        try:
            while self._read_line():
                pass
            # an answer without an end must not fill the memory
            if len(self._unread) + sum(map(len, self._lines)) > LARGEST_ANSWERS:
                raise SMTPResponseException(-1, "Response too long")
        except SMTPResponseException as mistake:
            self._fail(mistake)
        if len(self._heard) >= self._expected:
            self._wake()

    def eof_received(self) -> bool:
        """The transport closes itself."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The answers that came before it count."""
        lost = SMTPServerDisconnected("Connection lost")
        lost.__cause__ = exc
        self._fail(lost)
        self._below.connection_lost(exc)

    def pause_writing(self) -> None:
        """Of the body nothing is held back here; whoever wrote it asks how much is left."""

    def resume_writing(self) -> None:
        """As `pause_writing`."""

    def _read_line(self) -> bool:
        line, end, rest = self._unread.partition(b"\n")
        if not end:
            return False
        if len(line) > LONGEST_LINE:
            raise SMTPResponseException(-1, "Response too long")
        self._unread = rest
        try:
            code = int(line[:3])
        except ValueError:
            shown = line.decode("utf-8", "ignore")
            raise SMTPResponseException(-1, f"Malformed SMTP response line: {shown}") from None
        self._lines.append(line[4:].strip(b" \t\r\n"))
        # a dash says that the answer goes on (RFC 5321 4.2.1)
        if line[3:4] != b"-":
            text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
            self._heard.append(SMTPResponse(code, text))
            self._lines = []
        return True

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
