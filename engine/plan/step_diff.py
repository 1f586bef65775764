"""Two lists of steps, and what is different about them, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.compiler.journeys.fingerprint import meaning
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.language.steps.branch import If
from engine.language.steps.change import Change
from engine.language.steps.choose import Choose, ChoosePath
from engine.language.steps.send import Send
from engine.language.steps.split import Split, SplitPath
from engine.language.steps.wait import Awaited, Wait
from engine.language.steps.with_values import ChosenValue
from engine.language.weekdays import WEEKDAYS
from engine.plan.compared_steps import ComparedSteps, place_words
from engine.plan.condition_diff import asked, condition_changes
from engine.plan.difference import Affected, Consequence, Difference, DiffSign
from engine.plan.step_matching import PlacedStep, lookalikes, name_of, next_messages

_KEYS: Mapping[str, str] = {
    "template": "send", "values": "with", "chosen": "with", "awaited": "for", "paths": "into", "pool": "code",
    "subject": "choose", "reason": "exit", "name": "split", "is_cascade": "via", "auto": "next_after",
    "likely": "via", "their_hour": "at", "hook": "webhook",
}  # fmt: skip
"""Fields of the syntax whose name is not the key that an author writes."""

_ALREADY_TOLD = ("span", "id", "was", "value", "how", "then", "otherwise")
"""Fields that are no difference by themselves: places, names, what another field says, the steps inside."""

DECIDE_RULE = "nobody moves; a moment that has passed decides nothing"

MOST_NEXT = 3
"""Messages behind a wait that are named."""

_MOMENT = ("length", "at", "weekdays", "their_hour")
"""What says when a wait ends; of the first `waiting: recompute` speaks."""


_CHANNELS = ("via", "is_cascade", "likely")
"""What says through which channels a message goes."""


class StepDiff(NamedTuple):
    """What is different, and what only moved or has another name, in the order of the newer version; what is
    gone stands behind."""

    changes: list[Difference]
    folded: list[Difference]


def step_diff(before: Sequence[syntax.Step], now: Sequence[syntax.Step]) -> StepDiff:
    """Of two lists of steps."""
    steps = ComparedSteps.of(before, now)
    former_of = steps.former_of()
    alike = lookalikes(steps.former, steps.present, steps.same)
    seems = {came: steps.former[old] for old, came in alike.items()}
    changes: list[Difference] = []
    folded: list[Difference] = []
    for place in steps.present:
        was = former_of.get(place.index)
        if was is None:
            changes.append(_added(place, seems.get(place.index)))
            continue
        changes += (
            Difference(DiffSign.CHANGED, words, *part.consequence, place.step.span)
            for part in part_changes(was.step, place.step)
            for words in (_changed_words(was.step, place, steps.present, part),)
        )
        if place.is_named and was.id != place.id:
            words = f"{place.step.verb} {was.id} is called {place.id}"
            folded.append(
                Difference(
                    DiffSign.CHANGED, words, Affected.NOTHING, "who rests there stays", place.step.span
                )
            )
        if place.index not in steps.stayed:
            folded.append(
                Difference(
                    DiffSign.MOVED, f"{name_of(place.step)}: moved {place_words(place, steps.present)}",
                    Affected.IN_FLIGHT,
                    "who rests there goes with it; nothing is sent twice", place.step.span,
                )
            )  # fmt: skip
    changes += (_removed(place, steps.goes_on(place)) for place in steps.gone())
    return StepDiff(changes, folded)


# --- what is different ---------------------------------------------------------------------------


def _added(place: PlacedStep, seems: PlacedStep | None) -> Difference:
    """`seems`: a place that is gone and may be this one under its former name."""
    where = f"{place.path} > " if place.path else ""
    affected = Affected.MESSAGES if isinstance(place.step, Send) else Affected.IN_FLIGHT
    rule = "for everybody who has not passed it"
    if seems is not None:
        rule += f"; if it is {seems.id} under another name, write  was: {seems.id}  below it"
    return Difference(DiffSign.ADDED, where + _full(place.step), affected, rule, place.step.span)


def _removed(place: PlacedStep, goes_on: PlacedStep | None) -> Difference:
    where = f"{place.path} > " if place.path else ""
    affected = Affected.MESSAGES if isinstance(place.step, Send) else Affected.IN_FLIGHT
    rule = rule_of_gone(place, goes_on)
    return Difference(DiffSign.REMOVED, where + _full(place.step), affected, rule, place.step.span)


def _changed_words(was: syntax.Step, place: PlacedStep, row: Sequence[PlacedStep], part: PartChange) -> str:
    if isinstance(place.step, Change) and part.key == "with":
        return f"{was.words()} -> {place.step.words()}"  # its words hold the values already
    # what a wait is for says more than its name
    then = next_messages(place, row) if isinstance(place.step, Wait) else ()
    return f"{name_of(was)}{then_words(then)}: {part.words}"


def then_words(templates: Sequence[str]) -> str:
    """` (then welcome_offer)`, as next_messages gives them; "" of none."""
    more = f" and {len(templates) - MOST_NEXT} more" if len(templates) > MOST_NEXT else ""
    return f" (then {' or '.join(templates[:MOST_NEXT])}{more})" if templates else ""


def rule_of_gone(place: PlacedStep, goes_on: PlacedStep | None) -> str:
    """What becomes of whoever rests at a step that is gone. `goes_on`: the first later step that is still
    there for them."""
    if not place.rests:
        return "nobody gets there any more"
    if goes_on is None:
        return "who rests there leaves the journey at once and gets no further message of it"
    rule = f"who rests there goes on to {name_of(goes_on.step)}"
    if isinstance(place.step, Wait):
        rule += ", not before the moment the removed wait would have ended"
    return rule


def _full(step: syntax.Step) -> str:
    """Its words, and its name where people rest under one."""
    named = f" ({step.id.value})" if step.id is not None and step.id.value not in step.words() else ""
    return step.words() + named


class PartChange(NamedTuple):
    """One key of a step that says something else, in words, and for whom that counts."""

    key: str
    words: str
    consequence: Consequence


def part_changes(before: syntax.Step, now: syntax.Step) -> Iterator[PartChange]:
    """What is different about a step, without the steps inside."""
    former, told = _parts(before), set[str]()
    for name, part in _parts(now).items():
        was, key = former.get(name, _Part(None)), _KEYS.get(name, name)
        if was.meaning == part.meaning or key in told:
            continue
        told.add(key)
        if isinstance(was.content, syntax.AllOf) and isinstance(part.content, syntax.AllOf):
            words = condition_changes(was.content, part.content)
        else:
            said = f"{_words(was.content) or 'none'} -> {_words(part.content) or 'none'}"
            is_moment = any(isinstance(content, syntax.Until) for content in (was.content, part.content))
            words = said if is_moment else f"{key} {said}"
        if words:
            yield PartChange(key, words, _consequence(before, now, name))


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands under one key of a step, without the steps inside."""

    content: object

    @property
    def meaning(self) -> str:
        # of paths without the steps inside
        if isinstance(self.content, tuple) and all(isinstance(part, SplitPath) for part in self.content):
            return ", ".join(f"{path.share} {path.name.value}" for path in self.content)
        if isinstance(self.content, tuple) and all(isinstance(part, ChoosePath) for part in self.content):
            return "; ".join(meaning(path.forms) for path in self.content)
        return asked(self.content)


