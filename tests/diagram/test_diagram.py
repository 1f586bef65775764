"""The flowchart of a journey: every step stands in it once, in each way of drawing it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from engine.compiler.walk import every_step
from engine.diagram.card import card_lines
from engine.diagram.flowchart import flowchart
from engine.diagram.mermaid import mermaid
from engine.diagram.nodes import Flowchart, FlowNode, HeadNote, HeadPart, every_node
from engine.diagram.svg import svg
from engine.diagram.terminal import tree
from engine.diagram.text_width import text_width, wrapped
from engine.language.parse import parse_journey
from engine.language.steps.send import Send
from engine.language.syntax import JourneyFile
from engine.project import load

ROOT = Path(__file__).parents[2]
FILES = load(ROOT).files
SVG = "{http://www.w3.org/2000/svg}"


def _parsed(text: str) -> JourneyFile:
    file, problems = parse_journey(text.encode(), "journeys/drawn.yaml")
    assert file is not None, problems
    return file


HEAD = "journey: drawn\nstart: {event: subscribed}\n"
LONG = "Очень_длинное_название_" * 6
OTHERS = {
    "wide": HEAD + "steps:\n  - choose: tier\n    into:\n" + "".join(
        f"      kind_{n}:\n        - {{send: letter_{n}, via: email}}\n        - wait: {n + 1} days\n"
        for n in range(15)
    ),
    "deep": HEAD + "steps:\n" + "".join(
        f"{'    ' * level}  - if: {{orders_count: {level}}}\n{'    ' * level}    then:\n"
        for level in range(8)
    ) + f"{'    ' * 8}  - {{send: deepest, via: email}}\n",
    "cascade": (
        HEAD + "steps:\n  - send: news\n"
        "    via: [push, email, sms, whatsapp, telegram]\n    next_after: 4 hours\n    until: opened\n"
    ),
    "foreign": HEAD + (
        f"about: {'مرحبا بالعالم، هذا نص طويل جدا. ' * 8}\n"
        f"exit_if: {{country: {LONG}}}\nsteps:\n"
        f"  - if: {{city: {'東京都千代田区丸の内一丁目' * 4}}}\n    then:\n      - exit: {LONG}\n"
        f"  - if: {{city: {'W' * 60}}}\n    then:\n      - exit: gone\n"
    ),
}  # fmt: skip
JOURNEYS = {**FILES, **{name: _parsed(text) for name, text in OTHERS.items()}}
EVERY = pytest.mark.parametrize("name", sorted(JOURNEYS))


def _drawn(name: str) -> tuple[JourneyFile, Flowchart]:
    return JOURNEYS[name], flowchart(JOURNEYS[name])


def shown(drawn: Flowchart) -> str:
    """As a wide terminal without colours shows it."""
    console = Console(width=400, color_system=None)
    with console.capture() as written:
        console.print(tree(drawn))
    return written.get()


@EVERY
def test_every_step_is_one_node_with_its_line(name: str) -> None:
    file, drawn = _drawn(name)
    nodes = [node for node in every_node(drawn.nodes) if node.shape not in ("start", "finish")]
    steps = list(every_step(file.steps))
    assert [node.line for node in nodes] == [step.span.line for step in steps]
    for node, step in zip(nodes, steps, strict=True):
        if isinstance(step, Send) and step.is_cascade:
            assert node.text.startswith(f"send {step.template.value}")
            assert [lane.channel for lane in node.lanes] == [channel.value for channel in step.via]
        else:
            assert (node.text, node.lanes) == (step.words(), ())


@EVERY
def test_mermaid_leads_into_every_node_but_the_start_and_out_of_every_node_that_does_not_end(
    name: str,
) -> None:
    _, drawn = _drawn(name)
    text = mermaid(drawn)
    nodes = list(every_node(drawn.nodes))
    names = re.findall(r"^  (n\d+)[\[({]", text, re.MULTILINE)
    assert len(names) == len(nodes)
    ways = re.findall(r"^  (n\d+) -->(?:\|\".*?\"\|)? (n\d+)$", text, re.MULTILINE)
    assert {target for _, target in ways} == set(names[1:])
    ended = {name for name, node in zip(names, nodes, strict=True) if node.shape in ("exit", "finish")}
    assert {source for source, _ in ways} == set(names) - ended


@EVERY
def test_no_two_cards_of_the_svg_overlap_and_all_lie_inside(name: str) -> None:
    _, drawn = _drawn(name)
    root = ET.fromstring(svg(drawn))
    boxes = [
        tuple(map(int, group.attrib["data-box"].split()))
        for group in root.iter(f"{SVG}g") if "data-box" in group.attrib
    ]  # fmt: skip
    assert len(boxes) == len(list(every_node(drawn.nodes)))
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    for number, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + width <= wide
        assert y + height <= high
        for left, top, across, down in boxes[number + 1 :]:
            assert x + width <= left or left + across <= x or y + height <= top or top + down <= y


@EVERY
def test_no_text_on_a_card_is_wider_than_it(name: str) -> None:
    _, drawn = _drawn(name)
    for group in ET.fromstring(svg(drawn)).iter(f"{SVG}g"):
        wide = int(group.attrib["data-box"].split()[2])
        for text in group.iter(f"{SVG}text"):
            assert text_width(text.text or "") <= wide - 16


def test_wrapping_loses_nothing_and_keeps_what_combines_with_its_letter() -> None:
    text = "é" * 80 + " word " + "長い" * 30
    lines = wrapped(text, 120)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith("́") for line in lines)


@EVERY
def test_the_terminal_shows_every_step_and_every_lane(name: str) -> None:
    _, drawn = _drawn(name)
    text = shown(drawn)
    for node in every_node(drawn.nodes):
        for line in card_lines(node):
            assert line.text in text


def test_goal_and_exits_are_a_band_to_which_no_line_leads() -> None:
    _, drawn = _drawn("win_back")
    text = mermaid(drawn)
    assert 'always["' in text
    assert "goal: order_placed" in text
    assert not re.search(r"(--|==|-\.-).* always|always (--|==|-\.-)", text)
    band = next(each for each in ET.fromstring(svg(drawn)).iter(f"{SVG}rect") if each.get("class") == "band")
    cards = [int(group.attrib["data-box"].split()[1]) for group in ET.fromstring(svg(drawn)).iter(f"{SVG}g")]
    assert int(band.attrib["y"]) + int(band.attrib["height"]) < min(cards)


def test_what_an_author_writes_cannot_break_out_of_a_picture() -> None:
    node = FlowNode("message", 'a"]; n2["</svg><script> & `y` #quot;\nend\x07', "<id>")
    notes = (HeadNote(HeadPart.GOAL, "x & `y` # <z> \u202e\x00"),)
    hostile = Flowchart('a"<b>', "</svg><script>", notes, (node,))
    ET.fromstring(svg(hostile))
    assert "<script>" not in svg(hostile)
    _, always, drawn, _ = mermaid(hostile).splitlines()
    for line, begin in ((always, '  always["'), (drawn, '  n1["')):
        assert line.startswith(begin)
        assert line.count('"') == 2
        assert "<" not in line.replace("<br/>", "")
    for text in (svg(hostile), mermaid(hostile), shown(hostile)):
        assert not {"\x07", "\x00", "\u202e"} & set(text)
