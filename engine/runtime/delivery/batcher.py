"""What several messages ask of the store at the same moment is asked in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from engine.store.database import is_refusal

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 100
"""Items of one transaction: the others' answers wait for it, and so does everybody else who writes."""


class Batcher(Generic[Item, Answer]):
    """Whoever asks while the store is free is served at once and waits for nobody. What comes while it works
    goes together when it is done: a batch is as large as the store is slow.

    `job` answers for all of a batch, in their order. When it raises because of one of them, each is asked
    alone, so that one stops no other; a store that refuses would refuse each of them, and all hear of it.
    """

    def __init__(self, job: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._job = job
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._working: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Answer:
        """The answer for this one. Raises what `job` raises for it."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._serve(batch)

    async def _serve(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._job([item for item, _ in batch])
        except Exception as failure:  # noqa: BLE001 - it is told to those who wait
            if len(batch) > 1 and not is_refusal(failure):
                for alone in batch:
                    await self._serve([alone])
                return
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(failure)
            return
        for (_, answer), given in zip(batch, answers, strict=True):
            if not answer.done():  # whoever asked may have been cancelled meanwhile
                answer.set_result(given)
