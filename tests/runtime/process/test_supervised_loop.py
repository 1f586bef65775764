"""A part of the daemon goes on whatever a turn brings, and says what was wrong."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from engine.backoff import Backoff
from engine.errors import WorldError
from engine.runtime.process import supervised_loop as parts
from engine.runtime.process.health import Health
from engine.runtime.process.supervised_loop import SupervisedLoop

pytestmark = pytest.mark.anyio


class Turns:
    """Takes a turn for each of these: raises it, or rests so long. After the last one the part is stopped."""

    def __init__(self, turns: Sequence[Exception | float]) -> None:
        self.counted: Counter[str] = Counter()
        self.health = Health(lambda name: self.counted.update([name]))
        self.said: list[str] = []
        self.left = list(turns)
        self.part = SupervisedLoop("advancer", self.turn, self.health)

    async def turn(self) -> float:
        self.said.append(self.health.why)
        if not self.left:
            self.part.stop()
            return 0.0
        now = self.left.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    async def run(self) -> None:
        async with asyncio.timeout(10):
            await self.part.run()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAUSES", Backoff(10, 20))


async def test_a_defect_is_counted_and_told_until_a_turn_succeeds() -> None:
    turns = Turns([0.0, KeyError("nobody"), ZeroDivisionError(), 0.0])
    await turns.run()
    assert turns.counted == {"advancer": 2}
    assert turns.said == [
        "",
        "",
        "advancer: a defect of ours (KeyError); the log has more",
        "advancer: a defect of ours (ZeroDivisionError); the log has more",
        "",
    ]


async def test_a_store_that_refuses_is_no_defect() -> None:
    turns = Turns([OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))])
    await turns.run()
    assert turns.counted == {}
    assert turns.said == ["", "advancer: the store cannot be used"]


async def test_news_end_a_rest() -> None:
    turns = Turns([3600.0, 0.0])
    running = asyncio.create_task(turns.run())
    await asyncio.sleep(0)
    turns.part.wake()
    await running
    assert len(turns.said) == 3


async def test_news_do_not_shorten_the_pause_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAUSES", Backoff(3_600_000, 3_600_000))
    turns = Turns([KeyError("again"), 0.0])
    running = asyncio.create_task(turns.run())
    for _ in range(20):
        turns.part.wake()
        await asyncio.sleep(0)
    assert len(turns.said) == 1
    turns.part.stop()
    await running
    assert len(turns.said) == 1


async def test_a_stop_ends_a_rest() -> None:
    turns = Turns([3600.0])
    running = asyncio.create_task(turns.run())
    await asyncio.sleep(0)
    turns.part.stop()
    await running
    assert turns.said == [""]


def test_what_depends_on_somebody_else_s_server_is_no_part_of_readiness() -> None:
    health = Health(outward=["mailbox"])
    health.failed("mailbox", WorldError("the mailbox cannot be read", permanent=False))
    assert health.why == ""
    health.failed("advancer", WorldError("it stands still", permanent=False))
    assert health.why == "advancer: it stands still"
