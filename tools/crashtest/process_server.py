"""Starts daemons quickly: a process that has loaded the program, and whose children run `main.py`.

Loading takes longer than everything that a daemon then does until it is ready, and holds no state worth a
kill. Each child is a process of its own, with its own command line, log and environment, and dies by a real
SIGKILL. `--cold` starts `python main.py run` anew each time instead. Lines of JSON come in (`start`,
`signal`) and go out (`ended`); when stdin ends, all children are killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from engine import faults

MAIN = Path(__file__).resolve().parents[2] / "main.py"

_LOADED = (
    "engine.cli",
    "engine.cli.operations.run",
    "engine.daemon",
    "engine.channels.email.channel",
    "engine.channels.http_provider.channel",
)
"""What a daemon loads until it is ready."""


class ProcessServer:
    """The children by their number; a pid is only signalled while the child was not yet reaped."""

    def __init__(self, *, is_cold: bool) -> None:
        self._is_cold = is_cold
        self._pids: dict[int, int] = {}

    def obey(self, order: dict[str, Any]) -> None:
        """One line that came in."""
        number = int(order["number"])
        if "signal" in order:
            if number in self._pids:
                os.kill(self._pids[number], int(order["signal"]))
            return
        start = self._spawn if self._is_cold else self._fork
        self._pids[number] = start(order)

    def reap(self) -> None:
        """Tells of children that ended."""
        for number, pid in list(self._pids.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del self._pids[number]
                line = {"number": number, "ended": os.waitstatus_to_exitcode(status)}
                os.write(1, json.dumps(line).encode() + b"\n")

    def end(self) -> None:
        """Nobody outlives the crash test."""
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)

    def _spawn(self, order: dict[str, Any]) -> int:
        environment = {**os.environ, faults.VARIABLE: order["fault"]}
        program = (
            ["-m", "tools.crashtest.shifted_clock", str(order["ahead"])] if order["ahead"] else [str(MAIN)]
        )
        with Path(order["out"]).open("ab") as out, Path(order["log"]).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *program, *order["words"]],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment, cwd=MAIN.parent,
            )  # fmt: skip
        child.returncode = 0  # reaped here, by its pid, and by nobody else
        return child.pid

    def _fork(self, order: dict[str, Any]) -> int:
        pid = os.fork()
        if pid == 0:
            _run_order(order)
        return pid


def _run_order(order: dict[str, Any]) -> NoReturn:
    """The child from here on: `main.py`, as a shell would start it."""
    code = 70
    try:
        # What the parent had set for itself would write into the parent's pipe
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(order["out"], append), 1)
        os.dup2(os.open(order["log"], append), 2)
        faults.arm(order["fault"])
        if order["ahead"]:
            sys.argv = ["shifted_clock", str(order["ahead"]), *order["words"]]
            runpy.run_module("tools.crashtest.shifted_clock", run_name="__main__")
        else:
            sys.argv = [str(MAIN), *order["words"]]
            runpy.run_path(str(MAIN), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the log is all that is left of a child
        traceback.print_exc()
    finally:
        # Not `sys.exit`: the child would run on in the code of its parent
        sys.stdout.flush()
        os._exit(code)


def main(*, is_cold: bool) -> None:
    """Obeys until stdin ends."""
    if not is_cold:
        for heavy in _LOADED:
            with contextlib.suppress(ModuleNotFoundError):
                import_module(heavy)
    server = ProcessServer(is_cold=is_cold)
    news, wake = os.pipe()
    for end in (news, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.set_wakeup_fd(wake)
    rest = b""
    os.write(1, b"{}\n")
    try:
        while True:
            ready, _, _ = select.select([0, news], [], [], 1.0)
            if news in ready:
                os.read(news, 4096)
            if 0 in ready:
                read = os.read(0, 65536)
                if not read:
                    return
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    server.obey(json.loads(line))
            server.reap()
    finally:
        server.end()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The wakeup pipe tells it."""


if __name__ == "__main__":
    main(is_cold="--cold" in sys.argv)
