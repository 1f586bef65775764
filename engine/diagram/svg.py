"""The flowchart of a journey as one SVG file, light and dark, without anything from the network.

Every part is a block: a node, or a row of sides under a question. A block knows its width and
height, so that one walk measures and a second one places; nothing can overlap.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from engine.diagram.flowchart import FlowBranch, Flowchart, FlowNode, Shape

WIDE, GAP, STEM, LINE, PAD = 216, 28, 26, 18, 12
"""Pixels: a node, between sides, the line between nodes, a line of text, around the flowchart."""
LETTERS = 30
"""Of a line of text inside a node."""

_STYLE = """
text{font:13px system-ui,sans-serif;fill:#1d2733}
.title{font-size:18px;font-weight:600}.note,.label,.step{fill:#5b6875;font-size:12px}.label{font-style:italic}
.way{fill:none;stroke:#8a97a5;stroke-width:1.5}
.node{stroke:#8a97a5;fill:#fff;stroke-width:1.2}.start,.finish{fill:#e3f4e8;stroke:#3c8d58}
.message{fill:#e4eefb;stroke:#3a6fb0}.wait{fill:#fdf3d7;stroke:#b08a2a}
.question{fill:#f3e8f8;stroke:#8b54a3}.exit{fill:#fbe6e4;stroke:#b0483c}
@media (prefers-color-scheme:dark){
svg{background:#161b22}text{fill:#e3e9f0}.note,.label,.step{fill:#9aa7b5}.node{fill:#222a33}
.start,.finish{fill:#17351f}.message{fill:#16304f}.wait{fill:#3f340f}.question{fill:#392344}.exit{fill:#451d19}}
"""
_CORNERS: Mapping[Shape, int] = {"start": 18, "finish": 18, "exit": 18}


@dataclass(frozen=True, slots=True)
class _Block:
    """A node with its sides, measured. `height`: with its sides, up to where the next node may come."""

    node: FlowNode
    lines: tuple[str, ...]
    sides: tuple[tuple[FlowBranch, _Column], ...]
    wide: int
    height: int

    @property
    def tall(self) -> int:
        """Of the node alone."""
        return len(self.lines) * LINE + 14


@dataclass(frozen=True, slots=True)
class _Column:
    """Blocks one below the other."""

    blocks: tuple[_Block, ...]
    wide: int
    height: int


def svg(flowchart: Flowchart) -> str:
    """The SVG document; titles of the nodes name the line in the file."""
    column = _measured(flowchart.nodes)
    notes = [
        line
        for words in (flowchart.about, *(f"{name}: {words}" for name, words in flowchart.notes))
        if words
        for line in textwrap.wrap(words, max(60, column.wide // 7))
    ]
    top = PAD + 24 + len(notes) * LINE + STEM
    wide = max(column.wide, 60 * 7) + 2 * PAD
    drawing: list[str] = [f'<text class="title" x="{PAD}" y="{PAD + 16}">{escape(flowchart.name)}</text>']
    drawing += [
        f'<text class="note" x="{PAD}" y="{PAD + 20 + (number + 1) * LINE}">{escape(line)}</text>'
        for number, line in enumerate(notes)
    ]
    _place(column, wide // 2, top, drawing)
    height = top + column.height + PAD
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{height}" '
        f'viewBox="0 0 {wide} {height}" role="img" aria-label="journey {escape(flowchart.name)}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(drawing) + "\n</svg>\n"
    )


def _measured(nodes: tuple[FlowNode, ...]) -> _Column:
    blocks = tuple(_block(node) for node in nodes)
    return _Column(
        blocks,
        max((block.wide for block in blocks), default=WIDE // 2),
        sum(block.height for block in blocks) + STEM * max(0, len(blocks) - 1),
    )


def _block(node: FlowNode) -> _Block:
    lines = [line for text in node.text.split("\n") for line in textwrap.wrap(text, LETTERS) or [""]]
    if node.step and node.step not in node.text:
        lines += textwrap.wrap(node.step, LETTERS)
    sides = tuple((side, _measured(side.nodes)) for side in node.sides)
    tall = len(lines) * LINE + 14
    if not sides:
        return _Block(node, tuple(lines), (), WIDE, tall)
    wide = sum(column.wide for _, column in sides) + GAP * (len(sides) - 1)
    # A label has a line of its own on the way down, and the ways come together again under the sides.
    height = tall + 2 * STEM + max(column.height for _, column in sides) + STEM
    return _Block(node, tuple(lines), sides, max(WIDE, wide), height)


def _place(column: _Column, middle: int, top: int, drawing: list[str]) -> None:
    """Draws a column around `middle`, from `top` down."""
    for number, block in enumerate(column.blocks):
        _node(block, middle, top, drawing)
        if block.sides:
            _sides(block, middle, top + block.tall, top + block.height, drawing)
        bottom = top + block.height
        if number < len(column.blocks) - 1 and not block.node.ends:
            drawing.append(f'<path class="way" d="M{middle} {bottom}V{bottom + STEM}"/>')
        top = bottom + STEM


def _node(block: _Block, middle: int, top: int, drawing: list[str]) -> None:
    node, left = block.node, middle - WIDE // 2
    drawing.append(
        f"<g><title>{escape(node.text)}{f' (line {node.line})' if node.line else ''}</title>"
        f'<rect class="node {node.shape}" x="{left}" y="{top}" width="{WIDE}" height="{block.tall}" '
        f'rx="{_CORNERS.get(node.shape, 4)}"/>'
    )
    for number, line in enumerate(block.lines):
        kind = ' class="step"' if line == node.step and node.step not in node.text else ""
        y = top + 7 + (number + 1) * LINE - 5
        drawing.append(f'<text{kind} x="{middle}" y="{y}" text-anchor="middle">{escape(line)}</text>')
    drawing.append("</g>")


def _sides(block: _Block, middle: int, top: int, bottom: int, drawing: list[str]) -> None:
    left = middle - (sum(column.wide for _, column in block.sides) + GAP * (len(block.sides) - 1)) // 2
    for side, column in block.sides:
        center = left + column.wide // 2
        begin = top + 2 * STEM
        drawing.append(f'<path class="way" d="M{middle} {top}V{top + STEM // 2}H{center}V{begin}"/>')
        label = textwrap.shorten(side.label, max(12, column.wide // 7), placeholder="…")
        drawing.append(f'<text class="label" x="{center + 6}" y="{top + STEM + 8}">{escape(label)}</text>')
        _place(column, center, begin, drawing)
        if not (side.nodes and side.nodes[-1].ends):
            end = begin + column.height
            drawing.append(f'<path class="way" d="M{center} {end}V{bottom - STEM // 2}H{middle}V{bottom}"/>')
        left += column.wide + GAP
