"""Layouts and blocks put into a template when it is compiled: `{% extends %}`, `{% block %}`, `{% include
%}`.

They are resolved here, on the text, because MJML is turned into HTML once per template and must see the
whole mail. Only files below `templates/` that the project gave can be named (design/threats T12).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from jinja2 import Environment, TemplateError, TemplateSyntaxError

from engine.compiler.templates.jinja_errors import jinja_problem
from engine.problem import Problem, Span, did_you_mean

MOST_NESTED = 20
"""Layouts and blocks inside each other."""

LARGEST_SOURCE = 500_000
MOST_TAGS = 2_000
"""Values, questions and loops of a template with everything that it includes; a long letter has a hundred."""
LONGEST_TAG = 2_000
"""Characters between `{{` and `}}`."""
"""Characters of a template with everything it includes."""

CHOSEN_BLOCK = re.compile(
    r'"(_blocks/[A-Za-z0-9_/]+)"\s*~\s*([a-z_][a-z0-9_.]*)\s*~\s*"((?:\.[A-Za-z0-9_-]+)+)"'
)
"""An include whose block a value chooses: beginning of its name, the value, end of its name."""

_WORD = re.compile(r"[a-z0-9_]+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_TAG = re.compile(r"\{\{|\{%")
_LEXER = Environment(autoescape=True)
_TEXT_LEXER = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)


@dataclass(frozen=True, slots=True)
class TemplatePiece:
    """A part of a template: text as it stands, or the inside of `{{ }}` (print) or `{% %}` (block), and
    where it is from."""

    kind: Literal["text", "print", "block"]
    text: str
    file: str
    line: int

    @property
    def word(self) -> str:
        """The first word of a `{% %}`."""
        return self.text.split(None, 1)[0] if self.kind == "block" and self.text.strip() else ""

    @property
    def rest(self) -> str:
        """What stands behind the first word."""
        return self.text.strip()[len(self.word) :].strip()


class TemplateProblem(Exception):  # noqa: N818 - carries a Problem, is never shown itself
    """One mistake that ends the compilation of a template."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def wrong(file: str, line: int, code: str, what: str, why: str = "", fix: str = "") -> TemplateProblem:
    """A mistake at a line of a template."""
    return TemplateProblem(Problem(Span(file, line, 1), code, what, why, fix))


def broken(
    mistake: TemplateError,
    file: str,
    line: int,
    text: str = "",
    first_line: int = 1,
    filters: Iterable[str] = (),
) -> TemplateProblem:
    """What Jinja says, in our words; `text` as in `jinja_problem`."""
    message = mistake.message or str(mistake)
    return TemplateProblem(jinja_problem(message, file, line, text, first_line, filters))


def pieces_of(file: str, text: str, first_line: int = 1, *, trim: bool = False) -> list[TemplatePiece]:
    """Takes a template apart. `trim`: lines that hold only a `{% %}` leave no empty line. Raises
    TemplateProblem."""
    lexer = _TEXT_LEXER if trim else _LEXER
    pieces: list[TemplatePiece] = []
    inside: list[str] = []
    line = first_line
    try:
        for number, part, value in lexer.lex(text, name=file):
            match part:
                case "data":
                    pieces.append(TemplatePiece("text", value, file, first_line + number - 1))
                case "variable_begin" | "block_begin":
                    inside, line = [], first_line + number - 1
                case "variable_end" | "block_end":
                    kind: Literal["print", "block"] = "print" if part == "variable_end" else "block"
                    pieces.append(TemplatePiece(kind, "".join(inside).strip(), file, line))
                case "raw_begin":
                    raise wrong(
                        file, first_line + number - 1, "T05", "{% raw %} is not a part of our templates"
                    )
                case name if name.startswith(("comment", "raw", "linecomment", "linestatement")):
                    pass
                case _:
                    inside.append(value)
    except TemplateSyntaxError as mistake:
        raise broken(mistake, file, first_line + mistake.lineno - 1, text, first_line) from mistake
    return pieces


