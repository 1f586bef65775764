"""What decisions count: starts, steps, skips, goals and ends of runs, on the day of the decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from engine.core.decision.effects import Decision, Trace
from engine.core.enrollment import Enrollment
from engine.core.reasons import IgnoredReason
from engine.store.counting.daily_counts import Count, CountKey, GoalKind

Counts = Counter[CountKey]


def count_decision(counts: Counts, decision: Decision) -> None:
    """Adds what one decision says about itself."""
    run = decision.enrollment
    is_held_out = run is not None and run.holdout
    for line in decision.trace:
        counted = count_line(line, is_held_out=is_held_out)
        if counted is not None:
            counts[counted] += 1
    if decision.reached and run is not None:
        for step in decision.reached:
            counts[CountKey(run.journey, step, "", Count.REACHED)] += 1


def count_line(line: Trace, *, is_held_out: bool) -> CountKey | None:
    """What a line of the history counts as; None: nothing. `is_held_out`: of a run in the holdout."""
    match line.kind:
        # first, since most lines only say how a run went on
        case "asked" | "wait" | "plan" | "send":
            return None
        case "start" if not is_held_out:
            return CountKey(line.journey, "", "", Count.STARTED)
        case "holdout":
            return CountKey(line.journey, "", "", Count.REFUSED, IgnoredReason.HOLDOUT.value)
        case "ignored":
            return CountKey(line.journey, "", "", Count.REFUSED, line.subject)
        case "skip":
            return CountKey(line.journey, line.step, "", Count.SKIPPED, line.detail)
        case "goal" | "goal (late)":
            return CountKey(line.journey, "", "", Count.GOAL, _goal_kind(line, is_held_out=is_held_out))
        case "note" if line.subject == "goal":
            kind = GoalKind.HOLDOUT if is_held_out else GoalKind.AFTER
            return CountKey(line.journey, "", "", Count.GOAL, kind.value)
        case _:
            return None


def count_end(counts: Counts, before: Enrollment | None, run: Enrollment) -> None:
    """Adds the end of a run, if it is new."""
    if run.outcome is not None and (before is None or before.outcome is None):
        counts[CountKey(run.journey, "", "", Count.ENDED, run.outcome)] += 1


def count_ends(counts: Counts, before: Mapping[str, Enrollment], runs: Iterable[Enrollment]) -> None:
    """As `count_end`, for several. `before`: by id."""
    for run in runs:
        count_end(counts, before.get(run.id), run)


def _goal_kind(line: Trace, *, is_held_out: bool) -> str:
    if is_held_out:
        return GoalKind.HOLDOUT.value
    if line.kind == "goal (late)":
        return GoalKind.LATE.value
    return (GoalKind.BEFORE if line.detail else GoalKind.COUNTED).value
