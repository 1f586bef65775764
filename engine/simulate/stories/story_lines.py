"""Lines of a story: what it expects, what happened (from the trace of a decision to `send X via C`, `add 50
points`, `goal`), and how the two are compared (design/language 2.16)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.decision.effects import Trace
from engine.core.journey import Journey
from engine.core.steps.change import ChangeStep
from engine.language.steps.register import STORY_FORMS
from engine.language.stories.ledger_lines import LEDGER_FORMS
from engine.values import Type

_LEDGER = frozenset(form.verb for form in LEDGER_FORMS)
_SIDE_EFFECTS = _LEDGER.union(form.verb for form in STORY_FORMS.values() if form.group == "side effect")


@dataclass(frozen=True, slots=True, order=True)
class TraceLine:
    """`text` at a moment of the story; `day` and `minute` (of that day) count in the zone of day 0."""

    day: int
    minute: int
    text: str

    @property
    def label(self) -> str:
        """`day 0 17:30`."""
        return f"day {self.day} {self.minute // 60:02d}:{self.minute % 60:02d}"

    @property
    def is_side_effect(self) -> bool:
        """Side effects are compared only where a story lists them; messages, skips and ends always."""
        return self.text.split(" ", 1)[0] in _SIDE_EFFECTS


def words_for(trace: Trace, journey: Journey, attributes: Mapping[str, Type]) -> str | None:
    """The line of a story, or None for what a story does not list."""
    match trace.kind:
        case "goal (late)":
            return "goal"
        case "goal" | "finish" | "exit_if" | "restart" | "holdout" | "stopped":
            return trace.kind
        case _:
            form = STORY_FORMS.get(trace.kind)
    if form is None:
        return None
    attribute, detail = attributes.get(trace.subject), trace.detail
    of_list = form.says_of_list and attribute is not None and attribute.kind == "list of text"
    step = journey.by_id.get(trace.step)
    if trace.kind == "set" and isinstance(step, ChangeStep):
        # `now`, `today` and `unset` stand in a story as they stand in the step
        written = dict(step.values).get(trace.subject)
        detail = str(written) if written in ("now", "today", "unset") else detail
    return (form.says_of_list if of_list else form.says).format(subject=trace.subject, detail=detail)


def note_for(trace: Trace) -> str | None:
    """What a story does not list and explains one that fails: why somebody did not enter, and what a question
    found."""
    read = ", ".join(f"{name} {value}" for name, value in trace.read)
    behind = f" ({read})" if read else ""
    match trace.kind:
        case "ignored":
            why = "`who` does not fit" if trace.detail == "who" else trace.detail
            return f"does not enter: {why}{behind}"
        case "asked":
            return f"asked: {trace.subject} -> {trace.detail}{behind}"
        case _:
            return None


Mark = Literal["=", "-", "+"]


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of a story diff: as expected (`=`), did not happen (`-`), happened unexpectedly (`+`)."""

    mark: Mark
    at: TraceLine
    expected: str
    happened: str


def compare(
    expected: Iterable[TraceLine], happened: Iterable[TraceLine], *, of_ledger: bool = False
) -> tuple[ComparedRow, ...]:
    """All rows in order of time. The story passes if every mark is `=`.

    Messages, skips and ends must be complete. Of side effects, each line text that the story lists must match
    in all its moments; others are free. `skip X` without a reason matches any. Lines of one moment have no
    order. `of_ledger`: what the ledger of points says must be complete, too.
    """
    wanted = [_plain(line) for line in expected]
    listed = {line.text for line in wanted if line.is_side_effect}
    seen = [
        line
        for line in map(_plain, happened)
        if not line.is_side_effect
        or line.text in listed
        or (of_ledger and line.text.split(" ", 1)[0] in _LEDGER)
    ]
    unmatched = Counter(seen)
    rows: list[ComparedRow] = []
    open_lines: list[TraceLine] = []
    for line in wanted:
        if unmatched[line] > 0:
            unmatched[line] -= 1
            rows.append(ComparedRow("=", line, line.text, line.text))
        else:
            open_lines.append(line)
    for line in open_lines:
        # `skip X` without a reason fits every `skip X (reason)` of its moment
        match = next(
            (
                other
                for other in unmatched
                if unmatched[other] > 0
                and (line.day, line.minute) == (other.day, other.minute)
                and line.text.startswith("skip ")
                and "(" not in line.text
                and other.text.startswith(f"{line.text} (")
            ),
            None,
        )
        if match is None:
            rows.append(ComparedRow("-", line, line.text, ""))
        else:
            unmatched[match] -= 1
            rows.append(ComparedRow("=", line, line.text, match.text))
    rows += [ComparedRow("+", line, "", line.text) for line in unmatched.elements()]
    order = {line: place for place, line in reversed(list(enumerate([*wanted, *seen])))}
    return tuple(sorted(rows, key=lambda row: _place(row, order)))


def passed(rows: Sequence[ComparedRow]) -> bool:
    """Everything came as expected."""
    return all(row.mark == "=" for row in rows)


def _plain(line: TraceLine) -> TraceLine:
    return TraceLine(line.day, line.minute, re.sub(r"\s+", " ", line.text.strip()))


def _place(row: ComparedRow, order: dict[TraceLine, int]) -> tuple[int, int, bool, int, int]:
    marks: dict[Mark, int] = {"-": 0, "=": 0, "+": 1}
    return row.at.day, row.at.minute, row.at.is_side_effect, marks[row.mark], order[row.at]