def count_tags(file: str, text: str, first_line: int = 1) -> None:
    """Raises TemplateProblem when there are more tags, or longer ones, than Jinja could take in a second.
    Looks for their signs alone, so that it costs nothing where nothing can be read."""
    if control := _CONTROL.search(text):
        line = first_line + text.count("\n", 0, control.start())
        what = f"there is an invisible character here (U+{ord(control[0]):04X})"
        raise wrong(file, line, "T06", what, "no mail program shows it", "delete it, or type the line again")
    number = position = 0
    while (begin := _TAG.search(text, position)) is not None:
        number += 1
        end = text.find("}}" if begin[0] == "{{" else "%}", begin.end())
        if number > MOST_TAGS:
            raise _too_many(file, first_line + text.count("\n", 0, begin.start()))
        if end < 0:
            return  # whoever parses it says that it is never closed
        if end - begin.end() > LONGEST_TAG:
            line = first_line + text.count("\n", 0, begin.start())
            what = f"this expression is longer than {LONGEST_TAG:,} characters"
            raise wrong(file, line, "T06", what, "nobody can review it", "divide it")
        position = end + 2


def _too_many(file: str, line: int) -> TemplateProblem:
    what = f"the template with everything it includes has more than {MOST_TAGS:,} expressions"
    return wrong(file, line, "T06", what, "a long letter has a hundred", "repeat lines with  {% for %}")


def check_syntax(file: str, text: str, first_line: int = 1, *, is_field: bool = False) -> None:
    """Raises TemplateProblem when the Jinja of a single file is broken, with its own line. `is_field`:
    `text` is the value of a field, whose column in the file is not known."""
    try:
        _LEXER.parse(text)
    except TemplateSyntaxError as mistake:
        line = first_line + mistake.lineno - 1
        raise broken(mistake, file, line, "" if is_field else text, first_line) from mistake


def expand(
    pieces: Sequence[TemplatePiece], parts: Mapping[str, str], *, trim: bool = False
) -> list[TemplatePiece]:
    """The pieces with their layout around them and their includes inside. Raises TemplateProblem."""
    expanded = _with_includes(_with_layout(list(pieces), parts, trim, 0), parts, trim, 0)
    # includes of includes multiply: the limit counts what comes out, not what each file has
    if sum(len(piece.text) for piece in expanded) > LARGEST_SOURCE:
        raise wrong(
            expanded[0].file, 1, "T06", "the template with everything it includes is larger than 500 KB"
        )
    if sum(piece.kind != "text" for piece in expanded) > MOST_TAGS:
        raise _too_many(expanded[0].file, 1)
    return [piece for piece in expanded if piece.word not in ("block", "endblock")]


def _part(piece: TemplatePiece, parts: Mapping[str, str], trim: bool, depth: int) -> list[TemplatePiece]:
    """The file that an extends or include names."""
    name = _constant(piece)
    if depth > MOST_NESTED:
        raise wrong(
            piece.file, piece.line, "T06", f'"{name}" includes itself', "", "remove one of the includes"
        )
    if name not in parts:
        raise wrong(
            piece.file,
            piece.line,
            "T06",
            f'there is no layout or block called "{name}"',
            "they are the files in templates/_layouts/ and templates/_blocks/, named from templates/ on",
            did_you_mean(name, parts, 'write  {% include "_blocks/NAME" %}'),
        )
    return list(_pieces_of_part(f"templates/{name}", parts[name], trim))


@lru_cache(maxsize=512)
def _pieces_of_part(file: str, text: str, trim: bool) -> tuple[TemplatePiece, ...]:
    """Many templates share a layout, which is read once."""
    check_syntax(file, text)
    return tuple(pieces_of(file, text, trim=trim))


def _constant(piece: TemplatePiece) -> str:
    text = piece.rest
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return text[1:-1]
    raise wrong(
        piece.file,
        piece.line,
        "T06",
        f"{piece.word} needs one name in quotes, not {text}",
        "the mail is put together before there is a customer",
        f'write  {{% {piece.word} "_blocks/NAME" %}}',
    )


def _with_layout(
    pieces: list[TemplatePiece], parts: Mapping[str, str], trim: bool, depth: int
) -> list[TemplatePiece]:
    parent = next((piece for piece in pieces if piece.word == "extends"), None)
    if parent is None:
        return pieces
    # from the outermost layout inwards, so that a block of this file wins over one of its layout
    layout = _with_layout(_part(parent, parts, trim, depth), parts, trim, depth + 1)
    blocks = _blocks(pieces)
    for piece in _outside(pieces):
        if piece.kind == "print" or piece.word not in ("extends", "block", "endblock", ""):
            raise wrong(
                piece.file,
                piece.line,
                "T06",
                "this stands outside of every block",
                "a template that extends a layout is only its blocks",
                "put it inside a {% block %}",
            )
    return _filled(layout, blocks)


