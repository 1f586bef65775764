"""What is drawn of a journey: nodes in the order in which people reach them, with the ways out of each.

The flowchart has no crossing lines, because a journey has no jumps: a step with sides stands above them, and
whoever comes out of a side goes on below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Shape = Literal["start", "message", "wait", "question", "change", "exit", "finish", "folded"]


class Mark(StrEnum):
    """How a part differs from another version of the journey."""

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"

    @property
    def sign(self) -> str:
        """As lists of differences write it."""
        return {"added": "+", "changed": "~", "moved": ">", "removed": "-"}[self]


@dataclass(frozen=True, slots=True)
class MarkedPart:
    """One difference. `words`: what it is, "" where the mark says all."""

    mark: Mark
    words: str = ""

    @property
    def text(self) -> str:
        """`~ changed: length 3 days -> 2 days`."""
        return f"{self.mark.sign} {self.mark}{f': {self.words}' if self.words else ''}"


@dataclass(frozen=True, slots=True)
class ChannelLane:
    """One channel of a cascade. `place`: its place in the order, from 1; 0 where the order is found for each
    customer. `words`: when it is tried."""

    channel: str
    place: int
    words: str = ""

    @property
    def text(self) -> str:
        """`2 email: 4 hours later, unless clicked`."""
        place = f"{self.place} " if self.place else ""
        return f"{place}{self.channel}{f': {self.words}' if self.words else ''}"


@dataclass(frozen=True, slots=True)
class Visit:
    """What happened to one run at a step. `at`: ISO 8601 in UTC; `local`: as its customer's clock shows
    it."""

    at: str
    local: str
    words: str = ""

    @property
    def text(self) -> str:
        """`2026-11-20 10:00 waits until ...`."""
        return f"{self.local} {self.words}".rstrip()


@dataclass(frozen=True, slots=True)
class FlowBranch:
    """One way out of a node; without nodes it leads straight on. `is_gone`: it stands in the other version
    alone; `passed`: the run that is drawn took it."""

    label: str
    nodes: tuple[FlowNode, ...]
    mark: Mark | None = None
    is_gone: bool = False
    passed: bool = False

    @property
    def leads_on(self) -> bool:
        """Somebody comes out of it below."""
        return not self.is_gone and leads_on(self.nodes)


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One step, or the start, or the end. `step`: its id, "" where nobody can rest; `line`: in the file;
    `id`: as runs keep the step, also where nobody can rest; `was`: its former id; `lanes`: the channels of a
    cascade. The other fields are drawn beside it: `marks`, how it differs from another version (`is_gone`: it
    stands in that one alone, so nobody comes to it); `people` who rest there; `visits` of the run that is
    drawn; `rests`: until when that run rests there, in words. `always_ends`: of steps that are folded into
    one, nobody comes out of them."""

    shape: Shape
    text: str
    step: str = ""
    line: int = 0
    sides: tuple[FlowBranch, ...] = ()
    id: str = ""
    was: str = ""
    lanes: tuple[ChannelLane, ...] = ()
    marks: tuple[MarkedPart, ...] = ()
    is_gone: bool = False
    people: int = 0
    visits: tuple[Visit, ...] = ()
    rests: str = ""
    always_ends: bool = False

    @property
    def is_passed(self) -> bool:
        """The run that is drawn came to it."""
        return bool(self.visits or self.rests)

    @property
    def ends(self) -> bool:
        """Nobody comes out of it below."""
        if self.shape in ("exit", "finish") or self.always_ends:
            return True
        return bool(self.sides) and not any(side.leads_on for side in self.sides)


class HeadPart(StrEnum):
    """What the head of a journey says, by the name that pictures give it."""

    NAME = "journey"
    START = "start"
    WHO = "who"
    AGAIN = "again"
    GOAL = "goal"
    LEAVES_EARLY = "leaves early"
    POLICY = "policy"
    PRIORITY = "priority"
    STATE = "state"
    HOLDOUT = "holdout"
    ABOUT = "about"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class HeadNote:
    """What holds all the time, such as the goal. `words` "": it is not said any more."""

    part: HeadPart
    words: str
    marks: tuple[MarkedPart, ...] = ()


@dataclass(frozen=True, slots=True)
class PeopleInside:
    """Everybody inside: `people` in all, of whom `holdout` are only compared with and `between` are on the
    way from one step to the next. `elsewhere`: who rests at a step that is not in the picture, by its id."""

    people: int
    holdout: int
    between: int
    elsewhere: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RunOverlay:
    """One run. `words`: when it began, and where it stands or how it ended. `elsewhere`: what it did at steps
    that are not in the picture, each with its id."""

    words: str
    elsewhere: tuple[tuple[str, Visit], ...] = ()


@dataclass(frozen=True, slots=True)
class Flowchart:
    """A journey as it is drawn. `notes`: what holds all the time. `people`, `run`: None where they are not
    drawn."""

    name: str
    about: str
    notes: tuple[HeadNote, ...]
    nodes: tuple[FlowNode, ...]
    people: PeopleInside | None = None
    run: RunOverlay | None = None

    def drawn_with(self, change: Callable[[FlowNode], FlowNode]) -> Flowchart:
        """The same with other nodes; each gets those on its sides changed already."""
        return replace(self, nodes=_changed(self.nodes, change))


def every_node(nodes: tuple[FlowNode, ...]) -> Iterator[FlowNode]:
    """All nodes, those on the sides too, from top to bottom."""
    for node in nodes:
        yield node
        for side in node.sides:
            yield from every_node(side.nodes)


def leads_on(nodes: tuple[FlowNode, ...]) -> bool:
    """Whether somebody who begins at the first node comes out below the last one."""
    there = [node for node in nodes if not node.is_gone]
    return not there or not there[-1].ends


def _changed(nodes: tuple[FlowNode, ...], change: Callable[[FlowNode], FlowNode]) -> tuple[FlowNode, ...]:
    return tuple(
        change(replace(node, sides=tuple(
            replace(side, nodes=_changed(side.nodes, change)) for side in node.sides
        )))
        for node in nodes
    )  # fmt: skip
