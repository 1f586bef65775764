"""A project that is open in an editor: the texts that were not saved, and what was found when it was last
looked through, on a thread of its own so that the editor is answered meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.clock import Clock
from engine.lsp.analysis import ProjectAnalysis, analyse, problems_with
from engine.lsp.cross_file_fixes import CrossFileFix, find_cross_file_fix
from engine.lsp.fixes import QuickFix, find_fixes
from engine.problem import Problem

Found = TypeVar("Found")


class OpenProject:
    """All of it is used on the event loop alone. `show` is called with each finished analysis that is still
    true; `report` with what went wrong in one."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        executor: Executor,
        show: Callable[[OpenProject], None],
        report: Callable[[BaseException], None],
    ) -> None:
        self.root = root
        self.unsaved: dict[str, str] = {}  # by path in the project
        self.analysis: ProjectAnalysis | None = None
        self.shown: set[str] = set()  # files of which the editor shows something
        self._clock, self._executor = clock, executor
        self._show, self._report = show, report
        self._changes, self._seen = 1, 0
        self._stories = True
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._fixes: dict[Problem, list[QuickFix | CrossFileFix]] = {}

    def change(self, after: float, *, stories: bool = False) -> None:
        """Something is different: it is looked at in `after` seconds, or later when more changes come. With
        `stories` they run as well."""
        self._changes += 1
        self._stories |= stories
        self._fixes.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(after, self._start)

    async def fresh(self) -> ProjectAnalysis | None:
        """What holds for the texts of now. None: the folder is no project any more."""
        while self._is_behind():
            # who stops waiting does not stop the work, which others wait for as well
            await asyncio.shield(self._start())
        return self.analysis

    async def run(self, work: Callable[[], Found]) -> Found:
        """The result of work that takes its time, one piece after the other."""
        return await self.run_beside(work, self._executor)

    async def run_beside(self, work: Callable[[], Found], executor: Executor) -> Found:
        """As `run`, on a thread of another executor."""
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    async def fixes(self, problem: Problem, analysis: ProjectAnalysis) -> list[QuickFix | CrossFileFix]:
        """Those of a problem of this analysis, in its file and in others."""
        if problem not in self._fixes:
            file, changes = problem.span.file, self._changes
            text, unsaved, now = analysis.project.sources.get(file, ""), dict(self.unsaved), self._clock.now()

            def problems_of(texts: Mapping[str, str]) -> Sequence[Problem]:
                # nobody wants the fixes of a former text: let the next look begin
                if changes != self._changes:
                    return analysis.problems
                return problems_with(self.root, {**unsaved, **texts}, now)

            def look() -> list[QuickFix | CrossFileFix]:
                project, before = analysis.project, analysis.problems
                channels = list(project.config.channels)
                here = find_fixes(problem, text, lambda other: problems_of({file: other}), before)
                other = find_cross_file_fix(problem, project.sources, channels, problems_of, before)
                return [*here, other] if other is not None else [*here]

            found = await self.run(look)
            if changes != self._changes:
                return []
            self._fixes[problem] = found
        return self._fixes[problem]

    def _is_behind(self) -> bool:
        return self._seen != self._changes

    def _start(self) -> asyncio.Task[None]:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._catch_up())
            self._task.add_done_callback(self._finished)
        return self._task

    def _finished(self, task: asyncio.Task[None]) -> None:
        wrong = None if task.cancelled() else task.exception()
        if wrong is not None:
            self._report(wrong)

    async def _catch_up(self) -> None:
        while self._is_behind():
            changes, stories = self._changes, self._stories
            look = partial(
                analyse, self.root, dict(self.unsaved), self._clock.now(), self.analysis, stories=stories
            )
            self.analysis = await self.run(look)
            if changes == self._changes:  # else it is old already, and its places are wrong
                self._seen, self._stories = changes, False
                self._show(self)
