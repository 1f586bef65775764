"""The template language: Jinja, sandboxed and strict, with an end to everything it can do.

A template sees plain data and the filters listed here. Each loop turn, call and filter takes from the
budget of one rendering, text is counted by its length, and the budget ends long before two seconds do:
nested loops and growing texts stop with an error instead of a hung daemon (RELIABILITY T1, T2).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import BuiltinMethodType, MethodType
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from engine.compiler.filters import filters_of, printed
from engine.values import Birthday, Money

MOST_WORK = 100_000
"""Loop turns, calls, filters and hundreds of characters that one rendering may use up."""

LARGEST_TEXT = 200_000
"""Characters of one value made inside a template."""

LARGEST_OUTPUT = 1_000_000
"""Characters of one rendered part of a message."""

LARGEST_RANGE = 1_000

_KEPT_FILTERS = (  # noqa: SIM905 - a list of words reads best as words
    "abs capitalize count d default dictsort e escape first float int items last length list lower map max min "
    "reject rejectattr reverse round select selectattr sort string striptags sum title trim truncate unique upper "
    "urlencode wordcount"
).split()
_STR_METHODS = frozenset(
    {"lower", "upper", "title", "strip", "lstrip", "rstrip", "capitalize", "startswith", "endswith", "split", "find"}
)
_LOOP = {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
_ATTRIBUTES: tuple[tuple[type, frozenset[str]], ...] = (
    (str, _STR_METHODS),
    (Money, frozenset({"amount", "currency"})),
    (dt.date, frozenset({"year", "month", "day", "hour", "minute"})),
    (Birthday, frozenset({"year", "month", "day"})),
    (LoopContext, frozenset(_LOOP | {"cycle", "changed"})),
)


class TooMuch(SecurityError):  # noqa: N818 - it reads as what happened
    """A template used up its budget, or made a text that is too long."""


class Unset(Undefined):
    """A name that exists and has no value here: false in conditions, never printed.

    So `{{ customer.first_name or "there" }}` and `{% if customer.tier == "gold" %}` work for everybody,
    and `Hi {{ customer.first_name }}!` is an error rather than `Hi !`.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self._fail_with_undefined_error()

    def _less(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _less  # type: ignore[assignment]


class Named(dict[str, object]):
    """Plain data under a name that errors can say: `customer`, `trigger.items`."""

    __slots__ = ("name",)

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.name = name


class _Budget(threading.local):
    """What is left for the rendering that goes on in this thread."""

    left: int = MOST_WORK

    def take(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise TooMuch("the template does too much: a loop inside a loop, or a text that keeps growing")


_budget = _Budget()


def fresh_budget() -> None:
    """Gives the rendering that begins now its whole budget."""
    _budget.left = MOST_WORK


def _turns(value: Any) -> Iterable[Any]:
    """The items of a loop, each paid for."""
    for item in value:
        _budget.take(1)
        yield item


def _sized(value: Any) -> Any:
    """Any value that a call, a filter or a concatenation made, paid for by its length."""
    if isinstance(value, str | list | tuple):
        if len(value) > LARGEST_TEXT:
            raise TooMuch(f"the template makes a text of more than {LARGEST_TEXT:,} characters")
        _budget.take(1 + len(value) // 100)
    else:
        _budget.take(1)
    return value


@pass_context
def _literal(_context: Context, value: Any) -> Any:
    """The value as it is; not before there is a context, so that it is not printed when it is compiled."""
    return value


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > LARGEST_RANGE:
        raise TooMuch(f"range() gives at most {LARGEST_RANGE:,} numbers here")
    return numbers


def _join(value: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    if isinstance(value, Undefined):
        str(value)
    parts = []
    for item in value:
        part = item.get(attribute) if attribute is not None and isinstance(item, Mapping) else item
        parts.append(printed_plain(part))
        _sized(parts[-1])
    separator = str(separator)
    if sum(map(len, parts)) + len(separator) * len(parts) > LARGEST_TEXT:
        raise TooMuch(f"join makes a text of more than {LARGEST_TEXT:,} characters")
    return separator.join(parts)


def _replace(value: object, old: str, new: str) -> str:
    text = str(value)
    if text.count(str(old)) * len(str(new)) > LARGEST_TEXT:
        raise TooMuch(f"replace makes a text of more than {LARGEST_TEXT:,} characters")
    return text.replace(str(old), str(new))


def printed_plain(value: object) -> str:
    """The text of a value inside a list; nothing that is missing is ever printed."""
    if value is None or isinstance(value, Undefined):
        raise StrictUndefinedError("a value in the list is not set")
    return str(value)


class StrictUndefinedError(SecurityError):
    """A value that is not set would have been printed."""


class Sandbox(ImmutableSandboxedEnvironment):
    """One language, one way of escaping. Made by `environment`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - jinja calls it
        """Arithmetic is for numbers, and numbers stay small; only + joins texts, within the limits."""
        if operator == "+":
            return _sized(left + right)
        if operator == "**" or not (_is_number(left) and _is_number(right)):
            raise SecurityError(f"{operator} is for numbers only")
        if (operator == "*" and abs(left) > 10**15) or abs(right) > 10**15:
            raise TooMuch("this number is too large")
        _budget.take(1)
        return self.binop_table[operator](left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A name inside plain data; methods of mappings are out of reach, so a field may be called `items`."""
        if isinstance(obj, Mapping):
            return self._inside(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`x["name"]` and `x[0]`."""
        if isinstance(obj, Mapping):
            return self._inside(obj, argument)
        return super().getitem(obj, argument)

    def _inside(self, obj: Mapping[Any, Any], key: Any) -> Any:
        try:
            found = obj[key]
        except (KeyError, TypeError):
            found = None
        if found is None:
            owner = obj.name if isinstance(obj, Named) else "the value"
            return Unset(f"{owner}.{key} is not set")
        return found

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        """Only what the table allows; everything else does not exist."""
        return any(isinstance(obj, kind) and attr in names for kind, names in _ATTRIBUTES)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, `range`, the loop, and a few methods of texts."""
        if isinstance(obj, Macro | LoopContext) or obj is _range:
            return True
        if isinstance(obj, BuiltinMethodType | MethodType):
            owner = obj.__self__
            if isinstance(owner, LoopContext):
                return obj.__name__ in {"cycle", "changed"}
            return isinstance(owner, str) and obj.__name__ in _STR_METHODS
        return False

    def _generate(self, source: nodes.Template, *rest: Any, **named: Any) -> str:
        return super()._generate(_Meter().visit(source), *rest, **named)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or type(value).__name__ == "Decimal"


class _Meter(NodeTransformer):
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
        node.nodes = [self._paid(one, "_literal") if isinstance(one, nodes.Const) else one for one in node.nodes]
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
        raise TemplateSyntaxError("{% filter %} is not a part of our templates: write {{ x | filter }}", node.lineno)

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError("escaping cannot be switched off", node.lineno)


@lru_cache(maxsize=256)
def environment(language: str, currency: str, escape: bool) -> Sandbox:
    """The environment of one language: `escape` for HTML, without it for text and headers.

    `currency`: of numbers given to `money`.
    """
    made = Sandbox(undefined=StrictUndefined, autoescape=escape, keep_trailing_newline=False, cache_size=0)
    made.globals.clear()
    made.globals["range"] = _range
    made.policies["truncate.leeway"] = 0
    made.filters = {name: FILTERS[name] for name in _KEPT_FILTERS}
    made.filters |= {"join": _join, "replace": _replace, "_turns": _turns, "_sized": _sized, "_literal": _literal}
    made.filters |= filters_of(language, currency)
    made.finalize = _finalize(language)
    return made


def _finalize(language: str) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        if isinstance(value, str | Undefined):
            return value  # an undefined one raises when it is printed
        if value is None:
            raise StrictUndefinedError("this has no value")
        return printed(value, language)

    return finalize
