"""Several processes that each play the whole stream to their share of the customers."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from engine.simulate.replay.result import ReplayResult

Progress = Callable[[int], None]
Play = Callable[[Progress | None], ReplayResult]


def can_share() -> bool:
    """Compiled journeys hold functions, which only a forked process has as well."""
    return sys.platform == "linux"


def play_shares(plays: Sequence[Play], progress: Progress | None) -> list[ReplayResult]:
    """The results in the order of the shares. What a share raises is raised here, and the others are
    stopped."""
    context = multiprocessing.get_context("fork")
    open_ends: dict[Any, int] = {}
    workers = []
    results: dict[int, ReplayResult] = {}
    try:
        for number, play in enumerate(plays):
            here, there = context.Pipe(duplex=False)
            worker = context.Process(
                target=_work, args=(play, there, number == 0 and progress is not None), daemon=True
            )
            worker.start()
            # This end too, else the death of the worker would never be the end of the pipe
            there.close()
            workers.append(worker)
            open_ends[here] = number
        while open_ends:
            for end in wait(list(open_ends)):
                assert isinstance(end, Connection)
                try:
                    kind, value = end.recv()
                except EOFError:
                    raise RuntimeError(
                        f"share {open_ends[end]} of the replay ended without a result"
                    ) from None
                if kind == "progress" and progress is not None:
                    progress(value)
                elif kind == "error":
                    raise value
                elif kind == "result":
                    results[open_ends.pop(end)] = value
    finally:
        for worker in workers:
            if worker.is_alive() and len(results) < len(plays):
                worker.terminate()
            worker.join()
    return [results[number] for number in range(len(plays))]


def _work(play: Play, there: Connection, tells: bool) -> None:
    def progress(done: int) -> None:
        there.send(("progress", done))

    try:
        there.send(("result", play(progress if tells else None)))
    except KeyboardInterrupt:
        pass
    except Exception as wrong:  # noqa: BLE001  it is raised again in the process that asked
        there.send(("error", wrong))
    finally:
        there.close()
