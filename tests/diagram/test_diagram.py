"""The flowchart of a journey: every step stands in it once, in each way of drawing it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from engine.compiler.walk import every_step
from engine.diagram.flowchart import Flowchart, FlowNode, every_node, flowchart
from engine.diagram.mermaid import mermaid
from engine.diagram.svg import svg
from engine.diagram.terminal import tree
from engine.language.syntax import JourneyFile
from engine.project import load

ROOT = Path(__file__).parents[2]
FILES = load(ROOT).files
SVG = "{http://www.w3.org/2000/svg}"


def _drawn(name: str) -> tuple[JourneyFile, Flowchart]:
    return FILES[name], flowchart(FILES[name])


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_step_is_one_node_with_its_line(name: str) -> None:
    file, drawn = _drawn(name)
    nodes = [node for node in every_node(drawn.nodes) if node.shape not in ("start", "finish")]
    assert [(node.text, node.line) for node in nodes] == [
        (step.words(), step.span.line) for step in every_step(file.steps)
    ]


@pytest.mark.parametrize("name", sorted(FILES))
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


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_two_nodes_of_the_svg_overlap_and_all_lie_inside(name: str) -> None:
    _, drawn = _drawn(name)
    root = ET.fromstring(svg(drawn))
    nodes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
    ]
    assert len(nodes) == len(list(every_node(drawn.nodes)))
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    for number, (x, y, width, height) in enumerate(nodes):
        assert x >= 0
        assert y >= 0
        assert x + width <= wide
        assert y + height <= high
        for left, top, across, down in nodes[number + 1 :]:
            assert x + width <= left or left + across <= x or y + height <= top or top + down <= y


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_terminal_shows_every_step(name: str) -> None:
    _, drawn = _drawn(name)
    console = Console(width=300, color_system=None)
    with console.capture() as written:
        console.print(tree(drawn))
    shown = written.get()
    for node in every_node(drawn.nodes):
        for line in node.text.split("\n"):
            assert line in shown


def test_what_an_author_writes_cannot_break_out_of_a_picture() -> None:
    node = FlowNode("message", 'a"]; n2["</svg><script> & `y` #quot;\nend', "<id>")
    hostile = Flowchart('a"<b>', "</svg><script>", (("goal", "x & `y` # <z>"),), (node,))
    ET.fromstring(svg(hostile))
    assert "<script>" not in svg(hostile)
    _, drawn = mermaid(hostile).splitlines()
    assert drawn.startswith('  n1["')
    assert drawn.endswith('"]')
    assert drawn.count('"') == 2
    assert "<" not in drawn.replace("<br/>", "")
