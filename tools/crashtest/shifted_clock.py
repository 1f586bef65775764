"""A daemon whose clock is ahead: the end of a crash test does not wait for hours until policies on unknowns
are due.

`python -m tools.crashtest.shifted_clock MILLISECONDS --project FOLDER run`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.clock import FastClock, SystemClock
from engine.daemon import Daemon
from engine.values import Instant

if __name__ == "__main__":
    clock = FastClock(Instant(SystemClock().now() + int(sys.argv[1])), 1.0)
    asyncio.run(Daemon(Path(sys.argv[3]), clock).run())
