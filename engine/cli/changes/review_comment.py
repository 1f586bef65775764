"""What a reviewer of a change reads, as one comment in Markdown: the verdict first, then the questions in the
order in which they come up, and what is longer in folds."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from engine.cli.changes.markdown import code_text, cut_list, fenced, fitting, markdown_table, safe
from engine.cli.changes.plan import (
    ONLY_STORE,
    admission_words,
    asking_words,
    place_words,
    policy_words,
    risk_place,
    risk_words,
)
from engine.cli.changes.traffic import (
    SAMPLE,
    cannot_know,
    competitions,
    daily_rows,
    entries,
    jump,
    members,
    over,
    people_inside,
)
from engine.cli.output import counted
from engine.compiler.walk import step_in_words
from engine.errors import PerennialError
from engine.plan.difference import grouped, with_rules
from engine.plan.traffic import about_first
from engine.printable import printable
from engine.problem import plain_fix
from engine.values import parse_instant

if TYPE_CHECKING:
    from engine.cli.changes.pictures.folder import ChangePictures
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.plan.difference import Affected, Difference, SubjectDiff, SubjectGroup
    from engine.plan.in_flight import DeploymentPlan
    from engine.plan.traffic import Traffic
    from engine.problem import Problem
    from engine.simulate.replay.comparison import JourneyComparison, ReplayComparison
    from engine.simulate.stories.story_report import StoriesReport

LARGEST = 65_000
"""Characters of a comment; forges take 65,535."""

MOST_LINES = 60
"""Lines before the folds."""

MOST_RISKS, MOST_SETTINGS = 3, 3
"""Lines of a part before the folds that is never cut further."""


@dataclass(frozen=True, slots=True)
class LineBudget:
    """How many lines of each part stand before the folds."""

    changes: int = 14
    places: int = 6
    counts: int = 9
    sentences: int = 4


LINE_BUDGETS = (
    LineBudget(),
    LineBudget(counts=6),
    LineBudget(counts=4, sentences=3),
    LineBudget(changes=12, places=4, counts=4, sentences=2),
    LineBudget(changes=9, places=3, counts=3, sentences=2),
    LineBudget(changes=6, places=2, counts=2, sentences=1),
)
"""The first with which all parts together are at most `MOST_LINES`: what would be sent is cut before who is
inside, and that before what changes. The last one is below them with every part as long as it may be."""

MANY_SUBJECTS, MOST_NAMES, MOST_ALIKE = 4, 12, 3
"""Of more journeys and the like than `MANY_SUBJECTS` each has one line; of more than there is room for the
names come first, so many of those that affect one group. `MOST_ALIKE`: names of what changes in the same
way."""

MOST_OF_ONE = 4
"""Changes of one journey or the like in its one line."""

PLACE_HEAD = ("people", "journey", "rest at", "what becomes of them")


def mark(within: str) -> str:
    """The first line of a comment, by which it is found again and brought up to date in its place. `within`:
    where the project stands in its repository, which may hold others."""
    name = f"perennial review {quote(within.strip('/'))}".strip()
    return f"<!-- {name} -->"


def comment(change: ReviewedChange, page: str = "") -> str:
    """The comment. What does not fit is left out from its end, and said to be. `page`: where the files are
    that were made with it, "": here."""
    for budget in LINE_BUDGETS:
        blocks = [*_open_parts(change, page, budget)]
        if "\n".join(blocks).count("\n") < MOST_LINES:
            break
    size = sum(map(len, blocks))
    left_out = []
    for title, text in _folds(change, budget):
        fold = f"<details><summary>{html.escape(printable(title))}</summary>\n\n{text}\n\n</details>\n"
        if size + len(fold) > LARGEST:
            left_out.append(title)
            continue
        blocks.append(fold)
        size += len(fold)
    if left_out:
        blocks.append(f"Too long for a comment: {safe(', '.join(left_out))}.\n")
    return "\n".join(blocks)


def failure(wrong: PerennialError, within: str) -> str:
    """The comment on a change that cannot be reviewed: what an earlier one said holds no more."""
    return f"{mark(within)}\n**This change could not be reviewed.**\n\n{safe(str(wrong))}\n"


def verdict(change: ReviewedChange) -> str:
    """One line: whether a deployment would refuse it, what changes, for whom, and whether anything is
    wrong."""
    refused = "A deployment would refuse it. " if change.refusals else ""
    names = [subject.name for subject in change.differences.subjects]
    some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    affects = _affected_words(change.differences.affects)
    is_same = not names and not change.differences.unread
    parts = ["Nothing changes for customers"] if is_same else []
    if names:
        parts.append(
            f"{some}: changes {', '.join(affects)}" if affects else f"{some}: nothing changes for customers"
        )
    if unread := [each.file for each in change.differences.unread]:
        rest = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        parts.append(f"{unread[0]}{rest} cannot be compared")
    if change.plan is not None and (inside := sum(journey.people for journey in change.plan.journeys)):
        held_out = sum(journey.held_out for journey in change.plan.journeys)
        parts.append(f"{inside:,} people inside" + (f" ({held_out:,} of them holdout)" if held_out else ""))
    errors = sum(problem.is_error for problem in change.problems)
    warnings = len(change.problems) - errors
    parts += [
        f"{many:,} {noun}{'' if many == 1 else 's'}"
        for many, noun in ((errors, "error"), (warnings, "warning"))
        # what was warned of before is no part of a change that is none
        if many and not (is_same and noun == "warning")
    ]
    tests = change.stories.passed + change.stories.failed
    if tests:
        parts.append(f"Tests {change.stories.passed} of {tests}")
    elif not is_same:
        parts.append("No tests")
    return refused + ". ".join(parts) + "."


def _affected_words(affected: Sequence[Affected]) -> list[str]:
    """Whom a whole change affects. Beside others newcomers are not the only ones."""
    from engine.plan.difference import Affected

    if affected == (Affected.NEWCOMERS,):
        return [str(Affected.NEWCOMERS)]
    told = [who for who in affected if who is not Affected.NOTHING]
    return ["newcomers" if who is Affected.NEWCOMERS else str(who) for who in told]


def _open_parts(change: ReviewedChange, page: str, budget: LineBudget) -> Iterator[str]:
    yield mark(change.within)
    yield f"**{safe(verdict(change))}**\n"
    subjects = change.differences.subjects
    groups = grouped(subjects)
    lines = [line for group in groups for line in _group_lines(group, MOST_ALIKE, in_brief=True)]
    unread = [
        f"- `{code_text(each.file)}` cannot be compared: {safe(each.why)}"
        for each in change.differences.unread
    ]
    lines += unread
    if lines:
        overview, most = "", budget.changes
        if cut_list(lines, None, "") != cut_list(lines, most, "") and len(subjects) > MANY_SUBJECTS:
            if len(groups) <= most:
                overview = f"{len(subjects)} things change, by whom they affect most:\n\n"
                lines = [*map(_in_one_line, groups), *unread]
            else:
                overview = _overview(subjects)
                most -= overview.count("\n")
        yield f"### What changes\n\n{overview}{cut_list(lines, most, 'all of it is in the first fold')}"
    if change.made is not None and (change.made.messages or change.made.journeys):
        where = f", among [the files of this run]({page})" if page else ""
        yield f"Before and after: {_pictures(change.made)}{where}\n"
    if change.plan is not None:
        yield from _people(change.plan, change, budget)
    elif change.snapshot:
        yield "_What becomes of the people inside is not known while files have mistakes._\n"
    else:
        yield "_Who is inside is not known here: give `--snapshot FILE`._\n"
    if change.not_played:
        yield f"### What would be sent\n\nNot played: {safe(change.not_played)}.\n"
    if change.comparison is not None and (sent := change.daily) is not None:
        yield from _replayed(change.comparison, sent, change.currency, budget)


def _pictures(made: ChangePictures) -> str:
    """How many there are and where, in one line."""
    many = counted(made.messages, "message"), counted(made.journeys, "journey")
    # the name alone: where the machine that made them keeps them tells a reader nothing
    place = f"{Path(made.folder).resolve().name}/{made.index}"
    return f"{many[0]} and {many[1]} side by side in `{code_text(place)}`"


def _group_lines(group: SubjectGroup, most: int, *, in_brief: bool = False) -> Iterator[str]:
    """What changes in the same way, with so many names: a heading, and an item for each change. `in_brief`:
    those that affect nobody beside others that do are only counted, since the expectations of a few tests are
    longer than what a reviewer has to decide."""
    subject = group.first
    told, aside = _weighty(subject) if in_brief else (subject.changes, 0)
    yield _heading(group, most)
    for change, rule in with_rules(told):
        yield f"- {_change(change, rule)}"
    if aside:
        yield f"- {_affects_nobody(aside)}"
    if subject.folded:
        yield f"- moved or renamed: {len(subject.folded)}"


def _in_one_line(group: SubjectGroup) -> str:
    """An item: what changes of a journey or the like, as far as one line should hold it."""
    subject = group.first
    told, aside = _weighty(subject)
    parts = []
    for rule, row in groupby(told[:MOST_OF_ONE], key=lambda change: change.rule):
        # behind all of them: in a line it would be read as that of the first alone
        words = "; ".join(_change(change, "") for change in row)
        parts.append(f"{words} _{safe(rule)}_" if rule else words)
    parts += [f"{len(told) - MOST_OF_ONE} more"] if len(told) > MOST_OF_ONE else []
    parts += [_affects_nobody(aside)] if aside else []
    parts += [f"moved or renamed: {len(subject.folded)}"] if subject.folded else []
    return f"- {_heading(group, MOST_ALIKE)}: {'; '.join(parts)}"


def _heading(group: SubjectGroup, most: int) -> str:
    affects = ", ".join(str(who) for who in group.first.affects)
    return f"**{', '.join(map(safe, group.words(most).split(', ')))}** ({safe(affects)})"


def _weighty(subject: SubjectDiff) -> tuple[Sequence[Difference], int]:
    """The changes that affect somebody, and how many others stand beside them; all where none does."""
    from engine.plan.difference import Affected

    told = [change for change in subject.changes if change.affected is not Affected.NOTHING]
    return (told, len(subject.changes) - len(told)) if told else (subject.changes, 0)


def _affects_nobody(lines: int) -> str:
    return f"{counted(lines, 'line')} of tests and words for readers"


def _change(change: Difference, rule: str) -> str:
    return f"`{change.sign}` {safe(change.words)}" + (f" _{safe(rule)}_" if rule else "")


def _overview(subjects: Sequence[SubjectDiff]) -> str:
    """Of a change of many things, which ones they are, by whom they affect most."""
    lines = []
    for who in dict.fromkeys(subject.affects[0] for subject in subjects):
        names = [subject.name for subject in subjects if subject.affects[0] is who]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"- **{safe(str(who))}**: {', '.join(map(safe, names[:MOST_NAMES]))}{more}\n")
    return f"{len(subjects)} things change, by whom they affect most:\n\n{''.join(lines)}\n"


def _people(plan: DeploymentPlan, change: ReviewedChange, budget: LineBudget) -> Iterator[str]:
    from engine.plan.difference import Affected

    zone, differences, members = change.zone, change.differences, change.members
    changed = [f"- policy **{safe(each.policy)}**: {safe(policy_words(each))}" for each in plan.policies]
    changed += [
        f"- fact **{safe(each.fact)}**: counted{'' if each.is_new else ' anew'} from the recorded events; "
        f"{safe(asking_words(each))}"
        for each in plan.facts
    ]
    changed += [
        f"- journey **{safe(each.journey)}**: {safe(admission_words(each))}" for each in plan.admissions
    ]
    changed += [
        f"- segment **{safe(each.name)}**: {members[each.name]:,} in it; how many then only the store knows"
        for each in differences.subjects
        if each.kind == "segment" and each.name in members and each.affects != (Affected.NOTHING,)
    ]
    asks_store = any(subject.kind == "segment" for subject in differences.subjects) or bool(plan.journeys)
    notes = [f"Times are those of {zone.key}."]
    notes += [f"{ONLY_STORE.capitalize()}: ask `plan` beside it."] if asks_store else []
    end = (
        cut_list(changed, MOST_SETTINGS, "`plan` tells them")
        + ("\n" if changed else "")
        + f"_{' '.join(notes)}_\n"
    )
    if not plan.journeys:
        people = [each.people for each in plan.policies] + [each.people for each in plan.facts]
        nobody = "" if any(people) else "Nobody is inside of what changes.\n\n"
        yield f"### People inside\n\n{nobody}{end}"
        return
    rows = _places(plan, zone)
    cures = _cures(plan)
    risks = [
        f"- **{risk.people:,}** in {safe(risk_place(risk))}: "
        f"{safe(risk_words(risk))}{cures.get((risk.journey, risk.step), '')}"
        for risk in plan.risks
    ]
    first = "To be looked at first:\n\n" + cut_list(risks, MOST_RISKS, "in the table") + "\n" if risks else ""
    table = markdown_table(PLACE_HEAD, rows[: budget.places])
    rest = len(rows) - budget.places
    more = f"\n… and {counted(rest, 'more place')}: all in a fold\n" if rest > 0 else ""
    yield f"### People inside\n\n{first}{table}{more}\n{end}"


def _cures(plan: DeploymentPlan) -> dict[tuple[str, str], str]:
    """What to type where a deployment is refused, by journey and step; of a whole journey the step is ""."""
    from engine.runtime.publish.planning import doubt_refusal, refusal

    cures = {(journey.journey, ""): refusal(journey).cure for journey in plan.gone}
    cures |= {(each.journey.journey, each.place.step): doubt_refusal(each).cure for each in plan.doubts}
    # in parts: a long sentence of ours is not cut as one of an author
    return {place: f" - {'; '.join(map(safe, cure.split('; ')))}" for place, cure in cures.items()}


def _places(plan: DeploymentPlan, zone: ZoneInfo) -> list[tuple[str, ...]]:
    """A row for each place. Whoever stays, and the holdout, come last: nothing becomes of them."""
    from engine.core.handlers.migrate import MoveRule

    moved: list[tuple[str, ...]] = []
    rest: list[tuple[str, ...]] = []
    for journey in plan.journeys:
        if journey.is_gone:
            moved.append((f"{journey.people:,}", journey.journey, "anywhere", "refused: its file is gone"))
        for place in journey.places:
            rows = rest if place.move is MoveRule.STAYS else moved
            step, becomes = step_in_words(place.step) or "no step", place_words(place, zone)
            rows.append((f"{place.people:,}", journey.journey, step, becomes))
    held_out = [
        (f"{journey.held_out:,}", journey.journey, "holdout", "get nothing of it: only compared with")
        for journey in plan.journeys
        if journey.held_out
    ]
    return [*moved, *rest, *held_out]


def _replayed(answer: ReplayComparison, sent: Traffic, currency: str, budget: LineBudget) -> Iterator[str]:
    changed = [journey for journey in about_first(answer, sent.about) if not journey.is_same]
    head = (
        f"### What would be sent, {over(sent)}\n\n"
        f"{counted(answer.customers, 'customer')}; something happens differently to **{answer.changed:,}**. "
        + (f"{SAMPLE.format(answer.one_in).capitalize()}. " if answer.one_in > 1 else "")
        + f"{' '.join(map(safe, cannot_know(sent)))}\n"
    )
    told = _told(answer, sent)
    more = "\n" + cut_list(told, budget.sentences, "in a fold") if told else ""
    rows = [row for journey in changed for row in _counts(journey, currency)]
    if not rows:
        moved = "\nNothing is sent more or less often: messages move in time.\n" if changed else ""
        yield f"{head}{more}{moved}"
        return
    table = markdown_table(("", "before", "now", "difference"), rows[: budget.counts])
    rest = len(rows) - budget.counts
    cut = f"\n… and {counted(rest, 'more line')}: all in a fold\n" if rest > 0 else ""
    yield f"{head}{more}\n{table}{cut}"


def _told(answer: ReplayComparison, sent: Traffic) -> list[str]:
    """Sentences about people inside at the end, entries and caps, what is to be looked at first before the
    others."""
    told = (
        *_open_at_end(answer, sent),
        *(f"{each.journey} {jump(each)}" for each in sent.jumps),
        *entries(sent),
        *members(sent),
        *people_inside(sent),
        *competitions(sent),
    )
    # in parts: a long sentence of ours is not cut as one of an author
    return [f"- {'; '.join(map(safe, each.split('; ')))}" for each in told]


def _open_at_end(answer: ReplayComparison, sent: Traffic) -> Iterator[str]:
    """Of which journeys more or fewer people are still inside where the recording ends: a wait that is only
    longer sends fewer messages until then, and none of them is lost."""
    for each in about_first(answer, sent.about):
        more = each.open.after - each.open.before
        if more:
            margin = f" (± {each.open.margin:,})" if each.open.margin else ""
            yield (
                f"{each.journey}: {abs(more):,} {'more' if more > 0 else 'fewer'}{margin} "
                f"{'is' if abs(more) == 1 else 'are'} still inside where the recording ends: "
                "what is due after it is in no number below"
            )


def _counts(journey: JourneyComparison, currency: str) -> Iterator[tuple[str, ...]]:
    from engine.cli.changes.replay_comparison import cost_line, count_lines, counts

    for words, pair in count_lines(journey):
        if pair.before != pair.after:
            yield f"{journey.journey}: {words}", *counts(pair)
    costs_as_before = journey.cost_before == journey.cost_after
    if not costs_as_before and (cost := cost_line(journey, currency)) is not None:
        yield f"{journey.journey}: {cost[0]}", *cost[1:]


# --- folds ---


def _folds(change: ReviewedChange, budget: LineBudget) -> Iterator[tuple[str, str]]:
    groups = grouped(change.differences.subjects)
    every = [line for group in groups for line in _group_lines(group, len(group.names))]
    brief = [line for group in groups for line in _group_lines(group, MOST_ALIKE, in_brief=True)]
    if (whole := cut_list(every, None, "")) != cut_list(brief, budget.changes, ""):
        yield "All that changes", fitting(whole.splitlines(keepends=True))
    if change.plan is not None and len(places := _places(change.plan, change.zone)) > budget.places:
        yield "All people inside", fitting(markdown_table(PLACE_HEAD, places).splitlines(keepends=True))
    folded = [each for subject in change.differences.subjects for each in subject.folded]
    if folded:
        moved = [f"- {_change(each, rule)}\n" for each, rule in with_rules(folded)]
        yield "Moved or renamed", fitting(moved)
    if change.problems or change.accepted:
        # errors first: warnings are what is left out of a long list
        problems = [
            f"- `{code_text(change.within + problem.span.file)}:{problem.span.line}` {problem.level} "
            f"{problem.code}: {safe(problem.what)}. {_fix(problem)}\n"
            for problem in sorted(change.problems, key=lambda problem: not problem.is_error)
        ]
        problems += [
            f"- `{code_text(change.within + each.problem.span.file)}:{each.problem.span.line}` "
            f"{each.problem.code} is accepted: {safe(each.reason)}\n"
            for each in change.accepted
        ]
        yield f"What check says ({len(change.problems)})", fitting(problems)
    if change.stories.journeys:
        yield f"Tests: {change.stories.passed} passed, {change.stories.failed} failed", _tests(change.stories)
    if change.comparison is not None and (sent := change.daily) is not None:
        yield from _sent_a_day(change.comparison, sent, change.currency, budget)
    if change.comparison is not None and change.comparison.timelines:
        yield "Customers whose story changes", fenced(_timelines(change), "diff")
    for name, picture in change.pictures.items():
        yield f"Picture of {name}", fenced(picture, "mermaid")
    if change.patch:
        yield "The files, line by line", fenced(change.patch, "diff")


def _fix(problem: Problem) -> str:
    """What to type: in a line, or with its lines as they are to be pasted."""
    first, _, text = plain_fix(problem).partition("\n")
    return f"{safe(first)}\n{textwrap.indent(fenced(text, 'yaml'), '  ')}" if text else safe(first)


def _sent_a_day(
    answer: ReplayComparison, sent: Traffic, currency: str, budget: LineBudget
) -> Iterator[tuple[str, str]]:
    if rows := list(daily_rows(sent, currency)):
        note = f"\n{safe(SAMPLE.format(sent.one_in))}\n" if sent.one_in > 1 else ""
        table = markdown_table(("a day", "before", "now", "difference"), rows)
        yield "What is sent a day, and what it costs", table + note
    told = _told(answer, sent)
    if len(told) > budget.sentences:
        yield (
            "Who is still inside, who enters, and who competes for the same caps",
            fitting([f"{each}\n" for each in told]),
        )
    changed = [journey for journey in about_first(answer, sent.about) if not journey.is_same]
    every = [row for journey in changed for row in _counts(journey, currency)]
    if len(every) > budget.counts:
        yield "All that would be sent", markdown_table(("", "before", "now", "difference"), every)


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
    from engine.cli.changes.replay_comparison import ReplayArguments, side_by_side

    assert change.comparison is not None
    blocks, stream = [], ReplayArguments((change.snapshot,), "", change.against[:12], strict=True)
    for timeline in change.comparison.timelines:
        lines = (
            f"{sign} {_local(event.at, change.zone)}  {event.words}"
            for sign, event in side_by_side(timeline.before, timeline.after)
        )
        command = stream.story_of(timeline)
        as_test = [f"  as a test: {command}"] if command is not None else []
        blocks.append("\n".join([f"  {timeline.like:,} like this", *lines, *as_test]))
    return "\n\n".join(blocks)


def _local(at: str, zone: ZoneInfo) -> str:
    from engine.cli.reports.times import local

    moment = parse_instant(at)
    return local(moment, zone) if moment is not None else at
