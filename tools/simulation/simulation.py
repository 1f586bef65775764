"""One seed: the course of a shop in virtual time, from the first customer until nothing moves any more."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import tempfile
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import structlog
from sqlalchemy.exc import DatabaseError

from engine.ids import drawn_from
from engine.project import Project
from engine.store import meta, migrations
from engine.store.connections import create_store_engine
from engine.store.database import is_refusal
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant
from tools.simulation.faults import CrashedError
from tools.simulation.history import History
from tools.simulation.invariants import AFTER, DURING, Evidence
from tools.simulation.process import Process, register_tasks
from tools.simulation.projects import SimulatedProject, made_up
from tools.simulation.provider import PERFECT, Manners, Providers
from tools.simulation.virtual_time import SimulatedClock, VirtualLoop
from tools.simulation.world import Request, World, spread

START = Instant(1_774_000_800_000)
"""Friday, 20 March 2026, 10:00 UTC: a week before the clocks go forward in Europe."""

SHARED_BY = 8
"""So many seeds in a row share a made-up project: reading one takes as long as a week of three customers."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How large and how rough. `per_day`: what happens to a customer; `pace`: at least so long between two
    rounds: with many customers something is due at every moment, and what is due meanwhile is done late."""

    customers: int = 4
    days: float = 5
    per_day: float = 3.0
    pace: int = SECOND
    batches: tuple[int, ...] = (2, 10, 200, 1000)  # small ones cut what came together
    looks: int = 1  # the rules for every moment are asked so many rounds apart
    faults: bool = True

    @classmethod
    def of(cls, customers: int, days: float) -> Scenario:
        """Few customers live a busy week minute by minute; many live quieter years, a quarter of an hour at a
        time."""
        if customers <= 20:
            return cls(customers, days)
        return cls(customers, days, 0.4, pace=30 * MINUTE, batches=(50, 1000, 1000), looks=20)


@dataclass(slots=True)
class SeedResult:
    """`breaches`: what must not be and was, each with the name of its rule. `digest`: of everything that
    happened and of the store at the end: the same for the same seed."""

    seed: int
    breaches: list[str]
    digest: str
    customer_days: float
    counts: dict[str, int] = field(default_factory=dict)


def simulate(seed: int, scenario: Scenario, project: SimulatedProject | None = None) -> SeedResult:
    """Runs one seed in a folder of its own, which is removed. Nothing in it asks the machine for time or
    chance."""
    project = project or made_up(seed // SHARED_BY)
    logged = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False
    )
    folder = Path(tempfile.mkdtemp(prefix="perennial-simulation-", dir=_memory()))
    try:
        with (
            drawn_from(Random(f"ids {seed}").randbytes),
            asyncio.Runner(loop_factory=VirtualLoop) as runner,
        ):
            return runner.run(Simulation(seed, scenario, project, folder).run())
    finally:
        structlog.configure(**logged)
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


class Simulation:
    """The course of one seed."""

    def __init__(self, seed: int, scenario: Scenario, project: SimulatedProject, folder: Path) -> None:
        self.seed = seed
        self.scenario = scenario
        self.history = History()
        self._dice = Random(f"course {seed}")
        self._file = folder / "shop.db"
        self._file.write_bytes(_empty_database())
        self._project = project
        self._published: Project = project.first
        manners = Manners() if scenario.faults else PERFECT
        self.providers = Providers(Random(f"providers {seed}"), manners)
        config = project.first.config
        self._world = World(
            Random(f"world {seed}"),
            project.first.catalogue,
            tuple(config.channels),
            scenario.customers,
        )
        self._requests: list[Request] = []
        self._happened_until = START
        self._is_at_rest = False
        self._processes: dict[str, Process] = {}
        self._observer = create_store_engine(f"sqlite:///{self._file}")

    async def run(self) -> SeedResult:
        """From the first customer until nothing moves any more."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        register_tasks(loop)
        loop.set_exception_handler(_unheard)
        self._clock = SimulatedClock(loop, START)
        self.history.passed = loop.time
        with self._observer.connect().execution_options(writes="alone") as conn, conn.begin():
            meta.settle(conn)
        self._requests = self._world.begin()
        end = Instant(START + int(self.scenario.days * DAY))
        while self._real_now() < end and not self.history.breaches:
            self._requests += self._world.happen(self._clock.now(), self._busy())
            await self._round()
            await self._pass_time(end)
        await self._come_to_rest()
        result = SeedResult(
            self.seed, self.history.breaches, self._digest(), self.scenario.customers * self.scenario.days,
            self.history.counts,
        )  # fmt: skip
        for process in self._processes.values():
            await process.clear()
        self._observer.dispose()
        return result

    # --- rounds -------------------------------------------------------------------------------------

    async def _round(self) -> None:
        """Everything that a daemon does at a moment, in an order that the seed shuffles, and what breaks."""
        dice, faults = self._dice, self.scenario.faults
        if faults and dice.random() < 0.02:
            # a machine whose clock is put right: an hour, a day, some seconds
            self._clock.jump += dice.choice((-1, 1)) * dice.choice((SECOND, HOUR, 5 * MINUTE))
            self.history.jumped = True
            self.history.count("clock jumps")
        wanted = ["a"] if not faults or dice.random() < 0.7 else ["a", "b"]
        for name in wanted:
            if name not in self._processes:
                await self._begin(name)
        work: list[Coroutine[Any, Any, None]] = []
        for process in [*self._processes.values()]:
            if faults and dice.random() < 0.12:
                process.faults.arm(dice)
            turns: list[Callable[[], Coroutine[Any, Any, Any]]] = [
                process.advance,
                process.deliver,
                process.advance,
            ]
            # less often than the rest, as the daemon does it; a round may also be all that there is for hours
            turns += [
                turn for turn in (process.look, process.settle) if dice.random() < 0.5 or self._is_at_rest
            ]
            dice.shuffle(turns)
            if faults and dice.random() < 0.02:
                turns.insert(dice.randint(0, len(turns)), lambda process=process: self._reload(process))  # type: ignore[misc]
            work += [self._turn(process, turn, spread(dice, 2.0)) for turn in turns]
        takers = [*self._processes.values()]
        work += [
            self._turn(taker, lambda taker=taker: self._take(taker), spread(dice, 2.0))  # type: ignore[misc]
            for taker in takers
        ]
        await asyncio.gather(*work)
        self.history.count("rounds")
        for name, process in [*self._processes.items()]:
            if process.is_dead or (faults and dice.random() < 0.01):
                self.history.count("crashes")
                await process.clear()
                del self._processes[name]
        if self.history.counts["rounds"] % self.scenario.looks == 0:
            self._check(DURING)

    async def _turn(
        self, process: Process, work: Callable[[], Coroutine[Any, Any, Any]], wait: float
    ) -> None:
        """One piece of work of a process; what the store refuses and what dies is tried again in a later
        round."""
        await asyncio.sleep(wait)
        if process.is_dead:
            return
        try:
            await process.do(work())
        except CrashedError:
            return
        except DatabaseError as refusal:
            if not is_refusal(refusal):
                self._defect(refusal)
            self.history.count("refusals of the store")
        except Exception as defect:  # noqa: BLE001 - what a daemon would log as a defect of ours is a breach
            self._defect(defect)
        finally:
            self.history.read_decisions(self._observer)

    def _defect(self, wrong: BaseException) -> None:
        lines = "".join(traceback.format_exception(wrong))
        self.history.breaches.append(f"no_defect: {type(wrong).__name__}: {wrong}\n{lines}")

    async def _begin(self, name: str) -> None:
        process = Process(
            name, self._file, self._clock, Random(f"{name} {self.seed} {self.history.turn}"), self.providers,
            self.history.next_answer_change,
        )  # fmt: skip
        process.handed = lambda message: self.history.note_handed(
            self._observer, message.key, self._clock.now(), name
        )
        process.batches = self.scenario.batches
        self._processes[name] = process
        alone = len(self._processes) == 1
        await self._turn(process, lambda: process.begin(self._published, alone=alone), 0.0)
        if not hasattr(process, "live") or process.is_dead:
            await process.clear()
            del self._processes[name]

    async def _reload(self, process: Process) -> None:
        self._published = self._dice.choice(self._project.later or (self._project.first,))
        self.history.count("reloads")
        process.publish(self._published)

    async def _take(self, process: Process) -> None:
        """A source sends what is left; what is not answered with yes it sends again."""
        while self._requests:
            request = self._requests[0]
            await process.take(request.items, request.source)
            self.history.answered(request.items)
            self.history.count("requests")
            if request in self._requests:
                self._requests.remove(request)
        now = self._clock.now()
        if told := self.providers.due_reports(now):
            await process.report(told)
            self.providers.reported(now)

    # --- time -----------------------------------------------------------------------------------------

    def _busy(self) -> int:
        """How many things happen in this round."""
        now = self._real_now()
        elapsed, self._happened_until = now - self._happened_until, now
        expected = self.scenario.customers * self.scenario.per_day * min(elapsed, DAY) / DAY
        return int(expected + self._dice.random())

    def _real_now(self) -> Instant:
        return Instant(self._clock.now() - self._clock.jump)

    async def _pass_time(self, end: Instant) -> None:
        """On to the next moment at which something may happen, and sometimes a while too late."""
        now = self._clock.now()
        dice, scenario = self._dice, self.scenario
        chance = Instant(now + dice.randint(20 * MINUTE, 9 * HOUR))
        moments = [moment for moment in (*self._moments(), chance) if moment > now]
        wait = max(min(moments) - now, scenario.pace)
        if scenario.faults and dice.random() < 0.05:
            wait += dice.randint(0, 30 * HOUR)  # nothing runs for a while
        wait = min(wait, max(end - self._real_now(), SECOND))
        await asyncio.sleep(wait / SECOND)

    def _moments(self) -> list[Instant]:
        """When something is due by the store."""
        with self._observer.connect() as conn:
            found = conn.exec_driver_sql(
                "SELECT (SELECT min(due_at) FROM due), (SELECT min(ready_at) FROM outbox WHERE state IN"
                " ('planned', 'deferred')), (SELECT min(settle_at) FROM outbox WHERE state = 'unknown'),"
                " (SELECT min(lease_until) FROM outbox WHERE state IN ('claimed', 'handoff'))"
            ).fetchone()
        assert found is not None
        return [Instant(moment + 1) for moment in found if moment is not None]

    async def _come_to_rest(self) -> None:
        """Nothing breaks any more, the clock is right and goes on for some days: what is under way ends."""
        if self.history.breaches:
            return
        self.providers.manners = PERFECT
        self._is_at_rest = True
        self.scenario = replace(self.scenario, faults=False)
        for process in self._processes.values():
            process.faults.armed = None
        self._clock.jump = max(self._clock.jump, 0)
        for _ in range(12):
            await self._round()
            if self.history.breaches:
                return
            await asyncio.sleep(6 * 3600)
        await self._round()
        # what the last round was told after its last decisions
        for process in self._processes.values():
            await self._turn(process, process.advance, 0.0)
        self._check(AFTER)

    # --- checks -----------------------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        """What can be known of it now."""
        return Evidence(self._observer, self.history, self.providers, self._published, self._clock.now())

    def _check(self, rules: tuple[Callable[[Evidence], list[str]], ...]) -> None:
        evidence = self.evidence()
        for rule in rules:
            self.history.breaches += [f"{rule.__name__}: {breach}" for breach in rule(evidence)[:3]]

    def _digest(self) -> str:
        """Of the course and of everything in the store."""
        digest = hashlib.sha256()
        for entry in (*self.history.handed, *self.history.decided, *self.providers.arrivals):
            digest.update(repr(entry).encode())
        with self._observer.connect() as conn:
            tables = conn.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
            ).fetchall()
            for (table,) in tables:
                rows = conn.exec_driver_sql(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
                for line in sorted(repr(tuple(row)) for row in rows):
                    digest.update(line.encode())
        self.history.count("messages", len(self.providers.arrivals))
        self.history.count("decisions", len(self.history.decided))
        self.history.count("events", len(self.history.events))
        return digest.hexdigest()[:16]


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Nobody waits any more for what a dead process was doing."""
    if not isinstance(context.get("exception"), CrashedError):
        loop.default_exception_handler(context)


@cache
def _empty_database() -> bytes:
    """What the migrations make of nothing: tables, and not yet the secrets of a store."""
    with tempfile.TemporaryDirectory(prefix="perennial-tables-") as folder:
        file = Path(folder) / "shop.db"
        engine = create_store_engine(f"sqlite:///{file}")
        migrations.upgrade(engine)
        engine.dispose()
        return file.read_bytes()
