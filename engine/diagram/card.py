"""What stands on the card of a step, line by line, in every way of drawing it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from engine.diagram.nodes import Flowchart, FlowNode, Mark

MOST_VISITS = 4
"""Lines of one step that are drawn of a run; the first ones, and how many more there are."""


class CardPart(StrEnum):
    """What a line of a card says."""

    MARK = "mark"
    WORDS = "words"
    STEP = "step"
    LANE = "lane"
    PEOPLE = "people"
    VISIT = "visit"


class CardLine(NamedTuple):
    """One line, not wrapped."""

    part: CardPart
    text: str


def card_lines(node: FlowNode) -> Iterator[CardLine]:
    """From top to bottom."""
    for mark in node.marks:
        yield CardLine(CardPart.MARK, mark.text)
    for text in node.text.split("\n"):
        yield CardLine(CardPart.WORDS, text)
    # The id is what `show`, stories and plans call the place by; of most messages it is in the text.
    if node.step and node.step not in node.text:
        yield CardLine(CardPart.STEP, node.step)
    for lane in node.lanes:
        yield CardLine(CardPart.LANE, lane.text)
    if node.people:
        yield CardLine(CardPart.PEOPLE, f"{node.people:,} here now")
    for visit in node.visits[:MOST_VISITS]:
        yield CardLine(CardPart.VISIT, visit.text)
    if len(node.visits) > MOST_VISITS:
        yield CardLine(CardPart.VISIT, f"and {len(node.visits) - MOST_VISITS} more lines")
    if node.rests:
        yield CardLine(CardPart.PEOPLE, node.rests)


class BandRow(NamedTuple):
    """A row of the band above the steps. `mark`: how it differs from another version."""

    name: str
    words: str
    mark: Mark | None = None


def band(flowchart: Flowchart) -> Iterator[BandRow]:
    """What holds for everybody inside at any time: it leads to no step and comes from none."""
    for note in flowchart.notes:
        if note.words:
            yield BandRow(note.part, note.words)
        for mark in note.marks:
            yield BandRow("", mark.text, mark.mark)
    if (inside := flowchart.people) is not None:
        parts = [f"{inside.people:,} people"]
        parts += [f"{inside.holdout:,} of them only compared with (holdout)"] if inside.holdout else []
        parts += [f"{inside.between:,} on the way from one step to the next"] if inside.between else []
        yield BandRow("inside", ", ".join(parts))
        for step, people in inside.elsewhere:
            yield BandRow("", f"{people:,} at {step}, which is not in this picture")
    if flowchart.run is not None:
        yield BandRow("run", flowchart.run.words)
        for step, visit in flowchart.run.elsewhere:
            yield BandRow("", f"{visit.text} (at {step}, which is not in this picture)")
