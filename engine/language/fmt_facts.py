"""The canonical form of schemas/customer.yaml: a fact of which a short text says everything is one."""

from __future__ import annotations

from engine.language.layout import Branch, LayoutRow, Leaf, read_layout
from engine.language.nodes import Mapping
from engine.language.quantities import parse_length
from engine.language.syntax import Text
from engine.language.yaml.source import read
from engine.problem import Problem, Span

_SHORT = ("is", "last")


def format_facts(text: str, file: str) -> str:
    """The text with `{is: count of order_placed, last: 7 days}` as `count of order_placed in last 7 days`.
    Everything else stays as it was, and so does a file that cannot be read."""
    root, problems = read(text, file)
    if not isinstance(root, Mapping) or problems:
        return text
    layout = read_layout(text)
    facts = layout.root.row("facts") if layout is not None and isinstance(layout.root, Branch) else None
    if facts is None or not isinstance(facts.value, Branch) or facts.value.flow:
        return text
    lines = text.split("\n")
    # From the end to the beginning, so that the lines in front of a change stay where they are.
    for row in reversed(facts.value.rows):
        words = _short(row)
        if words is None or row.key is None or not isinstance(row.value, Branch):
            continue
        last = row.value.last_line if row.value.flow else max(inner.value.line for inner in row.value.rows)
        start = lines[row.line][: row.column]
        lines[row.line : last + 1] = [f"{start}{row.key.written[0]}: {words}{row.behind}"]
    done = "\n".join(lines)
    return done if read(done, file)[0] is not None else text


def _short(row: LayoutRow) -> str | None:
    """The words of a fact in one line; None where they would not say everything."""
    if not isinstance(row.value, Branch) or not row.value.is_map:
        return None
    parts: dict[str, str] = {}
    for inner in row.value.rows:
        leaf = inner.value
        # Comments inside stay where they are, and so does what is quoted or folded for a reason.
        if inner.key is None or inner.before or inner.behind or not isinstance(leaf, Leaf) or leaf.style:
            return None
        parts[inner.key.value] = leaf.value
    words, length = parts.get("is", ""), parts.get("last")
    if not words or set(parts) - set(_SHORT) or (length is not None and " in last " in words):
        return None
    if length is None:
        return words
    # A calendar year has no short form.
    known = parse_length(Text(length, Span("", 1, 1)))
    return None if isinstance(known, Problem) else f"{words} in last {length}"
