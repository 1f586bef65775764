"""The flowchart of a journey as a tree of lines."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from engine.diagram.flowchart import Flowchart, FlowNode, Shape

_STYLES: dict[Shape, str] = {
    "start": "bold green",
    "message": "bold cyan",
    "wait": "yellow",
    "question": "magenta",
    "change": "",
    "exit": "red",
    "finish": "bold green",
}


def tree(flowchart: Flowchart) -> Tree:
    """A tree that rich prints: a side hangs under its step, what comes after stands below."""
    root = Tree(Text(flowchart.name, "bold"), guide_style="dim")
    if flowchart.about:
        root.add(Text(flowchart.about, "dim"))
    for name, words in flowchart.notes:
        root.add(Text.assemble((f"{name}: ", "dim"), words))
    _hang(root, flowchart.nodes)
    return root


def _hang(tree: Tree, nodes: tuple[FlowNode, ...]) -> None:
    for node in nodes:
        text = Text(node.text, _STYLES[node.shape])
        # The id is what `show`, stories and plans call the place by; of most messages it is in the text.
        if node.step and node.step not in node.text:
            text.append(f"  ({node.step})", "dim")
        branch = tree.add(text)
        for side in node.sides:
            leaf = branch.add(Text(side.label, "italic"))
            _hang(leaf, side.nodes)
            if not side.nodes:
                leaf.add(Text("goes on below", "dim"))
