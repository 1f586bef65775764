"""The event loop of a process that serves: uvloop where it is installed, and never long without the
interpreter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SLICE = 0.001
"""Seconds that a thread keeps the interpreter while another one waits for it. Python's own 5 ms add up: the
loop gives it away at every look for something to do, and decoding, deciding and writing are threads."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`."""
    sys.setswitchinterval(SLICE)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # it is made for CPython, and not for Windows
        return None
    return uvloop.new_event_loop
