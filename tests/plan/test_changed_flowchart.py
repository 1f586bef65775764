"""The picture of a change says what the words of the change say, and loses no step of either version."""

from __future__ import annotations

import html
import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from engine.diagram.card import card_lines
from engine.diagram.flowchart import flowchart
from engine.diagram.mermaid import mermaid
from engine.diagram.nodes import Flowchart, FlowNode, Mark, every_node
from engine.diagram.only_changed import only_changed
from engine.diagram.overlays import with_people
from engine.diagram.svg import svg
from engine.language.syntax import JourneyFile
from engine.plan.changed_flowchart import changed_flowchart, former_flowchart
from engine.plan.difference import DiffSign
from engine.plan.journey_diff import journey_diff
from tests.conftest import Golden
from tests.diagram.test_diagram import shown
from tests.plan.test_journey_diff import EDITS, JOURNEY, edited, parsed

NO_ELSE = JOURNEY.replace(
    "  - send: bye\n",
    "  - choose: tier\n    into:\n      gold:\n        - send: bye\n"
    "      silver:\n        - set: {lifecycle: lead}\n",
)
VERSIONS = {
    "nothing": JOURNEY,
    "a choose without else": NO_ELSE,
    **{name: edited(EDITS[name]) for name in EDITS},
}
PAIRS = [
    *(("nothing", name) for name in VERSIONS), *((name, "nothing") for name in VERSIONS),
    ("a step moves behind another", "a path is gone"), ("shares", "the last steps are gone"),
]  # fmt: skip
PAIR = pytest.mark.parametrize(("before", "now"), PAIRS)


def _marks(drawn: Flowchart, mark: Mark) -> list[FlowNode]:
    return [node for node in every_node(drawn.nodes) if mark in {part.mark for part in node.marks}]


def _ids(drawn: Flowchart, *, gone: bool) -> Counter[str]:
    return Counter(node.id for node in every_node(drawn.nodes) if node.id and node.is_gone is gone)


def _pair(before: str, now: str) -> tuple[JourneyFile, JourneyFile]:
    return parsed(VERSIONS[before]), parsed(VERSIONS[now])


def test_changes_are_marked_in_every_form(golden: Golden) -> None:
    told: list[str] = []
    for name in (
        "a wait is shorter", "a wait is gone", "the last steps are gone",
        "a wait is called otherwise, with was",
        "a message moves into a branch", "a path is gone", "who, again, goal, holdout", "another start",
    ):  # fmt: skip
        drawn = changed_flowchart(*_pair("nothing", name))
        told += [f"=== {name} ===", shown(drawn), mermaid(drawn)]
    golden("golden/changed_flowcharts.out", "\n".join(told))


@PAIR
def test_every_step_of_both_versions_stands_in_it_once(before: str, now: str) -> None:
    former, present = _pair(before, now)
    drawn = changed_flowchart(former, present)
    assert _ids(drawn, gone=False) == _ids(flowchart(present), gone=False)
    assert len(_marks(drawn, Mark.REMOVED)) == len(_marks(former_flowchart(former, present), Mark.REMOVED))
    there = [node.text for node in every_node(drawn.nodes) if not node.is_gone]
    assert there == [node.text for node in every_node(flowchart(present).nodes)]
    assert [node.text for node in every_node(former_flowchart(former, present).nodes)] == [
        node.text for node in every_node(flowchart(former).nodes)
    ]


@PAIR
def test_what_is_marked_is_what_the_words_of_the_change_say(before: str, now: str) -> None:
    former, present = _pair(before, now)
    drawn, diff = changed_flowchart(former, present), journey_diff(former, present)
    told = Counter(
        change.sign for change in (*diff.changes, *diff.folded) if not change.words.startswith(_HEAD)
    ) if diff is not None else Counter[DiffSign]()  # fmt: skip
    assert len(_marks(drawn, Mark.ADDED)) == told[DiffSign.ADDED]
    assert len(_marks(drawn, Mark.REMOVED)) == told[DiffSign.REMOVED]
    changed = (part for node in drawn.nodes[1:] for part in _parts(node) if part is Mark.CHANGED)
    assert len(list(changed)) == told[DiffSign.CHANGED]
    assert len(_marks(drawn, Mark.MOVED)) == told[DiffSign.MOVED]


