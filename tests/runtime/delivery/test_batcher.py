"""Who asks the store alone is served alone; what comes while it works goes together; one stops no other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from engine.runtime.delivery.batcher import MOST, Batcher

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Store:
    """Answers each number with its double. `refuses`: as a full disk does. Knows what came together."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.refuses = refuses

    async def double(self, numbers: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(numbers))
        await asyncio.sleep(0.01)
        if self.refuses:
            raise OperationalError("UPDATE", (), sqlite3.OperationalError("disk full"))
        if any(number < 0 for number in numbers):
            raise ValueError("no such message")
        return [2 * number for number in numbers]


async def test_the_first_waits_for_nobody_and_what_comes_meanwhile_goes_together() -> None:
    store = Store()
    batcher = Batcher(store.double)
    first = asyncio.create_task(batcher.ask(1))
    await asyncio.sleep(0.001)
    others = [asyncio.create_task(batcher.ask(number)) for number in range(2, MOST + 10)]
    assert await asyncio.gather(first, *others) == [2 * number for number in range(1, MOST + 10)]
    assert [len(batch) for batch in store.batches] == [1, MOST, 8]


async def test_one_that_fails_stops_no_other() -> None:
    store = Store()
    batcher = Batcher(store.double)
    answers = await asyncio.gather(*map(batcher.ask, (1, -1, 3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["2", "no such message", "6"]


async def test_a_store_that_refuses_is_asked_once_for_all() -> None:
    store = Store(refuses=True)
    batcher = Batcher(store.double)
    answers = await asyncio.gather(*map(batcher.ask, (1, 2, 3)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {OperationalError}
    assert store.batches == [[1, 2, 3]]


async def test_who_was_cancelled_takes_no_answer_from_the_others() -> None:
    store = Store()
    batcher = Batcher(store.double)
    asked = [asyncio.create_task(batcher.ask(number)) for number in (1, 2)]
    await asyncio.sleep(0.001)
    asked[0].cancel()
    assert await asked[1] == 4
    assert await batcher.ask(3) == 6
