"""A day in which members come into a journey, as a process that ends by `kill -9`:
`python -m tests.runtime.admitting FOLDER ADDRESS N` is killed at its N-th statement (0: never). Run again it
goes on at the half hour in which it ended."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from engine.clock import ManualClock
from engine.runtime.advance.admissions import admit_members
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.last_published import published_project
from engine.store.database import open_store
from engine.values import HOUR, Instant
from tests.runtime.shop import MONDAY

HALVES = 52


def main(folder: Path, address: str, last: int) -> None:
    """Half an hour after the other; each that is over is a byte of the file `halves`."""
    store, halves, statements = open_store(address, folder), folder / "halves", count(1)
    with store.read() as conn:
        published = published_project(conn)
    assert published is not None

    @sa.event.listens_for(store.engine, "before_cursor_execute")
    def _end(*_: object) -> None:
        if next(statements) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    publication = Publication(published[0], published[1].journeys)
    while (done := halves.stat().st_size if halves.exists() else 0) < HALVES:
        clock = ManualClock(Instant(MONDAY + done * HOUR // 2))
        admit_members(store, publication.journeys, clock.now(), size=2)
        Advancer(store, clock).run(publication)
        with halves.open("ab") as file:
            file.write(b".")
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