def _parts(step: syntax.Step) -> dict[str, _Part]:
    """By the name of the field."""
    parts = {field.name: _Part(getattr(step, field.name)) for field in dataclasses.fields(step)}
    if isinstance(step, Wait):
        # it ends after a length of time or at a moment: one of them is there
        until = parts.pop("until")
        parts["length"] = until if until.content is not None else parts["length"]
    return {
        name: part for name, part in parts.items()
        if name not in _ALREADY_TOLD and not _holds_steps(part.content)
    }  # fmt: skip


def _holds_steps(content: object) -> bool:
    return isinstance(content, tuple) and bool(content) and isinstance(content[0], syntax.Step)


def _words(content: object) -> str:
    match content:
        case None | False | ():
            return ""
        case True:
            return "yes"
        case syntax.Text():
            return content.value
        case syntax.Length() | syntax.Clock() | syntax.Until():
            return content.text.value
        case syntax.AllOf():
            return condition_text(content)
        case syntax.Pair():
            return f"{content.name.value}: {content.value.value}"
        case syntax.DecisionMoment():
            return content.words()
        case Awaited():
            return content.words().removeprefix("for ")
        case SplitPath():
            return f"{content.share}% {content.name.value}"
        case ChoosePath():
            return content.label.value
        case ChosenValue():
            lines = ", ".join(f"{line.label.value}: {line.value.value}" for line in content.lines)
            return f"{content.name.value} by {content.subject.value} ({lines})"
        case tuple() if all(isinstance(part, int) for part in content):
            return ", ".join(WEEKDAYS[day] for day in content)
        case tuple():
            return ", ".join(_words(part) for part in content)
        case _:
            return str(content)


def _consequence(before: syntax.Step, now: syntax.Step, name: str) -> Consequence:
    """Of another part of a step, by the rules of design/language 2.15."""
    match now:
        case Wait() if name == "length" and now.waiting == "recompute":
            rule = "who waits there gets the new moment, spread over a day if many become due"
            return Consequence(Affected.IN_FLIGHT, rule)
        case Wait() if name in _MOMENT:
            return Consequence(
                Affected.IN_FLIGHT,
                "who waits there keeps the promised moment, who comes later gets the new one",
            )
        case Wait() if name in ("awaited", "where"):
            return Consequence(Affected.IN_FLIGHT, "who waits there is asked this from now on")
        case Wait() if name == "waiting":
            return Consequence(Affected.NOTHING, "counts when the length of this wait changes")
        case Send() if name in ("next_after", "auto"):
            return Consequence(
                Affected.MESSAGES,
                "who waits for the next channel keeps the promised moment, who comes later gets the new one",
            )
        case Send() if name in _CHANNELS:
            return Consequence(
                Affected.MESSAGES,
                "whoever has not got it yet gets it this way; whoever is between two channels,"
                " by those of the new ones that were not tried",
            )
        case Send():
            return Consequence(Affected.MESSAGES, "whoever has not got it yet gets it this way")
        case Split() if name == "decide":
            return Consequence(Affected.NOTHING, DECIDE_RULE)
        case Split():
            rule = (
                "who has a path keeps it; whoever comes to it from now on, also of those inside,"
                " gets one by the new shares"
            )
            names = {path.name.value for path in now.paths}
            former = before.paths if isinstance(before, Split) else ()
            if gone := [path.name.value for path in former if path.name.value not in names]:
                rule += f", and so does who had the path {' or '.join(gone)} and comes to it again"
            return Consequence(Affected.NEWCOMERS, rule)
        case If() | Choose():
            return Consequence(Affected.IN_FLIGHT, "asked of everybody who comes to it from now on")
        case _:
            return Consequence(Affected.IN_FLIGHT, "for everybody who comes to it from now on")
