"""The picture of a journey as a tree of lines."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from engine.diagram.picture import Box, Picture, Shape

_STYLES: dict[Shape, str] = {
    "start": "bold green",
    "message": "bold cyan",
    "wait": "yellow",
    "question": "magenta",
    "change": "",
    "exit": "red",
    "finish": "bold green",
}


def tree(picture: Picture) -> Tree:
    """The picture as a tree that rich prints: a side hangs under its step, what comes after stands below."""
    root = Tree(Text(picture.name, "bold"), guide_style="dim")
    if picture.about:
        root.add(Text(picture.about, "dim"))
    for name, words in picture.notes:
        root.add(Text.assemble((f"{name}: ", "dim"), words))
    _hang(root, picture.boxes)
    return root


def _hang(tree: Tree, boxes: tuple[Box, ...]) -> None:
    for box in boxes:
        text = Text(box.text, _STYLES[box.shape])
        # The id is what `show`, stories and plans call the place by; of most messages it is in the text.
        if box.step and box.step not in box.text:
            text.append(f"  ({box.step})", "dim")
        branch = tree.add(text)
        for side in box.sides:
            leaf = branch.add(Text(side.label, "italic"))
            _hang(leaf, side.boxes)
            if not side.boxes:
                leaf.add(Text("goes on below", "dim"))
