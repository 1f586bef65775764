"""The flowchart of a journey as one SVG file, light and dark, without anything from the network.

Every part is a block: a node, or a row of sides under a question. A block knows its width and
height, so that one walk measures and a second one places; nothing can overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from engine.diagram.card import BandRow, band
from engine.diagram.nodes import FlowBranch, Flowchart, FlowNode
from engine.diagram.svg_card import CARD_STYLE, CARD_STYLE_DARK, LINE, WIDE, Card, drawn_card, measured_card
from engine.diagram.text_width import shortened, wrapped
from engine.printable import printable

GAP, STEM, PAD, EMPTY = 36, 26, 16, 160
"""Pixels: between sides, the line between nodes, around the flowchart, a side without nodes."""

NARROWEST, NAMES = 480, 92
"""Pixels: the whole picture, and the names in the band."""

_STYLE = f"""
text{{font:13px system-ui,sans-serif;fill:#1d2733;unicode-bidi:plaintext}}
.title{{font-size:18px;font-weight:600}}.label{{font-style:italic}}
.about,.label,.step,.name{{fill:#5b6875;font-size:12px}}
.band{{fill:#f3f5f8;stroke:#c5ced8}}.way{{fill:none;stroke:#8a97a5;stroke-width:1.5}}
.way.walked{{stroke:#1d7a43;stroke-width:4}}.way.beside{{stroke-dasharray:4 4}}
.label.walked{{font-weight:600}}
.label.removed{{text-decoration:line-through}}{CARD_STYLE}
@media (prefers-color-scheme:dark){{
svg{{background:#161b22}}text{{fill:#e3e9f0}}.about,.label,.step,.name{{fill:#9aa7b5}}
.band{{fill:#1d242c;stroke:#39434e}}.way.walked{{stroke:#4cc27e}}{CARD_STYLE_DARK}}}
"""


@dataclass(frozen=True, slots=True)
class _Block:
    """A node with its sides, measured. `height`: with its sides, up to where the next node may come."""

    card: Card
    sides: tuple[tuple[FlowBranch, _Column], ...]
    wide: int
    height: int

    @property
    def node(self) -> FlowNode:
        """What is drawn."""
        return self.card.node


@dataclass(frozen=True, slots=True)
class _Column:
    """Blocks one below the other."""

    blocks: tuple[_Block, ...]
    wide: int
    height: int


@dataclass(frozen=True, slots=True)
class SvgPicture:
    """An SVG document and how wide it is, in pixels."""

    text: str
    wide: int


def svg(flowchart: Flowchart) -> str:
    """The SVG document; titles of the nodes name the line in the file."""
    return svg_picture(flowchart).text


def svg_picture(flowchart: Flowchart) -> SvgPicture:
    """As `svg`, with its width."""
    column = _measured(flowchart.nodes)
    wide = max(column.wide + 2 * PAD, NARROWEST)
    drawing = _Drawing(of_run=flowchart.run is not None)
    top = drawing.head(flowchart, wide)
    drawing.column(column, wide // 2, top)
    height = top + column.height + PAD
    name = escape(printable(flowchart.name))
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{height}" '
        f'viewBox="0 0 {wide} {height}" role="img" aria-label="journey {name}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(drawing.parts) + "\n</svg>\n"
    )
    return SvgPicture(text, wide)


def _measured(nodes: tuple[FlowNode, ...]) -> _Column:
    blocks = tuple(_block(node) for node in nodes)
    return _Column(
        blocks,
        max((block.wide for block in blocks), default=EMPTY),
        sum(block.height for block in blocks) + STEM * max(0, len(blocks) - 1),
    )


def _block(node: FlowNode) -> _Block:
    card = measured_card(node)
    sides = tuple((side, _measured(side.nodes)) for side in node.sides)
    if not sides:
        return _Block(card, (), WIDE, card.height)
    wide = sum(column.wide for _, column in sides) + GAP * (len(sides) - 1)
    # A label has a line of its own on the way down, and the ways come together again under the sides.
    height = card.height + 2 * STEM + max(column.height for _, column in sides) + STEM
    return _Block(card, sides, max(WIDE, wide), height)


class _Drawing:
    def __init__(self, *, of_run: bool) -> None:
        self.parts: list[str] = []
        self._of_run = of_run

    def head(self, flowchart: Flowchart, wide: int) -> int:
        """The name, and in a band what holds all the time. Returns where the steps begin."""
        y = PAD + 16
        title = shortened(printable(flowchart.name), wide - 2 * PAD, 18)
        self._text("title", PAD, y, title)
        # A line of text as wide as a large picture cannot be read.
        room = min(wide, 900) - 2 * PAD
        for line in wrapped(printable(flowchart.about), room, 12) if flowchart.about else ():
            y += LINE
            self._text("about", PAD, y, line)
        rows = [
            (row if place == 0 else BandRow("", line, row.mark), line)
            for row in band(flowchart)
            for place, line in enumerate(wrapped(printable(row.words), room - NAMES - 24))
        ]
        if rows:
            y += 12
            height = len(rows) * LINE + 14
            self.parts.append(
                f'<rect class="band" x="{PAD}" y="{y}" width="{room}" height="{height}" rx="8"/>'
            )
            for place, (row, line) in enumerate(rows):
                at = y + 7 + place * LINE + 13
                self._text("name", PAD + 12, at, row.name)
                self._text("mark" if row.mark is not None else "fact", PAD + 12 + NAMES, at, line)
            y += height
        return y + STEM

    def column(self, column: _Column, middle: int, top: int) -> None:
        """Blocks around `middle`, from `top` down."""
        is_open, before = True, None
        gone: list[tuple[int, _Block]] = []  # since the last step that is there, with the top of each
        for block in column.blocks:
            node = block.node
            if before is not None and (is_open or node.is_gone):
                is_beside = before.is_gone or node.is_gone
                is_walked = before.is_passed and node.is_passed
                self._way(f"M{middle} {top - STEM}V{top}", beside=is_beside, walked=is_walked)
            self.parts.append(drawn_card(block.card, middle, top, of_run=self._of_run))
            if block.sides:
                self._sides(block, middle, top + block.card.height, top + block.height)
            if node.is_gone:
                gone.append((top, block))
            else:
                self._way_around(gone if is_open else [], middle)
                gone, is_open = [], not node.ends
            top, before = top + block.height + STEM, node
        self._way_around(gone if is_open else [], middle)

    def _way_around(self, gone: list[tuple[int, _Block]], middle: int) -> None:
        """The way past steps that are gone: nobody goes through them."""
        if not gone:
            return
        top, bottom = gone[0][0], gone[-1][0] + gone[-1][1].height
        left, half = middle - max(block.wide for _, block in gone) // 2 - 14, STEM // 2
        self._way(f"M{middle} {top - STEM}V{top - half}H{left}V{bottom + half}H{middle}V{bottom + STEM}")

    def _sides(self, block: _Block, middle: int, top: int, bottom: int) -> None:
        left = middle - (sum(column.wide for _, column in block.sides) + GAP * (len(block.sides) - 1)) // 2
        for side, column in block.sides:
            center = left + column.wide // 2
            begin = top + 2 * STEM
            way = f"M{middle} {top}V{top + STEM // 2}H{center}V{begin}"
            self._way(way, beside=side.is_gone, walked=side.passed)
            label = f"{side.mark.sign} {side.label}" if side.mark is not None else side.label
            kind = (
                f"label{f' {side.mark}' if side.mark is not None else ''}{' walked' if side.passed else ''}"
            )
            text = shortened(printable(label), column.wide // 2 + GAP - 10, 12)
            self._text(kind, center + 6, top + STEM + 8, text, label)
            self.column(column, center, begin)
            if side.leads_on:
                way = f"M{center} {begin + column.height}V{bottom - STEM // 2}H{middle}V{bottom}"
                self._way(way, walked=side.passed)
            left += column.wide + GAP

    def _way(self, line: str, *, beside: bool = False, walked: bool = False) -> None:
        kind = f"way{' beside' if beside else ''}{' walked' if walked else ''}"
        self.parts.append(f'<path class="{kind}" d="{line}"/>')

    def _text(self, kind: str, x: int, y: int, text: str, title: str = "") -> None:
        if text:
            inside = f"<title>{escape(printable(title))}</title>" if title and title != text else ""
            self.parts.append(f'<text class="{kind}" x="{x}" y="{y}">{inside}{escape(text)}</text>')
