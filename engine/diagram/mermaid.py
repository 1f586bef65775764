"""The flowchart of a journey in Mermaid, which GitHub and GitLab draw in comments and pages
(https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.diagram.card import CardPart, band, card_lines
from engine.diagram.nodes import FlowBranch, Flowchart, FlowNode, Shape
from engine.printable import printable

_FRAMES: Mapping[Shape, tuple[str, str]] = {
    "start": ('(["', '"])'),
    "message": ('["', '"]'),
    "wait": ('[/"', '"/]'),
    "question": ('{"', '"}'),
    "change": ('[["', '"]]'),
    "exit": ('(["', '"])'),
    "finish": ('(["', '"])'),
    "folded": ('(["', '"])'),
}
_STYLES: Mapping[str, str] = {
    # Colours of the line alone, which can be read on light and on dark; the words say the same.
    "added": "stroke-width:4px,stroke:#2e8b57",
    "changed": "stroke-width:3px,stroke:#d08700,stroke-dasharray:12 4",
    "moved": "stroke-width:3px,stroke:#3a6fb0,stroke-dasharray:3 3",
    "removed": "stroke-width:1px,stroke:#b0483c,stroke-dasharray:6 4",
    "passed": "stroke-width:4px",
    "folded": "stroke-dasharray:2 4",
    "band": "stroke-dasharray:2 4",
}
_ESCAPES = str.maketrans({
    # `#quot;` and its like are Mermaid's own entities; "end" is its keyword, but not inside quotes.
    '"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": "<br/>",
})  # fmt: skip
_LISTS = {"-": "#45;", "+": "#43;", "*": "#42;"}

Open = tuple[FlowNode, str, str]
"""A line that leads on: from this node, its name in the text, with this label."""


class _Writer:
    def __init__(self) -> None:
        self.lines = ["flowchart TD"]
        self.styles: set[str] = set()
        self._count = 0

    def draw(self, nodes: tuple[FlowNode, ...], entering: list[Open]) -> list[Open]:
        """Draws nodes one below the other; returns the lines that come out of the last one. What is gone
        hangs beside them on a dotted line: nobody goes along it."""
        gone = ""
        for node in nodes:
            if node.is_gone:
                gone = self._draw_gone(node, gone or next((way[1] for way in entering), ""), "")
                continue
            name = self._node(node)
            for former, source, label in entering:
                arrow = "==>" if former.is_passed and node.is_passed else "-->"
                self.lines.append(f"  {source} {arrow}{_label(label)} {name}")
            if gone:
                self.lines.append(f"  {gone} -.-> {name}")
                gone = ""
            entering = [] if node.sides or node.ends else [(node, name, "")]
            for side in node.sides:
                if not side.is_gone:
                    entering += self.draw(side.nodes, [(node, name, _branch_words(side))])
                    continue
                above, label = name, _branch_words(side)
                for inner in side.nodes:
                    above, label = self._draw_gone(inner, above, label), ""
        return entering

    def _draw_gone(self, node: FlowNode, above: str, label: str) -> str:
        name = self._node(node)
        if above:
            self.lines.append(f"  {above} -.->{_label(label)} {name}")
        for side in node.sides:
            last, words = name, side.label
            for inner in side.nodes:
                last, words = self._draw_gone(inner, last, words), ""
        return name

    def _node(self, node: FlowNode) -> str:
        self._count += 1
        name = f"n{self._count}"
        before, after = _FRAMES[node.shape]
        self.lines.append(f"  {name}{before}{_words(node)}{after}{self._style(node)}")
        return name

    def _style(self, node: FlowNode) -> str:
        style = node.marks[0].mark if node.marks else "passed" if node.is_passed else ""
        style = style or ("folded" if node.shape == "folded" else "")
        self.styles |= {style} - {""}
        return f":::{style}" if style else ""


def _branch_words(side: FlowBranch) -> str:
    return f"{side.mark.sign} {side.label}" if side.mark is not None else side.label


def _label(text: str) -> str:
    return f'|"{_escaped(text)}"|' if text else ""


def mermaid(flowchart: Flowchart) -> str:
    """The text of a flowchart, without the fence around it."""
    writer = _Writer()
    rows = [f"{row.name}: {row.words}" if row.name else row.words for row in band(flowchart)]
    if rows:
        words = "<br/>".join(map(_escaped, rows))
        writer.lines.append(f'  always["{words}"]:::band')
        writer.styles.add("band")
    writer.draw(flowchart.nodes, [])
    classes = [f"  classDef {name} {style}" for name, style in _STYLES.items() if name in writer.styles]
    return "\n".join([*writer.lines, *classes]) + "\n"


def _words(node: FlowNode) -> str:
    lines = (f"({line.text})" if line.part is CardPart.STEP else line.text for line in card_lines(node))
    return "<br/>".join(map(_escaped, lines))


def _escaped(text: str) -> str:
    escaped = printable(text).translate(_ESCAPES)
    # a label that begins so would be a list of Markdown, which Mermaid refuses to draw
    return _LISTS[escaped[0]] + escaped[1:] if escaped[:1] in _LISTS else escaped
