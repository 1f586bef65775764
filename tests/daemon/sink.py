"""An SMTP server in a process of its own, so that it outlives the daemons that are killed: it writes down
every mail it accepts.

`python -m tests.daemon.sink FOLDER SECONDS` puts its port into FOLDER/port and a line for each mail
(recipient, subject) into FOLDER/accepted, before it answers, SECONDS later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path

SUBJECT = re.compile(rb"(?im)^subject: *([^\r\n]*)")


class Sink:
    def __init__(self, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self.accepted = os.open(folder / "accepted", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.session(reader, writer)
        writer.close()

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = b""
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0]
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                found = SUBJECT.search(body)
                os.write(self.accepted, recipient + b"\t" + (found[1] if found else b"") + b"\n")
                await asyncio.sleep(self.seconds)
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


async def main(folder: Path, seconds: float) -> None:
    server = await asyncio.start_server(Sink(folder, seconds).talk, "127.0.0.1", 0)
    (folder / "port.new").write_text(str(server.sockets[0].getsockname()[1]))
    (folder / "port.new").rename(folder / "port")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
