"""Answers that take a while, for many who ask: made apart from everything else, some at a time, one for all
who ask the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engine.http.problems import Refusal

AT_ONCE = 2
"""Answers that are made at the same time."""

MOST_WAITING = 16
"""Different answers that are made or wait for it."""


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer as it is sent. `tag`: the same as long as what it says is."""

    body: bytes
    tag: str
    media_type: str = "application/json"


@dataclass(slots=True)
class _Shared:
    """An answer that is being made, or is there and handed out `until` then (seconds; None: not yet)."""

    answer: asyncio.Future[ReadAnswer]
    until: float | None = None


class SharedAnswers:
    """Makes answers in threads of its own, beside the writer and away from the event loop. Whoever asks for
    what is just being made, or was made a moment ago, gets the same."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "http-report")
        self._shared: dict[Hashable, _Shared] = {}

    async def answer(self, question: Hashable, make: Callable[[], ReadAnswer], seconds: float) -> ReadAnswer:
        """What `make` made of this question, at most so many seconds ago. Raises what it raises, and Refusal
        503 where too many others are made."""
        now = time.monotonic()
        self._shared = {
            each: shared
            for each, shared in self._shared.items()
            if shared.until is None or shared.until > now
        }
        shared = self._shared.get(question)
        if shared is None:
            if sum(each.until is None for each in self._shared.values()) >= MOST_WAITING:
                raise Refusal(503, "too many reports are being made", "ask again in a moment", retry_after=5)
            shared = self._begin(question, make, seconds)
        # who goes away leaves it to the others
        return await asyncio.shield(shared.answer)

    def _begin(self, question: Hashable, make: Callable[[], ReadAnswer], seconds: float) -> _Shared:
        made = asyncio.get_running_loop().run_in_executor(self._threads, make)
        shared = self._shared[question] = _Shared(made)

        def done(future: asyncio.Future[ReadAnswer]) -> None:
            shared.until = time.monotonic() + seconds
            # a refusal is told to those who wait for it, and not kept; looked at, so that none is lost if all
            # of them have gone
            if future.cancelled() or future.exception() is not None:
                del self._shared[question]

        made.add_done_callback(done)
        return shared
