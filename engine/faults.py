"""The five named points at which a crash test can end the process; without its variable they do nothing.

`PERENNIAL_FAULT="after claim:3"` kills this process (SIGKILL, nothing is tidied up) when it comes by the
point for the third time. The points stand around what cannot be taken back (design/reliability 2.1).
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

_wanted = ""
_left = 0


def arm(text: str) -> None:
    """This process is to end at `POINT` or `POINT:TIMES`; an empty text disarms it. Read from the environment
    at the start.

    Raises ValueError for a point that there is not: a crash test that strikes nowhere must not look like one
    that passed.
    """
    global _wanted, _left
    point, _, times = text.partition(":")
    if point and (point not in POINTS or (times and not times.isdigit())):
        raise ValueError(f'{VARIABLE}="{text}": write one of {", ".join(POINTS)}, and if need be :TIMES')
    _wanted, _left = point, int(times or 1)


def reach(point: Point) -> None:
    """The process is at this point. `before the commit`: the answer of the provider is known and not yet
    stored."""
    global _left  # noqa: PLW0603
    if point != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get(VARIABLE, ""))
