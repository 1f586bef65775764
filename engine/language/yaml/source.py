"""The strict reader: text to nodes with positions. Every scalar stays text; what YAML offers beyond that is
refused."""

from __future__ import annotations

import re

import yaml

from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty
from engine.language.yaml.plain_text import clean, without_smart_quotes
from engine.language.yaml.syntax_errors import syntax_problem
from engine.language.yaml.yaml_restrictions import (
    alias_problem,
    anchor_problem,
    comma_problem,
    directive_problem,
    documents_problem,
    empty_problem,
    key_problem,
    merge_problem,
    tag_problem,
    too_deep_problem,
    too_many_problem,
    twice_problem,
)
from engine.problem import Problem, Span

DEEPEST = 20
MOST_EVENTS = 20_000  # a journey has a few hundred; counted before anything is made of them
MOST_PROBLEMS = 100

_DECIMALS = re.compile(r"\d{1,2}(?: |$|[^\d.])")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(text: str | bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """The nodes of a file, or None when it cannot be read as a whole; never raises."""
    cleaned, problems = clean(text, file)
    if problems:
        return None, problems
    return read_clean(cleaned, file)


def read_clean(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """As `read`, for a text that `clean` has passed."""
    builder = _Builder(text, file)
    try:
        # lazily and without recursion: 100,000 nested brackets end here after the first twenty
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except _Refused:
        return None, builder.problems
    except yaml.MarkedYAMLError as wrong:
        return None, [*builder.problems, syntax_problem(wrong, text, file)]
    except (yaml.YAMLError, ValueError):  # a character that the reader of YAML does not take
        return None, [*builder.problems, empty_problem(file)]
    if builder.root is None or is_empty(builder.root):
        return None, [*builder.problems, empty_problem(file)]
    return (None if builder.broken else builder.root), builder.problems


class _Refused(Exception):  # noqa: N818  # control flow of this module, never seen outside
    """Reading on would be slow or misleading."""


class _Open:
    """A map or list that is being read."""

    __slots__ = ("entries", "is_map", "items", "key", "seen", "skipped", "span")

    def __init__(self, span: Span, is_map: bool) -> None:
        self.span = span
        self.is_map = is_map
        self.entries: list[Entry] = []
        self.items: list[Node] = []
        self.seen: dict[str, int] = {}
        self.key: Scalar | None = None
        self.skipped = False  # the key was written before: its value is read and dropped


class _Builder:
    """Takes events one by one and holds the open maps and lists on its own stack."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.broken = False
        self._stack: list[_Open] = []
        self._events = 0
        self._documents = 0
        self._lines: list[str] = []  # only when a scalar has several lines
        self._last_line = text.count("\n")

    def take(self, event: yaml.Event) -> None:
        self._events += 1
        if self._events > MOST_EVENTS:
            self._refuse(too_many_problem(self._span(event)))
        # by their frequency: a thousand files are three hundred thousand events
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            if done.is_map:
                self._put(Mapping(tuple(done.entries), done.span))
            else:
                self._put(Sequence(tuple(done.items), done.span))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.AliasEvent):
            # an empty word takes its place, so that the map around it keeps its form
            key = self._stack[-1].key if self._stack else None
            # of `<<: *rule` the merge key is told already
            if key is None or key.text != "<<":
                self._broken(alias_problem(self._span(event), event.anchor or ""))
            self._put(Scalar("", self._span(event), True))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if event.version or event.tags:
                self._broken(directive_problem(self._span(event)))
            if self._documents > 1:
                self._refuse(documents_problem(self._span(event)))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        span = self._span(event)
        plain = event.implicit[0]
        if event.anchor or event.tag is not None:
            self._plain_node(event, span)
        inside = without_smart_quotes(event.value) if plain else None
        scalar = Scalar(event.value, span, plain) if inside is None else Scalar(inside, span, False)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            if scalar.text == "<<" and scalar.plain:
                self._broken(merge_problem(scalar.span))
            if scalar.text in top.seen:
                above = [o.key.text for o in self._stack[:-1] if o.key is not None]
                self._note(twice_problem(scalar, top.seen[scalar.text], above))
                # the first one counts, and reading goes on: one message for the key, none for its value
                top.skipped = True
            else:
                top.seen[scalar.text] = scalar.span.line
            top.key = scalar
        else:
            self._put(scalar)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        span = self._span(event)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            self._refuse(key_problem(span, self.text))
        if len(self._stack) >= DEEPEST:
            self._refuse(too_deep_problem(span))
        self._plain_node(event, span)
        self._stack.append(_Open(span, isinstance(event, yaml.MappingStartEvent)))

    def _put(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if not top.is_map:
            top.items.append(node)
        elif top.key is None:  # an alias in the place of a key; refused already
            top.key = Scalar("", node.span, True)
        else:
            if not top.skipped and not self._is_decimal(top, node):
                top.entries.append(Entry(top.key, node))
            top.key, top.skipped = None, False

    def _is_decimal(self, top: _Open, node: Node) -> bool:
        """Is it the rest of `20,50 EUR` inside braces? The value in front of it is then read as one."""
        key, last = top.key, top.entries[-1] if top.entries else None
        if key is None or last is None or not isinstance(last.value, Scalar) or not _DECIMALS.match(key.text):
            return False
        value, end = last.value, last.value.span.column + last.value.span.length
        adjacent = value.span.line == key.span.line and end + 1 == key.span.column
        if not (adjacent and is_empty(node) and value.plain and value.text[-1:].isdigit()):
            return False
        self._note(comma_problem(last.key, value, key))
        text = f"{value.text}.{key.text}"
        span = Span(value.span.file, value.span.line, value.span.column, len(text))
        top.entries[-1] = Entry(last.key, Scalar(text, span, plain=True))
        return True

    def _plain_node(self, event: yaml.NodeEvent, span: Span) -> None:
        if event.anchor:
            self._broken(anchor_problem(span, event.anchor))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._broken(tag_problem(span, tag, self.text))

    def _span(self, event: yaml.Event) -> Span:
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        if start.line > self._last_line:  # an empty value at the end of the file
            return Span(self.file, self._last_line + 1, len(self.text) - self.text.rfind("\n"))
        if not isinstance(event, yaml.ScalarEvent):
            return Span(self.file, start.line + 1, start.column + 1)
        if start.line == end.line:
            length = end.column - start.column
        else:  # several lines: up to the end of the first
            self._lines = self._lines or self.text.split("\n")
            length = len(self._lines[start.line]) - start.column
        return Span(self.file, start.line + 1, start.column + 1, max(1, length))

    def _broken(self, problem: Problem) -> None:
        self.broken = True
        self._note(problem)

    def _note(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:  # nobody reads more, and each costs time
            raise _Refused

    def _refuse(self, problem: Problem) -> None:
        self.problems.append(problem)
        raise _Refused
