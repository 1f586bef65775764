"""Markdown of a comment at a forge: words of an author stay words, and what is long is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.printable import printable

LONGEST, LARGEST_FOLD = 300, 20_000
"""Characters of what an author wrote in one line, and of a fold that is a list."""


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], longest: int | None = LONGEST) -> str:
    """Rows below their head; words of an author in them stay words. `longest`: as of `safe`."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(safe(cell, longest) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def cut_list(lines: Sequence[str], most: int | None, more: str) -> str:
    """Lines, those that are no items of a list in paragraphs of their own; no more than `most` with the empty
    ones between them."""
    text, kept = "", ""  # `kept`: up to the last line that is no heading
    for place, line in enumerate(lines):
        is_item = line.startswith("- ")
        block = ("" if is_item or not text else "\n") + line + ("\n" if is_item else "\n\n")
        if most is not None and (text + block).count("\n") > most:
            # headings are not what is counted, and none is left that nothing stands below
            left = sum(each.startswith("- ") for each in lines[place:])
            return f"{kept or text}\n… and {left} more: {more}\n"
        text += block
        kept = text if is_item else kept
    return text


def fitting(lines: Sequence[str]) -> str:
    """As many of them as a fold takes, and how many more there are."""
    size = 0
    for place, line in enumerate(lines):
        size += len(line)
        if size > LARGEST_FOLD:
            return "".join(lines[:place]) + f"\n… and {len(lines) - place:,} more\n"
    return "".join(lines)


def fenced(text: str, kind: str) -> str:
    """Text as it is, in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    shown = "\n".join(printable(line) for line in text.split("\n"))
    return f"{fence}{kind}\n{shown}\n{fence}"


def safe(text: str, longest: int | None = LONGEST) -> str:
    """Text of an author in a line of Markdown: it cannot end a table, begin a tag or a link, or name
    somebody. `longest`: characters; None: a sentence of ours, which is whole however many names are in it."""
    words = " ".join(text.split())
    is_short = longest is None or len(words) <= longest
    line = printable(words if is_short else words[:longest] + "…")
    # a code span: forges make `#1` a link to an issue wherever it stands else
    parts = _NUMBERED.split(line)
    return "".join(f"`{part}`" if place % 2 else _escaped(part) for place, part in enumerate(parts))


_NUMBERED = re.compile(r"([\w.-]*#\d[\w.-]*)")
"""Ids of steps without an own one, as `welcome_hello#1`."""


def _escaped(line: str) -> str:
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # between letters an underscore marks nothing, and a name is read and copied as it is
    line = re.sub(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", line)
    # names of people and merge requests, and addresses, which forges make links of wherever they stand
    return re.sub(r"(@|!(?=\d)|://|www\.(?=\w))", "\\1\u200b", line)


def code_text(text: str) -> str:
    """Text of an author between two backquotes."""
    return printable(text).replace("`", "'")
