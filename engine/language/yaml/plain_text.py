"""What can be said about a file before it is read as YAML: its size, its encoding, its characters, tabs,
templating."""

from __future__ import annotations

import re

from engine.command_hints import command
from engine.language.steps.register import VERBS
from engine.problem import Problem, Span

LARGEST = 1_000_000  # bytes: design/threats T11

# YAML would take U+0085, U+2028 and U+2029 for ends of lines; the others change what a reviewer sees.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff\ufeff]"
)
_TAB = re.compile(r"^ *\t", re.MULTILINE)
_OTHER_SPACE = re.compile("^(?: *- *| *)([\u00a0\u2000-\u200b\u202f\u205f\u3000])", re.MULTILINE)
# Spaces that come with a copied text and are as wide as one: non-breaking, thin, figure and their like.
_SPACES = re.compile("[\u00a0\u2002-\u200a\u202f\u205f]")
# A long dash where only the dash of a list can stand, and where only the sign of a number can.
_LONG_DASH = re.compile(r"^( *)[–—−](?= )", re.MULTILINE)
_MINUS = re.compile(r"(?<=: )[–−](?=\d)")
_TEMPLATING = re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#")


def clean(text: str | bytes, file: str) -> tuple[str, list[Problem]]:
    """The text with `\\n` line ends and without a byte order mark, and what makes it unreadable."""
    if len(text) > LARGEST or (isinstance(text, str) and len(text.encode(errors="replace")) > LARGEST):
        return "", [
            Problem(
                Span(file, 1, 1),
                "E09",
                "this file is larger than 1 MB",
                "a journey that people can review is a few hundred lines long",
                "split it into several journeys; lists of customers or products belong into the data, not "
                "into the file",
            )
        ]
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            return "", [_not_utf8(wrong.object, wrong.start, file)]
    text = _SPACES.sub(" ", text.removeprefix("\ufeff"))
    text = _MINUS.sub("-", _LONG_DASH.sub(r"\1-", text))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    problems = [
        *_invisible(text, file),
        *_tabs(text, file),
        *_other_spaces(text, file),
        *_templating(text, file),
    ]
    return text, problems


_OPENING = frozenset("“„«»‟‘‚‹")
_SMART_QUOTES = re.compile("[“„«»‟]([^“”„«»‟]*)[”“»«]|[‘‚‹]([^‘’‚‹›]*)[’‘›]")


def without_smart_quotes(text: str) -> str | None:
    """What stands between the quotation marks of a word processor; None where there are none around it."""
    match = _SMART_QUOTES.fullmatch(text) if text[:1] in _OPENING else None
    return None if match is None else match[1] if match[1] is not None else match[2]


def place(text: str, index: int, file: str, length: int = 1) -> Span:
    """The position of the character `index` of a text with `\\n` line ends."""
    start = text.rfind("\n", 0, index) + 1
    return Span(file, text.count("\n", 0, index) + 1, index - start + 1, length)


def _not_utf8(text: bytes, index: int, file: str) -> Problem:
    before = text[:index].decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    before = before.removeprefix("\ufeff")
    start = before.rfind("\n") + 1
    return Problem(
        Span(file, before.count("\n") + 1, len(before) - start + 1),
        "E09",
        "this file is not written in UTF-8",
        f"the byte {text[index]:#04x} here is no character in UTF-8",
        "save the file with the encoding UTF-8",
    )


def _invisible(text: str, file: str) -> list[Problem]:
    match = _INVISIBLE.search(text)
    if not match:
        return []
    return [
        Problem(
            place(text, match.start(), file),
            "E09",
            f"there is an invisible character here (U+{ord(match[0]):04X})",
            "nobody can review what cannot be seen",
            "delete it, or type the line again",
        )
    ]


def _tabs(text: str, file: str) -> list[Problem]:
    lines = list(_TAB.finditer(text))
    if not lines:
        return []
    more = f" ({len(lines) - 1} more below)" if len(lines) > 1 else ""
    return [
        Problem(
            place(text, lines[0].end() - 1, file),
            "E01",
            f"this line is indented with a tab{more}",
            "YAML allows only spaces in front of a line",
            f"replace the tab by two spaces, or run `{command('fmt')}`",
        )
    ]


def _other_spaces(text: str, file: str) -> list[Problem]:
    match = _OTHER_SPACE.search(text)
    if not match:
        return []
    return [
        Problem(
            place(text, match.start(1), file),
            "E01",
            f"this line is indented with a space of another kind (U+{ord(match[1]):04X})",
            "it looks like a space, and YAML takes it for a letter; it often comes from a copied text",
            "delete what stands in front of the line and type the spaces again",
        )
    ]


_ITS_KEY = re.compile(r"(\w+): *[\"']?$")
_NO_VALUES = frozenset((*VERBS, "journey", "segment", "about", "owner", "test", "id", "via"))


def _value_meant(before: str, written: str) -> str:
    """The name behind `{{ first_name }}`, `{{ event.total }}` as a whole value; "" for anything longer.
    `before`: the line up to it."""
    key = _ITS_KEY.search(before)
    if key is None or key[1] in _NO_VALUES:
        return ""
    name = re.fullmatch(r"\{\{-? *(?:(\w+)\.)?(\w+) *-?\}\}", written)
    if name is None:
        return ""
    owner, word = name[1], name[2]
    if owner is None or owner in ("person", "profile", "user", "contact"):
        return f"write the name without braces: customer.{word}"
    return f"write the name without braces: {'trigger' if owner == 'event' else owner}.{word}"


def _templating(text: str, file: str) -> list[Problem]:
    if ("{{" not in text and "{%" not in text) or file.rpartition("/")[2] == "config.yaml":
        return []
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _TEMPLATING.search(line)
        if match and not _COMMENT.search(line, 0, match.start()):
            problems.append(
                Problem(
                    Span(file, number, match.start() + 1, len(match[0])),
                    "E05",
                    "there is no templating in a journey file",
                    "the file is what reviewers read; texts with {{ }} belong into templates/",
                    _value_meant(line[: match.start()], match[0])
                    or "write the value itself; give values to a message under  with:",
                )
            )
    return problems
