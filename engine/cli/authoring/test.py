"""`test [PATHS]`: the stories of the journeys, and the steps that none of them reaches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import FINE, PROBLEMS, TRY, Session, app
from engine.cli.authoring.check import is_journey
from engine.cli.output import Format, asides, complain, remark, say_block, say_json
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from engine.language.syntax import JourneyFile
    from engine.project import Project
    from engine.simulate.stories.story_report import StoriesReport


@app.command("test", rich_help_panel=TRY)
def run_tests(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Journeys, by name or file. Without one: all of them.")
    ] = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="Write what happened as  expect:  of the stories that fail. Asks first."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --accept: do not ask.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.text,
) -> None:
    """Run the stories of the journeys on a virtual clock; nothing is sent.

    A failing story is shown line by line: `=` came as expected, `-` did not happen, `+` was not expected.
    """
    from engine.problem import render_problems
    from engine.project import load
    from engine.simulate.stories.story_report import render_text, run_stories, to_data

    session = Session.of(context)
    project = load(session.folder)
    files = chosen(project, paths or [])
    report = run_stories(files, project.journeys, project.world, of_points=not paths)
    broken = {each.file for each in report.journeys if each.broken}
    broken |= {
        file for file in unreadable(project) if not paths or any(_names(project, file, p) for p in paths)
    }
    wrong = [problem for problem in project.problems if problem.is_error and problem.span.file in broken]
    if output is Format.json:
        say_json({**to_data(report), "project": str(project.folder)})
    else:
        if wrong:
            asides.print(render_problems(wrong, project.sources), markup=False, soft_wrap=True)
        say_block(render_text(report, project.sources))
        if project.recommendations:
            remark(
                "assumed: a message is sent whatever its recommendations find "
                f"({', '.join(sorted(project.recommendations))}); a story has no products bought before it"
            )
    if accept and report.failed:
        _accept(project, report, ask=not yes)
        return
    raise typer.Exit(PROBLEMS if report.failed or wrong else FINE)


def _accept(project: Project, report: StoriesReport, *, ask: bool) -> None:
    """Writes what happened over what was expected. What cannot be accepted is said, and ends with 1."""
    from engine.language.yaml.source import read
    from engine.simulate.stories.accept import accept

    files: dict[str, str] = {}
    for journey in report.journeys:
        before = project.sources[journey.file]
        after = accept(before, journey.file, journey.results)
        # Whatever was in the way (an anchor, a list in brackets), a file is never left unreadable.
        if after != before and not read(after, journey.file)[1]:
            files[journey.file] = after
    if files and ask and not typer.confirm(f"Write what happened into {', '.join(files)}?", err=True):
        raise typer.Exit(PROBLEMS)
    for file, text in files.items():
        (project.folder / file).write_text(text, encoding="utf-8")
        asides.print(f"wrote {file}", markup=False)
    left = [
        journey.file
        for journey in report.journeys
        if journey.failed
        and (journey.file not in files or any(result.problems for result in journey.results))
    ]
    for file in left:
        complain(f"{file}: not every story could be accepted; what stands above is to be mended by hand")
    if left:
        raise typer.Exit(PROBLEMS)


def chosen(project: Project, paths: list[str]) -> list[JourneyFile]:
    """The journeys that the paths name: a name, a file, or a folder with journeys in it."""
    if not paths:
        return [file for _, file in sorted(project.files.items())]
    files: dict[str, JourneyFile] = {}
    for path in paths:
        names = [
            name for name, file in sorted(project.files.items()) if _names(project, file.span.file, path)
        ]
        if not names and not any(_names(project, file, path) for file in unreadable(project)):
            near = did_you_mean(
                Path(path).stem, project.files, f"there are: {', '.join(sorted(project.files))}"
            )
            raise UsageError(f'there is no journey "{path}" in {project.folder}', near)
        files |= {name: project.files[name] for name in names}
    return list(files.values())


def unreadable(project: Project) -> set[str]:
    """Files of journeys that could not be read at all."""
    read = {file.span.file for file in project.files.values()}
    return {file for file in project.broken if is_journey(file)} - read


def _names(project: Project, file: str, path: str) -> bool:
    if path == Path(file).stem:
        return True
    place, own = Path(path), project.folder / file
    tried = (place.resolve(), (project.folder / place).resolve())
    return any(one == own or one in own.parents for one in tried)
