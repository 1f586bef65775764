"""Two versions of a journey or a segment, from their syntax: layout, comments and the order of keys are no
difference."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from engine.compiler.journeys.compile import WITHIN
from engine.compiler.journeys.fingerprint import meaning
from engine.diagram.flowchart import start_words
from engine.diagram.nodes import HeadPart
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.plan.condition_diff import asked, condition_changes
from engine.plan.difference import Affected, Difference, DiffSign, SubjectDiff, subject_diff
from engine.plan.step_diff import DECIDE_RULE, step_diff
from engine.problem import Span

_STAY = "who is inside stays"
_FROM_NOW_ON = "for whoever comes from the deployment on; who is inside stays"
_STATES: Mapping[str, str] = {
    "draft": "nobody enters", "live": "people enter from the deployment on",
    "closing": "nobody enters, who is inside goes on",
    "paused": "nobody enters and nobody moves", "stopped": "everybody inside leaves now",
}  # fmt: skip


def journey_diff(before: syntax.JourneyFile | None, now: syntax.JourneyFile | None) -> SubjectDiff | None:
    """None where both do the same and say the same. One of them may be missing."""
    if now is None or before is None:
        return _came_or_went(before, now)
    steps, folded = step_diff(before.steps, now.steps)
    changes = [
        *(each.difference for each in head_differences(before, now)),
        *steps,
        *_stories(before.tests or (), now.tests or ()),
    ]
    if before.name.value != now.name.value:
        words = f"the journey {before.name.value} is called {now.name.value}"
        folded.insert(0, Difference(DiffSign.CHANGED, words, Affected.NOTHING, _STAY, now.name.span))
    return subject_diff("journey", now.name.value, now.span.file, changes, folded)


def segment_diff(
    before: syntax.SegmentFile | None, now: syntax.SegmentFile | None, taken_by: Sequence[str] = ()
) -> SubjectDiff | None:
    """As `journey_diff`, for a segment. `taken_by`: the journeys that take its members with this change
    (`first_taken`)."""
    file = now or before
    assert file is not None
    changes: list[Difference] = []
    rule = (
        "whoever comes into it by the change itself starts no journey by that, now or later,"
        " until they have left it and come back"
    )
    if taken_by:
        names, is_one = " and ".join(taken_by), len(taken_by) == 1
        rule = (
            f"{names} {'goes' if is_one else 'go'} live for the first time and"
            f" {'takes' if is_one else 'take'} who is in it then, over 24 hours; apart from that, {rule}"
        )
    if before is None or now is None:
        sign = DiffSign.ADDED if now else DiffSign.REMOVED
        words = condition_text(file.who) if file.who is not None else "everybody"
        changes.append(Difference(sign, words, Affected.NEWCOMERS, rule if now else "", file.name.span))
    else:
        if words := condition_changes(before.who, now.who):
            changes.append(Difference(DiffSign.CHANGED, words, Affected.NEWCOMERS, rule, now.span))
        changes += _texts(("about", before.about, now.about))
    return subject_diff("segment", file.name.value, file.span.file, changes)


def _came_or_went(before: syntax.JourneyFile | None, now: syntax.JourneyFile | None) -> SubjectDiff | None:
    file = now or before
    assert file is not None
    starts = " or ".join(start_words(start) for start in file.starts)
    if now is not None:
        state = now.state.value if now.state is not None else "live"
        rule = _STATES.get(state, "")
        if state == "live":
            rule = _only_who_enters(now.starts, first_taken(None, now)) or rule
        change = Difference(
            DiffSign.ADDED, f"a new journey: {starts}", Affected.NEWCOMERS, rule, now.name.span
        )
    else:
        change = Difference(
            DiffSign.REMOVED, f"the journey is gone: {starts}", Affected.IN_FLIGHT,
            "refused while people are inside; write  state: closing  first and remove it when it is empty",
            file.name.span,
        )  # fmt: skip
    return subject_diff("journey", file.name.value, file.span.file, (change,))


def first_taken(before: syntax.JourneyFile | None, now: syntax.JourneyFile) -> list[str]:
    """The segments whose members come in with this change: those of `members: all` where the journey is live
    with it for the first time, which happens once in its life (design/language 2.4)."""
    if not _is_live(now):
        return []
    could_take = before is not None and _value(before.state) != "draft" and _segments_taken(before)
    return [] if could_take else _segments_taken(now)


def _segments_taken(journey: syntax.JourneyFile) -> list[str]:
    return [
        each.segment.value
        for each in journey.starts
        if isinstance(each, syntax.SegmentStart) and each.members == "all"
    ]


def _is_live(journey: syntax.JourneyFile) -> bool:
    return (_value(journey.state) or "live") == "live"


def _only_who_enters(starts: Sequence[syntax.Start], first: Sequence[str]) -> str:
    """Whom starts take where segments are among them (design/language 2.4); "" where none is. `first`: as
    `first_taken`."""
    segments = [each.segment.value for each in starts if isinstance(each, syntax.SegmentStart)]
    taken = [name for name in segments if name in first]
    names = [name for name in segments if name not in first]
    takes = (
        f"who is in {' or '.join(taken)} at the deployment enters too, over 24 hours and once in the life of"
        f" the journey; who enters {' or '.join(taken)} later does then" if taken else ""
    )  # fmt: skip
    if not names:
        return takes
    rest = "; by the other starts people enter from then on" if len(names) < len(starts) else ""
    return (
        f"who enters {' or '.join(names)} from the deployment on starts; who is in it then does not,"
        f" until they have left it and come back{rest}" + (f"; {takes}" if takes else "")
    )


# --- the head ------------------------------------------------------------------------------------


class HeadDifference(NamedTuple):
    """A difference of the head, and of which part of it."""

    part: HeadPart
    difference: Difference


def head_differences(before: syntax.JourneyFile, now: syntax.JourneyFile) -> Iterator[HeadDifference]:
    """What is different about the head of a journey."""
    first = first_taken(before, now)
    for start in _starts(before, now, first):
        yield HeadDifference(HeadPart.START, start)
    if words := condition_changes(before.who, now.who):
        change = Difference(DiffSign.CHANGED, f"who: {words}", Affected.NEWCOMERS, _FROM_NOW_ON, now.span)
        yield HeadDifference(HeadPart.WHO, change)
    if meaning(before.again) != meaning(now.again):
        words = f"again: {_again(before.again)} -> {_again(now.again)}"
        change = Difference(DiffSign.CHANGED, words, Affected.NEWCOMERS, _FROM_NOW_ON, now.span)
        yield HeadDifference(HeadPart.AGAIN, change)
    if asked(before.goal) != asked(now.goal):
        words = f"goal: {_goal(before.goal)} -> {_goal(now.goal)}"
        rule = _goal_rule(before.goal, now.goal)
        place = now.goal.span if now.goal else now.span
        change = Difference(DiffSign.CHANGED, words, Affected.IN_FLIGHT, rule, place)
        yield HeadDifference(HeadPart.GOAL, change)
    if words := condition_changes(before.exit_if, now.exit_if):
        rule = (
            "asked of everybody inside at their next event, and before their next step or message;"
            " whoever it holds for leaves"
            if now.exit_if is not None
            else "nobody leaves by it any more"
        ) + "; figures of its exits and of its goal from before and from after cannot be compared"
        change = Difference(DiffSign.CHANGED, f"exit_if: {words}", Affected.IN_FLIGHT, rule, now.span)
        yield HeadDifference(HeadPart.LEAVES_EARLY, change)
    for part, was, is_now in (
        (HeadPart.POLICY, before.policy, now.policy),
        (HeadPart.PRIORITY, before.priority, now.priority),
    ):
        if _value(was) != _value(is_now):
            words = f"{part}: {_value(was) or 'as by default'} -> {_value(is_now) or 'as by default'}"
            rule = "at once, for everything that is not handed over yet"
            place = is_now.span if is_now else now.span
            yield HeadDifference(part, Difference(DiffSign.CHANGED, words, Affected.POLICY, rule, place))
    if before.holdout != now.holdout:
        words = f"holdout: {before.holdout}% -> {now.holdout}%"
        change = Difference(DiffSign.CHANGED, words, Affected.NEWCOMERS, _FROM_NOW_ON, now.span)
        yield HeadDifference(HeadPart.HOLDOUT, change)
    moments = tuple(each.words() if each is not None else "none" for each in (before.decide, now.decide))
    if moments[0] != moments[1]:
        words = f"holdout: decide {moments[0]} -> {moments[1]}"
        change = Difference(DiffSign.CHANGED, words, Affected.NOTHING, DECIDE_RULE, now.span)
        yield HeadDifference(HeadPart.HOLDOUT, change)
    states = _value(before.state) or "live", _value(now.state) or "live"
    if states[0] != states[1]:
        affected = Affected.IN_FLIGHT if {"paused", "stopped"} & set(states) else Affected.NEWCOMERS
        words = f"state: {states[0]} -> {states[1]}"
        rule = _STATES.get(states[1], "")
        if states[1] == "live":
            rule = _only_who_enters(now.starts, first) or rule
        if states[0] == "paused" and states[1] in ("live", "closing"):
            rule += "; what became due to those inside in the meantime is due at once"
        change = Difference(DiffSign.CHANGED, words, affected, rule, now.span)
        yield HeadDifference(HeadPart.STATE, change)
    for part, before_text, text in (
        (HeadPart.ABOUT, before.about, now.about),
        (HeadPart.OWNER, before.owner, now.owner),
    ):
        for change in _texts((part, before_text, text)):
            yield HeadDifference(part, change)


def _starts(
    before: syntax.JourneyFile, now: syntax.JourneyFile, first: Sequence[str]
) -> Iterator[Difference]:
    """`first`: as `first_taken`."""
    former = {asked(start): start for start in before.starts}
    present = {asked(start): start for start in now.starts}
    gone = [start for key, start in former.items() if key not in present]
    came = [start for key, start in present.items() if key not in former]
    if len(gone) == len(came) == 1:
        words = f"start: {start_words(gone[0])} -> {start_words(came[0])}"
        if start_words(gone[0]) == start_words(came[0]):  # in a part that the line of words leaves out
            words = f"start: {start_words(came[0])}, how old or how often it may be"
        rule = _start_rule(came[0], now, first)
        yield Difference(DiffSign.CHANGED, words, Affected.NEWCOMERS, rule, came[0].span)
        return
    for sign, starts in ((DiffSign.REMOVED, gone), (DiffSign.ADDED, came)):
        for start in starts:
            rule = _start_rule(start, now, first) if sign is DiffSign.ADDED else _FROM_NOW_ON
            yield Difference(sign, f"start: {start_words(start)}", Affected.NEWCOMERS, rule, start.span)


def _start_rule(came: syntax.Start, now: syntax.JourneyFile, first: Sequence[str]) -> str:
    if not _is_live(now):
        return f"once the journey is live; {_STAY}"
    entered = _only_who_enters([came], first)
    return f"{entered}; {_STAY}" if entered else _FROM_NOW_ON


def _goal_rule(before: syntax.Goal | None, now: syntax.Goal | None) -> str:
    """Design/language 2.9: an event is the goal when it comes, a condition whenever it is asked."""
    if now is None:
        return "nobody leaves by it any more"
    then = "stays inside" if now.then == "stay" else "leaves"
    counts_otherwise = before is not None and _counted(before) != _counted(now)
    if now.events:
        rule = f"of events from the deployment on: whoever has it then {then}"
        same_event = before is not None and asked(dataclasses.replace(before, within=now.within)) == asked(
            now
        )
        if before is not None and then == "leaves" and not same_event:
            rule += ", whoever has only what was the goal before stays"
    else:
        rule = (
            "asked of everybody inside at their next event, and before their next step or message;"
            f" whoever it holds for {then}"
        )
    if _is_shorter(before, now):
        rule += (
            "; whoever came in longer ago than the new time is not counted as a success when they reach it"
            + (", but leaves too and gets no further message" if then == "leaves" else "")
        )
    if counts_otherwise:
        rule += "; figures of its goal from before and from after cannot be compared"
    return rule


def _counted(goal: syntax.Goal) -> str:
    """What counts as a success, without what then happens."""
    return asked(dataclasses.replace(goal, then="exit", do=()))


def _is_shorter(before: syntax.Goal | None, now: syntax.Goal | None) -> bool:
    """Whether a goal counts for a shorter time after the start than before (design/language 2.9)."""
    if before is None or now is None:
        return False
    was, is_now = (
        goal.within.duration.roughly() if goal.within is not None else WITHIN.roughly()
        for goal in (before, now)
    )
    return is_now < was


def _again(again: syntax.Again | None) -> str:
    if again is None:
        return "none"
    after = f"after {again.after.text.value}" if again.after is not None else ""
    return f"restart, then {after}" if again.how == "restart" and after else after or again.how


def _goal(goal: syntax.Goal | None) -> str:
    if goal is None:
        return "none"
    words = [" or ".join(event.value for event in goal.events)]
    words += [f"where {condition_text(goal.where)}"] if goal.where is not None else []
    words += [condition_text(goal.when)] if goal.when is not None else []
    words += [f"within {goal.within.text.value}"] if goal.within is not None else []
    words += ["and stay"] if goal.then == "stay" else []
    words += [f"and {step.words()}" for step in goal.do]
    return " ".join(word for word in words if word)


def _texts(*texts: tuple[str, syntax.Text | None, syntax.Text | None]) -> Iterator[Difference]:
    for key, was, is_now in texts:
        if _value(was) != _value(is_now):
            words = f"{key}: {_value(was) or 'none'} -> {_value(is_now) or 'none'}"
            yield Difference(DiffSign.CHANGED, words, Affected.NOTHING, "", is_now.span if is_now else None)


def _value(text: syntax.Text | None) -> str:
    return text.value if text is not None else ""


# --- the stories ---------------------------------------------------------------------------------


def _stories(before: tuple[syntax.Story, ...], now: tuple[syntax.Story, ...]) -> Iterator[Difference]:
    former = {story.name.value: story for story in before}
    present = {story.name.value: story for story in now}
    for name, story in present.items():
        if name not in former:
            yield Difference(DiffSign.ADDED, f"test: {name}", Affected.NOTHING, "", story.span)
            continue
        was = [f"{line.at.label}: {line.words.value}" for line in former[name].expect]
        lines = [f"{line.at.label}: {line.words.value}" for line in story.expect]
        for sign, these, others in ((DiffSign.REMOVED, was, lines), (DiffSign.ADDED, lines, was)):
            for line in these:
                if line not in others:
                    yield Difference(sign, f"test {name}: {line}", Affected.NOTHING, "", story.span)
        if was == lines and _told(former[name]) != _told(story):
            words = f"test {name}: what is given or happens"
            yield Difference(DiffSign.CHANGED, words, Affected.NOTHING, "", story.span)
    for name, story in former.items():
        if name not in present:
            yield Difference(DiffSign.REMOVED, f"test: {name}", Affected.NOTHING, "", story.span)


def _told(story: syntax.Story) -> object:
    return _without_places((story.given, story.when, story.start_day))


def _without_places(part: object) -> object:
    """A part of the syntax that compares equal wherever it stands in its file."""
    match part:
        case syntax.Text():
            return part.value
        case Span():
            return None
        case tuple():
            return tuple(_without_places(each) for each in part)
        case _ if dataclasses.is_dataclass(part):
            return tuple(_without_places(getattr(part, field.name)) for field in dataclasses.fields(part))
        case _:
            return part
