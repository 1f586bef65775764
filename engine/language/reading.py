"""What reading one file carries along: the problems so far, and how a single value is taken out of a node."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty
from engine.language.syntax import Pair, Step, Text
from engine.language.wait_ids import missing_wait_ids
from engine.language.wording import as_list, quoted, shown
from engine.problem import Problem, Span, did_you_mean

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_T = TypeVar("_T")


class Reading:
    """The problems of one file. Reading goes on after each of them."""

    def __init__(
        self, file: str, root: Mapping, read_steps: Callable[[Reading, Node, Span, str], tuple[Step, ...]]
    ) -> None:
        self.file = file
        self.root = root
        self.problems: list[Problem] = []
        self._read_steps = read_steps

    @cached_property
    def wait_ids(self) -> dict[Span, str]:
        """Ids for the waits that have none, by the place of the verb."""
        return missing_wait_ids(self.root)

    def report(self, span: Span, code: str, what: str, why: str = "", fix: str = "") -> None:
        """One more mistake of the author."""
        self.problems.append(Problem(span, code, what, why, fix))

    def keep(self, result: _T | Problem) -> _T | None:
        """The value, or None after noting the problem."""
        if isinstance(result, Problem):
            self.problems.append(result)
            return None
        return result

    def steps(self, node: Node, at: Span, place: str) -> tuple[Step, ...]:
        """The list of steps under the key `place`, which stands at `at`."""
        return self._read_steps(self, node, at, place)

    def text(self, node: Node, name: str, example: str = "") -> Text | None:
        """One short text."""
        if isinstance(node, Scalar) and (node.text.strip() or not node.plain):
            return Text(node.text, node.span)
        if isinstance(node, Scalar):
            self.empty(node.span, name, example)
        else:
            thing = "a list" if isinstance(node, Sequence) else "a block"
            self.report(
                node.span,
                "E07",
                f"{quoted(name)} needs one short text here, not {thing}",
                "only one value has a meaning in this place",
                f"write  {_after(name, example)}",
            )
        return None

    def empty(self, span: Span, name: str, example: str = "") -> None:
        """A key with nothing behind it."""
        self.report(
            span,
            "E08",
            f"{quoted(name)} is empty",
            "a key without a value says nothing",
            f"write  {_after(name, example)}" + ("" if example.startswith(name) else "  or remove the line"),
        )

    def name(self, node: Node, key: str, example: str = "") -> Text | None:
        """A name that ids are made of."""
        text = self.text(node, key, example)
        if text is None or _NAME.fullmatch(text.value):
            return text
        meant = re.sub(r"[^a-z0-9]+", "_", shown(text.value).casefold()).strip("_").lstrip("0123456789_")
        self.report(
            text.span,
            "E16",
            f"{quoted(text.value)} is not a name",
            "a name is made of small letters, digits and _ , and begins with a letter",
            f"write  {key}: {meant or example or 'a_name'}",
        )
        return None

    def choice(
        self, node: Node, key: str, choices: tuple[str, ...], meant: dict[str, str] | None = None
    ) -> Text | None:
        """One of a few words."""
        text = self.text(node, key, choices[0])
        if text is None or text.value in choices:
            return text
        known = (meant or {}).get(text.value.casefold())
        self.report(
            text.span,
            "E24",
            f"{quoted(text.value)} is not one of its values",
            f"it can be: {as_list(choices)}",
            f'did you mean "{known}"?'
            if known
            else did_you_mean(text.value, choices, f"write  {'  or  '.join(choices)}"),
        )
        return None

    def texts(self, node: Node, name: str, example: str = "") -> tuple[Text, ...]:
        """One text, or a list of texts."""
        if not isinstance(node, Sequence):
            text = self.text(node, name, example)
            return () if text is None else (text,)
        if is_empty(node):
            self.empty(node.span, name, example)
        return tuple(text for item in node.items if (text := self.text(item, name, example)) is not None)

    def pairs(self, node: Node, name: str, example: str) -> tuple[Pair, ...]:
        """A map with free names and short values."""
        entries = self.entries(node, name, example)
        found = ((entry.key, self.text(entry.value, entry.key.text)) for entry in entries)
        return tuple(Pair(key.whole(), value) for key, value in found if value is not None)

    def entries(self, node: Node, name: str, example: str) -> tuple[Entry, ...]:
        """The lines of a map that must not be empty."""
        if is_empty(node):
            self.empty(node.span, name, example)
            return ()
        if isinstance(node, Mapping):
            return node.entries
        self.report(
            node.span,
            "E07",
            f'{quoted(name)} needs lines of the form "name: value" here',
            "every value belongs to a name",
            f"write  {_after(name, example)}",
        )
        return ()


def _after(name: str, example: str) -> str:
    return f"{name}: {example or '...'}" if not example.startswith(name) else example
