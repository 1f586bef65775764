"""Tells when the author's files change, by watching the folders they live in and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, awatch

FOLDERS = ("journeys", "schemas", "templates")
AUTHORED = frozenset({".yaml", ".yml", ".mjml", ".html", ".txt", ".css"})
TOGETHER = 400
"""Changes within so many ms of each other are one: an editor, or git, writes several files at once."""


async def watch(folder: Path, changed: Callable[[], None], stopping: asyncio.Event) -> None:
    """Calls `changed` after every change until `stopping`. The project's folder may hold much more than the
    project (an environment, the store), so only its own folders are watched in depth."""
    while not stopping.is_set():
        known = _present(folder)
        again = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_until(stopping, again))
            group.create_task(_watch_top(folder, known, changed, again))
            if known:
                group.create_task(_watch_inside(known, changed, again))


async def _until(stopping: asyncio.Event, again: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(again.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    again.set()


async def _watch_top(
    folder: Path, known: list[Path], changed: Callable[[], None], again: asyncio.Event
) -> None:
    async for changes in awatch(folder, recursive=False, stop_event=again, debounce=TOGETHER):
        if _authored(changes):
            changed()
        if _present(folder) != known:  # a folder came or went: watch what there is now
            changed()
            again.set()


async def _watch_inside(known: list[Path], changed: Callable[[], None], again: asyncio.Event) -> None:
    async for changes in awatch(*known, stop_event=again, debounce=TOGETHER):
        if _authored(changes):
            changed()


def _present(folder: Path) -> list[Path]:
    return [folder / name for name in FOLDERS if (folder / name).is_dir()]


def _authored(changes: Iterable[tuple[Change, str]]) -> bool:
    return any(Path(path).suffix in AUTHORED for _, path in changes)
