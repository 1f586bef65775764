"""The messages for files that are no YAML: the place where the author made the slip, and the text to type.
YAML often sees nothing wrong in the line itself, and the next line fails because a dash, a space or a colon
is missing above."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from engine.language.quantities import length_meant
from engine.language.steps.register import VERBS
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span

_SIGN = re.compile(r"(>=|=>|>)\s*(.*)$")
_WORDS = {">=": "at least", "=>": "at least", ">": "more than"}
_PROSE = ("about", "owner", "test", "note", "name", "address", "subject", "preheader", "text")
"""Keys with a text behind them in which a colon is nothing but a colon."""

_TWO_IN_A_LINE = re.compile(r"[\s-]*[\w.]+: [^:\"']*?[ ,;&](?P<second>(?!and\b|or\b)[a-z_][\w.]*: .*)")

_KEY = re.compile(r"\s*(?:- +)*([^\s:#][^:#]*): +(?=\S)")
_MAPS = (
    "who", "where", "when", "exit_if", "if", "goal", "start", "given", "with", "set", "add", "remove", "did",
    "fields",
    "product", "paths",
)  # fmt: skip
_GROUPS = ("any", "all", "none")
_NOT_LIST = re.compile(r"([\w.]+): *(not|one of) (\[[^\]]*\]?)")


def syntax_problem(wrong: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """The problem behind an error of the YAML parser."""
    message = f"{wrong.problem or ''} {wrong.context or ''}"
    # where the parser gave up, and where it had begun what it could not end: the cause is mostly at the
    # latter
    at = _Place(text, file, wrong.problem_mark or wrong.context_mark)
    began = _Place(text, file, wrong.context_mark or wrong.problem_mark)
    lines = text.split("\n")
    # by the words of the parser, which gives its mistakes no codes
    if "mapping values are not allowed" in message:
        return _second_colon(at, lines)
    if "block scalar" in message or "block entry" in message:
        return _sign(began)
    if "quoted scalar" in message:
        return _quote(at, began, message)
    if "',' or" in message or "flow" in message:
        return _bracket(at, began)
    if "could not find expected ':'" in message:
        return slip_in(line_of(lines, began.row, file), in_list=True) or _no_colon(began)
    if "cannot start any token" in message or "alias" in message or "anchor" in message:
        return _character(began)
    if "tab character" in message or at.line[at.column : at.column + 1] == "\t":
        return _tab(at)
    if "sequence entries" in message:
        return Problem(
            at.span(),
            "E03",
            "a list cannot begin behind a colon",
            "each item of a list stands on a line of its own, with a dash",
            "put the dash on the next line, two spaces further in",
        )
    here = line_of(lines, at.row, file)
    slip = slip_in(here, in_list=began.line[began.column : began.column + 2] in ("- ", "-"))
    if slip and at.column == here.start:
        return slip
    neighbour = _neighbour(lines, here)
    # the item above has no dash, and the parser only sees that this one has
    if neighbour and neighbour.start == here.start and here.words.startswith("- "):
        slip = slip_in(neighbour, in_list=True)
    if slip and neighbour and slip.span.line == neighbour.number:
        return slip
    column = f" (column {neighbour.start + 1}, as line {neighbour.number})" if neighbour else ""
    return Problem(
        at.span(),
        "E03",
        "this line does not fit to the lines above",
        "lines that belong together begin in the same column; after a closing quote or bracket the line ends",
        f"put the line in the column of its neighbours{column}, or the whole text in quotes",
    )


def _neighbour(lines: list[str], here: SourceLine) -> SourceLine | None:
    """The line above whose column is most likely the right one too: of an item the item before it."""
    is_item = here.words.startswith("- ")
    row = here.number - 1
    nearest = above(lines, row, here.file)
    upper = nearest
    while upper is not None and is_item and not upper.words.startswith("- "):
        if upper.words.endswith(":"):  # the list begins below this line
            return nearest
        upper = above(lines, upper.number - 1, here.file)
    if upper is None:
        return nearest
    # what follows a dash stands two further to the right
    return upper if is_item or not upper.words.startswith("- ") else upper._replace(start=upper.start + 2)


class _Place:
    """A mark of the parser with the line around it. `row` and `column` count from 0."""

    def __init__(self, text: str, file: str, mark: yaml.Mark | None) -> None:
        lines = text.split("\n")
        row = mark.line if mark else 0
        column = mark.column if mark else 0
        while row > 0 and (row >= len(lines) or not lines[row].strip()):  # the end of the file: the last line
            row -= 1
            column = len(lines[row])
        self.file, self.row, self.column = file, row, min(column, len(lines[row]))
        self.line = lines[row]

    def span(self, length: int = 1) -> Span:
        return Span(self.file, self.row + 1, self.column + 1, max(1, length))

    def rest(self) -> str:
        return self.line[self.column :].split(" #")[0].rstrip()


def _second_colon(at: _Place, lines: list[str]) -> Problem:
    key = _KEY.match(at.line)
    # the first colon of a line is right: then the line above is what is wrong
    is_first = not (key and key.end(1) < at.column)
    # a slip above has a better message than its consequence here
    upper = above(lines, at.row, at.file) if is_first else None
    slip = slip_in(upper, in_list=True) if upper else None
    if slip:
        return slip
    if is_first:
        start = len(at.line) - len(at.line.lstrip(" -"))
        return Problem(
            Span(at.file, at.row + 1, start + 1, max(1, at.column - start)),
            "E02",
            "this line stands further to the right than the line it belongs to",
            "the line above has its value already, so nothing can stand below it",
            "put this line in the same column as the line it belongs to",
        )
    # a second name where a map is expected: it was meant to stand inside
    if key and key[1].strip() in _GROUPS:
        inside = shown(at.line[key.end() :].split(" #")[0].strip(), 100)
        fix = f"write\n         {key[1].strip()}:\n           - {inside}"
    elif key and key[1].strip() in _MAPS:
        inside = shown(at.line[key.end() :].split(" #")[0].strip(), 100)
        fix = f"write  {key[1].strip()}: {{{inside}}}"
    elif second := _TWO_IN_A_LINE.match(at.line) if key and key[1].strip() not in _PROSE else None:
        pair = second["second"].split(" #")[0].rstrip()
        fix = f"put  {shown(pair, 60)}  on a line of its own, or the whole text in quotes"
    elif key:
        value = (
            shown(at.line[key.end() :].split(" #")[0].strip(), 100)
            .strip("“”„")
            .replace("\\", "\\\\")
            .replace('"', '\\"')
        )
        fix = f'put the text in quotes:  {key[1].strip()}: "{value}"'
    else:
        fix = "put the text in quotes"
    return Problem(
        at.span(),
        "E02",
        'there is a second ": " in this line, or the line above is indented differently',
        'YAML reads "name: text" and then meets another ": "',
        fix,
    )


def _sign(began: _Place) -> Problem:
    match = _SIGN.match(began.rest())
    if not match:
        return Problem(
            began.span(len(began.rest())),
            "E03",
            f"YAML takes {quoted(began.rest())} for the beginning of a longer text",
            "a text that begins with | or > goes on in the lines below",
            "put the text in quotes",
        )
    return Problem(
        began.span(len(began.rest())),
        "E26",
        f"{quoted(began.rest())} uses a sign",
        "conditions are written in words so that everybody can review them",
        # of two comparisons in a line the second would be lost
        "write each of the two comparisons in words, on a line of its own under  all:"
        if re.search("[<>=]", match[2])
        else f"write  {_compared(match)}",
    )


def _compared(sign: re.Match[str]) -> str:
    """The comparison in words; a length of time is how long ago something is."""
    value = shown(sign[2])
    if re.fullmatch(r"\d+ *(?:min(?:ute)?|h|hour|d|day|week|month|year)s?", value):
        length = length_meant(value)
        return f"more than {length or value} ago"
    return f"{_WORDS[sign[1]]} {value}".rstrip()


def _quote(at: _Place, began: _Place, message: str) -> Problem:
    if "escape" in message:
        return Problem(
            at.span(),
            "E03",
            "there is a backslash in this text that YAML takes for a sign of its own",
            'inside "double quotes" a backslash changes the meaning of the next character',
            "use 'single quotes' around the text",
        )
    return Problem(
        began.span(),
        "E03",
        "this quote is never closed",
        "everything up to the next quote is read as one text",
        f"put {began.line[began.column : began.column + 1]} at the end of the text",
    )


def _bracket(at: _Place, began: _Place) -> Problem:
    one_line = began.line[began.column :]
    inside = _NOT_LIST.search(one_line)
    if inside and began.line[began.column : began.column + 1] == "{":
        start, end = began.column + inside.start(2), began.column + inside.end()
        return Problem(
            Span(began.file, began.row + 1, start + 1, end - start),
            "E03",
            f'"{inside[2]} [...]" cannot stand inside one-line braces',
            "it is a limit of YAML: inside { } a bracket begins a list of its own",
            f"write each name on a line of its own, without braces\n         {shown(inside[0], 100)}",
        )
    opening = began.line[began.column : began.column + 1]
    closing = {"[": "]", "{": "}"}.get(opening)
    if closing is None or closing in one_line:
        return Problem(
            at.span(),
            "E03",
            "YAML cannot read this line from here",
            "inside brackets and braces the parts are separated by commas",
            "put texts with commas, brackets or quotes in them into quotes",
        )
    return Problem(
        began.span(),
        "E03",
        f'this "{opening}" is never closed',
        f'everything up to the next "{closing}" is read as one list',
        f'write "{closing}" at the end, or put the text in quotes',
    )


def _no_colon(began: _Place) -> Problem:
    rest = began.rest()
    word, colon, value = rest.partition(":")
    first, _, second = rest.partition(" ")
    fix = (
        f"write  {shown(word)}: {shown(value)}"
        if colon and value
        else f"write  {first}: {shown(second)}"
        if second and first.isidentifier()
        else "add a colon and a value, or put # in front of a remark"
    )
    return Problem(
        began.span(len(rest)),
        "E03",
        'this line has no ": " in it',
        'a line is written as "name: text", with a space behind the colon',
        fix,
    )


def _character(began: _Place) -> Problem:
    if began.line[began.column : began.column + 1] == "\t":
        return _tab(began)
    rest = began.rest()
    if "{" in began.line[: began.column] and (sign := _SIGN.match(re.split(r"[,}]", rest)[0].rstrip())):
        key = re.search(r"([\w.]+): *$", began.line[: began.column])
        name = f"{key[1]}: " if key else ""
        return Problem(
            began.span(len(sign[0])),
            "E26",
            f"{quoted(sign[0])} uses a sign",
            "conditions are written in words so that everybody can review them",
            f"write  {name}{_compared(sign)}",
        )
    if slip := slip_in(line_of([began.line], 0, began.file)._replace(number=began.row + 1)):
        return slip
    return Problem(
        began.span(),
        "E03",
        f"a text cannot begin with {quoted(rest[:1])}",
        "YAML uses this character as a sign of its own",
        f'put the text in quotes:  "{shown(rest)}"',
    )


def _tab(at: _Place) -> Problem:
    return Problem(
        at.span(),
        "E01",
        "there is a tab here",
        "YAML allows only spaces in front of a text",
        "replace the tab by a space",
    )


_DASH_OF_TEXT = re.compile(r"([–—−•*]) +(\S.*)")
_TIGHT_DASH = re.compile(r"-([A-Za-z_]\w*:(?: .*|))$")
_TIGHT_COLON = re.compile(r"([A-Za-z_]\w*):([^\s:/].*)")
_NO_COLON = re.compile(r"([A-Za-z_]\w*)(?: +([^:]*[^:\s]))?$")
_ITEM = re.compile(rf"({'|'.join(VERBS)}|test|day \d+ \d+:\d+):(?: |$)")


class SourceLine(NamedTuple):
    """A line of a file; `number` counts from 1, `start` are the spaces in front."""

    file: str
    number: int
    start: int
    words: str


def line_of(lines: list[str], row: int, file: str) -> SourceLine:
    """The line `row` (from 0) without its comment."""
    text = lines[row]
    words = text.strip()
    words = "" if words.startswith("#") else words.split(" #")[0].rstrip()
    return SourceLine(file, row + 1, len(text) - len(text.lstrip(" ")), words)


def above(lines: list[str], row: int, file: str) -> SourceLine | None:
    """The nearest line with words above the line `row`."""
    upper = (line_of(lines, each, file) for each in range(row - 1, -1, -1))
    return next((line for line in upper if line.words), None)


def slip_in(line: SourceLine, *, in_list: bool = False) -> Problem | None:
    """What is wrong in this line, if it is one of these slips. `in_list`: a step without a dash is one
    too."""
    match = _DASH_OF_TEXT.match(line.words)
    if match:
        return _problem(
            line, 1, f"{quoted(match[1])} is not the dash of a list",
            "YAML knows only the short dash of the keyboard", f"write  - {shown(match[2])}",
        )  # fmt: skip
    match = _TIGHT_DASH.match(line.words)
    if match:
        return _problem(
            line, 1, "there is no space behind this dash",
            "a dash begins an item only with a space behind it", f"write  - {shown(match[1])}",
        )  # fmt: skip
    match = _ITEM.match(line.words)
    if match and in_list:
        return _problem(
            line, len(match[1]), f"there is no dash in front of {quoted(match[1])}",
            "each item of a list stands behind a dash of its own", f"write  - {shown(line.words)}",
        )  # fmt: skip
    dash = "- " if line.words.startswith("- ") else ""
    line = line._replace(start=line.start + len(dash), words=line.words[len(dash) :])
    match = _TIGHT_COLON.fullmatch(line.words)
    if match:
        return _problem(
            line, len(line.words), "there is no space behind the colon",
            'a line is written as "name: text", with a space behind the colon',
            f"write  {dash}{shown(match[1])}: {shown(match[2])}",
        )  # fmt: skip
    match = _NO_COLON.fullmatch(line.words)
    if match:
        value = f" {shown(match[2])}" if match[2] else ""
        return _problem(
            line, len(line.words), 'this line has no ": " in it',
            'a line is written as "name: text", with a space behind the colon',
            f"write  {dash}{match[1]}:{value}",
        )  # fmt: skip
    return None


def _problem(line: SourceLine, length: int, what: str, why: str, fix: str) -> Problem:
    return Problem(Span(line.file, line.number, line.start + 1, max(1, length)), "E03", what, why, fix)
