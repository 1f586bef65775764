"""What happened to a shop, moment by moment, in a form that every later version reads, and how it is played
to the real runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog

from engine.channels.base import Report
from engine.clock import ManualClock
from engine.ids import drawn_from
from engine.project import Project
from engine.runtime.intake.items import AliasItem, CustomerItem, EventItem, Item, ProductItem, VisitorItem
from engine.values import Instant
from tools.simulation.process import Process, register_tasks
from tools.simulation.provider import PERFECT, Providers
from tools.simulation.virtual_time import VirtualLoop

ITEMS: Mapping[str, type[Item]] = {
    "event": EventItem,
    "customer": CustomerItem,
    "alias": AliasItem,
    "visitor": VisitorItem,
    "product": ProductItem,
}
"""What may be sent to a shop. The words stand in journals: they stay."""

_WORDS = {kind: word for word, kind in ITEMS.items()}


class Round(msgspec.Struct, frozen=True, omit_defaults=True):
    """One moment at which the program works: what it is sent before, and what providers report by then.

    `items`: a map of one of the words of `ITEMS` to the fields of the item; `reports`: channel and fields."""

    at: Instant
    items: tuple[Mapping[str, Any], ...] = ()
    reports: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @classmethod
    def of(cls, at: Instant, items: Iterable[Item], reports: Iterable[tuple[str, Report]]) -> Round:
        """As it is written."""
        return cls(
            at,
            tuple({_WORDS[type(item)]: msgspec.to_builtins(item)} for item in items),
            tuple((channel, msgspec.to_builtins(report)) for channel, report in reports),
        )

    def sent(self) -> list[Item]:
        """The items. A field that this version no longer has is left out."""
        return [
            msgspec.convert(fields, ITEMS[word])
            for document in self.items
            for word, fields in document.items()
        ]

    def told(self) -> list[tuple[str, Report]]:
        """The reports, each with its channel."""
        return [(channel, msgspec.convert(fields, Report)) for channel, fields in self.reports]


class _NoChance(Random):
    """Nothing takes time and nothing is shuffled: the order of receipt, by which runs are named, depends on
    no draw."""

    def random(self) -> float:
        return 0.0


class Player:
    """A daemon on a store, whose clock goes from round to round and stands still in each, so that what it
    decides depends on nothing but the rounds. `providers`: they take every message."""

    def __init__(self, file: Path, start: Instant) -> None:
        self.clock = ManualClock(start)
        self.providers = Providers(_NoChance(), PERFECT)
        self._turn = 0
        self._process = Process("a", file, self.clock, _NoChance(), self.providers, self._next_turn)

    async def begin(self, project: Project) -> None:
        """Publishes the project and recovers, as a daemon that is started on this store."""
        await self._process.begin(project, alone=True)

    async def play(self, round_: Round) -> None:
        """One round: what arrives is taken, then everything is done that a daemon does."""
        self.clock.advance_to(round_.at)
        process = self._process
        if items := round_.sent():
            await process.take(items, "shop")
        if told := round_.told():
            await process.report(told)
        await process.look()
        await process.settle()
        await process.advance()
        # what is decided may be sent at once, and what was sent may decide the next
        for _ in range(3):
            await process.deliver()
            await process.advance()

    async def end(self) -> None:
        """Stops the daemon."""
        await self._process.clear()

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn


@contextmanager
def virtual_runner(seed: str) -> Iterator[asyncio.Runner]:
    """Runs coroutines on a loop whose time is virtual, with ids drawn from the seed and a log that is
    silent."""
    logged = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False
    )
    try:
        with drawn_from(Random(seed).randbytes), asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            register_tasks(loop)
            yield runner
    finally:
        structlog.configure(**logged)
