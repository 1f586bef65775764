"""`review`: a change as one comment for its reviewers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import FINE, PROBLEMS, TRY, Session, app
from engine.cli.output import remark, say_block
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.review_comment import ReviewedChange
    from engine.project import Project
    from engine.simulate.replay.comparison import ReplayComparison


@app.command(rich_help_panel=TRY)
def review(
    context: typer.Context,
    base: Annotated[
        str, typer.Option("--base", help="a commit, branch or tag; else where this branch left the main one")
    ] = "",
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", help="a file of  snapshot: who is inside, and events to play")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="write the comment to this file")] = None,
) -> None:
    """Write a change as one comment in Markdown: in words, with the people inside, recorded events played
    with both versions, stories, pictures. Leaves with 1 where a story fails, a file has mistakes, or deploy
    would refuse."""
    from engine.cli.review_comment import comment

    session = Session.of(context)
    change = _change(session, base, snapshot)
    text = comment(change)
    if out is None:
        say_block(text.rstrip("\n"))
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as wrong:
            raise UsageError(f"{out} cannot be written: {wrong.strerror}.", "Name another file") from wrong
        remark(f"the comment is in {out}")
    has_mistakes = change.stories.failed or any(problem.is_error for problem in change.problems)
    is_refused = change.plan is not None and (change.plan.gone or change.plan.doubts)
    raise typer.Exit(PROBLEMS if has_mistakes or is_refused else FINE)


def _change(session: Session, base: str, snapshot: Path | None) -> ReviewedChange:
    from engine.cli.diff import base_commit, compare
    from engine.cli.review_comment import ReviewedChange
    from engine.diagram.flowchart import flowchart
    from engine.diagram.mermaid import mermaid
    from engine.project import load, load_published
    from engine.project_files import files_at, patch
    from engine.runtime.publish.snapshot_plan import plan_from_snapshot
    from engine.simulate.stories.story_report import run_stories
    from engine.store.snapshot import read_snapshot
    from engine.values import zone

    project = load(session.folder)
    commit = base_commit(project.folder, base)
    before = files_at(project.folder, commit)
    differences = compare(before, project, session.clock.now())
    changed = {subject.file for subject in differences.subjects} | {each.file for each in differences.unread}
    files = [file for _, file in sorted(project.files.items()) if file.span.file in changed]
    plan = comparison = None
    if snapshot is not None:
        counted, published = read_snapshot(snapshot)
        if not project.has_errors:
            plan = plan_from_snapshot(counted, published, project, ()).plan
            former = load_published(before, commit)
            comparison = _played(former, project, snapshot) if not former.has_errors else None
    return ReviewedChange(
        differences, plan, comparison, run_stories(files, project.journeys, project.world),
        [problem for problem in project.problems if problem.is_error or problem.span.file in changed],
        {file.name.value: mermaid(flowchart(file)) for file in files},
        patch(project.folder, commit), zone(project.config.timezone), project.config.currency,
    )  # fmt: skip


def _played(former: Project, project: Project, snapshot: Path) -> ReplayComparison:
    from engine.simulate.replay.comparison import compare_replays
    from engine.simulate.replay.replay import ReplayOptions

    versions = [(each.journeys, each.world) for each in (former, project)]
    return compare_replays(versions[0], versions[1], [snapshot], None, ReplayOptions(strict=True))[0]
