"""`review`: a change as one comment for its reviewers, and for a forge its annotations and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import FINE, PROBLEMS, TRY, Session, app
from engine.cli.changes.plan import ONE_IN_HELP
from engine.cli.forges.merge_request import Forge
from engine.cli.output import remark, say_block, say_json, say_plain, writing
from engine.errors import PerennialError

if TYPE_CHECKING:
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.language.acceptance import AcceptedWarning
    from engine.language.syntax import JourneyFile
    from engine.plan.in_flight import DeploymentPlan
    from engine.problem import Problem
    from engine.project import Project
    from engine.simulate.stories.story_report import StoriesReport


class ReviewFormat(StrEnum):
    """`--format` of a review. `github`: annotations as commands of a workflow; `gitlab`: a report of code
    quality."""

    text = "text"
    json = "json"
    github = "github"
    gitlab = "gitlab"


@app.command(rich_help_panel=TRY)
def review(
    context: typer.Context,
    base: Annotated[
        str, typer.Option("--base", help="a commit, branch or tag; else where this branch left the main one")
    ] = "",
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", help="a file of  snapshot: who is inside, and events to play")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", metavar="DIR", help="what customers see and the journeys, before and after"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="write the comment to this file")] = None,
    form: Annotated[
        ReviewFormat,
        typer.Option("--format", help="text, json, or annotations for github or gitlab"),
    ] = ReviewFormat.text,
    post: Annotated[
        Forge | None,
        typer.Option("--post", help="write the comment on github or gitlab, or bring it up to date there"),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="with  --post: also say by labels whom it affects")
    ] = True,
    one_in: Annotated[int | None, typer.Option("--one-in", min=1, help=ONE_IN_HELP)] = None,
) -> None:
    """Write a change as one comment in Markdown: in words, with the people inside, recorded events played
    with both versions, stories, pictures. Leaves with 1 where a story fails, a file has mistakes, or deploy
    would refuse."""
    from engine.cli.changes.comment.comment import comment, failure
    from engine.cli.changes.reviewed_change import ReviewLabel
    from engine.cli.forges.annotations import workflow_error
    from engine.cli.forges.posting import base_on, page_of_run, post_review, request_on
    from engine.project_files import place_in_repository

    session = Session.of(context)
    # before the work: outside of a workflow nobody has to wait for the answer that this is none
    request = request_on(post) if post is not None else None
    if post is not None and not base:
        base = base_on(post, session.folder)
    try:
        change = _change(session, base, snapshot, one_in, pictures)
    except PerennialError as wrong:
        if post is not None:
            text = failure(wrong, place_in_repository(session.folder))
            post_review(post, request, text, () if labels else None, tuple(ReviewLabel))
        if form is ReviewFormat.github:
            say_plain(workflow_error(str(wrong)))
        raise
    text = comment(change, page_of_run(post) if post is not None else "")
    if out is not None:
        _write(out, text)
    if post is not None:
        told = change.labels if labels else None
        post_review(post, request, text, told, tuple(ReviewLabel))
    if form is not ReviewFormat.text or (out is None and post is None):
        _say(change, text, form)
    raise typer.Exit(PROBLEMS if change.is_refused else FINE)


def _write(out: Path, text: str) -> None:
    with writing(out):
        out.write_text(text, encoding="utf-8")
    remark(f"the comment is in {out}")


def _say(change: ReviewedChange, text: str, form: ReviewFormat) -> None:
    from engine.cli.changes.comment.verdict import verdict
    from engine.cli.forges.annotations import code_quality, workflow_commands
    from engine.problem import to_json

    match form:
        case ReviewFormat.text:
            say_block(text.rstrip("\n"))
        case ReviewFormat.github:
            for line in workflow_commands(change.annotations, change.within):
                say_plain(line)
        case ReviewFormat.gitlab:
            say_json(code_quality(change.annotations, change.within))
        case ReviewFormat.json:
            say_json(
                {
                    "against": change.against,
                    "verdict": verdict(change),
                    "affects": change.differences.affects,
                    "unread": change.differences.unread,
                    "labels": change.labels,
                    "passes": not change.is_refused,
                    "problems": [to_json(problem) for problem in change.annotations],
                    "people": change.plan,
                    "traffic": change.daily,
                    "stories": {"passed": change.stories.passed, "failed": change.stories.failed},
                    **({"pictures": change.made} if change.made is not None else {}),
                    "comment": text,
                }
            )


def _change(
    session: Session, base: str, snapshot: Path | None, one_in: int | None, pictures: Path | None
) -> ReviewedChange:
    from engine.cli.changes.compared_versions import compare_versions
    from engine.cli.changes.diff import base_commit
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.cli.changes.snapshot import no_events
    from engine.cli.reports.diagram_data import picture_of_change
    from engine.compiler.renames import renamed
    from engine.language.acceptance import judge
    from engine.plan.project_diff import journeys_of
    from engine.problem import bounded
    from engine.project import load, load_published
    from engine.project_files import files_at, patch, place_in_repository
    from engine.runtime.publish.recent_events import of_file, play_both
    from engine.runtime.publish.snapshot_plan import plan_from_snapshot
    from engine.store.streams.snapshot import read_snapshot
    from engine.values import zone

    now = session.clock.now()
    project = load(session.folder, now)
    commit = base_commit(project.folder, base)
    before = files_at(project.folder, commit)
    compared = compare_versions(before, project, now)
    differences = compared.differences
    changed = {subject.file for subject in differences.subjects} | {each.file for each in differences.unread}
    files = [file for _, file in sorted(project.files.items()) if file.span.file in changed]
    former_journeys = journeys_of(before)
    plan = comparison = counted = None
    refusals: list[Problem] = []
    not_played = ""
    if snapshot is not None:
        counted, published = read_snapshot(snapshot)
        if counted.without_events:
            not_played = no_events(counted, zone(project.config.timezone))
        if not project.has_errors:
            plan = plan_from_snapshot(counted, published, project, ()).plan
            refusals = list(_refusals(plan, project))
        if not project.has_errors and not counted.without_events:
            former = load_published(before, commit)
            with of_file(snapshot, one_in) as events:
                comparison = play_both(former, project, events, differences.changed_journeys)
    former_files = {file: text for file, text in before.items() if file.startswith("journeys/")}
    later = renamed(former_files, project.files, project.world.segments)
    judged = judge(later, project.acceptances)
    found = [*project.problems, *judged.open]
    # by their text: a comment that accepts a warning changes nothing for customers
    touched = changed | {file for file, text in project.sources.items() if before.get(file) != text}
    made = None
    if pictures is not None:
        from engine.cli.changes.pictures.folder import write_pictures

        made = write_pictures(pictures, compared, commit, counted)
    return ReviewedChange(
        differences=differences,
        plan=plan,
        comparison=comparison,
        stories=_stories(project, changed),
        problems=bounded(problem for problem in found if problem.is_error or problem.span.file in touched),
        accepted=_newly_accepted([*project.accepted, *judged.accepted], before),
        pictures={
            file.name.value: picture_of_change(file, former_journeys, counted)
            for file in files
            if file.name.value in differences.changed_journeys
        },
        patch=patch(project.folder, commit),
        zone=zone(project.config.timezone),
        currency=project.config.currency,
        against=commit,
        snapshot=str(snapshot or ""),
        within=place_in_repository(project.folder),
        made=made,
        refusals=refusals,
        not_played=not_played,
        members=counted.segments if counted is not None else {},
        next_messages={name: _next_messages(file) for name, file in project.files.items()},
    )


def _next_messages(file: JourneyFile) -> dict[str, Sequence[str]]:
    """By id of a wait the messages that may come behind it."""
    from engine.language.steps.wait import Wait
    from engine.plan.step_matching import next_messages, placed

    row = placed(file.steps)
    return {place.id: next_messages(place, row) for place in row if isinstance(place.step, Wait)}


def _refusals(plan: DeploymentPlan, project: Project) -> Iterator[Problem]:
    """Why `deploy` would refuse: at the file that is gone, and at the step that may be the one of before."""
    from engine.plan.step_matching import placed
    from engine.problem import Problem, Span
    from engine.runtime.publish.planning import doubt_refusal, refusal

    for journey in plan.gone:
        span, why = Span(f"journeys/{journey.journey}.yaml", 1, 1), refusal(journey)
        yield Problem(span, "refused", why.what, "deploy would refuse it", why.cure, topic="deployment")
    for doubt in plan.doubts:
        file, why = project.files[doubt.journey.journey], doubt_refusal(doubt)
        spans = (each.step.span for each in placed(file.steps) if each.id == doubt.place.seems)
        yield Problem(
            next(spans, file.span),
            "refused",
            why.what,
            "deploy would refuse it",
            why.cure,
            topic="deployment",
        )


def _newly_accepted(accepted: Sequence[AcceptedWarning], before: Mapping[str, str]) -> list[AcceptedWarning]:
    """Without those that the former version accepts for the same reason."""
    from engine.language.acceptance import acceptances

    files = {each.problem.span.file for each in accepted}
    known = {
        (file, former.code, former.reason)
        for file in files
        for former in acceptances(before.get(file, ""), file)[0]
    }
    return [
        each for each in accepted if (each.problem.span.file, each.problem.code, each.reason) not in known
    ]


def _stories(project: Project, changed: set[str]) -> StoriesReport:
    """The stories of the journeys that changed, and whichever fail of the others: settings, segments and
    messages are in them too."""
    from engine.compiler.follow_up_problems import is_foundation
    from engine.simulate.stories.story_report import StoriesReport, run_stories

    # as `check`: in a world that is half written no story means anything
    is_sound = not any(problem.is_error and is_foundation(problem.span.file) for problem in project.problems)
    files = [
        file
        for _, file in sorted(project.files.items())
        if file.span.file in changed or (is_sound and file.span.file not in project.broken)
    ]
    report = run_stories(files, project.journeys, project.world, of_points=is_sound)
    return StoriesReport(tuple(each for each in report.journeys if each.file in changed or each.failed))
