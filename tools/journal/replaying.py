"""Plays a journal to this version of the program and says where it decides otherwise."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.project import load_published
from engine.store import migrations
from engine.store.connections import create_store_engine
from tools.journal.course import Player, virtual_runner
from tools.journal.journal import Journal
from tools.journal.outcome import Outcome, outcomes


@dataclass(frozen=True, slots=True)
class Divergence:
    """`missing`: what the version of the journal decided and this one does not; `new`: the other way."""

    missing: tuple[Outcome, ...]
    new: tuple[Outcome, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.new)

    def __str__(self) -> str:
        lines = [*(f"- {line}" for line in self.missing), *(f"+ {line}" for line in self.new)]
        return "\n".join(sorted(lines, key=lambda line: line[2:]))


def replay(journal: Journal, changed: Mapping[str, str] | None = None) -> Divergence:
    """Opens its store, publishes its project and plays its course, all with today's program.

    `changed`: files that are another text than in the journal, by their path. Raises `ValueError` when this
    version refuses the project at load.
    """
    project = load_published({**journal.sources, **(changed or {})})
    if wrong := [problem for problem in project.problems if problem.is_error]:
        raise ValueError(f"the project of {journal.about.version} is refused: {wrong[0]}")
    with (
        tempfile.TemporaryDirectory(prefix="perennial-journal-") as folder,
        virtual_runner("replay") as runner,
    ):
        file = Path(folder) / "shop.db"
        file.write_bytes(journal.store)
        engine = create_store_engine(f"sqlite:///{file}")
        migrations.upgrade(engine)
        engine.dispose()

        async def play() -> None:
            player = Player(file, journal.about.cut_at)
            await player.begin(project)
            for round_ in journal.course:
                await player.play(round_)
            await player.end()

        runner.run(play())
        engine = create_store_engine(f"sqlite:///{file}")
        with engine.connect() as conn:
            now = Counter(outcomes(conn, journal.about.cut_at))
        engine.dispose()
    then = Counter(journal.decided)
    return Divergence(tuple((then - now).elements()), tuple((now - then).elements()))
