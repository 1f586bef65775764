"""The picture of a journey in Mermaid, which GitHub and GitLab draw in comments and pages
(https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.diagram.picture import Box, Picture, Shape

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
"""A line that leads on: from this box, with this label."""


class _Writer:
    def __init__(self) -> None:
        self.lines = ["flowchart TD"]
        self._count = 0

    def draw(self, boxes: tuple[Box, ...], entering: list[Open]) -> list[Open]:
        """Draws boxes one below the other; returns the lines that come out of the last one."""
        for box in boxes:
            self._count += 1
            name = f"n{self._count}"
            before, after = _FRAMES[box.shape]
            self.lines.append(f"  {name}{before}{_words(box)}{after}")
            for source, label in entering:
                arrow = f'-->|"{label.translate(_ESCAPES)}"|' if label else "-->"
                self.lines.append(f"  {source} {arrow} {name}")
            if box.sides:
                entering = [way for side in box.sides for way in self.draw(side.boxes, [(name, side.label)])]
            else:
                entering = [] if box.ends else [(name, "")]
        return entering


def mermaid(picture: Picture) -> str:
    """The text of a flowchart, without the fence around it."""
    writer = _Writer()
    writer.draw(picture.boxes, [])
    return "\n".join(writer.lines) + "\n"


def _words(box: Box) -> str:
    step = f"\n{box.step}" if box.step and box.step not in box.text else ""
    return f"{box.text}{step}".translate(_ESCAPES)
