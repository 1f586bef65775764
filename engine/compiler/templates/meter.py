"""What one rendering may use up: turns, calls and characters are counted, and what never ends is stopped.

Nested loops and growing texts end with an error long before two seconds are over, instead of hanging the
daemon (design/threats T2).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, cast

from jinja2 import TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.visitor import NodeTransformer

MOST_WORK = 100_000
"""Loop turns, calls, filters and hundreds of characters that one rendering may use up."""

LARGEST_TEXT = 200_000
"""Characters of one value made inside a template."""

LARGEST_OUTPUT = 1_000_000
"""Characters of one rendered part of a message."""

LARGEST_RANGE = 1_000
_MEASURED = (str, list, tuple)


class RenderLimitExceeded(SecurityError):  # noqa: N818 - it reads as what happened
    """A template used up its budget, or made a text that is too long."""


class _Budget(threading.local):
    """What is left for the rendering that goes on in this thread."""

    left: int = MOST_WORK

    def take(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise RenderLimitExceeded(
                "the template does too much: a loop inside a loop, or a text that keeps growing"
            )


_budget = _Budget()


def take(work: int) -> None:
    """Takes from the budget. Raises TooMuch when nothing is left."""
    _budget.take(work)


def fresh_budget() -> None:
    """Gives the rendering that begins now its whole budget."""
    _budget.left = MOST_WORK


def turns(value: Any) -> Iterable[Any]:
    """The items of a loop, each paid for."""
    for item in value:
        take(1)
        yield item


def sized(value: Any) -> Any:
    """Any value that a call, a filter or a concatenation made, paid for by its length."""
    work = 1
    if isinstance(value, _MEASURED):
        if len(value) > LARGEST_TEXT:
            raise RenderLimitExceeded(f"the template makes a text of more than {LARGEST_TEXT:,} characters")
        work += len(value) // 100
    _budget.take(work)
    return value


@pass_context
def literal(_context: Context, value: Any) -> Any:
    """The value as it is; not before there is a context, so that it is not printed when it is compiled."""
    return value


def bounded_range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > LARGEST_RANGE:
        raise RenderLimitExceeded(f"range() gives at most {LARGEST_RANGE:,} numbers here")
    return numbers


def join(value: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    if isinstance(value, Undefined):
        str(value)
    parts = []
    for item in value:
        part = item.get(attribute) if attribute is not None and isinstance(item, Mapping) else item
        parts.append(printed_plain(part))
        sized(parts[-1])
    separator = str(separator)
    if sum(map(len, parts)) + len(separator) * len(parts) > LARGEST_TEXT:
        raise RenderLimitExceeded(f"join makes a text of more than {LARGEST_TEXT:,} characters")
    return separator.join(parts)


def replace(value: object, old: str, new: str) -> str:
    text = str(value)
    if text.count(str(old)) * len(str(new)) > LARGEST_TEXT:
        raise RenderLimitExceeded(f"replace makes a text of more than {LARGEST_TEXT:,} characters")
    return text.replace(str(old), str(new))


def printed_plain(value: object) -> str:
    """The text of a value inside a list; nothing that is missing is ever printed."""
    if value is None or isinstance(value, Undefined):
        raise NotSetError("a value in the list is not set")
    return str(value)


class NotSetError(SecurityError):
    """A value that is not set would have been printed."""


class RenderMeter(NodeTransformer):
    """Puts the meter into everything of a template that takes time or makes text."""

    def _paid(self, node: nodes.Expr | nodes.Node, name: str = "_sized") -> nodes.Filter:
        return nodes.Filter(cast("nodes.Expr", node), name, [], [], None, None, lineno=node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja's names
        self.generic_visit(node)
        node.iter = self._paid(node.iter, "_turns")
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        """Literals are printed like values: `{{ 2.5 }}` in the language, `{{ none }}` not at all."""
        self.generic_visit(node)
        node.nodes = [
            self._paid(one, "_literal") if isinstance(one, nodes.Const) else one for one in node.nodes
        ]
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._paid(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._paid(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._paid(node) if node.node is not None else node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        inner = node.filter
        node.filter = nodes.Filter(inner, "_sized", [], [], None, None, lineno=node.lineno)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError("{% call %} is not a part of our templates", node.lineno)

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError(
            "{% filter %} is not a part of our templates: write {{ x | filter }}", node.lineno
        )

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError("escaping cannot be switched off", node.lineno)
