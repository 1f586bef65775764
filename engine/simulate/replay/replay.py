"""A recorded event stream through the project's journeys on a virtual clock; no network, nothing is sent."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.compiler.project_context import ProjectContext
from engine.core.coming_questions import ComingQuestions
from engine.core.conditions.dependencies import farthest
from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.garbage_collection import without_garbage_collection
from engine.simulate.replay.mapping import StreamMapping, with_own_products
from engine.simulate.replay.needed import only_needed
from engine.simulate.replay.reactions import read_reactions
from engine.simulate.replay.replay_runner import ReplayRunner
from engine.simulate.replay.result import ReplayResult, join_rows, row_files, united
from engine.simulate.replay.shares import can_share, play_shares
from engine.simulate.replay.stream import BadLine, StreamRecord, read_stream
from engine.values import Instant

MOST_SHARES = 8
"""Every share reads the whole stream: with more of them that is all they do."""

WORTH_SHARING = 256 * 1024
"""Bytes of a stream from which on several processes are faster than one."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """`strict`: nobody is taken to be reachable. `out`: the folder for every start, message and end. `jobs`:
    how many processes share the customers; None: as many as there are processors, if the stream is long.
    `one_in`: only one of so many customers, always the same. `since`: what comes before is played and not
    counted; None: all counts. `segments`: of which is told who is a member at the end. `coming`: what another
    version asks of everybody who is inside at the end."""

    strict: bool = False
    out: Path | None = None
    progress: Callable[[int], None] | None = None
    jobs: int | None = None
    one_in: int = 1
    since: Instant | None = None
    segments: frozenset[str] = frozenset()
    coming: ComingQuestions | None = None


def replay(
    journeys: Journeys,
    project: ProjectContext,
    streams: Sequence[Path],
    mapping: StreamMapping | None = None,
    options: ReplayOptions = ReplayOptions(),
) -> ReplayResult:
    """Runs the streams, merged by time, through the journeys. It ends with the moment of the last event;
    wakes that are due then are included. Raises UsageError when a file cannot be read.

    The result does not depend on the number of processes: no decision about one customer looks at another,
    and what is made over all customers (the catalogue, the groups of `rfm`) every process makes for itself.
    """
    rules = with_own_products(mapping or StreamMapping(), project.catalogue)
    coming = options.coming
    needed = replace(journeys, explain=False)
    if coming is None:
        needed = only_needed(needed, options.segments)
    else:
        needed = only_needed(needed, options.segments | coming.asked_segments, coming.asked_facts)
        needed = replace(needed, needs=farthest(needed.needs, coming.journeys.needs))
    shares = _shares(streams, options.jobs)
    reactions = read_reactions(streams, rules.form)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)

    def play(share: int, progress: Callable[[int], None] | None) -> ReplayResult:
        runner = ReplayRunner(
            needed, project, rules, strict=options.strict, share=share * options.one_in,
            shares=shares * options.one_in, reactions=reactions, coming=coming,
        )  # fmt: skip
        runner.figures.since = options.since or Instant(0)
        if options.one_in > 1:
            runner.figures.of_customers = Counter()
        # States live to the end and hold no circles: collecting finds nothing and costs a third
        with without_garbage_collection(), closing(runner.figures):
            if options.out is not None:
                runner.figures.write_to(row_files(options.out, share))
            result = runner.play(merged_lines(streams, rules.form, progress))
            result.members = {name: runner.customers.members(name) for name in options.segments}
            return result

    if shares == 1:
        result = play(0, options.progress)
    else:
        result = united(play_shares([partial(play, share) for share in range(shares)], options.progress))
    if options.out is not None:
        join_rows(options.out, shares)
    return result


def merged_lines(
    streams: Sequence[Path], form: Mapping[str, str], progress: Callable[[int], None] | None = None
) -> Iterator[StreamRecord | BadLine]:
    """All lines in order of time; of one moment, those of the first file come first. The first file, which is
    the long one, tells how far we are. Raises UsageError when a file cannot be read."""
    lines = read_stream(streams[0], form, progress)
    for path in streams[1:]:
        lines = _two(lines, read_stream(path, form))
    return lines


def _shares(streams: Sequence[Path], jobs: int | None) -> int:
    if not can_share():
        return 1
    if jobs is not None:
        return max(1, jobs)
    try:
        size = sum(path.stat().st_size for path in streams)
    except OSError as wrong:
        raise UsageError(f"{wrong.filename} cannot be read: {wrong.strerror}") from wrong
    return 1 if size < WORTH_SHARING else min(len(os.sched_getaffinity(0)), MOST_SHARES)


def _two(
    first: Iterator[StreamRecord | BadLine], second: Iterator[StreamRecord | BadLine]
) -> Iterator[StreamRecord | BadLine]:
    """Two files merged. A refused line keeps its place behind the line before it."""
    waiting = next(second, None)
    for line in first:
        if isinstance(line, StreamRecord):
            while waiting is not None and (isinstance(waiting, BadLine) or waiting.at < line.at):
                yield waiting
                waiting = next(second, None)
        yield line
    if waiting is not None:
        yield waiting
    yield from second
