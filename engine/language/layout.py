"""A file as it was written, with comments and empty lines in their places: what `fmt` rearranges."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from engine.language.yaml.plain_text import without_smart_quotes

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REMARK = re.compile(r"(^|\s+)(#.*)$")


class _Mark(Protocol):
    """A place in the text, counted from 0; the marks of both parsers have it."""

    line: int
    column: int


@dataclass(slots=True)
class Leaf:
    """A scalar: its meaning and the lines it was written in. `style` is "", a quote, `|` or `>`."""

    value: str
    written: list[str]
    style: str
    line: int
    column: int


@dataclass(slots=True)
class LayoutRow:
    """An entry of a map (with a key) or an item of a list, with the comments around it."""

    key: Leaf | None
    value: Tree
    line: int
    column: int
    before: list[str] = field(default_factory=list)  # comments and empty lines above
    behind: str = ""  # a comment at the end of its line, with the gap in front of it


@dataclass(slots=True)
class Branch:
    """A map or a list. `one_line`: in brackets on one line."""

    is_map: bool
    flow: bool
    line: int
    last_line: int = 0
    rows: list[LayoutRow] = field(default_factory=list)

    @property
    def one_line(self) -> bool:
        return self.flow and self.line == self.last_line

    def row(self, key: str) -> LayoutRow | None:
        """The entry with that key."""
        return next((row for row in self.rows if row.key is not None and row.key.value == key), None)


Tree = Leaf | Branch


@dataclass(slots=True)
class Layout:
    """The root and what stands below it."""

    root: Tree
    after: list[str]


def read_layout(text: str) -> Layout | None:
    """The layout of a text that the strict reader has accepted."""
    # from the events and not from the nodes: these alone know where each mark stood
    builder = _Builder(text)
    for event in yaml.parse(text, Loader=_Loader):
        builder.take(event)
    if builder.root is None:
        return None
    return Layout(builder.root, builder.attach_remarks())


class _Builder:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.root: Tree | None = None
        self._stack: list[Branch] = []
        self._columns: list[int] = []  # where each branch of the stack begins
        self._keys: list[Leaf | None] = []
        self._ends = [0] * len(self.lines)  # per line: where the last scalar on it ends
        self._inside = [False] * len(self.lines)  # per line: it continues a scalar

    def take(self, event: yaml.Event) -> None:
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        if isinstance(event, yaml.ScalarEvent):
            leaf = self._leaf(event, start, end)
            # in a map every second scalar is a key
            if self._stack and self._stack[-1].is_map and self._keys[-1] is None:
                self._keys[-1] = leaf
            else:
                self._put(leaf, leaf.line, leaf.column)
        elif isinstance(event, yaml.CollectionStartEvent):
            branch = Branch(isinstance(event, yaml.MappingStartEvent), bool(event.flow_style), start.line)
            self._stack.append(branch)
            self._columns.append(start.column)
            self._keys.append(None)
        elif isinstance(event, yaml.CollectionEndEvent):
            branch = self._stack.pop()
            self._keys.pop()
            branch.last_line = end.line
            self._put(branch, branch.line, self._columns.pop())
            if branch.flow:
                self._ends[end.line] = max(self._ends[end.line], end.column)

    def _leaf(self, event: yaml.ScalarEvent, start: _Mark, end: _Mark) -> Leaf:
        last, column = end.line, end.column
        while (
            last > start.line and not self.lines[last][:column].strip()
        ):  # the parser went on to the next word
            last -= 1
            column = len(self.lines[last])
        style = event.style or ""
        if style in {"|", ">"}:
            # of an empty text block the comment below it belongs to the next line, and YAML counts it to
            # the block
            while last > start.line and self.lines[last].lstrip().startswith("#") and not event.value.strip():
                last -= 1
            written = [self.lines[start.line][start.column :], *self.lines[start.line + 1 : last + 1]]
            header = re.match(r"[|>][-+0-9]*", written[0])
            self._ends[start.line] = start.column + (header.end() if header else 1)
        elif start.line == last:
            written = [self.lines[start.line][start.column : column]]
            self._ends[last] = max(self._ends[last], column)
        else:
            middle = self.lines[start.line + 1 : last]
            written = [self.lines[start.line][start.column :], *middle, self.lines[last][:column]]
            self._ends[last] = max(self._ends[last], column)
            self._ends[start.line] = len(self.lines[start.line])
        for line in range(start.line + 1, last + 1):
            self._inside[line] = style in {"|", ">"} or line < last
        if style not in {"|", ">"} and last > start.line:
            self._ends[last] = max(self._ends[last], column)
        inside = None if style else without_smart_quotes(event.value)
        if inside is not None:
            quoted = inside.replace("\\", "\\\\").replace('"', '\\"')
            return Leaf(inside, [f'"{quoted}"'], '"', start.line, start.column)
        return Leaf(event.value, written, style, start.line, start.column)

    def _put(self, tree: Tree, line: int, column: int) -> None:
        if not self._stack:
            self.root = tree
            return
        top = self._stack[-1]
        key = self._keys[-1]
        if key is not None:
            top.rows.append(LayoutRow(key, tree, key.line, key.column))
            self._keys[-1] = None
        else:
            dash = self.lines[line][:column].rstrip()
            top.rows.append(
                LayoutRow(None, tree, line, len(dash) - 1 if dash.endswith("-") else max(0, column - 2))
            )

    def attach_remarks(self) -> list[str]:
        """Gives every comment and empty line to the row behind it; returns those at the end of the file."""
        rows = _rows(self.root) if self.root is not None else []
        waiting: list[tuple[int, str]] = []
        index = 0
        for number, line in enumerate(self.lines):
            while index < len(rows) and rows[index].line <= number:
                rows[index].before += [
                    " " * max(0, at - rows[index].column) + text if text else "" for at, text in waiting
                ]
                waiting = []
                index += 1
            # a `#` inside of a text is no comment
            if self._inside[number]:
                continue
            remark = _REMARK.search(line[self._ends[number] :])
            if not line.strip():
                waiting.append((0, ""))
            elif line.lstrip().startswith("#"):
                waiting.append((len(line) - len(line.lstrip()), line.strip()))
            elif remark and index == 0:
                waiting.append((0, remark[2].rstrip()))
            # one line holds one comment: what stood behind an inner line of brackets moves above
            elif remark and rows[index - 1].behind:
                rows[index - 1].before.append(remark[2].rstrip())
            elif remark:
                rows[index - 1].behind = f"{' ' * max(1, len(remark[1]))}{remark[2].rstrip()}"
        return [" " * column + text for column, text in waiting]


def _rows(tree: Tree) -> list[LayoutRow]:
    """All rows that stand on lines of their own, from top to bottom."""
    if isinstance(tree, Leaf) or tree.one_line:
        return []
    rows: list[LayoutRow] = []
    for row in tree.rows:
        rows += [row, *_rows(row.value)]
    return rows
