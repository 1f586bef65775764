"""A story that was written by a program is tried with its journey before anybody pastes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from engine.compiler.project_context import ProjectContext
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.language.nodes import Mapping
from engine.language.parse import parse_journey
from engine.language.yaml.source import read
from engine.simulate.stories.given_of_run import StoryDetail
from engine.simulate.stories.run_story import StoryResult, run_story
from engine.simulate.stories.story_lines import ComparedRow
from engine.simulate.stories.story_of_run import StoryText, story_of_run
from engine.simulate.stories.story_source import StorySource
from engine.values import to_datetime

MOST_TRIES = 8
"""A story is watched for a while after its last line: with each line that it expects more may come."""


@dataclass(frozen=True, slots=True)
class JourneyUnderTest:
    """A journey with the text of its file, in a project."""

    journey: Journey
    text: str
    journeys: Journeys
    project: ProjectContext

    def run(self, story: StoryText) -> StoryResult | None:
        """What a story comes to; None where it cannot be read."""
        item = "".join(f"  {line}\n" for line in story.text.splitlines())
        whole = f"{self._without_tests().rstrip()}\n\ntests:\n{item}"
        file, _ = parse_journey(whole, self.journey.file)
        if file is None or not file.tests:
            return None
        return run_story(self.journey, self.journeys, file.tests[0], self.project)

    def _without_tests(self) -> str:
        root, _ = read(self.text, self.journey.file)
        if not isinstance(root, Mapping):
            return self.text
        begins = {entry.key.text: entry.key.span.line for entry in root.entries}
        at = begins.get("tests")
        if at is None:
            return self.text
        lines = self.text.split("\n")
        after = min((line for line in begins.values() if line > at), default=len(lines) + 1)
        return "\n".join([*lines[: at - 1], *lines[after - 1 :]])


@dataclass(frozen=True, slots=True)
class StoryCheck:
    """A story, and what it comes to (None: it cannot be read). `differs`: what comes out otherwise than it
    did in the run itself."""

    story: StoryText
    result: StoryResult | None
    differs: tuple[ComparedRow, ...] = ()

    @property
    def is_runnable(self) -> bool:
        """Whether it can be run."""
        return self.result is not None and not self.result.problems

    @property
    def passes(self) -> bool:
        """Whether it can be pasted as it stands."""
        return self.result is not None and self.result.passed


def check_story(
    source: StorySource, test: JourneyUnderTest, name: str, later: str, *, is_kept: bool
) -> StoryCheck:
    """The story of a run, tried. `is_kept`: it expects what happened, so that it fails where the journey does
    otherwise by now; else what the run comes to by itself, without the other journeys, so that it passes.
    `later`: the remark behind what comes after the present of the run, which both expect."""
    best = _as_it_happened(source, test, name)
    happened = best.story.expected
    for _ in range(MOST_TRIES):
        if best.result is None or not best.is_runnable or best.result.passed:
            break
        lines = [*happened] if is_kept else []
        for row in best.result.rows:
            line = f"{row.at.label}: {row.happened}"
            is_coming = line not in happened and _is_later(source, row)
            if row.happened and (is_coming or not is_kept):
                lines.append(f"{line}   # {later}" if is_coming and source.run.is_open else line)
        story = replace(best.story, expected=tuple(lines))
        if story == best.story:
            break
        best = replace(best, story=story, result=test.run(story))
    return best


def _as_it_happened(source: StorySource, test: JourneyUnderTest, name: str) -> StoryCheck:
    """Round lengths of time read better, exact ones come out better where a limit is near."""
    found = []
    for every_path, exact in product((False, True), repeat=2):
        story = story_of_run(source, name, StoryDetail(exact, every_path))
        result = test.run(story)
        rows = result.rows if result is not None else ()
        differs = tuple(
            row for row in rows if row.mark == "-" or (row.mark == "+" and not _is_later(source, row))
        )
        found.append(StoryCheck(story, result, differs))
        if found[-1].is_runnable and not differs:
            break
    return max(found, key=lambda tried: (tried.is_runnable, -len(tried.differs)))


def _is_later(source: StorySource, row: ComparedRow) -> bool:
    """Whether something comes at a time of which the run says nothing: after its present, or in the next run,
    which its end may begin."""
    end = to_datetime(source.end, source.zone)
    now = ((end.date() - source.day_0).days, end.hour * 60 + end.minute)
    at = (row.at.day, row.at.minute)
    return at >= now if source.run.outcome == "restart" else at > now
