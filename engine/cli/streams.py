"""Streams that are written into files: `export events` and `snapshot`."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.cli.output import writing

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from engine.cli.app import Session
    from engine.store.streams.recorded_stream import RecordedLine, StreamBounds

Lines = Callable[["Connection", "StreamBounds"], "Iterable[RecordedLine]"]
"""What is written of a store."""


def write_stream(session: Session, out: Path, days: tuple[str, str, str], lines: Lines) -> int:
    """Writes a stream into a file that its owner alone may read, packed where its name ends in .gz; how many
    lines it has. `days`: what --from, --to and --last say.

    Raises UsageError for days that are none and a file that cannot be written."""
    from engine.cli.output import progress
    from engine.cli.stores import look_into_store
    from engine.project import load_config
    from engine.store.streams.recorded_stream import in_chunks
    from engine.values import zone

    bounds = _bounds(days, session, zone(load_config(session.folder).timezone))
    written = 0
    with look_into_store(session.folder, needed=True) as conn, progress() as bar, _opened(out) as file:
        task = bar.add_task("lines", total=None)
        for chunk in in_chunks(lines(conn, bounds)):
            file.write(chunk)
            written += chunk.count(b"\n")
            bar.update(task, completed=written)
    return written


def _bounds(days: tuple[str, str, str], session: Session, zone: ZoneInfo) -> StreamBounds:
    import datetime as dt

    from engine.figures.period import asked
    from engine.store.streams.recorded_stream import StreamBounds
    from engine.values import at_local, local_date

    if not any(days):
        return StreamBounds()
    first, last, length = days
    period = asked(local_date(session.clock.now(), zone), first, last, length)
    # a day begins later where the clocks go forward at midnight
    begin = at_local(period.first, dt.time(), zone) if first or length else None
    return StreamBounds(begin, at_local(period.last + dt.timedelta(days=1), dt.time(), zone))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    from engine.private_files import private_opener

    with writing(path), open(path, "wb", opener=private_opener) as plain:
        if path.suffix != ".gz":
            yield plain
            return
        # Without the name and the moment: the same events are the same bytes
        with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
            yield packed
