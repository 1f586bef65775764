"""What a reviewer of a change reads, as one comment in Markdown: the verdict first, then the questions in the
order in which they come up, and what is longer in folds."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from engine.cli.changes.plan import (
    ONLY_STORE,
    RISKS,
    asking_words,
    place_words,
    policy_words,
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
)
from engine.cli.output import counted
from engine.errors import PerennialError
from engine.plan.difference import alike, with_rules
from engine.plan.traffic import about_first, traffic
from engine.problem import in_order, plain_fix
from engine.values import parse_instant
from engine.visible import visible

if TYPE_CHECKING:
    from engine.cli.changes.pictures.folder import PicturesMade
    from engine.language.acceptance import AcceptedWarning
    from engine.plan.difference import Affected, AlikeSubjects, Difference, ProjectDiff, SubjectDiff
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
class Room:
    """How many lines of each part stand before the folds."""

    changes: int = 14
    places: int = 6
    counts: int = 9
    sentences: int = 4


ROOMS = (
    Room(),
    Room(counts=6),
    Room(counts=4, sentences=3),
    Room(changes=12, places=4, counts=4, sentences=2),
    Room(changes=9, places=3, counts=3, sentences=2),
    Room(changes=6, places=2, counts=2, sentences=1),
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

LONGEST, LARGEST_FOLD = 300, 20_000
"""Characters of what an author wrote in one line, and of a fold that is a list."""


def mark(within: str) -> str:
    """The first line of a comment, by which it is found again and brought up to date in its place. `within`:
    where the project stands in its repository, which may hold others."""
    name = f"perennial review {quote(within.strip('/'))}".strip()
    return f"<!-- {name} -->"


class ReviewLabel(StrEnum):
    """What a forge says of a change as a whole, beside its title."""

    IN_FLIGHT = "journeys: people in flight"
    MESSAGES = "journeys: messages change"
    POLICY = "journeys: policy"
    NEWCOMERS = "journeys: only newcomers"
    NOTHING = "journeys: nothing changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedChange:
    """All that is known of a change. `plan`, `comparison`: None without a snapshot, and where files have
    mistakes. `stories`: of the journeys that changed, and of those where one fails; `problems`: of the files
    that changed; `accepted`: warnings that the change accepts; `refusals`: why `deploy` would refuse, where
    that is to be mended; `pictures`: Mermaid by journey; `patch`: the files as git compares them. `against`:
    the commit it is compared with. `within`: where the project stands in its repository, "" or ending in `/`.
    `made`: the folder with pictures before and after, if one was wanted. `snapshot`: as it was named, "":
    none; `not_played`: why its events are not; `members`: how many were in each segment."""

    differences: ProjectDiff
    plan: DeploymentPlan | None
    comparison: ReplayComparison | None
    stories: StoriesReport
    problems: Sequence[Problem]
    accepted: Sequence[AcceptedWarning]
    pictures: Mapping[str, str]
    patch: str
    zone: ZoneInfo
    currency: str
    against: str
    snapshot: str = ""
    within: str = ""
    made: PicturesMade | None = None
    refusals: Sequence[Problem] = ()
    not_played: str = ""
    members: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def daily(self) -> Traffic | None:
        """What is sent a day; None where nothing was played."""
        if self.comparison is None:
            return None
        return traffic(self.comparison, self.differences.changed_journeys)

    @property
    def is_refused(self) -> bool:
        """It must not be merged as it is: a story fails, a file has mistakes, or `deploy` would refuse."""
        has_mistakes = self.stories.failed > 0 or any(problem.is_error for problem in self.problems)
        return has_mistakes or bool(self.refusals)

    @property
    def annotations(self) -> list[Problem]:
        """Why `deploy` would refuse, the mistakes, and the failing stories, at their places. Refusals come
        first: of a long list a forge shows the beginning."""
        from engine.simulate.checking import failures

        return [*self.refusals, *in_order([*self.problems, *failures(self.stories)])]

    @property
    def labels(self) -> tuple[ReviewLabel, ...]:
        """Whom it affects. Newcomers are named only where nobody else is affected."""
        from engine.plan.difference import Affected

        affected = self.differences.affects
        weighty = {
            Affected.IN_FLIGHT: ReviewLabel.IN_FLIGHT,
            Affected.MESSAGES: ReviewLabel.MESSAGES,
            Affected.POLICY: ReviewLabel.POLICY,
        }
        if found := tuple(weighty[who] for who in affected if who in weighty):
            return found
        if Affected.NEWCOMERS in affected:
            return (ReviewLabel.NEWCOMERS,)
        # what cannot be read may change anything
        return () if self.differences.unread else (ReviewLabel.NOTHING,)


def comment(change: ReviewedChange, page: str = "") -> str:
    """The comment. What does not fit is left out from its end, and said to be. `page`: where the files are
    that were made with it, "": here."""
    for room in ROOMS:
        blocks = [*_open_parts(change, page, room)]
        if "\n".join(blocks).count("\n") < MOST_LINES:
            break
    size = sum(map(len, blocks))
    left_out = []
    for title, text in _folds(change, room):
        fold = f"<details><summary>{html.escape(visible(title))}</summary>\n\n{text}\n\n</details>\n"
        if size + len(fold) > LARGEST:
            left_out.append(title)
            continue
        blocks.append(fold)
        size += len(fold)
    if left_out:
        blocks.append(f"Too long for a comment: {_safe(', '.join(left_out))}.\n")
    return "\n".join(blocks)


def failure(wrong: PerennialError, within: str) -> str:
    """The comment on a change that cannot be reviewed: what an earlier one said holds no more."""
    return f"{mark(within)}\n**This change could not be reviewed.**\n\n{_safe(str(wrong))}\n"


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


def _open_parts(change: ReviewedChange, page: str, room: Room) -> Iterator[str]:
    yield mark(change.within)
    yield f"**{_safe(verdict(change))}**\n"
    subjects = change.differences.subjects
    groups = alike(subjects)
    lines = [line for group in groups for line in _alike(group, MOST_ALIKE, in_brief=True)]
    unread = [
        f"- `{_code(each.file)}` cannot be compared: {_safe(each.why)}" for each in change.differences.unread
    ]
    lines += unread
    if lines:
        overview, most = "", room.changes
        if _cut(lines, None, "") != _cut(lines, most, "") and len(subjects) > MANY_SUBJECTS:
            if len(groups) <= most:
                overview = f"{len(subjects)} things change, by whom they affect most:\n\n"
                lines = [*map(_in_one_line, groups), *unread]
            else:
                overview = _overview(subjects)
                most -= overview.count("\n")
        yield f"### What changes\n\n{overview}{_cut(lines, most, 'all of it is in the first fold')}"
    if change.made is not None and (change.made.messages or change.made.journeys):
        where = f", among [the files of this run]({page})" if page else ""
        yield f"Before and after: {_pictures(change.made)}{where}\n"
    if change.plan is not None:
        yield from _people(change.plan, change, room)
    elif change.snapshot:
        yield "_What becomes of the people inside is not known while files have mistakes._\n"
    else:
        yield "_Who is inside is not known here: give `--snapshot FILE`._\n"
    if change.not_played:
        yield f"### What would be sent\n\nNot played: {_safe(change.not_played)}.\n"
    if change.comparison is not None and (sent := change.daily) is not None:
        yield from _replayed(change.comparison, sent, change.currency, room)


def _pictures(made: PicturesMade) -> str:
    """How many there are and where, in one line."""
    many = counted(made.messages, "message"), counted(made.journeys, "journey")
    # the name alone: where the machine that made them keeps them tells a reader nothing
    place = f"{Path(made.folder).resolve().name}/{made.index}"
    return f"{many[0]} and {many[1]} side by side in `{_code(place)}`"


def _alike(group: AlikeSubjects, most: int, *, in_brief: bool = False) -> Iterator[str]:
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


def _in_one_line(group: AlikeSubjects) -> str:
    """An item: what changes of a journey or the like, as far as one line should hold it."""
    subject = group.first
    told, aside = _weighty(subject)
    parts = []
    for rule, row in groupby(told[:MOST_OF_ONE], key=lambda change: change.rule):
        # behind all of them: in a line it would be read as that of the first alone
        words = "; ".join(_change(change, "") for change in row)
        parts.append(f"{words} _{_safe(rule)}_" if rule else words)
    parts += [f"{len(told) - MOST_OF_ONE} more"] if len(told) > MOST_OF_ONE else []
    parts += [_affects_nobody(aside)] if aside else []
    parts += [f"moved or renamed: {len(subject.folded)}"] if subject.folded else []
    return f"- {_heading(group, MOST_ALIKE)}: {'; '.join(parts)}"


def _heading(group: AlikeSubjects, most: int) -> str:
    affects = ", ".join(str(who) for who in group.first.affects)
    return f"**{', '.join(map(_safe, group.words(most).split(', ')))}** ({_safe(affects)})"


def _weighty(subject: SubjectDiff) -> tuple[Sequence[Difference], int]:
    """The changes that affect somebody, and how many others stand beside them; all where none does."""
    from engine.plan.difference import Affected

    told = [change for change in subject.changes if change.affected is not Affected.NOTHING]
    return (told, len(subject.changes) - len(told)) if told else (subject.changes, 0)


def _affects_nobody(lines: int) -> str:
    return f"{counted(lines, 'line')} of tests and words for readers"


def _change(change: Difference, rule: str) -> str:
    return f"`{change.sign}` {_safe(change.words)}" + (f" _{_safe(rule)}_" if rule else "")


def _overview(subjects: Sequence[SubjectDiff]) -> str:
    """Of a change of many things, which ones they are, by whom they affect most."""
    lines = []
    for who in dict.fromkeys(subject.affects[0] for subject in subjects):
        names = [subject.name for subject in subjects if subject.affects[0] is who]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"- **{_safe(str(who))}**: {', '.join(map(_safe, names[:MOST_NAMES]))}{more}\n")
    return f"{len(subjects)} things change, by whom they affect most:\n\n{''.join(lines)}\n"


def _cut(lines: Sequence[str], most: int | None, more: str) -> str:
    """Lines, those that are no items of a list in paragraphs of their own; no more than `most` with the empty
    ones between them."""
    text, kept = "", ""  # `kept`: up to the last line that is no heading
    for place, line in enumerate(lines):
        is_item = line.startswith("- ")
        block = ("" if is_item or not text else "\n") + line + ("\n" if is_item else "\n\n")
        if most is not None and (text + block).count("\n") > most:
            # headings are not what is counted, and none is left that nothing stands below
            left = sum(each.startswith("- ") for each in lines[place:])
            return f"{kept or text}\n… and {left} more: {more}\n"
        text += block
        kept = text if is_item else kept
    return text


def _people(plan: DeploymentPlan, change: ReviewedChange, room: Room) -> Iterator[str]:
    from engine.plan.difference import Affected

    zone, differences, members = change.zone, change.differences, change.members
    changed = [f"- policy **{_safe(each.policy)}**: {_safe(policy_words(each))}" for each in plan.policies]
    changed += [
        f"- fact **{_safe(each.fact)}**: counted{'' if each.is_new else ' anew'} from the recorded events; "
        f"{_safe(asking_words(each))}"
        for each in plan.facts
    ]
    changed += [
        f"- segment **{_safe(each.name)}**: {members[each.name]:,} in it; how many then only the store knows"
        for each in differences.subjects
        if each.kind == "segment" and each.name in members and each.affects != (Affected.NOTHING,)
    ]
    asks_store = any(subject.kind == "segment" for subject in differences.subjects) or bool(plan.journeys)
    notes = [f"Times are those of {zone.key}."]
    notes += [f"{ONLY_STORE.capitalize()}: ask `plan` beside it."] if asks_store else []
    end = (
        _cut(changed, MOST_SETTINGS, "`plan` tells them")
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
        f"- **{risk.people:,}** in {_safe(f'{risk.journey}, {risk.step}' if risk.step else risk.journey)}: "
        f"{_safe(RISKS[risk.risk].format(to=risk.to))}{cures.get((risk.journey, risk.step), '')}"
        for risk in plan.risks
    ]
    first = "To be looked at first:\n\n" + _cut(risks, MOST_RISKS, "in the table") + "\n" if risks else ""
    table = _table(PLACE_HEAD, rows[: room.places])
    rest = len(rows) - room.places
    more = f"\n… and {counted(rest, 'more place')}: all in a fold\n" if rest > 0 else ""
    yield f"### People inside\n\n{first}{table}{more}\n{end}"


def _cures(plan: DeploymentPlan) -> dict[tuple[str, str], str]:
    """What to type where a deployment is refused, by journey and step; of a whole journey the step is ""."""
    from engine.runtime.publish.planning import doubt_refusal, refusal

    cures = {(journey.journey, ""): refusal(journey).cure for journey in plan.gone}
    cures |= {(each.journey.journey, each.place.step): doubt_refusal(each).cure for each in plan.doubts}
    # in parts: a long sentence of ours is not cut as one of an author
    return {place: f" - {'; '.join(map(_safe, cure.split('; ')))}" for place, cure in cures.items()}


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
            step, becomes = place.step or "no step", place_words(place, zone)
            rows.append((f"{place.people:,}", journey.journey, step, becomes))
    held_out = [
        (f"{journey.held_out:,}", journey.journey, "holdout", "get nothing of it: only compared with")
        for journey in plan.journeys
        if journey.held_out
    ]
    return [*moved, *rest, *held_out]


def _replayed(answer: ReplayComparison, sent: Traffic, currency: str, room: Room) -> Iterator[str]:
    changed = [journey for journey in about_first(answer, sent.about) if not journey.is_same]
    head = (
        f"### What would be sent, {over(sent)}\n\n"
        f"{counted(answer.customers, 'customer')}; something happens differently to **{answer.changed:,}**. "
        + (f"{SAMPLE.format(answer.one_in).capitalize()}. " if answer.one_in > 1 else "")
        + f"{' '.join(map(_safe, cannot_know(sent)))}\n"
    )
    told = [*_later(changed), *_told(sent)]
    more = "\n" + _cut(told, room.sentences, "in a fold") if told else ""
    rows = [row for journey in changed for row in _counts(journey, currency)]
    if not rows:
        moved = "\nNothing is sent more or less often: messages move in time.\n" if changed else ""
        yield f"{head}{more}{moved}"
        return
    table = _table(("", "before", "now", "difference"), rows[: room.counts])
    rest = len(rows) - room.counts
    cut = f"\n… and {counted(rest, 'more line')}: all in a fold\n" if rest > 0 else ""
    yield f"{head}{more}\n{table}{cut}"


def _told(sent: Traffic) -> list[str]:
    """Sentences about entries and caps, what is to be looked at first before the others."""
    told = (
        *(f"{each.journey} {jump(each)}" for each in sent.jumps),
        *entries(sent),
        *members(sent),
        *competitions(sent),
    )
    # in parts: a long sentence of ours is not cut as one of an author
    return [f"- {'; '.join(map(_safe, each.split('; ')))}" for each in told]


def _later(changed: Sequence[JourneyComparison]) -> Iterator[str]:
    """Of which journeys more or fewer people are still inside where the recording ends: a wait that is only
    longer sends fewer messages until then, and none of them is lost."""
    for each in changed:
        more = each.open.after - each.open.before
        if more:
            many = f"{abs(more):,} {'more' if more > 0 else 'fewer'}"
            verb = "is" if abs(more) == 1 else "are"
            yield (
                f"- {_safe(each.journey)}: {many} {verb} still inside where the recording ends: what is due "
                "after it is in no number below"
            )


def _counts(journey: JourneyComparison, currency: str) -> Iterator[tuple[str, ...]]:
    from engine.cli.changes.replay_comparison import cost_line, count_lines, counts

    for words, pair in count_lines(journey):
        if pair.before != pair.after:
            yield f"{journey.journey}: {words}", *counts(pair)
    costs_as_before = journey.cost_before == journey.cost_after
    if not costs_as_before and (cost := cost_line(journey, currency)) is not None:
        yield f"{journey.journey}: {cost[0]}", *cost[1:]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(map(_safe, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


# --- folds ---


def _folds(change: ReviewedChange, room: Room) -> Iterator[tuple[str, str]]:
    groups = alike(change.differences.subjects)
    every = [line for group in groups for line in _alike(group, len(group.names))]
    brief = [line for group in groups for line in _alike(group, MOST_ALIKE, in_brief=True)]
    if (whole := _cut(every, None, "")) != _cut(brief, room.changes, ""):
        yield "All that changes", _fitting(whole.splitlines(keepends=True))
    if change.plan is not None and len(places := _places(change.plan, change.zone)) > room.places:
        yield "All people inside", _fitting(_table(PLACE_HEAD, places).splitlines(keepends=True))
    folded = [each for subject in change.differences.subjects for each in subject.folded]
    if folded:
        moved = [f"- {_change(each, rule)}\n" for each, rule in with_rules(folded)]
        yield "Moved or renamed", _fitting(moved)
    if change.problems or change.accepted:
        # errors first: warnings are what is left out of a long list
        problems = [
            f"- `{_code(change.within + problem.span.file)}:{problem.span.line}` {problem.level} "
            f"{problem.code}: {_safe(problem.what)}. {_fix(problem)}\n"
            for problem in sorted(change.problems, key=lambda problem: not problem.is_error)
        ]
        problems += [
            f"- `{_code(change.within + each.problem.span.file)}:{each.problem.span.line}` "
            f"{each.problem.code} is accepted: {_safe(each.reason)}\n"
            for each in change.accepted
        ]
        yield f"What check says ({len(change.problems)})", _fitting(problems)
    if change.stories.journeys:
        yield f"Tests: {change.stories.passed} passed, {change.stories.failed} failed", _tests(change.stories)
    if change.comparison is not None and (sent := change.daily) is not None:
        yield from _sent_a_day(change.comparison, sent, change.currency, room)
    if change.comparison is not None and change.comparison.timelines:
        yield "Customers whose story changes", _fenced(_timelines(change), "diff")
    for name, picture in change.pictures.items():
        yield f"Picture of {name}", _fenced(picture, "mermaid")
    if change.patch:
        yield "The files, line by line", _fenced(change.patch, "diff")


def _fix(problem: Problem) -> str:
    """What to type: in a line, or with its lines as they are to be pasted."""
    first, _, text = plain_fix(problem).partition("\n")
    return f"{_safe(first)}\n{textwrap.indent(_fenced(text, 'yaml'), '  ')}" if text else _safe(first)


def _sent_a_day(
    answer: ReplayComparison, sent: Traffic, currency: str, room: Room
) -> Iterator[tuple[str, str]]:
    if rows := list(daily_rows(sent, currency)):
        note = f"\n{_safe(SAMPLE.format(sent.one_in))}\n" if sent.one_in > 1 else ""
        table = _table(("a day", "before", "now", "difference"), rows)
        yield "What is sent a day, and what it costs", table + note
    told = _told(sent)
    if len(told) > room.sentences:
        yield "Who enters, and who competes for the same caps", _fitting([f"{each}\n" for each in told])
    changed = [journey for journey in about_first(answer, sent.about) if not journey.is_same]
    every = [row for journey in changed for row in _counts(journey, currency)]
    if len(every) > room.counts:
        yield "All that would be sent", _table(("", "before", "now", "difference"), every)


def _fitting(lines: Sequence[str]) -> str:
    """As many of them as a fold takes, and how many more there are."""
    size = 0
    for place, line in enumerate(lines):
        size += len(line)
        if size > LARGEST_FOLD:
            return "".join(lines[:place]) + f"\n… and {len(lines) - place:,} more\n"
    return "".join(lines)


def _tests(stories: StoriesReport) -> str:
    lines: list[str] = []
    for journey in stories.journeys:
        if journey.broken and journey.stories:
            tests = counted(journey.stories, "test")
            lines.append(f"- **{_safe(journey.journey)} has mistakes**, so its {tests} could not run\n")
        for result in journey.results:
            lines.append(
                f"- {'passed' if result.passed else '**failed**'}: "
                f"{_safe(f'{journey.journey}: {result.story.name.value}')}\n"
            )
            if not result.passed:
                rows = [f"{row.mark} {row.at.label}: {row.expected or row.happened}" for row in result.rows]
                rows += [f"! line {each.span.line}: {each.what}; {each.fix}" for each in result.problems]
                lines.append(_fenced("\n".join(rows), "diff") + "\n")
        if journey.coverage is not None and journey.coverage.unreached:
            steps = ", ".join(step.id for step in journey.coverage.unreached)
            lines.append(f"- no test reaches {_safe(steps)} of {_safe(journey.journey)}\n")
    return _fitting(lines)


def _timelines(change: ReviewedChange) -> str:
    from engine.cli.changes.replay_comparison import PlayedStream, side_by_side

    assert change.comparison is not None
    blocks, stream = [], PlayedStream((change.snapshot,), "", change.against[:12], strict=True)
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


def _fenced(text: str, kind: str) -> str:
    """Text as it is, in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    shown = "\n".join(visible(line) for line in text.split("\n"))
    return f"{fence}{kind}\n{shown}\n{fence}"


def _safe(text: str) -> str:
    """Text of an author in a line of Markdown: it cannot end a table, begin a tag or a link, or name
    somebody."""
    words = " ".join(text.split())
    line = visible(words if len(words) <= LONGEST else words[:LONGEST] + "…")
    # a code span: forges make `#1` a link to an issue wherever it stands else
    parts = _NUMBERED.split(line)
    return "".join(f"`{part}`" if place % 2 else _escaped(part) for place, part in enumerate(parts))


_NUMBERED = re.compile(r"([\w.-]*#\d[\w.-]*)")
"""Ids of steps without an own one, as `welcome_hello#1`."""


def _escaped(line: str) -> str:
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)
    # names of people and merge requests, and addresses, which forges make links of wherever they stand
    return re.sub(r"(@|!(?=\d)|://|www\.(?=\w))", "\\1\u200b", line)


def _code(text: str) -> str:
    return visible(text).replace("`", "'")
