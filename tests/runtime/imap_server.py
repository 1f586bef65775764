"""A mailbox on loopback that speaks as much IMAP (RFC 3501) as a client needs to read new mail."""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"<0\.(\d+)>")


@dataclass
class Kept:
    """One mail in a folder."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer:
    """`folders`: what lies where. `cut_after`: closes the connection after so many FETCHes, once."""

    def __init__(self, user: str, password: str) -> None:
        self.folders: dict[str, list[Kept]] = {"INBOX": [], "Done": []}
        self.cut_after: int | None = None
        self.tells_next = True  # UIDNEXT, as nearly every server does
        self.silent: set[int] = set()  # over these mails the connection is lost, every time
        self.missing: set[int] = set()  # these it does not give
        self._next = 1
        box = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.folder: list[Kept] = []
                self.say("* OK ready")
                while line := self.rfile.readline():
                    tag, _, rest = line.decode().rstrip("\r\n").partition(" ")
                    if not self.obey(tag, rest):
                        return

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

            def obey(self, tag: str, rest: str) -> bool:
                verb = rest.split(maxsplit=1)[0].upper()
                words = [word.strip('"') for word in rest.split()[1:]]
                answer = "OK done"
                if verb == "CAPABILITY":
                    self.say("* CAPABILITY IMAP4rev1")
                elif verb == "LOGIN" and words != [user, password]:
                    answer = "NO [AUTHENTICATIONFAILED] wrong"
                elif verb == "SELECT":
                    if words[0] in box.folders:
                        self.folder = box.folders[words[0]]
                        self.say(f"* {len(self.folder)} EXISTS")
                        if box.tells_next:
                            self.say(f"* OK [UIDNEXT {box._next}] the next number")
                    else:
                        answer = "NO no such folder"
                elif verb == "UID":
                    answer = self.uid(words[0].upper(), words[1:], rest.encode())
                elif verb == "EXPUNGE":
                    self.folder[:] = [one for one in self.folder if "\\Deleted" not in one.flags]
                elif verb == "LOGOUT":
                    self.say("* BYE")
                if not answer:
                    return False
                self.say(f"{tag} {answer}")
                return verb != "LOGOUT"

            def uid(self, verb: str, words: list[str], line: bytes) -> str:
                if verb == "SEARCH":
                    begin, _, end = words[-1].partition(":")
                    last = box._next if end == "*" else int(end)
                    new = [
                        str(kept.uid)
                        for kept in self.folder
                        if "\\Seen" not in kept.flags and int(begin) <= kept.uid <= last
                    ]
                    self.say(f"* SEARCH {' '.join(new)}".rstrip())
                    return "OK done"
                one = next(each for each in self.folder if each.uid == int(words[0]))
                if verb == "FETCH":
                    if one.uid in box.silent:
                        return ""
                    if one.uid in box.missing:
                        return "NO it cannot be read"
                    if box.cut_after is not None:
                        box.cut_after -= 1
                        if box.cut_after < 0:
                            box.cut_after = None
                            return ""
                    found = _LITERAL.search(line)
                    raw = one.raw[: int(found[1])] if found else one.raw
                    self.wfile.write(
                        f"* 1 FETCH (UID {one.uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n"
                    )
                elif verb == "COPY":
                    if words[1] not in box.folders:
                        return "NO [TRYCREATE] no such folder"
                    box.folders[words[1]].append(Kept(one.uid, one.raw))
                elif verb == "STORE":
                    one.flags |= set(re.findall(r"\\\w+", " ".join(words[2:])))
                return "OK done"

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, raw: bytes, gap: int = 0) -> None:
        """A mail arrives, after so many that somebody took away."""
        self._next += gap
        self.folders["INBOX"].append(Kept(self._next, raw))
        self._next += 1

    def new(self) -> int:
        """How many were not read yet."""
        return sum("\\Seen" not in one.flags for one in self.folders["INBOX"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
