"""What the template language finds wrong, in the words of somebody who writes messages: place, reason, text
to type."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean

_WHY = "between {{ }} stands a value, between {% %} an instruction"
_EXAMPLE = 'compare it with  {{ customer.first_name or "there" }}  and  {% if code %} ... {% endif %}'
_TAGS = ("if", "elif", "else", "endif", "for", "endfor", "set", "include", "extends", "block", "endblock")
_OPENING = re.compile(r"\{\{|\{%|\{#")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_NAMES = {
    "end of print statement": "}}",
    "end of statement block": "%}",
}
_NO = re.compile(r"No (filter|test) named '([^']*)'")
_TAG = re.compile(r"Encountered unknown tag '([^']*)'")
_OPEN_BLOCK = re.compile(r"innermost block that needs to be closed is '(\w+)'")
_GOT = re.compile(r"(?:got|unexpected|unexpected char) (?:'([^']*)'|\"([^\"]*)\")")


def jinja_problem(
    message: str, file: str, line: int, text: str = "", first_line: int = 1, filters: Iterable[str] = ()
) -> Problem:
    """T05. `text` begins in the line `first_line` of the file; without it only the line is known."""
    rows = text.split("\n")
    row = rows[line - first_line] if text and 0 <= line - first_line < len(rows) else ""
    if match := _NO.search(message):
        return _unknown(
            match[1],
            match[2],
            Span(file, line, 1),
            row,
            sorted(name for name in filters if not name.startswith("_")),
        )
    at_end = "unexpected end of template" in message or "end of comment" in message
    unclosed = _never_closed(text)
    if at_end or (unclosed and unclosed[1] < line - first_line and "expected" in message):
        opening, at, column = unclosed or ("{{", line - first_line, 0)
        return Problem(
            Span(file, first_line + at, column + 1, len(opening)), "T05",
            f"this {quoted(opening)} is never closed",
            f"everything behind it would be read as a part of it, up to the next {_CLOSING[opening]}",
            f"write  {_CLOSING[opening]}  behind the name",
        )  # fmt: skip
    if match := _OPEN_BLOCK.search(message):
        return _open_block(match[1], message, Span(file, line, 1), text, first_line, row)
    if match := _TAG.search(message):
        span = _at(Span(file, line, 1), row, rf"\{{%-?\s*({re.escape(match[1])})")
        if match[1] in _TAGS:
            return Problem(
                span, "T05", f"there is nothing that this  {match[1]}  belongs to", _WHY, "remove it"
            )
        return Problem(
            span, "T05", f"there is no instruction called {quoted(match[1])}",
            f"the instructions are: {', '.join(_TAGS)}", did_you_mean(match[1], _TAGS, "remove it"),
        )  # fmt: skip
    return _unexpected(message, Span(file, line, 1), row)


def _unknown(kind: str, name: str, span: Span, row: str, known: list[str]) -> Problem:
    sign = r"\|" if kind == "filter" else r"\bis(?: not)?\b"
    place = _at(span, row, rf"{sign}\s*({re.escape(name)})")
    if kind == "test":
        return Problem(
            place,
            "T05",
            f"nothing can be asked with  is {name}",
            _WHY,
            'write  ==  for example  {% if customer.language == "en" %}',
        )
    why = f"the filters are: {', '.join(known)}" if known else "filters change how a value is shown"
    return Problem(
        place, "T05", f"there is no filter called {quoted(name)}", why, did_you_mean(name, known, "remove it")
    )


def _open_block(block: str, message: str, span: Span, text: str, first_line: int, row: str) -> Problem:
    wrong = _TAG.search(message)
    end = f"end{block}"
    if wrong:
        return Problem(
            _at(span, row, rf"\{{%-?\s*({re.escape(wrong[1])})"), "T05",
            f"{quoted(wrong[1])} does not fit here",
            f"the last instruction that is open is  {block}", f"write  {{% {end} %}}",
        )  # fmt: skip
    opened: list[re.Match[str]] = []
    for match in re.finditer(r"\{%-?\s*(end)?" + block + r"\b", text):
        if not match[1]:
            opened.append(match)
        elif opened:
            opened.pop()
    if opened:
        before = text[: opened[-1].start()]
        span = Span(
            span.file, first_line + before.count("\n"), len(before) - before.rfind("\n"), len(opened[-1][0])
        )
    return Problem(
        span, "T05", f"this  {block}  is never ended", "nobody knows up to where it holds",
        f"write  {{% {end} %}}  where it ends"
    )  # fmt: skip


def _unexpected(message: str, span: Span, row: str) -> Problem:
    match = _GOT.search(message)
    word = (match[1] or match[2]) if match else ""
    shown = _NAMES.get(word, word)
    if (
        "Expected an expression" in message
        or "expected name" in message
        or (match and shown in _NAMES.values())
    ):
        pattern = re.escape(shown) if shown else r"\{\{|\{%"
        if not shown:
            pattern = r"\.\s*(?=\}\}|%\})" if re.search(r"\.\s*(?:\}\}|%\})", row) else r"\{\{|\{%"
        what = f"something is missing in front of {quoted(shown)}" if shown else "something is missing here"
        return Problem(_at(span, row, rf"({pattern})"), "T05", what, _WHY, _EXAMPLE)
    if not word:
        return Problem(span, "T05", message.rstrip("."), _WHY, _EXAMPLE)
    if word == "if" and "else if" in row:
        place = _at(span, row, r"\{%-?\s*(else if)")
        return Problem(
            place,
            "T05",
            "there is no  else if",
            f"the instructions are: {', '.join(_TAGS)}",
            "write  {% elif ... %}",
        )
    place = _at(span, row, rf"(?:\{{\{{|\{{%).*?(?<![\w.])({re.escape(word)})(?!\w)")
    if place == span:
        place = _at(span, row, rf"({re.escape(word)})")
    if word == "=":
        return Problem(place, "T05", 'one "=" sets a value, two compare', _WHY, "write  ==")
    if word in "“”„‘’":
        return Problem(
            place,
            "T05",
            f"{quoted(word)} is not a quote of the keyboard",
            "it often comes from a copied text",
            'write  "',
        )
    if word in "\"'":
        return Problem(
            place, "T05", "this quote is never closed", _WHY, f"write  {word}  at the end of the text"
        )
    return Problem(place, "T05", f"{quoted(word)} cannot stand here", _WHY, _EXAMPLE)


def _never_closed(text: str) -> tuple[str, int, int] | None:
    """The last opening sign without its closing one, its line and column, both from 0."""
    last = None
    for match in _OPENING.finditer(text):
        if _CLOSING[match[0]] not in text[match.end() :].split("{{", 1)[0].split("{%", 1)[0]:
            last = match
            break
    if last is None:
        return None
    before = text[: last.start()]
    return last[0], before.count("\n"), len(before) - before.rfind("\n") - 1


def _at(span: Span, row: str, pattern: str) -> Span:
    match = re.search(pattern, row)
    return Span(span.file, span.line, match.start(1) + 1, max(1, len(match[1]))) if match else span
