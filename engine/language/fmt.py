"""The canonical form of a journey or a segment: a diff of two formatted files contains only meaning."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from engine.language.grammar import JOURNEY, SEGMENT
from engine.language.layout import Branch, Layout, LayoutRow, Leaf, Tree, read_layout
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.parse import respellings
from engine.language.steps.register import KINDS
from engine.language.wait_ids import missing_wait_ids
from engine.language.yaml.plain_text import clean
from engine.language.yaml.source import read

_LEADING_TABS = re.compile(r"^[ \t]*\t[ \t]*", re.MULTILINE)
_TRUE = {"yes": "true", "no": "false"}
_QUOTES = tuple("'\"“„«»‟‘‚‹")
_WIDEST = 100  # a list of words that was written over several lines goes on one line up to here


def format_journey(
    text: str, file: str, true_or_false: Collection[str] = (), amounts: Collection[str] = ()
) -> str:
    """Canonical order, two spaces, block style but for one-line maps, ids for waits; comments stay.

    `true_or_false` are the names of attributes of that type: their `yes` and `no` become `true` and `false`.
    `amounts` are the names that hold a number or an amount of money, whatever has them: their `2+` becomes
    `at least 2`. A file that cannot be read comes back with spaces instead of tabs and otherwise as it was.
    """
    text = _without_tabs(text, file)
    # what cannot be understood is not rearranged: its author would not find it again
    root, problems = read(text, file)
    if not isinstance(root, Mapping) or problems:
        return text
    cleaned, _ = clean(text, file)
    cleaned = _spelled(cleaned, file, amounts)
    layout = read_layout(cleaned)
    if layout is None or not isinstance(layout.root, Branch):
        return text
    _add_ids(layout.root, root)
    _say_true(layout.root, true_or_false)
    _order(layout)
    done = "\n".join(_lines(layout)) + "\n"
    # read once more and compared: a formatter that changes what a journey means must not write
    again, _ = read(done, file)
    return done if again is not None and _meaning(again) == _meaning(layout.root) else text


def _spelled(text: str, file: str, amounts: Collection[str]) -> str:
    """The text with canonical words in the place of those that are only understood."""
    lines = text.split("\n")
    # from the end of a line to its beginning, so that the places in front of a change stay true
    for respelling in sorted(respellings(text, file), key=lambda r: r.text.span, reverse=True):
        # the words may be the value of a text, which only the schemas know
        if respelling.amount and respelling.amount not in amounts:
            continue
        written, span = respelling.text.value, respelling.text.span
        line, start = lines[span.line - 1], span.column - 1
        if line.startswith(written, start):
            end = start + len(written)
        elif line[start : start + 1] in _QUOTES and line.startswith(written, start + 1):
            end = start + len(written) + 2
        else:  # several lines, or escapes: what is understood is left as it was written
            continue
        lines[span.line - 1] = line[:start] + respelling.words + line[end:]
    return "\n".join(lines)


def _without_tabs(text: str, file: str) -> str:
    """Leading tabs become spaces: as many as make the file readable, two where none does."""
    if not _LEADING_TABS.search(text):
        return text
    tries = [_spaced(text, width) for width in (2, 4, 8)]
    return next((spaced for spaced in tries if read(spaced, file)[0] is not None), tries[0])


def _spaced(text: str, width: int) -> str:
    return _LEADING_TABS.sub(lambda found: found[0].expandtabs(width), text)


# --- what is added and moved ------------------------------------------------------------------


def _add_ids(root: Branch, nodes: Mapping) -> None:
    places = {(span.line - 1, span.column - 1): name for span, name in missing_wait_ids(nodes).items()}
    for branch in _branches(root):
        for index, row in enumerate(branch.rows):
            if row.key is None or row.key.value != "wait" or (row.key.line, row.key.column) not in places:
                continue
            name = places[row.key.line, row.key.column]
            key, value = Leaf("id", ["id"], "", -1, 0), Leaf(name, [name], "", -1, 0)
            branch.rows.insert(index + 1, LayoutRow(key, value, -1, 0))
            break


def _say_true(root: Branch, names: Collection[str]) -> None:
    for branch in _branches(root) if names else []:
        for row in branch.rows:
            leaf = row.value
            if (
                row.key is not None
                and row.key.value in names
                and isinstance(leaf, Leaf)
                and leaf.value in _TRUE
            ):
                row.value = Leaf(_TRUE[leaf.value], [_TRUE[leaf.value]], "", leaf.line, leaf.column)


def _order(layout: Layout) -> None:
    root = layout.root
    assert isinstance(root, Branch)
    # the comments on top are about the file, and stay there whichever key comes first
    header, root.rows[0].before = root.rows[0].before, []
    known = [
        key.name for key in (SEGMENT if root.row("segment") and not root.row("journey") else JOURNEY).keys
    ]
    place, places = 0, {}
    for row in root.rows:
        name = row.key.value if row.key else ""
        place = known.index(name) if name in known else place  # an unknown key stays behind its neighbour
        places[id(row)] = place
    root.rows.sort(key=lambda row: places[id(row)])
    root.rows[0].before = [*header, *(line for line in root.rows[0].before if line)]
    steps, goal = root.row("steps"), root.row("goal")
    if steps is not None:
        _order_steps(steps.value)
    do = goal.value.row("do") if goal is not None and isinstance(goal.value, Branch) else None
    if do is not None:
        _order_steps(do.value)


def _order_steps(tree: Tree) -> None:
    for item in tree.rows if isinstance(tree, Branch) and not tree.is_map else []:
        step = item.value
        if not isinstance(step, Branch) or not step.is_map:
            continue
        # the verb first; the sort is stable, so the other keys keep the order of their author
        step.rows.sort(key=lambda row: row.key is None or row.key.value not in KINDS)
        # by their places alone: whatever else stands between them stays
        then, other = step.row("then"), step.row("else")
        if then is not None and other is not None:
            first, second = (
                next(i for i, row in enumerate(step.rows) if row is one) for one in (then, other)
            )
            if second < first:
                step.rows.insert(second, step.rows.pop(first))
        for row in step.rows:
            inside = row.value
            if row.key is None or not isinstance(inside, Branch):
                continue
            if row.key.value in {"then", "else"}:
                _order_steps(inside)
            elif row.key.value == "into":
                for path in inside.rows:
                    _order_steps(path.value)


def _branches(tree: Tree) -> list[Branch]:
    if isinstance(tree, Leaf):
        return []
    return [tree, *(inner for row in tree.rows for inner in _branches(row.value))]


# --- how it is written ------------------------------------------------------------------------


def _lines(layout: Layout) -> list[str]:
    assert isinstance(layout.root, Branch)
    lines: list[str] = []
    for line in [*_block(layout.root, 0), *layout.after]:
        if line.strip() or (lines and lines[-1]):  # one empty line at most, none at the top
            lines.append(line.rstrip() if not line.startswith(_KEPT) else line.removeprefix(_KEPT))
    while lines and not lines[-1]:
        lines.pop()
    return lines


_KEPT = "\x00"  # in front of a line of a text block, which is kept as it is


def _block(branch: Branch, indent: int) -> list[str]:
    lines: list[str] = []
    space = " " * indent
    for row in branch.rows:
        if (
            row.key is None
            and isinstance(row.value, Branch)
            and row.value.rows
            and not _in_brackets(row.value)
        ):
            first = row.value.rows[0]
            row.before, first.before = [*row.before, *first.before], []
            inner = _block(row.value, indent + 2)
            inner[0] = f"{space}- {inner[0][indent + 2 :]}"
            lines += [*_above(row, space), *inner]
            continue
        start = "-" if row.key is None else f"{_scalar(row.key)}:"
        head, below = _value(row.value, indent)
        lines += [*_above(row, space), f"{space}{start}{head}{row.behind}", *below]
    return lines


def _above(row: LayoutRow, space: str) -> list[str]:
    return [f"{space}{line}" if line else "" for line in row.before]


def _value(tree: Tree, indent: int) -> tuple[str, list[str]]:
    """What stands behind the colon or the dash, and the lines below."""
    if isinstance(tree, Leaf):
        if tree.style in {"|", ">"}:
            header, below = tree.written[0].split(" #")[0].strip(), tree.written[1:]
            filled = [line for line in below if line.strip()]
            if not filled or re.search(r"\d", header):
                return f" {_quoted(tree.value)}", []
            depth = len(filled[0]) - len(filled[0].lstrip(" "))
            return f" {header}", [
                f"{_KEPT}{' ' * (indent + 2)}{line[depth:]}" if line.strip() else _KEPT for line in below
            ]
        written = _scalar(tree)
        return (f" {written}" if written else ""), []
    if not tree.rows:
        return (" {}" if tree.is_map else " []"), []
    if _in_brackets(tree):
        return f" {_brackets(tree)}", []
    return "", _block(tree, indent + 2)


def _scalar(leaf: Leaf) -> str:
    if len(leaf.written) == 1:
        return leaf.written[0]
    return leaf.value if not leaf.style and "\n" not in leaf.value else _quoted(leaf.value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _in_brackets(branch: Branch) -> bool:
    """One-line maps and lists of words stay on one line; lists of maps never do."""
    if not branch.flow or any(_holds_maps(inner) for inner in _branches(branch)):
        return False
    if branch.one_line:
        return True
    words = not branch.is_map and all(isinstance(row.value, Leaf) for row in branch.rows)
    bare = all(not row.before and not row.behind for row in branch.rows)
    return words and bare and len(_brackets(branch)) <= _WIDEST


def _holds_maps(branch: Branch) -> bool:
    return not branch.is_map and any(
        isinstance(row.value, Branch) and row.value.is_map for row in branch.rows
    )


def _brackets(tree: Tree) -> str:
    if isinstance(tree, Leaf):
        return _scalar(tree)
    inner = ", ".join(
        f"{_scalar(row.key)}: {_brackets(row.value)}".rstrip(" ") if row.key else _brackets(row.value)
        for row in tree.rows
    )
    return f"{{{inner}}}" if tree.is_map else f"[{inner}]"


# --- the proof that nothing was lost ----------------------------------------------------------


def _meaning(tree: Tree | Node) -> Any:
    """The content without places and comments; the order of keys does not matter, that of lists does."""
    match tree:
        case Leaf(value=value) | Scalar(text=value):
            return value
        case Mapping(entries=entries):
            return {entry.key.text: _meaning(entry.value) for entry in entries}
        case Branch(is_map=True, rows=rows):
            return {row.key.value: _meaning(row.value) for row in rows if row.key}
        case Branch(rows=rows):
            return [_meaning(row.value) for row in rows]
        case _:
            return [_meaning(item) for item in tree.items]
