"""The flowchart of a journey as a tree of lines."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from engine.diagram.card import CardPart, band, card_lines
from engine.diagram.nodes import FlowBranch, Flowchart, FlowNode, Mark, Shape
from engine.printable import printable

_STYLES: dict[Shape, str] = {
    "start": "bold green",
    "message": "bold cyan",
    "wait": "yellow",
    "question": "magenta",
    "change": "",
    "exit": "red",
    "finish": "bold green",
    "folded": "dim",
}
_MARKS = {Mark.ADDED: "green", Mark.REMOVED: "red", Mark.CHANGED: "yellow", Mark.MOVED: "cyan"}
_ASIDE = {CardPart.LANE: "cyan", CardPart.PEOPLE: "bold", CardPart.VISIT: "green"}


def tree(flowchart: Flowchart) -> Tree:
    """A tree that rich prints: a side hangs under its step, what comes after stands below."""
    root = Tree(Text(printable(flowchart.name), "bold"), guide_style="dim")
    if flowchart.about:
        root.add(Text(printable(flowchart.about), "dim"))
    for row in band(flowchart):
        style = _MARKS[row.mark] if row.mark is not None else ""
        words = Text(printable(row.words), style)
        root.add(Text.assemble((f"{row.name}: ", "dim"), words) if row.name else words)
    _hang(root, flowchart.nodes)
    return root


def _hang(tree: Tree, nodes: tuple[FlowNode, ...]) -> None:
    for node in nodes:
        branch = tree.add(_line(node))
        for line in card_lines(node):
            if line.part in _ASIDE:
                branch.add(Text(printable(line.text), _ASIDE[line.part]))
        for side in node.sides:
            leaf = branch.add(_label(side))
            _hang(leaf, side.nodes)
            if not side.nodes and not side.is_gone:
                leaf.add(Text("goes on below", "dim"))


def _line(node: FlowNode) -> Text:
    """The step itself, in front of it how it differs, behind it its name."""
    lines = list(card_lines(node))
    words = "\n".join(printable(line.text) for line in lines if line.part is CardPart.WORDS)
    line = Text()
    for mark in node.marks[:1]:
        line.append(f"{mark.mark.sign} ", f"bold {_MARKS[mark.mark]}")
    is_removed = any(part.mark is Mark.REMOVED for part in node.marks)
    line.append(words, f"strike {_STYLES[node.shape]}" if is_removed else _STYLES[node.shape])
    for step in (line.text for line in lines if line.part is CardPart.STEP):
        line.append(f"  ({step})", "dim")
    for mark in node.marks:
        line.append(f"\n{printable(mark.text)}", _MARKS[mark.mark])
    return line


def _label(side: FlowBranch) -> Text:
    """What leads into a side."""
    line = Text(f"{side.mark.sign} " if side.mark is not None else "", "bold")
    line.append(printable(side.label), "bold italic" if side.passed else "italic")
    if side.passed:
        line.append("  (went this way)", "green")
    return line
