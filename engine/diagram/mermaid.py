"""The flowchart of a journey in Mermaid, which GitHub and GitLab draw in comments and pages
(https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.diagram.flowchart import Flowchart, FlowNode, Shape

_FRAMES: Mapping[Shape, tuple[str, str]] = {
    "start": ('(["', '"])'),
    "message": ('["', '"]'),
    "wait": ('[/"', '"/]'),
    "question": ('{"', '"}'),
    "change": ('[["', '"]]'),
    "exit": ('(["', '"])'),
    "finish": ('(["', '"])'),
}
_ESCAPES = str.maketrans({
    # `#quot;` and its like are Mermaid's own entities; "end" is its keyword, but not inside quotes.
    '"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": "<br/>",
})  # fmt: skip

Open = tuple[str, str]
"""A line that leads on: from this node, with this label."""


class _Writer:
    def __init__(self) -> None:
        self.lines = ["flowchart TD"]
        self._count = 0

    def draw(self, nodes: tuple[FlowNode, ...], entering: list[Open]) -> list[Open]:
        """Draws nodes one below the other; returns the lines that come out of the last one."""
        for node in nodes:
            self._count += 1
            name = f"n{self._count}"
            before, after = _FRAMES[node.shape]
            self.lines.append(f"  {name}{before}{_words(node)}{after}")
            for source, label in entering:
                arrow = f'-->|"{label.translate(_ESCAPES)}"|' if label else "-->"
                self.lines.append(f"  {source} {arrow} {name}")
            if node.sides:
                entering = [way for side in node.sides for way in self.draw(side.nodes, [(name, side.label)])]
            else:
                entering = [] if node.ends else [(name, "")]
        return entering


def mermaid(flowchart: Flowchart) -> str:
    """The text of a flowchart, without the fence around it."""
    writer = _Writer()
    writer.draw(flowchart.nodes, [])
    return "\n".join(writer.lines) + "\n"


def _words(node: FlowNode) -> str:
    step = f"\n{node.step}" if node.step and node.step not in node.text else ""
    return f"{node.text}{step}".translate(_ESCAPES)