def _outside(pieces: Sequence[TemplatePiece]) -> list[TemplatePiece]:
    """The pieces that stand in no block."""
    found, depth = [], 0
    for piece in pieces:
        # the tags of an outermost block stand outside themselves, what is between them does not
        depth -= piece.word == "endblock"
        if depth == 0:
            found.append(piece)
        depth += piece.word == "block"
    return found


def _blocks(pieces: Sequence[TemplatePiece]) -> dict[str, list[TemplatePiece]]:
    """The outermost blocks of a template by name, without their own tags."""
    blocks: dict[str, list[TemplatePiece]] = {}
    depth, name = 0, ""
    for piece in pieces:
        if piece.word == "endblock":
            depth -= 1
        if depth > 0:
            blocks[name].append(piece)
        if piece.word == "block":
            if depth == 0:
                name = piece.rest.split(None, 1)[0]
                blocks[name] = []
            depth += 1
    return blocks


def _filled(
    layout: Sequence[TemplatePiece], blocks: Mapping[str, list[TemplatePiece]]
) -> list[TemplatePiece]:
    """The layout with its blocks replaced; the tags stay, so that the layout's layout can be filled again."""
    filled: list[TemplatePiece] = []
    place = 0
    while place < len(layout):
        piece = layout[place]
        filled.append(piece)
        place += 1
        if piece.word != "block":
            continue
        name = piece.rest.split(None, 1)[0]
        end, depth = place, 1
        while depth and end < len(layout):
            depth += (layout[end].word == "block") - (layout[end].word == "endblock")
            end += 1
        inner = _filled(layout[place : end - 1], blocks)
        if name in blocks:
            for own in blocks[name]:
                filled.extend(inner if own.kind == "print" and own.text == "super()" else [own])
        else:
            filled.extend(inner)
        filled.append(layout[end - 1])
        place = end
    return filled


def _with_includes(
    pieces: Sequence[TemplatePiece], parts: Mapping[str, str], trim: bool, depth: int
) -> list[TemplatePiece]:
    expanded: list[TemplatePiece] = []
    for piece in pieces:
        if piece.word in ("import", "from"):
            raise wrong(
                piece.file,
                piece.line,
                "T06",
                f'"{piece.word}" is not a part of our templates',
                "",
                'write  {% include "_blocks/NAME" %}',
            )
        if piece.word == "include" and (chosen := CHOSEN_BLOCK.fullmatch(piece.rest)):
            questions = _chosen_blocks(piece, chosen, parts)
            expanded.extend(_with_includes(questions, parts, trim, depth))
        elif piece.word == "include":
            expanded.extend(_with_includes(_part(piece, parts, trim, depth), parts, trim, depth + 1))
        else:
            expanded.append(piece)
    return expanded


def blocks_of_choice(prefix: str, suffix: str, parts: Iterable[str]) -> list[str]:
    """The words for which there is a block: what stands between the two halves of its name."""
    return sorted(
        word
        for name in parts
        if name.startswith(prefix)
        and name.endswith(suffix)
        and _WORD.fullmatch(word := name[len(prefix) : len(name) - len(suffix)])
    )


def _chosen_blocks(
    piece: TemplatePiece, chosen: re.Match[str], parts: Mapping[str, str]
) -> list[TemplatePiece]:
    """`{% include "_blocks/offer_" ~ offer ~ ".mjml" %}`: all blocks of that name, each behind its
    question, since the mail is put together before there is a customer."""
    prefix, name, suffix = chosen.groups()
    words = blocks_of_choice(prefix, suffix, parts)
    if not words:
        raise wrong(
            piece.file, piece.line, "T06", f'there is no block called "{prefix}...{suffix}"',
            "they are the files in templates/_blocks/",
            f"make one, for example  templates/{prefix}general{suffix}",
        )  # fmt: skip
    pieces: list[TemplatePiece] = []
    for place, word in enumerate(words):
        question = f'{"elif" if place else "if"} {name} == "{word}"'
        pieces.append(TemplatePiece("block", question, piece.file, piece.line))
        pieces.append(TemplatePiece("block", f'include "{prefix}{word}{suffix}"', piece.file, piece.line))
    return [*pieces, TemplatePiece("block", "endif", piece.file, piece.line)]