_HEAD = ("who:", "again:", "goal:", "start:", "holdout:", "policy:", "state:", "about:")


def _parts(node: FlowNode) -> list[Mark]:
    return [part.mark for each in every_node((node,)) for part in each.marks]


@PAIR
def test_what_is_marked_can_be_seen_without_its_colour(before: str, now: str) -> None:
    drawn = changed_flowchart(*_pair(before, now))
    marks = [part for node in every_node(drawn.nodes) for part in node.marks]
    texts = shown(drawn), _read(mermaid(drawn)), "".join(ET.fromstring(svg(drawn)).itertext())
    for text in texts:
        assert text.count("+ added") == sum(part.text == "+ added" for part in marks)
        for sign in ("- removed", "~ changed", "> moved"):
            assert text.count(sign) >= sum(part.text.startswith(sign) for part in marks)


def _read(text: str) -> str:
    """Mermaid's text with its entities as what they stand for."""
    return html.unescape(re.sub(r"#(\d+;)", r"&#\1", text).replace("#gt;", ">"))


@PAIR
def test_nobody_goes_through_a_step_that_is_gone(before: str, now: str) -> None:
    former, present = _pair(before, now)
    drawn = changed_flowchart(former, present)
    names = [f"n{number}" for number, _ in enumerate(every_node(drawn.nodes), 1)]
    text = mermaid(drawn)
    ways = [line.split() for line in text.splitlines() if " --> " in line or "-->|" in line]
    nodes = every_node(drawn.nodes)
    gone = {name for name, node in zip(names, nodes, strict=True) if node.is_gone}
    ends = {way[0] for way in ways} | {way[-1] for way in ways}
    assert not ends & gone
    plain = [line for line in mermaid(flowchart(present)).splitlines() if "-->" in line]
    assert len(ways) == len(plain)


def test_people_rest_where_they_are_also_at_what_is_gone_or_has_another_name() -> None:
    gone = with_people(
        changed_flowchart(*_pair("nothing", "a wait is gone")), 20, 3,
        {"": 1, "first_wait": 5, "last_wait": 7, "of_long_ago": 4},
    )  # fmt: skip
    people = {node.step: node.people for node in every_node(gone.nodes) if node.people}
    assert people == {"first_wait": 5, "last_wait": 7}
    assert gone.people is not None
    assert (gone.people.holdout, gone.people.between, gone.people.elsewhere) == (3, 1, (("of_long_ago", 4),))
    renamed = with_people(
        changed_flowchart(*_pair("nothing", "a wait is called otherwise, with was")), 9, 0, {"first_wait": 9}
    )
    assert {node.step: node.people for node in every_node(renamed.nodes) if node.people} == {
        "before_hello": 9
    }
    assert "9 here now" in shown(renamed)


@PAIR
def test_folding_keeps_what_is_marked_and_everybody(before: str, now: str) -> None:
    drawn = with_people(changed_flowchart(*_pair(before, now)), 9, 0, {"first_wait": 9})
    short = only_changed(drawn)
    assert [part.text for node in every_node(short.nodes) for part in node.marks] == [
        part.text for node in every_node(drawn.nodes) for part in node.marks
    ]
    assert sum(node.people for node in every_node(short.nodes)) == sum(
        node.people for node in every_node(drawn.nodes)
    )
    assert [node.ends for node in short.nodes][-1:] == [node.ends for node in drawn.nodes][-1:]
    ET.fromstring(svg(short))
    assert all(line.text for node in every_node(short.nodes) for line in card_lines(node))


def test_a_journey_that_came_or_went_says_so_once() -> None:
    file = parsed(JOURNEY)
    came, went = changed_flowchart(None, file), former_flowchart(file, None)
    assert [part.text for note in came.notes for part in note.marks] == ["+ added: a new journey"]
    assert [part.text for note in went.notes for part in note.marks] == ["- removed: the journey is gone"]
    assert not any(node.marks for drawn in (came, went) for node in every_node(drawn.nodes))
