"""A daemon whose clock jumps when a file says so: `python -m tests.crash.daemon_that_jumps FOLDER`;
FOLDER/ahead holds milliseconds.

To a stopped process a jump of ten minutes looks like ten minutes of standing still.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.cli.logs import set_up
from engine.clock import SystemClock
from engine.daemon import Daemon
from engine.values import Instant


class JumpingClock:
    """The time of this machine and what the file adds to it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._clock = SystemClock()

    def now(self) -> Instant:
        """The present moment."""
        ahead = int(self._file.read_text(encoding="utf-8")) if self._file.exists() else 0
        return Instant(self._clock.now() + ahead)


if __name__ == "__main__":
    set_up(as_json=False)
    folder = Path(sys.argv[1])
    asyncio.run(Daemon(folder, JumpingClock(folder / "ahead")).run())
