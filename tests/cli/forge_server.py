"""A forge on loopback that speaks the part of GitHub's and GitLab's REST interfaces that reviews use."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST_COMMENT = 65_536
BOT = "github-actions[bot]"


@dataclass
class ForgeServer:
    """What the forge holds, and how it answers. `account`: whose token is used. `may_write`: whether it may.
    `fails`: with which status the next requests of this method are answered, before or after they did their
    work, and with which headers and `message`. `meanwhile`: what somebody else does right before the next
    request of a method. `is_gone`: nobody knows the change any more."""

    address: str = ""
    account: str = BOT
    may_write: bool = True
    labels: list[str] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    fails: dict[str, list[int]] = field(default_factory=dict)
    refusal: dict[str, str] = field(default_factory=lambda: {"Retry-After": "0"})
    message: str = "out of order"
    meanwhile: dict[str, Callable[[ForgeServer], object]] = field(default_factory=dict)
    fails_late: dict[str, list[int]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    number: int = 100
    is_gone: bool = False

    def comment(self, text: str, author: str = BOT) -> dict[str, Any]:
        """One more comment, as both forges hand it out."""
        self.number += 1
        account = {"login": author, "username": author, "type": "Bot" if author.endswith("[bot]") else "User"}
        row = {"id": self.number, "body": text, "user": account, "author": account}
        self.comments.append(row)
        return row

    @property
    def texts(self) -> list[str]:
        """All comments."""
        return [row["body"] for row in self.comments]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and answer of one request."""
        if self.is_gone and not path.endswith("/user"):
            return 404, {"message": "Not Found"}
        comment = re.search(r"/(?:comments|notes)/(\d+)$", path)
        if method != "GET" and not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        if path.endswith("/user"):
            is_workflow = self.account == BOT
            return (403, {"message": "no"}) if is_workflow else (
                200, {"login": self.account, "username": self.account}
            )  # fmt: skip
        if comment:
            row = next((row for row in self.comments if row["id"] == int(comment[1])), None)
            if row is None:
                return 404, {"message": "Not Found"}
            if method == "DELETE":
                self.comments.remove(row)
                return 204, None
            return self._text(body) or (row.update(body=body["body"]), (200, row))[1]
        if path.endswith(("/comments", "/notes")):
            if method == "GET":
                return 200, self.comments
            return self._text(body) or (201, self.comment(body["body"], self.account))
        if path.endswith("/issues/7/labels"):
            if method == "POST":
                self.labels += [label for label in body["labels"] if label not in self.labels]
            return 200, [{"name": label} for label in self.labels]
        if method == "DELETE" and "/labels/" in path:
            self.labels.remove(unquote(path.rpartition("/")[2]))
            return 200, []
        if path.endswith("/merge_requests/7"):
            if method == "PUT":
                removed = body.get("remove_labels", "").split(",")
                kept = [label for label in self.labels if label not in removed]
                self.labels = kept + [label for label in body.get("add_labels", "").split(",") if label]
            return 200, {"labels": self.labels}
        return 404, {"message": "Not Found"}

    def _text(self, body: Any) -> tuple[int, Any] | None:
        if len(body["body"]) > LONGEST_COMMENT:
            return 422, {"message": "Body is too long (maximum is 65536 characters)"}
        return None


@contextmanager
def forge() -> Iterator[ForgeServer]:
    """Runs one until the end of the block."""
    state = ForgeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            place = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.asked.append(f"{self.command} {unquote(place.path)}")
            state.tokens.add(self.headers.get("authorization") or self.headers.get("private-token") or "")
            if other := state.meanwhile.pop(self.command, None):
                other(state)
            early = state.fails.get(self.command)
            if early:
                self.reply(early.pop(0), {"message": state.message}, state.refusal)
                return
            query = parse_qs(place.query)
            status, answer = state.answer(self.command, place.path, query, body)
            late = state.fails_late.get(self.command)
            headers = {}
            if late:
                status, answer = late.pop(0), {}
                headers = {"Retry-After": "0"} if status >= 500 else {}
            elif isinstance(answer, list) and "page" in query:
                page, size = int(query["page"][0]), int(query["per_page"][0])
                if len(answer) > page * size:
                    headers["Link"] = f'<{state.address}/>; rel="next", <{state.address}/>; rel="last"'
                answer = answer[(page - 1) * size : page * size]
            self.reply(status, answer, headers)

        def reply(self, status: int, answer: Any, headers: dict[str, str]) -> None:
            body = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
