"""Two lists of steps: which step of the one is which of the other, and what is different about it.

A step is the same by its id (design/language 2.14), else by its words and its number among equals, else as
the step of the same verb at the same place. Only the last may differ in its words.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.compiler.fingerprint import meaning
from engine.compiler.walk import flatten
from engine.core.journey import END
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.language.quantities import WEEKDAYS
from engine.language.steps.branch import If
from engine.language.steps.choose import Choose, ChoosePath
from engine.language.steps.code import Code
from engine.language.steps.send import Send
from engine.language.steps.split import Split, SplitPath
from engine.language.steps.wait import Awaited, Wait
from engine.language.steps.with_values import ChosenValue
from engine.plan.condition_diff import condition_changes
from engine.plan.difference import Affected, Difference, Sign

_KEYS: Mapping[str, str] = {
    "template": "send", "values": "with", "chosen": "with", "awaited": "for", "paths": "into", "pool": "code",
    "subject": "choose", "reason": "exit", "name": "split", "is_cascade": "via", "auto": "next_after",
    "likely": "via", "their_hour": "at", "hook": "webhook",
}  # fmt: skip
"""Fields of the syntax whose name is not the key that an author writes."""

_ALREADY_TOLD = ("span", "id", "was", "value", "how", "then", "otherwise")
"""Fields that are no difference by themselves: places, names, what another field says, the steps inside."""

_WAITS = ("length", "until", "at", "weekdays", "their_hour")


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step where it stands: `index` in the row, `parent` (its index; -1 at the top), which `side` of that
    step, and the way there in words."""

    step: syntax.Step
    index: int
    parent: int
    side: str
    path: str

    @property
    def identity(self) -> str:
        """The name under which it is known in every version; "" where only its words are."""
        if isinstance(self.step, Split):
            return self.step.name.value
        return self.step.resting_id.value if self.step.resting_id is not None else ""


def step_changes(
    before: Sequence[syntax.Step], now: Sequence[syntax.Step]
) -> tuple[list[Difference], list[Difference]]:
    """What is different, and what only moved or has another name, in the order of the newer version; what is
    gone stands behind."""
    former, present = _placed(before), _placed(now)
    same = _matched(former, present)
    by_new = {new: old for old, new in same.items()}
    stayed = _in_order(former, present, same)
    changes: list[Difference] = []
    folded: list[Difference] = []
    for place in present:
        if place.index not in by_new:
            changes.append(_added(place, _former_name(place, former, same)))
            continue
        was = former[by_new[place.index]]
        changes += _differences(was.step, place.step)
        if was.identity != place.identity:
            words = f"{place.step.verb} {was.identity} is called {place.identity}"
            folded.append(
                Difference(Sign.CHANGED, words, Affected.NOTHING, "who rests there stays", place.step.span)
            )
        if place.index not in stayed:
            folded.append(
                Difference(
                    Sign.MOVED, f"{name_of(place.step)}: moved {_where(place, present)}", Affected.IN_FLIGHT,
                    "who rests there goes with it; nothing is sent twice", place.step.span,
                )
            )  # fmt: skip
    changes += [_removed(place, before, same, present) for place in former if place.index not in same]
    return changes, folded


def name_of(step: syntax.Step) -> str:
    """`wait before_offer`, `send welcome_offer`, `if orders_count: 0`."""
    if isinstance(step, Wait) and step.id is not None:
        return f"wait {step.id.value}"
    if isinstance(step, Send):
        return f"send {step.resting_id.value}"
    return step.words()


# --- which step is which ------------------------------------------------------------------------


def _placed(steps: Sequence[syntax.Step]) -> list[PlacedStep]:
    row: list[PlacedStep] = []
    _place(steps, -1, "", "", row)
    return row


def _place(steps: Sequence[syntax.Step], parent: int, side: str, path: str, row: list[PlacedStep]) -> None:
    for step in steps:
        index = len(row)
        row.append(PlacedStep(step, index, parent, side, path))
        for key, inner, label in zip(_sides(step), step.sides(), step.side_labels(), strict=True):
            inside = f"{path} > {name_of(step)}: {label}" if path else f"{name_of(step)}: {label}"
            _place(inner, index, key, inside, row)


def _sides(step: syntax.Step) -> tuple[str, ...]:
    """What tells the sides of a step apart in every version."""
    match step:
        case Split():
            return tuple(path.name.value for path in step.paths)
        case Choose():
            return tuple(meaning(path.forms) for path in step.paths)
        case _:
            return tuple(str(number) for number in range(len(step.sides())))


