"""Recurring jobs are started, and a stop ends them in silence."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.runtime.process.health import Health
from engine.runtime.process.scheduler import Scheduler
from engine.store.database import open_store
from engine.values import DAY
from tests.core.builders import moment, project

pytestmark = pytest.mark.anyio


async def test_a_stop_over_a_job_is_no_failure_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store("sqlite:///shop.db", tmp_path)
    begun = asyncio.Event()

    async def long() -> None:
        begun.set()
        await asyncio.sleep(60)

    scheduler = Scheduler(
        store,
        ManualClock(moment("0 10:00")),
        project,
        lambda: None,
        Health(),
        is_leader=lambda: False,
    )
    scheduler.add("long", DAY, long, at_once=True)
    scheduler.start()
    await begun.wait()
    with caplog.at_level(logging.ERROR):
        scheduler.stop()
        # the stop reaches the job in the turns of the loop that follow
        await asyncio.sleep(0.1)
    assert [record.getMessage() for record in caplog.records] == []
    store.close()
