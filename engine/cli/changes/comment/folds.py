"""What is longer, in folds behind the comment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.cli.changes.comment import changed, people
from engine.cli.changes.comment.markdown import code_text, cut_list, fenced, fitting, safe
from engine.cli.changes.comment.sent import sent_folds
from engine.cli.output import counted
from engine.compiler.walk import step_in_words
from engine.plan.difference import grouped, with_rules
from engine.problem import plain_fix

if TYPE_CHECKING:
    from engine.cli.changes.comment.line_budget import LineBudget
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.problem import Problem
    from engine.simulate.stories.story_report import StoriesReport


def folds(change: ReviewedChange, budget: LineBudget) -> Iterator[tuple[str, str]]:
    """Title and text of each, what is likeliest to be opened first. `budget`: of what stands before them."""
    subjects = change.differences.subjects
    if not changed.is_whole(change, budget):
        yield "All that changes", _list(changed.all_lines(grouped(subjects)))
    if change.plan is not None and not people.is_whole(change.plan, change, budget.places):
        yield "All people inside", fitting(people.people_table(change.plan, change))
    folded = [each for subject in subjects for each in subject.folded]
    if folded:
        moved = [f"- {changed.change_line(each, rule)}\n" for each, rule in with_rules(folded)]
        yield "Moved or renamed", fitting(moved)
    if change.problems or change.accepted:
        yield f"What check says ({len(change.problems)})", fitting(_problems(change))
    if change.stories.journeys:
        yield f"Tests: {change.stories.passed} passed, {change.stories.failed} failed", _tests(change.stories)
    if aside := changed.aside_lines(subjects):
        yield "What tests expect otherwise, and words for readers", _list(aside)
    if change.comparison is not None and (sent := change.daily) is not None:
        yield from sent_folds(change.comparison, sent, change.currency, budget)
    if change.comparison is not None and change.comparison.timelines:
        yield "Customers whose story changes", fenced(_timelines(change), "diff")
    for name, picture in change.pictures.items():
        yield f"Picture of {name}", fenced(picture, "mermaid")
    if change.patch:
        yield "The files, line by line", fenced(change.patch, "diff")


def _list(lines: list[str]) -> str:
    return fitting(cut_list(lines, None, "").splitlines(keepends=True))


def _problems(change: ReviewedChange) -> list[str]:
    """Errors first: warnings are what is left out of a long list."""
    lines = [
        f"- `{code_text(change.within + problem.span.file)}:{problem.span.line}` {problem.level} "
        f"{problem.code}: {safe(problem.what)}. {_fix(problem)}\n"
        for problem in sorted(change.problems, key=lambda problem: not problem.is_error)
    ]
    lines += [
        f"- `{code_text(change.within + each.problem.span.file)}:{each.problem.span.line}` "
        f"{each.problem.code} is accepted: {safe(each.reason)}\n"
        for each in change.accepted
    ]
    return lines


def _fix(problem: Problem) -> str:
    """What to type: in a line, or with its lines as they are to be pasted."""
    first, _, text = plain_fix(problem).partition("\n")
    return f"{safe(first)}\n{textwrap.indent(fenced(text, 'yaml'), '  ')}" if text else safe(first)


def _tests(stories: StoriesReport) -> str:
    lines: list[str] = []
    for journey in stories.journeys:
        if journey.broken and journey.stories:
            tests = counted(journey.stories, "test")
            lines.append(f"- **{safe(journey.journey)} has mistakes**, so its {tests} could not run\n")
        for result in journey.results:
            lines.append(
                f"- {'passed' if result.passed else '**failed**'}: "
                f"{safe(f'{journey.journey}: {result.story.name.value}')}\n"
            )
            if not result.passed:
                rows = [f"{row.mark} {row.at.label}: {row.expected or row.happened}" for row in result.rows]
                rows += [f"! line {each.span.line}: {each.what}; {each.fix}" for each in result.problems]
                lines.append(fenced("\n".join(rows), "diff") + "\n")
        if journey.coverage is not None and journey.coverage.unreached:
            steps = ", ".join(step_in_words(step.id) for step in journey.coverage.unreached)
            lines.append(f"- no test reaches {safe(steps)} of {safe(journey.journey)}\n")
    return fitting(lines)


def _timelines(change: ReviewedChange) -> str:
    from engine.cli.changes.replay_comparison import ReplayArguments, timeline_lines

    assert change.comparison is not None
    blocks, stream = [], ReplayArguments((change.snapshot,), "", change.against[:12], strict=True)
    for timeline in change.comparison.timelines:
        command = stream.story_of(timeline)
        as_test = [f"  as a test: {command}"] if command is not None else []
        lines = timeline_lines(timeline, change.zone)
        blocks.append("\n".join([f"  {timeline.like:,} like this", *lines, *as_test]))
    return "\n\n".join(blocks)
