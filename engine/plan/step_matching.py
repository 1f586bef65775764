"""Two lists of steps: which step of the one is which of the other, and which kept their place.

People are moved by names alone (design/language 2.14); a reader also sees that a step without a name is the
one that stood there before, in other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from engine.compiler.journeys.fingerprint import meaning
from engine.compiler.walk import StepIds
from engine.language import syntax
from engine.language.steps.choose import Choose
from engine.language.steps.code import Code
from engine.language.steps.exit import Exit
from engine.language.steps.send import Send
from engine.language.steps.split import Split
from engine.language.steps.wait import Wait

Matched = Mapping[int, int]
"""Index in the older row -> index in the newer one."""

MOST_WAYS = 16
"""Of more ways from a step to the next message the others are not looked at."""


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step where it stands: `index` in the row, `parent` (its index; -1 at the top), which `side` of that
    step, and the way there in words. `id`: as runs keep it, the author's or the hidden one."""

    step: syntax.Step
    id: str
    index: int
    parent: int
    side: str
    path: str

    @property
    def rests(self) -> bool:
        """Whether runs rest there."""
        return isinstance(self.step, Wait | Send | Code)

    @property
    def is_named(self) -> bool:
        """Whether the author gave it a name, so that other words make no other step of it."""
        return self.step.resting_id is not None


def name_of(step: syntax.Step) -> str:
    """`wait before_offer`, `send welcome_offer`, `if orders_count: 0`."""
    if isinstance(step, Wait) and step.id is not None:
        return f"wait {step.id.value}"
    if isinstance(step, Send):
        return f"send {step.resting_id.value}"
    return step.words()


def next_messages(place: PlacedStep, row: Sequence[PlacedStep]) -> tuple[str, ...]:
    """The templates that whoever leaves a step may get next, each once; of many the first ones."""
    later: list[syntax.Step] = []
    inside = place
    while True:
        later += [
            other.step for other in row[inside.index + 1 :]
            if (other.parent, other.side) == (inside.parent, inside.side)
        ]  # fmt: skip
        if inside.parent < 0:
            break
        inside = row[inside.parent]
    ways = (_first_messages((*side, *later)) for side in place.step.sides() or ((),))
    # ways that part and meet again are as many as one likes
    return tuple(dict.fromkeys(islice(chain.from_iterable(ways), MOST_WAYS)))


def _first_messages(steps: Sequence[syntax.Step]) -> Iterator[str]:
    for number, step in enumerate(steps):
        if isinstance(step, Send):
            yield step.template.value
            return
        if isinstance(step, Exit):
            return
        if _parts_ways(step):
            for side in step.sides():
                yield from _first_messages((*side, *steps[number + 1 :]))
            return


def _parts_ways(step: syntax.Step) -> bool:
    """Whether a message, or the end, lies on some side of it."""
    inner = [each for side in step.sides() for each in side]
    return any(isinstance(each, Send | Exit) or _parts_ways(each) for each in inner)


def placed(steps: Sequence[syntax.Step]) -> list[PlacedStep]:
    """The row, as `compiler.walk.flatten` makes it: a step at position i has index i."""
    row: list[PlacedStep] = []
    _place(steps, -1, "", "", row, StepIds())
    return row


def _place(
    steps: Sequence[syntax.Step], parent: int, side: str, path: str, row: list[PlacedStep], ids: StepIds
) -> None:
    for step in steps:
        index = len(row)
        row.append(PlacedStep(step, ids.next(step), index, parent, side, path))
        for key, inner, label in zip(side_keys(step), step.sides(), step.side_labels(), strict=True):
            inside = f"{path} > {name_of(step)}: {label}" if path else f"{name_of(step)}: {label}"
            _place(inner, index, key, inside, row, ids)


def side_keys(step: syntax.Step) -> tuple[str, ...]:
    """What tells the sides of a step apart in every version, for each of its sides."""
    match step:
        case Split():
            keys = [path.name.value for path in step.paths]
        case Choose():
            # The way past all paths is the one that an `else` takes.
            keys = [meaning(path.forms) for path in step.paths]
            keys += [meaning(())] * (len(step.sides()) - len(keys))
        case _:
            keys = [str(number) for number in range(len(step.sides()))]
    # Paths that a mistake made alike stay two.
    return tuple(f"{key} {keys[:place].count(key)}".removesuffix(" 0") for place, key in enumerate(keys))


def kept(former: Sequence[PlacedStep], present: Sequence[PlacedStep]) -> dict[int, int]:
    """The steps that are the same for whoever is inside, by the rule of `core.handlers.migrate`: the id, else
    `was`, else what it was before; an id that another verb has taken is another step."""
    ids = {place.id: place for place in present}
    renamed = {
        place.step.was.value: place
        for place in present
        if place.step.was is not None and place.step.was.value not in ids
    }
    same: dict[int, int] = {}
    for place in former:
        was = place.step.was.value if place.step.was is not None else ""
        found = ids.get(place.id) or renamed.get(place.id) or ids.get(was)
        if found is not None and type(found.step) is type(place.step):
            same[place.index] = found.index
    return same


def with_changed_words(
    former: Sequence[PlacedStep], present: Sequence[PlacedStep], same: Matched
) -> dict[int, int]:
    """`same`, and for a reader also the steps at which nobody rests whose words changed: one of the same verb
    at the same side of the same step. From the top down, so that what stands inside a step is looked for
    where that step is now."""
    told = dict(same)
    taken = set(same.values())
    for place in present:
        if place.index in taken or place.is_named or place.rests:
            continue
        for candidate in former:
            if (
                candidate.index not in told
                and candidate.step.verb == place.step.verb
                and not candidate.is_named
                and is_same_side(candidate, place, told)
            ):
                told[candidate.index] = place.index
                break
    return told


def is_same_side(former: PlacedStep, present: PlacedStep, same: Matched) -> bool:
    """Whether both stand at the same side of the same step."""
    parent = same.get(former.parent) if former.parent >= 0 else -1
    return (parent, former.side) == (present.parent, present.side)


def lookalikes(former: Sequence[PlacedStep], present: Sequence[PlacedStep], same: Matched) -> dict[int, int]:
    """Named steps that are gone -> the new one of the same verb that came at the same side of the same step:
    it may be that one under another name. First those that stand behind the same step as before."""
    back = {new: old for old, new in same.items()}
    gone = [place for place in former if place.index not in same and place.is_named]
    came = [place for place in present if place.index not in back and place.is_named]
    pairs = [
        (was, now) for was in gone for now in came
        if was.step.verb == now.step.verb and is_same_side(was, now, same)
    ]  # fmt: skip
    found: dict[int, int] = {}
    pairs.sort(
        key=lambda pair: same.get(_behind(pair[0], former, same), -1) != _behind(pair[1], present, back)
    )
    for was, now in pairs:
        if was.index not in found and now.index not in found.values():
            found[was.index] = now.index
    return found


def _behind(place: PlacedStep, row: Sequence[PlacedStep], matched: Matched) -> int:
    """Index of the last step before it in its list that is in both versions; -1: there is none."""
    before = (
        other.index for other in row[: place.index]
        if other.index in matched and (other.parent, other.side) == (place.parent, place.side)
    )  # fmt: skip
    return max(before, default=-1)


def in_order(former: Sequence[PlacedStep], present: Sequence[PlacedStep], same: Matched) -> set[int]:
    """Indexes in the newer version that kept their list and their order in it: of each list the longest row
    of steps that stand in the same order as before."""
    lists: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for old, new in same.items():
        if is_same_side(former[old], present[new], same):
            lists.setdefault((present[new].parent, present[new].side), []).append((old, new))
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