def _matched(former: Sequence[PlacedStep], present: Sequence[PlacedStep]) -> dict[int, int]:
    """Index in the older version -> index in the newer one."""
    same: dict[int, int] = {}
    ids = {place.identity: place for place in former if place.identity}
    for place in present:
        names = [place.step.was.value if place.step.was is not None else "", place.identity]
        found = next((ids[name] for name in names if name in ids), None)
        if found is not None and found.index not in same and found.step.verb == place.step.verb:
            same[found.index] = place.index
    taken = set(same.values())
    hidden = {key: place.index for key, place in _hidden_ids(former) if place.index not in same}
    for key, place in _hidden_ids(present):
        if place.index not in taken and key in hidden:
            same[hidden.pop(key)] = place.index
            taken.add(place.index)
    # From the top down, so that what stands inside a step is looked for where that step is now.
    for place in present:
        if place.index in taken or place.identity:
            continue
        for candidate in former:
            if (
                candidate.index not in same
                and candidate.step.verb == place.step.verb
                and not candidate.identity
                and same.get(candidate.parent, candidate.parent) == place.parent
                and candidate.side == place.side
            ):
                same[candidate.index] = place.index
                taken.add(place.index)
                break
    return same


def _former_name(
    place: PlacedStep, former: Sequence[PlacedStep], same: Mapping[int, int]
) -> PlacedStep | None:
    """A place of the same verb in the same list that is gone, for a new one at which people rest."""
    for candidate in former if place.identity else ():
        parent = same.get(candidate.parent, -2) if candidate.parent >= 0 else -1
        is_gone = candidate.index not in same and candidate.identity
        if (
            is_gone
            and candidate.step.verb == place.step.verb
            and (parent, candidate.side) == (place.parent, place.side)
        ):
            return candidate
    return None


def _hidden_ids(row: Sequence[PlacedStep]) -> Iterator[tuple[tuple[str, int], PlacedStep]]:
    """Words and number among equals of the steps at which nobody rests (design/language 2.14)."""
    seen: Counter[str] = Counter()
    for place in row:
        if not place.identity:
            words = place.step.words()
            yield (words, seen[words]), place
            seen[words] += 1


def _in_order(
    former: Sequence[PlacedStep], present: Sequence[PlacedStep], same: Mapping[int, int]
) -> set[int]:
    """Indexes in the newer version that kept their list and their order in it: of each list the longest row
    of steps that stand in the same order as before."""
    lists: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for old, new in same.items():
        before, now = former[old], present[new]
        parent = same.get(before.parent, -2) if before.parent >= 0 else -1
        if (parent, before.side) == (now.parent, now.side):
            lists.setdefault((now.parent, now.side), []).append((old, new))
    stayed: set[int] = set()
    for pairs in lists.values():
        stayed |= _heaviest(sorted(pairs), {new: _size(present[new].step) for _, new in pairs})
    return stayed


def _heaviest(pairs: Sequence[tuple[int, int]], sizes: Mapping[int, int]) -> set[int]:
    """Of pairs in the order of the older version, those in the order of the newer one that hold most steps: a
    wait has moved past a branch, not the branch past the wait."""
    best: list[tuple[int, int | None]] = []  # how much a row that ends here holds, and where it comes from
    for place, (_, new) in enumerate(pairs):
        before = [(best[former][0], former) for former in range(place) if pairs[former][1] < new]
        weight, former = max(before, default=(0, None))
        best.append((weight + sizes[new], former))
    row: set[int] = set()
    last = max(range(len(best)), key=lambda place: best[place][0]) if best else None
    while last is not None:
        row.add(pairs[last][1])
        last = best[last][1]
    return row


def _size(step: syntax.Step) -> int:
    return 1 + sum(_size(inner) for side in step.sides() for inner in side)


# --- what is different ---------------------------------------------------------------------------


def _where(place: PlacedStep, present: Sequence[PlacedStep]) -> str:
    """`behind send hello`, `to the beginning of if orders_count: 0: yes`."""
    in_front = [
        other for other in present[: place.index] if (other.parent, other.side) == (place.parent, place.side)
    ]
    if in_front:
        return f"behind {name_of(in_front[-1].step)}"
    return f"to the beginning of {place.path}" if place.path else "to the beginning"


