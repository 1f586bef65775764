"""The process server seen from the crash test: daemons to start, to signal and to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from engine.errors import WorldError

LOADING_SECONDS = 120.0


def environment() -> dict[str, str]:
    """Of every process that the crash test starts: it keeps compiled modules, and finds the engine from
    anywhere."""
    variables = {name: value for name, value in os.environ.items() if name != "PERENNIAL_PROJECT"}
    if variables.pop(
        "PYTHONDONTWRITEBYTECODE", ""
    ):  # a process that keeps its compiled modules starts three times as fast
        variables.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
    root = str(Path(__file__).resolve().parents[2])
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (root, variables.get("PYTHONPATH", ""))))
    return variables


class Process:
    """One daemon. `ended`: its exit code, or minus the signal that ended it."""

    def __init__(self, number: int, processes: Processes) -> None:
        self.number = number
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._processes = processes

    @property
    def is_over(self) -> bool:
        """It has ended, by whatever."""
        return self.ended.done()

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; nothing happens when it has ended."""
        if not self.is_over:
            self._processes.order({"number": self.number, "signal": int(number)})

    async def wait(self, seconds: float) -> int | None:
        """Its exit code; None when it still runs after so many seconds."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.ended), seconds)
        return None

    async def kill(self) -> int:
        """SIGKILL, and nothing else. What it ended with: it may have ended by itself a moment before."""
        self.signal(signal.SIGKILL)
        return await asyncio.shield(self.ended)


class Processes:
    """Every daemon of this crash test; they end with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._count = itertools.count()
        self._living: dict[int, Process] = {}

    def start(
        self,
        folder: Path,
        words: tuple[str, ...],
        out: str,
        fault: str = "",
        ahead: int = 0,
        log: str = "daemon.log",
    ) -> Process:
        """`main.py WORDS` on a project; its answers go to the end of the file `out`, everything else to that
        of the file `log`. `fault`: as in `engine.faults`; `ahead`: ms that the clock of a daemon is ahead."""
        process = Process(next(self._count), self)
        self._living[process.number] = process
        files = {"log": str(folder / log), "out": str(folder / out)}
        command = ["--project", str(folder), *words]
        self.order({"number": process.number, "words": command, "fault": fault, "ahead": ahead, **files})
        return process

    def order(self, order: dict[str, Any]) -> None:
        """A line for the process server."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def listen(self) -> None:
        """Takes what the process server tells until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            event = json.loads(line)
            self._living.pop(event["number"]).ended.set_result(event["ended"])
        for process in self._living.values():
            process.ended.set_exception(
                WorldError("the process that starts the daemons has ended", permanent=False)
            )


@contextlib.asynccontextmanager
async def start_process_server(*, is_cold: bool) -> AsyncIterator[Processes]:
    """A process server that is ready. Whatever runs is killed at the end, also when this process ends in any
    other way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.crashtest.process_server", *(["--cold"] if is_cold else []),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    listening: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(LOADING_SECONDS):
            if not await process.stdout.readline():
                raise WorldError("the process that starts the daemons did not start", permanent=True)
        processes = Processes(process)
        listening = asyncio.create_task(processes.listen())
        yield processes
    finally:
        process.stdin.close()
        if listening is not None:
            listening.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()
