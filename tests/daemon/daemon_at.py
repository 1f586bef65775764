"""A daemon whose clock begins at another moment: `python -m tests.daemon.daemon_at FOLDER MILLISECONDS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.cli.logs import set_up
from engine.clock import FastClock
from engine.daemon import Daemon
from engine.values import Instant

if __name__ == "__main__":
    set_up(as_json=False)
    asyncio.run(Daemon(Path(sys.argv[1]), FastClock(Instant(int(sys.argv[2])), 1.0)).run())
