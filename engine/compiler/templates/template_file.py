"""One template file as it was written: its name in parts, its fields between the `---` lines, its body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.channel_kinds import kind_of
from engine.problem import Problem, Span, did_you_mean

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*\Z")
_LINE = re.compile(r"(?P<indent>\s*)(?P<key>[A-Za-z0-9_]+)\s*:(?P<gap>\s*)(?P<value>.*?)\s*\Z")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """`NAME.CHANNEL[.LANGUAGE].EXT`. `language` is "" where the name has none: the first of `languages`.

    `fields`: front matter, each value as text (Jinja included); an entry of `variables:` is called
    `variables.1`. `field_lines` and `body_line` are 1-based lines of the file.
    """

    name: str
    channel: str
    language: str
    ext: str
    file: str
    fields: Mapping[str, str] = field(default_factory=dict)
    field_lines: Mapping[str, int] = field(default_factory=dict)
    body: str = ""
    body_line: int = 1


def read_template(file: str, text: str) -> tuple[TemplateFile | None, list[Problem]]:
    """Takes a template file apart. `file` is its path inside the project, with `/`.

    The template is None when the name of the file does not say what it is; other problems leave it usable.
    """
    parts = file.rsplit("/", 1)[-1].split(".")
    if len(parts) not in (3, 4):
        return None, [
            _problem(
                file,
                1,
                "T01",
                f'"{".".join(parts)}" is not the name of a template',
                "the name says which message it is, for which channel, and in which language",
                "write  NAME.CHANNEL.EXT  or  NAME.CHANNEL.LANGUAGE.EXT, for example  "
                "welcome_hello.email.uk.mjml",
            )
        ]
    name, channel, language, ext = parts[0], parts[1], parts[2] if len(parts) == 4 else "", parts[-1]
    problems = _name_problems(file, name, channel, language, ext)
    top = _FrontMatter.read(file, channel, text.removeprefix("\ufeff"))
    template = TemplateFile(
        name, channel, language, ext, file, top.fields, top.lines, top.body, top.body_line
    )
    return template, problems + top.problems


def _name_problems(file: str, name: str, channel: str, language: str, ext: str) -> list[Problem]:
    problems = []
    if not _NAME.match(name):
        problems.append(
            _problem(
                file,
                1,
                "T01",
                f'"{name}" cannot be the name of a template',
                "names are a-z, 0-9 and _",
                "rename the file",
            )
        )
    if language and not _LANGUAGE.match(language):
        problems.append(
            _problem(
                file,
                1,
                "T01",
                f'"{language}" is not a language',
                "languages are written as in  en, bg, pt-BR",
                "rename the file",
            )
        )
    allowed = kind_of(channel).endings
    if ext not in allowed:
        problems.append(
            _problem(
                file,
                1,
                "T02",
                f'a template for {channel} cannot be a ".{ext}" file',
                f"for {channel} it can be: {', '.join('.' + one for one in allowed)}",
                f"rename it to end in .{allowed[0]}",
            )
        )
    return problems


@dataclass(slots=True)
class _FrontMatter:
    """What stands between the `---` at the top of a template, and the body below it."""

    file: str
    channel: str
    fields: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    body: str = ""
    body_line: int = 1
    parent: str = ""  # the field whose entries are indented below it

    @classmethod
    def read(cls, file: str, channel: str, text: str) -> _FrontMatter:
        """The whole file; without a `---` in its first line all of it is body."""
        lines = text.replace("\r\n", "\n").split("\n")
        if lines[0].rstrip() != "---":
            return cls(file, channel, body="\n".join(lines))
        top = cls(file, channel)
        for number, line in enumerate(lines[1:], start=2):
            if line.rstrip() == "---":
                top.body, top.body_line = "\n".join(lines[number:]), number + 1
                return top
            if line.strip() and not line.lstrip().startswith("#"):
                top.take(number, line)
        why, fix = "they stand between two lines  ---", "add a line  ---  after the last field"
        top.problems.append(_problem(file, 1, "T03", "the fields at the top have no end", why, fix, 3))
        top.body_line = len(lines) + 1
        return top

    def take(self, number: int, line: str) -> None:
        match = _LINE.match(line)
        if not match:
            why, fix = "between the --- lines stand fields, one a line", "write  subject: Your text"
            self._refuse(number, "this line is not a field", why, fix, len(line))
            return
        key = match["key"]
        if match["indent"] and self.parent:
            key = f"{self.parent}.{key}"
        elif key not in kind_of(self.channel).fields:
            known = kind_of(self.channel).fields
            self.problems.append(
                _problem(
                    self.file,
                    number,
                    "T03",
                    f'"{key}" is not a field of a template for {self.channel}',
                    f"the fields are: {', '.join(known)}",
                    did_you_mean(key, known, "remove the line"),
                    len(key),
                )
            )
            return
        if key in self.fields:
            what = f'"{key}" is written twice here (first in line {self.lines[key]})'
            self._refuse(number, what, "", "keep one", len(key))
            return
        if not match["value"] and not match["indent"]:
            self.parent = key
            if key == "variables":
                return
        self.fields[key] = _unquoted(match["value"])
        self.lines[key] = number

    def _refuse(self, number: int, what: str, why: str, fix: str, length: int) -> None:
        self.problems.append(_problem(self.file, number, "T03", what, why, fix, length))


def _unquoted(value: str) -> str:
    """Quotes around the whole value are YAML's habit, not part of the text."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        quote, inner = value[0], value[1:-1]
        if quote == "'":
            return inner.replace("''", "'") if "'" not in inner.replace("''", "") else value
        if '"' not in inner.replace('\\"', ""):
            return inner.replace('\\"', '"')
    return value


def _problem(file: str, line: int, code: str, what: str, why: str, fix: str, length: int = 1) -> Problem:
    return Problem(Span(file, line, 1, max(1, length)), code, what, why, fix)
