"""One rate for all workers, and few statements for it."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from engine.config import RateLimit
from engine.runtime.workers.shared_rate import SharedRate
from engine.store.daemon import workers
from engine.store.database import Store

pytestmark = pytest.mark.postgres


def test_places_of_all_workers_follow_each_other_and_idle_ones_are_kept_for_a_while(shared: Store) -> None:
    engine = workers.beats_engine(shared.engine, "w")
    with engine.connect() as conn:
        reserve = partial(workers.reserve, conn, "email", interval=1_000_000, burst=60_000_000)
        first, second, third = reserve(count=10), reserve(count=50), reserve(count=1)
    engine.dispose()
    assert first <= -59_000_000, "a minute's worth was there at once"
    assert 9_000_000 <= second - first <= 10_000_000
    assert -1_000_000 < third <= 0, "and now one each second"


def test_together_they_send_no_faster_than_the_rate(shared: Store) -> None:
    engine = workers.beats_engine(shared.engine, "w")
    asked: list[int] = []

    def reserve(name: str, count: int, interval: int, burst: int) -> int:
        asked.append(count)
        with engine.connect() as conn:
            return workers.reserve(conn, name, count, interval, burst)

    async def send() -> list[float]:
        loop = asyncio.get_running_loop()
        rates = [SharedRate("email", RateLimit(200, 1), reserve, lambda: 2) for _ in range(2)]
        sent: list[float] = []

        async def one(rate: SharedRate) -> None:
            await rate.acquire()
            sent.append(loop.time())

        await asyncio.gather(*(one(rates[number % 2]) for number in range(400)))
        return sent

    sent = asyncio.run(send())
    engine.dispose()
    assert max(sent) - min(sent) > 0.8, "200 at once, and the others in the second after"
    assert len(asked) <= 8
