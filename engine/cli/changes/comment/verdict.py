"""What a reviewer has to know if nothing else is read: what changes, for whom, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.cli.output import counted

if TYPE_CHECKING:
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.plan.difference import Affected

MOST_NAMES = 3
"""Things that change that are named."""

MOST_WARNINGS = 3
"""Warnings that are told by themselves."""


def verdict(change: ReviewedChange) -> str:
    """One line: whether a deployment would refuse it, what changes, for whom, and whether anything is
    wrong."""
    refused = "A deployment would refuse it. " if change.refusals else ""
    names = [subject.name for subject in change.differences.subjects]
    # one name is as short as "1 more"
    told = len(names) if len(names) <= MOST_NAMES + 1 else MOST_NAMES
    some = ", ".join(names[:told]) + (f" and {len(names) - told} more" if len(names) > told else "")
    affects = affected_words(change.differences.affects)
    is_same = not names and not change.differences.unread
    parts = ["Nothing changes for customers"] if is_same else []
    if names:
        parts.append(f"{some}: changes {affects}" if affects else f"{some}: nothing changes for customers")
    if unread := [each.file for each in change.differences.unread]:
        rest = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        parts.append(f"{unread[0]}{rest} cannot be compared")
    if change.plan is not None and (inside := sum(journey.people for journey in change.plan.journeys)):
        held_out = sum(journey.held_out for journey in change.plan.journeys)
        people = "1 person" if inside == 1 else f"{inside:,} people"
        parts.append(f"{people} inside" + (f" ({held_out:,} of them holdout)" if held_out else ""))
    parts += [
        counted(many, noun)
        for many, noun in ((change.errors, "error"), (change.warnings, "warning"))
        # what was warned of before is no part of a change that is none
        if many and not (is_same and noun == "warning")
    ]
    tests = change.stories.passed + change.stories.failed
    if tests:
        parts.append(f"Tests {change.stories.passed} of {tests}")
    elif not is_same:
        parts.append("No tests")
    return refused + ". ".join(parts) + "."


def affected_words(affected: Sequence[Affected]) -> str:
    """Whom a change affects; "": nobody. Beside others newcomers are not the only ones."""
    from engine.plan.difference import Affected

    if affected == (Affected.NEWCOMERS,):
        return str(Affected.NEWCOMERS)
    told = [who for who in affected if who is not Affected.NOTHING]
    return ", ".join("newcomers" if who is Affected.NEWCOMERS else str(who) for who in told)


def to_do(change: ReviewedChange) -> str:
    """What has to be done before it is merged, and from when on it counts; "" where nothing changes."""
    if not change.differences.subjects and not change.differences.unread:
        return ""
    left = "; ".join(_left(change))
    before = f"Before merging: {left}." if left else "Before merging nothing has to be done."
    return (
        f"{before} All that is said here counts from the deployment on, when it is published after the merge."
    )


def _left(change: ReviewedChange) -> Iterator[str]:
    if change.differences.unread:
        yield "read what cannot be compared (below) in the files themselves"
    if change.refusals:
        yield "write what stands below as refused"
    if change.errors:
        yield f"mend {counted(change.errors, 'error')} (in the fold What check says)"
    if change.stories.failed:
        failing = counted(change.stories.failed, "failing test")
        yield f"mend {failing}, or write what is expected now (in the fold Tests)"
    if change.warnings:
        warnings = counted(change.warnings, "warning")
        told = [problem.what for problem in change.problems if not problem.is_error][:MOST_WARNINGS]
        more = ", and more" if change.warnings > len(told) else ""
        yield (
            f"look at {warnings}, which {'stops' if change.warnings == 1 else 'stop'} nothing "
            f"({' - '.join(told)}{more}; in the fold What check says)"
        )
    partly = [each for each in change.differences.subjects if each.unchanged]
    if partly:
        told = [f"{each.name} ({', '.join(each.unchanged)})" for each in partly[:MOST_NAMES]]
        more = f" and {len(partly) - MOST_NAMES} more" if len(partly) > MOST_NAMES else ""
        yield f"look whether what is unchanged of a message still says the same: {', '.join(told)}{more}"
