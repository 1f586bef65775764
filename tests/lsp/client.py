"""A client of the Language Server Protocol, by hand: one process, JSON-RPC on its pipes."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

PATIENCE = 60  # seconds; a machine under load is slow


class ServerError(Exception):
    """The server answered a request with an error."""


class LanguageClient:
    """Talks to one server. Requests of the server are answered from `configuration`, others with null."""

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        environment: Mapping[str, str],
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=dict(environment), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.folder = folder
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.versions: dict[str, int | None] = {}
        self.shown: list[str] = []
        self.asked: list[str] = []  # requests of the server, by method
        self.foreign: list[bytes] = []  # what came on stdout and is no part of the protocol
        self.log: list[bytes] = []
        self._configuration = configuration or {}
        self._answers: dict[int, dict[str, Any]] = {}
        self._arrivals: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last = 0
        for read in (self._read, self._read_log):
            threading.Thread(target=read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    # --- the protocol ----------------------------------------------------------------------------

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        try:
            self.log.extend(self.process.stderr)
        except ValueError:  # closed by us
            return

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        try:
            while header := out.readline():
                if not header.lower().startswith(b"content-length:"):
                    self.foreign.append(header)
                    continue
                while out.readline().strip():
                    pass
                self._arrivals.put(json.loads(out.read(int(header.split(b":")[1]))))
        except ValueError:
            pass
        self._arrivals.put(None)

    def send_bytes(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _send(self, message: Mapping[str, Any]) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def notify(self, method: str, params: Any = None) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Any = None) -> Any:
        self._last += 1
        number = self._last
        self._send({"id": number, "method": method, "params": params})
        self.wait(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise ServerError(answer["error"])
        return answer.get("result")

    def wait(self, until: Callable[[], bool], what: str) -> None:
        """Takes what the server says until something is true."""
        while not until():
            try:
                message = self._arrivals.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"nothing came: {what}\n{self.said()}") from None
            assert message is not None, f"the server is gone: {what}\n{self.said()}"
            self._take(message)

    def said(self) -> str:
        return b"".join(self.log[-40:]).decode(errors="replace")

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self._answers[message["id"]] = message
        elif "id" in message:
            result = None
            if method == "workspace/configuration":
                items = message["params"]["items"]
                result = [self._configuration.get(item.get("section"), {}) for item in items]
            self._send({"id": message["id"], "result": result})
            self.asked.append(method)
        elif method == "textDocument/publishDiagnostics":
            params = message["params"]
            self.diagnostics[params["uri"]] = params["diagnostics"]
            self.versions[params["uri"]] = params.get("version")
        elif method == "window/showMessage":
            self.shown.append(message["params"]["message"])

    # --- what an editor does ---------------------------------------------------------------------

    def initialize(self, **more: Any) -> dict[str, Any]:
        capabilities = {
            "workspace": {
                "configuration": True,
                "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
                "workspaceFolders": True,
                "didChangeWatchedFiles": {"dynamicRegistration": True},
            },
            "textDocument": {
                "publishDiagnostics": {"versionSupport": True},
                "completion": {"completionItem": {"snippetSupport": True}},
                "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
                "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
            },
            **more.pop("capabilities", {}),
        }
        folders = [{"uri": self.folder.as_uri(), "name": "shop"}]
        answer: dict[str, Any] = self.request(
            "initialize",
            {
                "processId": None, "rootUri": self.folder.as_uri(), "workspaceFolders": folders,
                "capabilities": capabilities, **more,
            },
        )  # fmt: skip
        self.notify("initialized", {})
        return answer

    def uri(self, file: str) -> str:
        return (self.folder / file).as_uri()

    def open(self, file: str, text: str, version: int = 1, language: str = "yaml") -> None:
        document = {"uri": self.uri(file), "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, file: str, text: str, version: int) -> None:
        changed = {"textDocument": {"uri": self.uri(file), "version": version}}
        self.notify("textDocument/didChange", {**changed, "contentChanges": [{"text": text}]})

    def at(self, file: str, line: int, character: int) -> dict[str, Any]:
        return {
            "textDocument": {"uri": self.uri(file)},
            "position": {"line": line, "character": character},
        }

    def diagnostics_of(self, file: str, version: int) -> list[dict[str, Any]]:
        """Those that belong to a version of an open file."""
        uri = self.uri(file)
        self.wait(lambda: self.versions.get(uri) == version, f"diagnostics of {file}, version {version}")
        # those of other files were sent in one go with them, before this is answered
        self.request("textDocument/documentSymbol", {"textDocument": {"uri": "untitled:none"}})
        return self.diagnostics[uri]

    def leave(self) -> int:
        """Says goodbye; the exit code."""
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait(PATIENCE)
