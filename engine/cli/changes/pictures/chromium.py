"""A Chromium without a window that photographs HTML: no network, no scripts, no files of this machine.

It is spoken to over a pipe of its own (`--remote-debugging-pipe`), so that no port is open that somebody else
on the machine could use (https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from engine.errors import UsageError

SECONDS = 30
"""How long one picture may take, and the start."""

LOADING = 3
"""Seconds for what a page brings itself."""

TALLEST = 8_000
"""Pixels of a picture; what is below is cut off."""

LARGEST_ANSWER = 64_000_000
"""Bytes of one answer of the browser."""

_NAMES = (
    "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
    "microsoft-edge-stable", "microsoft-edge", "brave-browser",
)  # fmt: skip
_ELSEWHERE = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
)
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-dev-shm-usage",
    "--metrics-recording-only", "--hide-scrollbars", "--mute-audio", "--password-store=basic",
    "--use-mock-keychain",
    # Whatever it wants to look up or to connect to: there is nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
)  # fmt: skip

_BLOCKED = [f"{scheme}:*" for scheme in ("http", "https", "ws", "wss", "ftp", "file", "blob", "filesystem")]
"""Addresses that no page may load; what it brings itself (`data:`) is shown."""

_PAINTED = "Promise.all([...document.images].map(image => image.decode().catch(() => 0))).then(() => 0)"
_REFRESH = re.compile(r"<meta\b[^>]*\bhttp-equiv\s*=\s*[\"']?refresh\b[^>]*>", re.IGNORECASE)


class BrowserError(Exception):
    """The browser did not do what it should; the text says what in one sentence."""


class BrowserSilentError(BrowserError):
    """It did not answer in time."""


def find_chromium(environment: Mapping[str, str]) -> Path | None:
    """Where a Chromium is: as PERENNIAL_CHROMIUM says, else on PATH or in its usual places. None: there is
    none. Raises UsageError where the variable names no program."""
    if named := environment.get("PERENNIAL_CHROMIUM"):
        found = shutil.which(named, path=environment.get("PATH", ""))
        if found is None:
            raise UsageError(
                f'PERENNIAL_CHROMIUM names "{named}", which is no program:', "name a Chromium, or unset it"
            )
        return Path(found)
    on_path = (shutil.which(name, path=environment.get("PATH", "")) for name in _NAMES)
    found = next(filter(None, on_path), None)
    return Path(found) if found else next((path for path in _ELSEWHERE if path.exists()), None)


def _read(message: bytes, program: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = msgspec.json.decode(message, type=dict[str, Any])
    except msgspec.MsgspecError as wrong:
        raise BrowserError(f"{program} answers what it should not: {wrong}") from wrong
    return told


class Chromium:
    """One browser, to be opened, and closed whatever comes of it; `with` does both. Raises BrowserError when
    it does not start or does not answer."""

    def __init__(self, program: Path, seconds: float = SECONDS) -> None:
        self._program, self._seconds = program, seconds
        self._sent, self._rest = 0, b""
        self._profile = tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Starts it."""
        flags = [*_FLAGS, f"--user-data-dir={self._profile.name}"]
        if os.geteuid() == 0:
            # As root it does not start with its sandbox; scripts are off in any case.
            flags.append("--no-sandbox")
        try:
            self._process = subprocess.Popen(
                # it listens on 3 and answers on 4
                ["/bin/sh", "-c", 'exec 3<&0 4>&1 </dev/null >/dev/null; exec "$@"', "sh",
                 str(self._program), *flags, "about:blank"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
            self._ask("Browser.getVersion")
        except OSError as wrong:
            self.close()
            raise BrowserError(f"{self._program} cannot be started: {wrong.strerror}") from wrong
        except BrowserError:
            self.close()
            raise

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def picture(self, html: str, wide: int) -> bytes:
        """The whole of a page as PNG, so many pixels wide, on a light screen."""
        try:
            return self._photographed(html, wide)
        except (KeyError, ValueError) as wrong:
            raise BrowserError(f"{self._program} answers what it should not: {wrong!r}") from wrong

    def _photographed(self, html: str, wide: int) -> bytes:
        until = time.monotonic() + self._seconds
        target = self._ask("Target.createTarget", {"url": "about:blank"}, until=until)["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = self._ask("Target.attachToTarget", attach, until=until)["sessionId"]

        def ask(method: str, **values: Any) -> dict[str, Any]:
            return self._ask(method, values, session, until)

        ask("Network.enable")
        ask("Network.setBlockedURLs", urls=_BLOCKED)
        ask("Emulation.setScriptExecutionDisabled", value=True)
        light = [{"name": "prefers-color-scheme", "value": "light"}]
        ask("Emulation.setEmulatedMedia", media="screen", features=light)
        ask("Emulation.setDeviceMetricsOverride", width=wide, height=200, deviceScaleFactor=1, mobile=False)
        ask("Page.enable")
        frame = ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        # A page that leads on by itself would be gone before it is photographed.
        ask("Page.setDocumentContent", frameId=frame, html=_REFRESH.sub("", html))
        # Its own pictures are painted later than its words; one that never comes keeps nobody waiting.
        with contextlib.suppress(BrowserSilentError):
            soon = min(until, time.monotonic() + LOADING)
            self._ask("Runtime.evaluate", {"expression": _PAINTED, "awaitPromise": True}, session, soon)
        tall = min(TALLEST, max(1, int(ask("Page.getLayoutMetrics")["cssContentSize"]["height"])))
        clip = {"x": 0, "y": 0, "width": wide, "height": tall, "scale": 1}
        taken = ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        self._ask("Target.closeTarget", {"targetId": target}, until=until)
        return base64.b64decode(taken["data"])

    def _ask(
        self, method: str, values: Mapping[str, Any] | None = None, session: str = "", until: float = 0
    ) -> dict[str, Any]:
        """Asks and waits for the answer; what it tells besides is passed over."""
        until = until or time.monotonic() + self._seconds
        self._sent += 1
        question = {"id": self._sent, "method": method, "params": values or {}}
        if session:
            question["sessionId"] = session
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(question) + b"\0")
        except OSError as wrong:
            raise BrowserError(f"{self._program} ended by itself") from wrong
        while True:
            answer = _read(self._message(until), self._program)
            if answer.get("id") != self._sent:
                continue
            if "error" in answer:
                raise BrowserError(f"{self._program} refused {method}: {answer['error'].get('message')}")
            found: dict[str, Any] = answer.get("result", {})
            return found

    def _message(self, until: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        while b"\0" not in self._rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise BrowserSilentError(f"{self._program} did not answer within {self._seconds:g} seconds")
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            if not piece:
                raise BrowserError(f"{self._program} ended by itself")
            self._rest += piece
            if len(self._rest) > LARGEST_ANSWER:
                raise BrowserError(f"{self._program} answers with more than {LARGEST_ANSWER:,} bytes")
        message, _, self._rest = self._rest.partition(b"\0")
        return message

    def close(self) -> None:
        """Ends it and all that it started."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()
        self._profile.cleanup()
