"""The crash test as a whole: instances side by side, their daemons killed again and again, then calm, then
the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.clock import Clock, SystemClock
from engine.errors import PerennialError, WorldError
from engine.faults import POINTS
from tools.crashtest import audit
from tools.crashtest.audit import StoredMessage
from tools.crashtest.databases import databases
from tools.crashtest.instance import Death, Instance, Ports, reserved_port
from tools.crashtest.processes import Processes, environment, start_process_server
from tools.crashtest.settle import settle
from tools.crashtest.shop import make_people
from tools.crashtest.sinks import sink
from tools.crashtest.verdict import Arrival, Evidence, Verdict, judge

AT_WORK = 1.2
"""A daemon that is ready lives so many seconds at most; longer on a machine that is busy with other things,
and when much waits, so that the kills spread over all messages."""

USUAL_START = 0.8
"""A daemon that needs more seconds than this to be ready runs on a slow or busy machine."""

FULL, MOST_BACKLOG = 100, 4.0
"""So many rows waiting are a full life's work; so many lives' work counts at most."""

AT_START = 0.25
"""The share of kills that strike while a daemon starts."""

ON_PURPOSE = 0.1
"""The share of kills that strike at the named points, unless all of them shall."""

UNREACHED = 6.0
"""A point that a daemon does not come by in so many seconds is left, and a plain kill strikes."""

AHEAD = 3
"""The source keeps the work of so many lives ahead of the kills."""


@dataclass(frozen=True, slots=True)
class CrashTestOptions:
    """How hard. `at`: the points at which the daemons are to end themselves (`engine.faults`); empty: some
    kills strike at all five, most at any moment. `gateway`: with the HTTP channel beside the mail. `is_cold`:
    each daemon starts from nothing, as `main.py run` does from a shell."""

    messages: int = 20_000
    kills: int = 500
    seed: int = 1
    parallel: int = 4
    at: tuple[str, ...] = ()
    is_cold: bool = False
    gateway: bool = True
    store: str = ""  # the address of a PostgreSQL server; empty: SQLite files
    workers: int = 1  # processes on each store


@dataclass(slots=True)
class Progress:
    """What was done. `points`: how often each was struck; `early`: kills while a daemon started; `unready`:
    daemons that had not begun to work when their time came."""

    kills: int = 0
    starts: int = 0
    early: int = 0
    helpers: int = 0  # strikes at processes beside the daemons
    points: Counter[str] = field(default_factory=Counter)
    killing_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CrashTestResult:
    """The end of a crash test. `messages` by send key; `copies`: how often each arrived."""

    wishes: CrashTestOptions
    tally: Progress
    verdict: Verdict
    channels: tuple[str, ...]
    deaths: tuple[Death, ...] = ()
    messages: Mapping[str, StoredMessage] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)


Watch = Callable[[str, int, int], None]
"""Gets what goes on, how much of it is done, and of how much."""


async def run(
    folder: Path, wishes: CrashTestOptions, watch: Watch, clock: Clock | None = None
) -> CrashTestResult:
    """Everything, in an empty folder. Raises WorldError when something else than the daemons fails."""
    try:
        # they are looked at after the last daemon has ended
        with databases(wishes.store, _instances(wishes)) as stores:
            return await _play(folder, wishes, watch, clock, stores)
    except* PerennialError as several:
        first: BaseException = several
        # A task group wraps what happened in one of its tasks; the caller wants that alone
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        wrong = first
    raise wrong


async def _play(
    folder: Path, wishes: CrashTestOptions, watch: Watch, clock: Clock | None, stores: Sequence[str]
) -> CrashTestResult:
    began = asyncio.get_running_loop().time()
    tally = Progress()
    seed, gateway = str(wishes.seed), wishes.gateway
    async with contextlib.AsyncExitStack() as stack:
        watch("preparing", 0, 1)
        smtp = await stack.enter_async_context(sink("smtp", folder, seed, environment()))
        http = await stack.enter_async_context(sink("http", folder, seed, environment())) if gateway else None
        processes = await stack.enter_async_context(start_process_server(is_cold=wishes.is_cold))
        ports = Ports(smtp, http)
        count = _instances(wishes)
        instances = [
            _instance(
                folder,
                number,
                wishes,
                stack.enter_context(reserved_port()),
                processes,
                ports,
                clock,
                stores[number],
            )
            for number in range(count)
        ]
        async with asyncio.TaskGroup() as group:
            for number, instance in enumerate(instances):
                kills = _share(wishes.kills, number, count)
                points = _points(instance.dice, kills, number, count, wishes)
                group.create_task(_life(instance, list(points), tally, wishes.kills, watch))
        tally.killing_seconds = asyncio.get_running_loop().time() - began
        watch("settling", 0, len(instances))
        async with asyncio.TaskGroup() as group:
            for instance in instances:
                group.create_task(settle(instance))
    owned = _owned(instances, [*_arrivals(folder / "smtp.log"), *_arrivals(folder / "http.log")])
    verdict = Verdict()
    messages: dict[str, StoredMessage] = {}
    for instance in instances:
        evidence = _evidence(instance, owned[instance.folder.name])
        messages |= {one.key: one for one in evidence.booked}
        verdict.add(judge(evidence))
        verdict.broken += instance.troubles
        tally.starts += instance.starts
    for stranger in owned[None]:
        verdict.unexpected.append(f'"{stranger.title}" to {", ".join(stranger.to)}: nobody here')
    tally.seconds = asyncio.get_running_loop().time() - began
    keys = {one.id: one.key for one in messages.values()}
    copies = Counter(keys.get(one.id, "") for arrived in owned.values() for one in arrived if not one.again)
    deaths = tuple(death for instance in instances for death in instance.deaths)
    channels = ("smtp", "http") if gateway else ("smtp",)
    return CrashTestResult(wishes, tally, verdict, channels, deaths, messages, copies)


def _instances(wishes: CrashTestOptions) -> int:
    return max(1, min(wishes.parallel, wishes.kills))


def _share(total: int, number: int, parts: int) -> int:
    return total * (number + 1) // parts - total * number // parts


def _instance(
    folder: Path,
    number: int,
    wishes: CrashTestOptions,
    port: int,
    processes: Processes,
    ports: Ports,
    clock: Clock | None,
    store: str,
) -> Instance:
    dice = random.Random(f"{wishes.seed}/{number}")
    gateway = ports.http is not None
    share = _share(wishes.messages, number, _instances(wishes))
    people = make_people(share, f"b{number}", number * 100_000, dice, gateway=gateway)
    instance = Instance(
        folder / f"b{number}", port, people, gateway, clock or SystemClock(), dice, processes, store,
        helpers=wishes.workers - 1,
    )  # fmt: skip
    instance.found(ports)
    return instance


# --- lives --------------------------------------------------------------------------------------


async def _life(instance: Instance, points: Sequence[str], tally: Progress, whole: int, watch: Watch) -> None:
    """Starts and kills the daemon of an instance, at each point or at any moment; its source runs beside."""
    done, kills = 0, len(points)

    def may_feed(number: int) -> bool:
        return done >= kills or number * (kills + AHEAD) <= len(instance.people) * (done + AHEAD)

    feeding = asyncio.create_task(instance.feed(may_feed))
    try:
        for point in points:
            # A source that gave up would let all other kills strike an idle daemon
            if feeding.done():
                feeding.result()
            await _death(instance, point, tally, partial(_is_fed, instance, done, kills))
            done += 1
            instance.news.set()
            tally.kills += 1
            tally.helpers += await instance.strike_helper()
            watch("killing", tally.kills, whole)
        instance.start()
        until = asyncio.get_running_loop().time() + 600
        while not feeding.done() and asyncio.get_running_loop().time() < until:
            if instance.process is not None and instance.process.is_over:
                raise WorldError(f"the daemon ended: {instance.log()[-500:].decode()}", permanent=True)
            await asyncio.sleep(0.1)
        if feeding.done():
            feeding.result()
    finally:
        feeding.cancel()


def _points(
    dice: random.Random, kills: int, number: int, parts: int, wishes: CrashTestOptions
) -> Iterator[str]:
    """For each kill of instance `number` of `parts` the point at which it is to strike, empty for any moment.
    All five get their turn where there are kills enough."""
    wanted = wishes.at or POINTS
    each = -(-len(POINTS) // parts)
    share = kills if wishes.at else max(min(kills, each), round(kills * ON_PURPOSE))
    places = set(dice.sample(range(kills), share))
    turn = number * share
    for place in range(kills):
        if place in places:
            yield wanted[turn % len(wanted)]
            turn += 1
        else:
            yield ""


def _is_fed(instance: Instance, done: int, kills: int) -> bool:
    """The source has told as much as belongs to this kill; else all kills would strike the first messages."""
    return instance.fed * kills >= len(instance.people) * (done - 1)


async def _death(instance: Instance, point: str, tally: Progress, is_fed: Callable[[], bool]) -> None:
    dice, loop = instance.dice, asyncio.get_running_loop()
    if point:
        name, _, times = point.partition(":")
        instance.start(f"{name}:{times or dice.randint(1, 2 if 'claim' in name else 20)}")
        if await instance.died(name, UNREACHED if await instance.ready() else 0):
            tally.points[name] += 1
            return
        await instance.kill()
        return
    began, moment = loop.time(), dice.random()
    instance.start()
    if dice.random() < AT_START:
        tally.early += 1
        await asyncio.sleep(moment * AT_WORK)
    elif await instance.ready():
        # On a busy machine the same work takes longer, and the kills shall still spread over all of it
        slowness = max(1.0, (loop.time() - began) / USUAL_START)
        await _until(is_fed, UNREACHED)
        backlog = min(MOST_BACKLOG, instance.backlog / FULL)
        await asyncio.sleep(moment * AT_WORK * slowness * (1 + backlog))
    await instance.kill()


async def _until(question: Callable[[], bool], seconds: float) -> None:
    for _ in range(int(seconds / 0.05)):
        if question():
            return
        await asyncio.sleep(0.05)


# --- verdict ------------------------------------------------------------------------------------


def _arrivals(file: Path) -> list[Arrival]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [Arrival.read(json.loads(line)) for line in lines]


def _owned(instances: Sequence[Instance], arrived: Sequence[Arrival]) -> dict[str | None, list[Arrival]]:
    """By the instance whose customer the first recipient is; None: nobody's."""
    whose = {
        address: instance.folder.name
        for instance in instances
        for person in instance.people
        for address in (person.email, person.phone)
    }
    owned: dict[str | None, list[Arrival]] = defaultdict(list)
    for arrival in arrived:
        owned[whose.get(arrival.to[0] if arrival.to else "")].append(arrival)
    return owned


def _evidence(instance: Instance, arrived: Sequence[Arrival]) -> Evidence:
    fed = instance.people[: instance.fed]
    wanted = {
        (address, f"{template} for {person.mark}"): (person.id, template)
        for person in fed
        for template, _, address in person.wanted(gateway=instance.has_gateway)
    }
    names = ["signed_up", "cart_updated", *(["visited"] if instance.has_gateway else [])]
    events = [f"{one.id}-{name}" for one in fed for name in [*names, *(["order_placed"] if one.buys else [])]]
    return Evidence(
        wanted, events, audit.event_ids(instance.folder), audit.messages(instance.folder), arrived,
        instance.caught,
        instance.listed, audit.integrity(instance.folder),
    )  # fmt: skip
