"""Where the demo's messages end: a real SMTP server and a small web server, both on loopback."""

from __future__ import annotations

import http.server
import json
import queue
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

NO_SUCH_USER = "550 5.1.1 nobody lives here"
TRY_LATER = "451 4.3.0 greylisted, please come back in a moment"


class MailSink:
    """An SMTP server that keeps every mail as a file.

    `is_dead` says whether an address is refused; about one mail in a hundred is told to come back later.
    `arrived` holds (recipient, raw mail) until somebody takes them.
    """

    def __init__(self, folder: Path, host: str, port: int, is_dead: Callable[[str], bool], seed: int) -> None:
        self.arrived: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.kept = 0
        self.refused = 0
        self.delayed = 0
        self._folder = folder
        self._is_dead = is_dead
        self._dice = random.Random(f"{seed}/sink")
        self._controller = Controller(self, hostname=host, port=port, ready_timeout=10.0)

    def start(self) -> None:
        """Listens from now on. Raises OSError when the port is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()

    def stop(self) -> None:
        """Closes the port."""
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """550 for addresses that are dead, 250 for all others."""
        if self._is_dead(address):
            self.refused += 1
            return NO_SUCH_USER
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps the mail, or asks to come back later."""
        if self._dice.random() < 0.01:
            self.delayed += 1
            return TRY_LATER
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        self.kept += 1
        (self._folder / f"{self.kept:06d}.eml").write_bytes(raw)
        for address in envelope.rcpt_tos:
            self.arrived.put((address, raw))
        return f"250 2.0.0 kept as {self.kept:06d}"


class Gateway:
    """A web server for the shop's webhooks: writes every call into a file, one JSON a line, each key once."""

    def __init__(self, file: Path, host: str, port: int) -> None:
        self.calls = 0
        self._file = file
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._server = _server(host, port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)

    def start(self) -> None:
        """Listens from now on."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def take(self, path: str, key: str, body: bytes) -> None:
        """Writes a call down, unless one with this idempotency key is there already."""
        with self._lock:
            if key and key in self._seen:
                return
            self._seen.add(key)
            self.calls += 1
            try:
                call: Any = json.loads(body)
            except ValueError:
                call = body.decode("utf-8", "replace")
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"path": path, "key": key, "body": call}, ensure_ascii=False) + "\n")


def _server(host: str, port: int, gateway: Gateway) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Takes a call and says so."""
            size = int(self.headers.get("Content-Length") or 0)
            key = self.headers.get("Idempotency-Key") or self.headers.get("webhook-id") or ""
            gateway.take(self.path, key, self.rfile.read(min(size, 1_000_000)))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Calls are in the file; the terminal belongs to the demo."""

    return http.server.ThreadingHTTPServer((host, port), Handler)
