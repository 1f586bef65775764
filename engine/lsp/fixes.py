"""The texts that messages tell an author to type, as edits of the file. Each is tried out on the checker
first, and only one that takes its mistake away and makes no other is offered.

A message has one way to say what is to be typed, from which the texts are read back: `did you mean "X"?`, or
`write  X`, `add  X` with two spaces in front of each text (`Problem.fix`).
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.language import nodes
from engine.language.yaml.source import read
from engine.lsp.document import DocumentEdit
from engine.problem import Problem, Span, split_lines

MOST_TRIED = 12
"""Edits of one problem that are tried; each is a check of the whole project."""

_MEANT = re.compile(r'did you mean "(?P<text>.+)"\?')
_TO_TYPE = re.compile(r"(?:[Ww]rite|[Aa]dd|write under it|add below it)(?:  | *\n)(?P<text>.+)", re.DOTALL)
_MORE = re.compile(r"[Aa]dd|write under it|.*  under ")
"""The author left something out: nothing that stands there is written over."""

_MISSING = ("E08", "E41")
_BEHIND = re.compile(
    r"  (?:\(|or (?! )|if |instead of|with  |with every|under |and |for |in front).*|   \(not.*|  +\(`.*"
    r"|,? or (?:remove|use|the|choose|one|give|put) .*| *, or .*"
)
_UNDER = re.compile(r".*  under  (?P<key>\w+):")
_AT_THE_END = re.compile(r"add at the end of the file\n(?P<text>.+)", re.DOTALL)
_BEFORE = re.compile(r"put before it\n(?P<text>.+)", re.DOTALL)
_IN_QUOTES = re.compile(r"put the text in quotes|put \" at the end of the text")
_TEXT = re.compile(r" *(?:- +)*[\w.]+: +(?P<text>\S.*?)\s*$")
_BEGINS = re.compile(r" *- |[^\s#]")
_REMOVE = re.compile(r"remove (?:it|the line|this line)\b")
_TAB = re.compile(r"^ *\t[ \t]*")
_KEY = re.compile(r"(?:- )?[\w.]+:(?: |$)")


@dataclass(frozen=True, slots=True)
class QuickFix:
    """An edit of one file that mends a problem; `title` is what the editor offers."""

    title: str
    edit: DocumentEdit


def texts_to_type(problem: Problem) -> list[str]:
    """The texts that a fix offers, each on its own; none where it only says what to do."""
    if match := _MEANT.fullmatch(problem.fix):
        return [match["text"]]
    match = _TO_TYPE.match(problem.fix)
    if match is None:
        return []
    text = match["text"]
    if "..." in text:
        return []
    if "\n" in text or problem.fix[match.start("text") - 1] == "\n":
        return [textwrap.dedent(text).strip("\n")]
    return [typed for part in text.split("  or  ") if (typed := _BEHIND.sub("", part).strip())]


def find_fixes(
    problem: Problem, text: str, problems_with: Callable[[str], Sequence[Problem]], before: Sequence[Problem]
) -> list[QuickFix]:
    """Every fix of a problem in this text that the checker agrees with. `problems_with` says what is wrong in
    the project when its file has another text, `before` what is wrong now."""
    lines, fixes, tried = split_lines(text), [], 0
    if not 0 < problem.span.line <= len(lines) or problem.hidden:
        return []
    done: set[str] = set()
    for title, edit in _candidates(problem, text, lines):
        changed = edit.applied(list(lines))
        # of several places for one text the first that works
        if title in done or changed in done:
            continue
        if tried >= MOST_TRIED:
            break
        tried += 1
        done.add(changed)
        if _is_mended(problem, changed, edit, problems_with(changed), before):
            done.add(title)
            fixes.append(QuickFix(title, edit))
    return fixes


def _is_mended(
    problem: Problem, text: str, edit: DocumentEdit, after: Sequence[Problem], before: Sequence[Problem]
) -> bool:
    """Whether the file with the edit, `text`, has this problem less and no other more."""
    file = problem.span.file
    if not is_told_less(problem, after, before):
        return False
    # a file that nobody can read any more has no other mistakes
    if file.endswith((".yaml", ".yml")) and read(text, file)[0] is None:
        return False
    worse = told_more(after, before)
    if any(each.span.file != file for each in worse):
        return False
    if _MEANT.fullmatch(problem.fix):
        return True
    # further away there may be mistakes that were hidden behind this one
    near = _part_around(split_lines(text), edit.line, edit.line + edit.text.count("\n"))
    return not any(each.span.line - 1 in near for each in worse)


def _part_around(lines: Sequence[str], first: int, last: int) -> range:
    """The lines of the items, or of the parts of the file, that some lines belong to."""
    while first > 0 and not _BEGINS.match(lines[first]):
        first -= 1
    last = min(last + 1, len(lines))
    while last < len(lines) and not _BEGINS.match(lines[last]):
        last += 1
    return range(first, last)


def is_told_less(problem: Problem, after: Sequence[Problem], before: Sequence[Problem]) -> bool:
    """By its words, wherever they stand now: an edit above moves what it does not mend."""
    return Counter(map(_said, after))[_said(problem)] < Counter(map(_said, before))[_said(problem)]


def told_more(after: Sequence[Problem], before: Sequence[Problem]) -> list[Problem]:
    """What is told more often than before."""
    told_before, told_after = Counter(map(_said, before)), Counter(map(_said, after))
    return [each for each in after if told_after[_said(each)] > told_before[_said(each)]]


def _said(problem: Problem) -> tuple[str, str, str]:
    return problem.span.file, problem.code, problem.what


# --- where a text may belong ---------------------------------------------------------------------


def _candidates(problem: Problem, text: str, lines: list[str]) -> Iterator[tuple[str, DocumentEdit]]:
    """Edits that may be meant, the likely ones first, each with its title."""
    number = problem.span.line - 1
    is_more = problem.code in _MISSING or _MORE.match(problem.fix) is not None
    for typed in texts_to_type(problem):
        shown = f"write {' '.join(typed.split())}"
        if "\n" not in typed and not is_more:
            yield shown, replaced(problem.span, lines, typed)
        if under := _UNDER.match(problem.fix):
            yield from ((shown, edit) for edit in _inserted_under(under["key"], lines, typed))
        yield from ((shown, edit) for edit in _inserted(problem.span, text, lines, typed))
    if end := _AT_THE_END.match(problem.fix):
        typed = textwrap.dedent(end["text"]).strip("\n")
        last = len(lines) - 1
        added = f"{typed}\n" if not lines[last] else f"\n{typed}\n"
        yield (
            f"add {' '.join(typed.split())}",
            DocumentEdit(last, len(lines[last]), last, len(lines[last]), added),
        )
    if before := _BEFORE.match(problem.fix):
        typed = textwrap.dedent(before["text"]).strip("\n")
        dash = len(lines[number]) - len(lines[number].lstrip())
        added = textwrap.indent(typed, " " * dash)
        yield f"put before it {' '.join(typed.split())}", DocumentEdit(number, 0, number, 0, f"{added}\n")
    if tab := _TAB.match(lines[number]):
        for width in (2, 4, 6, 8):
            spaces = tab[0].expandtabs(width)
            yield "replace the tab by spaces", DocumentEdit(number, 0, number, tab.end(), spaces)
    if _IN_QUOTES.match(problem.fix) and (value := _TEXT.match(lines[number])):
        escaped = value["text"].strip('"').replace("\\", "\\\\").replace('"', '\\"')
        yield (
            "put the text in quotes",
            DocumentEdit(number, value.start("text"), number, value.end("text"), f'"{escaped}"'),
        )
    if _REMOVE.match(problem.fix):
        yield from (("remove it", edit) for edit in _removed(problem.span, text, lines))


def replaced(span: Span, lines: Sequence[str], fix: str) -> DocumentEdit:
    """The text typed over what is wrong: a word over the word, `key: value` over the whole line or its part
    of braces. A comment behind it is left as it is."""
    number, start = span.line - 1, span.column - 1
    line = lines[number]
    end = start + span.length
    fix = fix.removesuffix(":") if line[end : end + 1] == ":" else fix
    key = re.match(r"([\w.]+): ?", fix)
    keys = list(re.finditer(rf"(?<![\w.]){re.escape(key[1])}: *", line[: end + 1])) if key else []
    if fix.startswith("- ") and line.lstrip().startswith("- ") and "- " not in line[start:]:
        fix = fix.removeprefix("- ")
    if keys and keys[-1].end() <= end + 1:
        start = keys[-1].start()
    if _KEY.match(fix):
        inside = line.rfind("{", 0, start) > line.rfind("}", 0, start)
        rest = re.match(r"[^,}]*" if inside else r".*?(?= +#|$)", line[start:])
        end = min(max(end, start + len(rest[0])) if rest else end, len(line))
    return DocumentEdit(number, start, number, min(end, len(line)), fix)


def _inserted_under(key: str, lines: list[str], typed: str) -> Iterator[DocumentEdit]:
    """As the first line of a part of the file."""
    for row, line in enumerate(lines):
        if line.rstrip() == f"{key}:":
            yield DocumentEdit(row, len(line), row, len(line), f"\n{textwrap.indent(typed, '  ')}")


def _inserted(span: Span, text: str, lines: list[str], typed: str) -> Iterator[DocumentEdit]:
    """As lines of their own: under the line of the problem, under all that belongs to it, or inside of it."""
    number = span.line - 1
    line = lines[number]
    key = re.match(r" *(?:- +)*", line)
    column = key.end() if key else 0
    last = min(max(_last_line_of(span, text), number), len(lines) - 1)
    for row, indent in ((number, column), (last, column), (number, column + 2), (last, column + 2)):
        added = textwrap.indent(typed, " " * indent)
        yield DocumentEdit(row, len(lines[row]), row, len(lines[row]), f"\n{added}")
    yield DocumentEdit(number, 0, number, 0, f"{textwrap.indent(typed, ' ' * column)}\n")


def _removed(span: Span, text: str, lines: list[str]) -> Iterator[DocumentEdit]:
    """The entry of a map that stands there, with all that belongs to it; its line where there is none."""
    number = span.line - 1
    entry = _entry_at(span, text)
    last = _end(entry.value) - 1 if entry is not None else number
    if entry is not None:
        number = entry.key.span.line - 1
    line = lines[number]
    if line.lstrip().startswith("- ") and entry is not None and last + 1 < len(lines):
        # the dash stays with what comes behind it
        following = lines[last + 1]
        dash = line[: len(line) - len(line.lstrip())] + "- "
        if following.startswith(" " * len(dash)):
            yield DocumentEdit(number, 0, last + 1, len(dash), dash)
        return
    if last + 1 < len(lines):
        yield DocumentEdit(number, 0, last + 1, 0, "")
    elif number:
        yield DocumentEdit(number - 1, len(lines[number - 1]), last, len(lines[last]), "")


def _last_line_of(span: Span, text: str) -> int:
    """The last line of what stands at a place, from 0."""
    entry = _entry_at(span, text)
    return _end(entry.value) - 1 if entry is not None else span.line - 1


def _entry_at(span: Span, text: str) -> nodes.Entry | None:
    """The innermost entry of a map whose key, or whose value in one line, stands at this place."""
    root, _ = read(text, span.file)
    found: nodes.Entry | None = None
    open_nodes = [root] if root is not None else []
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, nodes.Sequence):
            open_nodes.extend(node.items)
        elif isinstance(node, nodes.Mapping):
            for entry in node.entries:
                is_short = isinstance(entry.value, nodes.Scalar) and _covers(entry.value.span, span)
                if is_short or _covers(entry.key.span, span):
                    found = entry
                open_nodes.append(entry.value)
    return found


def _covers(place: Span, span: Span) -> bool:
    return place.line == span.line and place.column <= span.column < place.column + max(1, place.length)


def _end(node: nodes.Node) -> int:
    """The last line of a node, from 1."""
    match node:
        case nodes.Scalar():
            return node.span.line + max(0, node.text.count("\n"))
        case nodes.Mapping():
            return max([node.span.line, *(_end(entry.value) for entry in node.entries)])
        case nodes.Sequence():
            return max([node.span.line, *(_end(item) for item in node.items)])
