"""The card of one step as SVG: its shape says of which kind it is, its lines what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from engine.diagram.card import CardPart, card_lines
from engine.diagram.nodes import FlowNode, Shape
from engine.diagram.text_width import wrapped
from engine.printable import printable

WIDE, LINE = 240, 18
"""Pixels: a card, a line of text on it."""

_INSET: Mapping[Shape, int] = {"wait": 22, "question": 24, "change": 18}
"""Pixels between the edge and the text; 12 for other shapes."""

CARD_STYLE = """
.node{stroke:#8a97a5;fill:#fff;stroke-width:1.2}.start .node,.finish .node{fill:#e3f4e8;stroke:#3c8d58}
.message .node{fill:#e4eefb;stroke:#3a6fb0}.wait .node{fill:#fdf3d7;stroke:#b08a2a}
.question .node{fill:#f3e8f8;stroke:#8b54a3}.exit .node{fill:#fbe6e4;stroke:#b0483c}
.inner{fill:none;stroke:#8a97a5;stroke-width:1.2}.exit .inner{stroke:#b0483c}.message .inner{stroke:#3a6fb0}
.box.lane{fill:#fff;fill-opacity:.6;stroke:#3a6fb0;stroke-width:1}.box.people{fill:#1d2733}
text.people{fill:#fff}.mark,text.people{font-weight:600}.visit{font-weight:600;fill:#1d5c36}
.card.added .node{stroke:#1d7a43;stroke-width:3.5}
.card.changed .node{stroke:#b36b00;stroke-width:3;stroke-dasharray:14 4}
.card.moved .node{stroke:#2b63a8;stroke-width:3;stroke-dasharray:3 3}
.card.removed .node{stroke:#a83a2e;stroke-dasharray:6 4;fill:none}
.card.removed .words{text-decoration:line-through}
.card.passed .node{stroke-width:3.5}.card.missed{opacity:.55}.folded .node{stroke-dasharray:2 4;fill:none}
"""
CARD_STYLE_DARK = """
.node{fill:#222a33}.start .node,.finish .node{fill:#17351f}.message .node{fill:#16304f}
.wait .node{fill:#3f340f}.question .node{fill:#392344}.exit .node{fill:#451d19}.box.lane{fill:#0d1117}
.box.people{fill:#e3e9f0}text.people{fill:#161b22}
.visit{fill:#7fd6a0}.card.added .node{stroke:#4cc27e}.card.changed .node{stroke:#e0a03a}
.card.moved .node{stroke:#6ea8ec}.card.removed .node{stroke:#e07a6c}
"""


@dataclass(frozen=True, slots=True)
class CardRow:
    """One line of a card, in as many lines as it needs. Lanes and people stand in a box of their own."""

    part: CardPart
    texts: tuple[str, ...]

    @property
    def is_boxed(self) -> bool:
        """It has an edge around it."""
        return self.part in (CardPart.LANE, CardPart.PEOPLE)

    @property
    def height(self) -> int:
        """Pixels."""
        return LINE * len(self.texts) + (4 if self.is_boxed else 0)


@dataclass(frozen=True, slots=True)
class Card:
    """The card of a node, measured."""

    node: FlowNode
    rows: tuple[CardRow, ...]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.top + sum(row.height for row in self.rows) + 7

    @property
    def top(self) -> int:
        """Pixels above the first line: the flap of a message needs some."""
        return 14 if self.node.shape == "message" else 7


def measured_card(node: FlowNode) -> Card:
    """Its lines, wrapped."""
    rows = []
    for line in card_lines(node):
        inset = _INSET.get(node.shape, 12) + (8 if line.part in (CardPart.LANE, CardPart.PEOPLE) else 0)
        rows.append(CardRow(line.part, tuple(wrapped(printable(line.text), WIDE - 2 * inset))))
    return Card(node, tuple(rows))


def drawn_card(card: Card, middle: int, top: int, *, of_run: bool) -> str:
    """The card around `middle`, from `top` down. `of_run`: a run is drawn, and steps that it did not come to
    stand back."""
    node, left = card.node, middle - WIDE // 2
    kinds = ["card", node.shape, *(part.mark for part in node.marks)]
    kinds += ["passed"] if node.is_passed else ["missed"] if of_run else []
    title = f"{printable(node.text)}{f' (line {node.line})' if node.line else ''}"
    parts = [
        f'<g class="{" ".join(dict.fromkeys(kinds))}" data-box="{left} {top} {WIDE} {card.height}">',
        f"<title>{escape(title)}</title>",
        *_outline(node.shape, left, top, card.height),
    ]
    wide = WIDE - 2 * _INSET.get(node.shape, 12)
    y = top + card.top
    for row in card.rows:
        if row.is_boxed:
            corner = 9 if row.part is CardPart.PEOPLE else 4
            parts.append(_rect(f"box {row.part}", middle - wide // 2, y + 1, wide, row.height - 2, corner))
        place = f'x="{middle}" text-anchor="middle"'
        if row.part is CardPart.LANE:
            place = f'x="{middle - wide // 2 + 8}"'
        for number, text in enumerate(row.texts):
            at = y + number * LINE + (15 if row.is_boxed else 13)
            parts.append(f'<text class="{row.part}" {place} y="{at}">{escape(text)}</text>')
        y += row.height
    return "".join([*parts, "</g>"])


def _outline(shape: Shape, left: int, top: int, height: int) -> list[str]:
    right, bottom, middle, half = left + WIDE, top + height, left + WIDE // 2, top + height // 2
    if shape == "wait":
        way = f"M{left + 12} {top}H{right}L{right - 12} {bottom}H{left}Z"
        return [f'<path class="node" d="{way}"/>']
    if shape == "question":
        near, far = left + 14, right - 14
        way = f"M{near} {top}H{far}L{right} {half}L{far} {bottom}H{near}L{left} {half}Z"
        return [f'<path class="node" d="{way}"/>']
    corner = {"start": 18, "finish": 18, "exit": 18, "message": 6}.get(shape, 2)
    parts = [_rect("node", left, top, WIDE, height, corner)]
    if shape == "change":
        parts += [f'<path class="inner" d="M{x} {top}V{bottom}"/>' for x in (left + 7, right - 7)]
    if shape == "exit":
        parts.append(_rect("inner", left + 4, top + 4, WIDE - 8, height - 8, 14))
    if shape == "message":  # the flap of an envelope
        parts.append(
            f'<path class="inner" d="M{left + 2} {top + 2}L{middle} {top + 11}L{right - 2} {top + 2}"/>'
        )
    return parts


def _rect(kind: str, left: int, top: int, wide: int, height: int, corner: int) -> str:
    return f'<rect class="{kind}" x="{left}" y="{top}" width="{wide}" height="{height}" rx="{corner}"/>'
