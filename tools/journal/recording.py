"""Records a journal: a made-up shop lives some days on this version of the program."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from random import Random

from engine.channels.base import Report, ReportKind
from engine.project import Project, load_published
from engine.store import meta, migrations
from engine.store.connections import create_store_engine
from engine.values import DAY, HOUR, MINUTE, Instant
from tools.journal.course import Player, Round, virtual_runner
from tools.journal.journal import About, Journal
from tools.journal.outcome import outcomes
from tools.simulation.projects import SHOP, Author, from_folder
from tools.simulation.provider import Arrival
from tools.simulation.simulation import START
from tools.simulation.world import World

JOURNEYS = 8
CUSTOMERS = 14
DAYS = 10
"""How long the shop lives; the store is copied after half of it."""

PER_DAY = 3.0
"""What happens to a customer in a day."""

REPORTED: Mapping[ReportKind, float] = {
    "delivered": 0.6, "opened": 0.35, "clicked": 0.25, "bounced": 0.03, "complained": 0.01,
    "unsubscribed": 0.02,
}  # fmt: skip
"""The share of messages of which providers tell each of these, within hours."""


def made_up_sources(seed: int) -> dict[str, str]:
    """A project of made-up journeys of every kind of step."""
    author = Author(Random(f"journal {seed}"))
    journeys = [author.journey(f"j{number}") for number in range(JOURNEYS)]
    return {
        **from_folder(SHOP),
        **author.templates,
        **{f"journeys/{journey.name}.yaml": journey.text() for journey in journeys},
    }


def record(version: str, seed: int, sources: Mapping[str, str]) -> Journal:
    """Lets the shop of `sources` live. Raises `ValueError` for a project with mistakes."""
    project = load_published(sources)
    if wrong := [problem for problem in project.problems if problem.is_error]:
        raise ValueError(f"the project has mistakes: {wrong[0]}")
    with (
        tempfile.TemporaryDirectory(prefix="perennial-journal-") as folder,
        virtual_runner(f"{seed}") as runner,
    ):
        return runner.run(_Recording(version, seed, sources, project, Path(folder)).run())


class _Recording:
    def __init__(
        self, version: str, seed: int, sources: Mapping[str, str], project: Project, folder: Path
    ) -> None:
        self._about = About(version, seed, Instant(START + DAYS * DAY // 2))
        self._sources = sources
        self._project = project
        self._file = folder / "shop.db"
        self._dice = Random(f"course {seed}")
        self._reports: list[tuple[str, Report]] = []  # by channel, not told yet
        self._world = World(
            Random(f"world {seed}"), project.catalogue, tuple(project.config.channels), CUSTOMERS
        )

    async def run(self) -> Journal:
        engine = create_store_engine(f"sqlite:///{self._file}")
        migrations.upgrade(engine)
        with engine.connect().execution_options(writes="alone") as conn, conn.begin():
            meta.settle(conn)
        engine.dispose()
        player = Player(self._file, START)
        await player.begin(self._project)
        course: list[Round] = []
        store = b""
        for round_ in self._rounds():
            if not store and round_.at > self._about.cut_at:
                # the daemon ends here, and the next one may be of a later version
                await player.end()
                store = self._copied()
                player = Player(self._file, self._about.cut_at)
                await player.begin(self._project)
            await player.play(round_)
            self._reports += self._later(player.providers.arrivals)
            player.providers.arrivals.clear()
            if store:
                course.append(round_)
        await player.end()
        engine = create_store_engine(f"sqlite:///{self._file}")
        with engine.connect() as conn:
            decided = tuple(outcomes(conn, self._about.cut_at))
        engine.dispose()
        return Journal(self._about, self._sources, store, tuple(course), decided)

    def _rounds(self) -> Iterator[Round]:
        """Moments at which something is due, and others by chance, with what happens at them."""
        at = START
        yield Round.of(at, [item for request in self._world.begin() for item in request.items], ())
        while True:
            chance = Instant(at + self._dice.randint(10 * MINUTE, 5 * HOUR))
            next_at = min(moment for moment in (*self._due(), chance) if moment > at)
            if next_at > START + DAYS * DAY:
                return
            expected = CUSTOMERS * PER_DAY * (next_at - at) / DAY
            at = next_at
            count = int(expected + self._dice.random())
            items = [item for request in self._world.happen(at, count) for item in request.items]
            told = [(channel, report) for channel, report in self._reports if (report.at or at) <= at]
            self._reports = [entry for entry in self._reports if entry not in told]
            yield Round.of(at, items, told)

    def _later(self, arrivals: Iterable[Arrival]) -> Iterator[tuple[str, Report]]:
        """What providers will tell of these messages."""
        for arrival in arrivals:
            for kind, share in REPORTED.items():
                if self._dice.random() < share:
                    at = Instant(arrival.at + self._dice.randint(1, 3 * HOUR))
                    name = f"{arrival.key} {kind}"
                    yield arrival.channel, Report(kind, name, arrival.key, address=arrival.address, at=at)

    def _due(self) -> list[Instant]:
        """When something is due by the store, a millisecond later."""
        with closing(sqlite3.connect(self._file)) as conn:
            found = conn.execute(
                "SELECT (SELECT min(due_at) FROM due), (SELECT min(ready_at) FROM outbox WHERE state IN"
                " ('planned', 'deferred')), (SELECT min(settle_at) FROM outbox WHERE state = 'unknown')"
            ).fetchone()
        return [Instant(moment + 1) for moment in found if moment is not None]

    def _copied(self) -> bytes:
        """The store as one file."""
        with closing(sqlite3.connect(self._file)) as conn, tempfile.NamedTemporaryFile() as copy:
            with closing(sqlite3.connect(copy.name)) as other:
                conn.backup(other)
                other.execute("PRAGMA journal_mode=DELETE")
                other.execute("VACUUM")
            return Path(copy.name).read_bytes()
