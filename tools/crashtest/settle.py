"""After the last kill: waits until everything is done, with a clock that is ahead where something goes again
later."""

from __future__ import annotations

import asyncio

from engine.values import HOUR, Instant
from tools.crashtest import audit
from tools.crashtest.instance import Instance

UNSETTLED_SECONDS = 90.0
"""Nothing moves for so many seconds: the test ends, and what waits is told."""

SETTLED_SECONDS = 3.5
"""Seconds without any change while messages are unknown: the daemon looks at them every two."""

MOST_HOURS = 4
"""So far ahead is the clock of the last daemon at most: beyond the patience of every default policy, and of
retries."""


async def settle(instance: Instance) -> None:
    """Until nothing is left to do; then with a clock that is ahead, hour by hour, until everything that goes
    again has gone and the policies on unknown messages have spoken."""
    ahead = 0
    while True:
        await _wait_until_settled(instance, ahead)
        # Before the clock is put on: the policies would settle them and leave nothing to list
        await instance.list_unknown()
        await instance.stop()
        ahead += HOUR
        if ahead > MOST_HOURS * HOUR or audit.waiting(instance.folder, instance.clock.now()).is_over:
            return
        instance.start(ahead=ahead)
        await instance.ready()


async def _wait_until_settled(instance: Instance, ahead: int) -> None:
    """Until everything is done and a look at unknown messages has changed nothing."""
    loop = asyncio.get_running_loop()
    moved, before = loop.time(), None
    assert instance.process is not None
    while not instance.process.is_over:
        waiting = audit.waiting(instance.folder, Instant(instance.clock.now() + ahead))
        if waiting != before:
            moved, before = loop.time(), waiting
        patience = (
            UNSETTLED_SECONDS if not waiting.is_settled else SETTLED_SECONDS if waiting.unknown else 1.0
        )
        if loop.time() - moved > patience:
            return
        await asyncio.sleep(0.2)
    instance.troubles.append(f"the last daemon ended by itself: {instance.log()[-400:].decode()}")
