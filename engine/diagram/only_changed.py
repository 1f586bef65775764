"""A flowchart with what is marked, and rows of other steps folded into one: where the whole is too much."""

from __future__ import annotations

from dataclasses import replace

from engine.diagram.nodes import Flowchart, FlowNode, every_node


def only_changed(flowchart: Flowchart) -> Flowchart:
    """Start, end and every marked node stay, with the steps around them; people of folded steps are kept."""
    return replace(flowchart, nodes=_folded(flowchart.nodes))


def _folded(nodes: tuple[FlowNode, ...]) -> tuple[FlowNode, ...]:
    row: list[FlowNode] = []
    alike: list[FlowNode] = []
    for node in nodes:
        if node.shape not in ("start", "finish", "exit") and not _is_marked(node):
            alike.append(node)
            continue
        row += _one(alike)
        alike = []
        row.append(replace(
            node, sides=tuple(replace(side, nodes=_folded(side.nodes)) for side in node.sides)
        ))  # fmt: skip
    return (*row, *_one(alike))


def _one(nodes: list[FlowNode]) -> list[FlowNode]:
    """A row of nodes as one; a single step that has no sides stays as it is."""
    every = list(every_node(tuple(nodes)))
    if len(every) < 2:
        return nodes
    ends = nodes[-1].ends
    words = f"{len(every)} steps as before{', all ways end there' if ends else ''}"
    return [FlowNode("folded", words, people=sum(node.people for node in every), always_ends=ends)]


def _is_marked(node: FlowNode) -> bool:
    """It, a side of it, or a node on its sides differs."""
    return bool(node.marks) or any(
        side.mark is not None or any(map(_is_marked, side.nodes)) for side in node.sides
    )
