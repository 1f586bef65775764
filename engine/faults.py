"""The five named points at which a crash test can end the process; without its variable they do nothing.

`PERENNIAL_FAULT="after claim:3"` kills this process (SIGKILL, nothing is tidied up) when it comes by the point for the
third time. The points stand around what cannot be taken back (RELIABILITY.md 2.1).
"""

from __future__ import annotations

import os
import signal
from typing import Literal

Point = Literal[
    "before claim", "after claim", "before the last byte", "after the last byte", "before the commit"
]
POINTS: tuple[Point, ...] = (
    "before claim", "after claim", "before the last byte", "after the last byte", "before the commit",
)  # fmt: skip
VARIABLE = "PERENNIAL_FAULT"

_wanted, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times) if _times.isdigit() else 1


def reach(point: Point) -> None:
    """The process is at this point. `before the commit`: the answer of the provider is known and not yet stored."""
    global _left  # noqa: PLW0603
    if point != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
