"""All stories of a project: what passed, what failed and how, and the steps that no story reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.compiler.journeys.journey_dependencies import NOTHING
from engine.compiler.project_context import ProjectContext
from engine.core.journey import Again, Goal, Journey
from engine.core.journeys import Journeys
from engine.core.points.rules import POINTS
from engine.core.policy import Policy
from engine.language.syntax import JourneyFile, Story
from engine.problem import Problem, render_problems, to_json
from engine.simulate.stories.coverage import Coverage, coverage
from engine.simulate.stories.run_story import StoryResult, run_story, word_problems
from engine.simulate.stories.story_lines import ComparedRow
from engine.values import Duration

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True, slots=True)
class JourneyReport:
    """The stories of one journey. `broken`: the journey itself cannot run, so none of its `stories` could."""

    file: str
    journey: str
    results: tuple[StoryResult, ...]
    coverage: Coverage | None
    broken: bool = False
    stories: int = 0

    @property
    def passed(self) -> int:
        """How many stories passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many stories failed or could not be run."""
        return (self.stories if self.broken else len(self.results)) - self.passed


@dataclass(frozen=True, slots=True)
class StoriesReport:
    """Everything that `test` says."""

    journeys: tuple[JourneyReport, ...]

    @property
    def passed(self) -> int:
        """How many stories passed."""
        return sum(each.passed for each in self.journeys)

    @property
    def failed(self) -> int:
        """How many stories failed or could not be run."""
        return sum(each.failed for each in self.journeys)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the stories themselves."""
        return tuple(
            problem for journey in self.journeys for result in journey.results for problem in result.problems
        )


def run_stories(
    files: Iterable[JourneyFile], journeys: Journeys, project: ProjectContext, *, of_points: bool = False
) -> StoriesReport:
    """Every story of these files; a journey that could not be compiled fails all of its stories. `of_points`:
    with those of config.yaml, about points and tiers."""
    reports = [_run(file, journeys, project) for file in files]
    if of_points and project.config.tests:
        # the stories of config.yaml, in which no journey runs
        stories = project.config.tests
        goal = Goal((), None, None, Duration(days=1), "exit", (), 0)
        nobody = Journey(
            POINTS, None, CONFIG_FILE, "", "", "draft", (), None, Again("never"), goal, None, Policy(POINTS),
            "normal", 0, (), NOTHING, "",
        )  # fmt: skip
        results = tuple(run_story(nobody, journeys, story, project, of_ledger=True) for story in stories)
        reports.insert(0, JourneyReport(CONFIG_FILE, POINTS, results, None, stories=len(stories)))
    return StoriesReport(tuple(reports))


def _run(file: JourneyFile, journeys: Journeys, project: ProjectContext) -> JourneyReport:
    name, place = file.name.value, file.span.file
    stories = file.tests or ()
    journey = journeys.by_name.get(name)
    if journey is None:
        return JourneyReport(place, name, _wrong(stories, project), None, broken=True, stories=len(stories))
    results = tuple(run_story(journey, journeys, story, project) for story in stories)
    reached = frozenset(step for result in results for step in result.reached)
    return JourneyReport(place, name, results, coverage(journey, reached), stories=len(stories))


def report_of_words(file: JourneyFile, project: ProjectContext) -> JourneyReport:
    """The stories of a journey that cannot run, as far as they are wrong themselves."""
    results = _wrong(file.tests or (), project)
    return JourneyReport(file.span.file, file.name.value, results, None, stories=len(results))


def _wrong(stories: Sequence[Story], project: ProjectContext) -> tuple[StoryResult, ...]:
    found = ((story, word_problems(story, project)) for story in stories)
    return tuple(StoryResult(story, (), wrong, frozenset()) for story, wrong in found if wrong)


def render_text(report: StoriesReport, sources: Mapping[str, str]) -> str:
    """For people; the last line is `N passed, M failed`."""
    blocks: list[str] = []
    for journey in report.journeys:
        if journey.broken:
            tests = "1 test" if journey.stories == 1 else f"{journey.stories} tests"
            follows = f", so its {tests} could not run" if journey.stories else ""
            lines = [f"{journey.file}\nFAIL  the journey has mistakes{follows}"]
            blocks.append("\n".join([*lines, *(_story(result, sources) for result in journey.results)]))
        elif journey.results:
            blocks.append("\n".join([journey.file, *(_story(result, sources) for result in journey.results)]))
    blocks += _unreached(report)
    blocks.append(f"{report.passed} passed, {report.failed} failed")
    return "\n\n".join(blocks)


def render_failures(report: StoriesReport, sources: Mapping[str, str]) -> str:
    """Only what failed, for `check`; empty when all is well."""
    return "\n\n".join(
        "\n".join(
            [journey.file, *(_story(result, sources) for result in journey.results if not result.passed)]
        )
        for journey in report.journeys
        if any(not result.passed for result in journey.results)
    )


def _story(result: StoryResult, sources: Mapping[str, str]) -> str:
    name = result.story.name.value
    if result.passed:
        return f"ok    {name}"
    lines = [render_rows(name, result.rows, result.notes) if result.rows else f"ERROR {name}"]
    if result.problems:
        lines.append(render_problems(result.problems, sources))
    return "\n".join(lines)


def render_rows(name: str, rows: Sequence[ComparedRow], notes: Sequence[str] = ()) -> str:
    """The story in three columns: when, expected, happened; `-` did not happen, `+` was not expected. Below
    it what explains the difference."""
    when = max([len("when"), *(len(row.at.label) for row in rows)]) + 3
    wide = max([len("expected"), *(len(row.expected) for row in rows)]) + 4
    lines = [f"FAIL  {name}", f"     {'when':<{when}}{'expected':<{wide}}happened"]
    lines += [
        f"  {row.mark}  {row.at.label:<{when}}{row.expected:<{wide}}{row.happened}".rstrip() for row in rows
    ]
    lines += [f"     {note}" for note in notes]
    return "\n".join(lines)


def _unreached(report: StoriesReport) -> list[str]:
    places = [place for each in report.journeys if each.coverage for place in each.coverage.unreached]
    if not places:
        return []
    wide = max(len(f"{place.file}:{place.line}") for place in places)
    lines = [f"  {f'{place.file}:{place.line}':<{wide}}  {place.text}" for place in places]
    return ["\n".join(["steps that no test reaches:", *lines])]


def to_data(report: StoriesReport) -> dict[str, Any]:
    """For programs."""
    return {
        "passed": report.passed,
        "failed": report.failed,
        "journeys": [
            {
                "journey": journey.journey,
                "file": journey.file,
                "broken": journey.broken,
                "tests": [_result(result) for result in journey.results],
                "steps": journey.coverage.steps if journey.coverage else 0,
                "unreached": [
                    {"file": place.file, "line": place.line, "id": place.id, "step": place.text}
                    for place in (journey.coverage.unreached if journey.coverage else ())
                ],
            }
            for journey in report.journeys
        ],
    }


def _result(result: StoryResult) -> dict[str, Any]:
    rows = [
        {"mark": row.mark, "when": row.at.label, "expected": row.expected, "happened": row.happened}
        for row in result.rows
    ]
    return {
        "test": result.story.name.value,
        "file": result.story.span.file,
        "line": result.story.span.line,
        "passed": result.passed,
        "rows": rows,
        "notes": list(result.notes),
        "problems": [to_json(problem) for problem in result.problems],
    }