def _added(place: PlacedStep, seems: PlacedStep | None) -> Difference:
    """`seems`: a place that is gone and may be this one under its former name."""
    where = f"{place.path} > " if place.path else ""
    affected = Affected.MESSAGES if isinstance(place.step, Send) else Affected.IN_FLIGHT
    rule = "for everybody who has not passed it"
    if seems is not None:
        rule += f"; if it is {seems.identity} under another name, write  was: {seems.identity}  below it"
    return Difference(Sign.ADDED, where + _full(place.step), affected, rule, place.step.span)


def _removed(
    place: PlacedStep,
    before: Sequence[syntax.Step],
    same: Mapping[int, int],
    present: Sequence[PlacedStep],
) -> Difference:
    where = f"{place.path} > " if place.path else ""
    rests = isinstance(place.step, Wait | Send | Code)
    rule = "nobody gets there any more"
    if rests:
        flat = next(flat for flat in flatten(tuple(before)) if flat.step is place.step)
        goes_on = next((later for later in flat.later if later != END and later in same), None)
        rule = (
            f"who rests there goes on to {name_of(present[same[goes_on]].step)}"
            if goes_on is not None
            else "who rests there has come to the end"
        )
        if isinstance(place.step, Wait):
            rule += ", not before the moment the removed wait would have ended"
    affected = Affected.MESSAGES if isinstance(place.step, Send) else Affected.IN_FLIGHT
    return Difference(Sign.REMOVED, where + _full(place.step), affected, rule, place.step.span)


def _full(step: syntax.Step) -> str:
    """Its words, and its name where people rest under one."""
    named = f" ({step.id.value})" if step.id is not None and step.id.value not in step.words() else ""
    return step.words() + named


def _differences(before: syntax.Step, now: syntax.Step) -> list[Difference]:
    former, present = _parts(before), _parts(now)
    changes: list[Difference] = []
    told: set[str] = set()
    for name in present:
        if former.get(name, ("", ""))[0] == present[name][0]:
            continue
        key = _KEYS.get(name, name)
        if key in told:
            continue
        told.add(key)
        affected, rule = _effect(now, name)
        words = _changed(key, name, before, now, former.get(name, ("", ""))[1], present[name][1])
        changes.append(Difference(Sign.CHANGED, f"{name_of(before)}: {words}", affected, rule, now.span))
    return changes


def _changed(key: str, name: str, before: syntax.Step, now: syntax.Step, was: str, words: str) -> str:
    conditions = getattr(before, name, None), getattr(now, name, None)
    if all(isinstance(condition, syntax.AllOf) for condition in conditions):
        return condition_changes(*conditions)
    return f"{key} {was or 'none'} -> {words or 'none'}"


def _parts(step: syntax.Step) -> dict[str, tuple[str, str]]:
    """Field -> (what it means, its words), without the steps inside."""
    parts: dict[str, tuple[str, str]] = {}
    for field in dataclasses.fields(step):
        content = getattr(step, field.name)
        if field.name in _ALREADY_TOLD or _holds_steps(content):
            continue
        parts[field.name] = _meaning(content), _words(content)
    return parts


def _holds_steps(content: object) -> bool:
    return isinstance(content, tuple) and bool(content) and isinstance(content[0], syntax.Step)


def _meaning(content: object) -> str:
    match content:
        case tuple() if content and isinstance(content[0], SplitPath):
            return ", ".join(f"{path.share} {path.name.value}" for path in content)
        case tuple() if content and isinstance(content[0], ChoosePath):
            return "; ".join(meaning(path.forms) for path in content)
        case _:
            return meaning(content)


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


def _effect(now: syntax.Step, name: str) -> tuple[Affected, str]:
    """Whom a changed part affects, and the rule of design/language 2.15."""
    match now:
        case Wait() if name in _WAITS and now.waiting == "recompute":
            return (
                Affected.IN_FLIGHT,
                "who waits there gets the new moment, spread over a day if many become due",
            )
        case Wait() if name in _WAITS:
            return Affected.IN_FLIGHT, "who waits there keeps the promised moment"
        case Wait() if name in ("awaited", "where"):
            return Affected.IN_FLIGHT, "who waits there is asked this from now on"
        case Send():
            return Affected.MESSAGES, "whoever has not got it yet gets it this way"
        case Split():
            return Affected.NEWCOMERS, "who has a path keeps it"
        case If() | Choose():
            return Affected.IN_FLIGHT, "asked of everybody who comes to it from now on"
        case _:
            return Affected.IN_FLIGHT, "for everybody who comes to it from now on"
