"""The template language: Jinja, sandboxed and strict, with an end to everything it can do.

A template sees plain data and the filters listed here. Each loop turn, call and filter takes from the
budget of one rendering, text is counted by its length, and the budget ends long before two seconds do:
nested loops and growing texts stop with an error instead of a hung daemon (design/threats T1, T2).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from engine.compiler.templates.filters import filters_of
from engine.compiler.templates.filters import printed as printed_value
from engine.compiler.templates.meter import (
    NotSetError,
    RenderLimitExceeded,
    RenderMeter,
    bounded_range,
    join,
    literal,
    replace,
    sized,
    take,
    turns,
)
from engine.values import Birthday, Money

_KEPT_FILTERS = (  # noqa: SIM905 - a list of words reads best as words
    "abs capitalize count d default dictsort e escape first float int items last length list lower map max "
    "min "
    "reject rejectattr reverse round select selectattr sort string striptags sum title trim truncate "
    "unique upper "
    "urlencode wordcount"
).split()
_STR_METHODS = frozenset(
    {
        "lower",
        "upper",
        "title",
        "strip",
        "lstrip",
        "rstrip",
        "capitalize",
        "startswith",
        "endswith",
        "split",
        "find",
    }
)
_LOOP = {
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
    "depth0",
    "previtem",
    "nextitem",
}
_ATTRIBUTES: tuple[tuple[type, frozenset[str]], ...] = (
    (str, _STR_METHODS),
    (Money, frozenset({"amount", "currency"})),
    (dt.date, frozenset({"year", "month", "day", "hour", "minute"})),
    (Birthday, frozenset({"year", "month", "day"})),
    (LoopContext, frozenset(_LOOP | {"cycle", "changed"})),
)


class UnsetValue(Undefined):
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


class NamedData(dict[str, object]):
    """Plain data under a name that errors can say: `customer`, `trigger.items`."""

    __slots__ = ("name",)

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.name = name


class _OneCallPrinter(CodeGenerator):
    """Prints a value by one call of `Sandbox.printed`, where Jinja writes two calls and an object of its
    own."""

    def _output_child_pre(self, *_: Any) -> None:
        self.write("environment.printed(")

    def _output_child_post(self, *_: Any) -> None:
        self.write(")")


class Sandbox(ImmutableSandboxedEnvironment):
    """One language, one way of escaping. Made by `environment`."""

    code_generator_class = _OneCallPrinter
    printed: Callable[[object], str]  # what `{{ value }}` prints

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - jinja calls it
        """Arithmetic is for numbers, and numbers stay small; only + joins texts, within the limits."""
        if operator == "+":
            return sized(left + right)
        if operator == "**" or not (_is_number(left) and _is_number(right)):
            raise SecurityError(f"{operator} is for numbers only")
        if (operator == "*" and abs(left) > 10**15) or abs(right) > 10**15:
            raise RenderLimitExceeded("this number is too large")
        take(1)
        return self.binop_table[operator](left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A name inside plain data; methods of mappings are out of reach, so a field may be called
        `items`."""
        if type(obj) is NamedData and (value := obj.get(attribute)) is not None:
            return value  # the usual case; to ask for a Mapping takes longer
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
            value = obj[key]
        except (KeyError, TypeError):
            value = None
        if value is None:
            owner = obj.name if isinstance(obj, NamedData) else "the value"
            return UnsetValue(f"{owner}.{key} is not set")
        return value

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        """Only what the table allows; everything else does not exist."""
        return any(isinstance(obj, kind) and attr in names for kind, names in _ATTRIBUTES)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, `range`, the loop, and a few methods of texts."""
        if isinstance(obj, Macro | LoopContext) or obj is bounded_range:
            return True
        if isinstance(obj, BuiltinMethodType | MethodType):
            owner = obj.__self__
            if isinstance(owner, LoopContext):
                return obj.__name__ in {"cycle", "changed"}
            return isinstance(owner, str) and obj.__name__ in _STR_METHODS
        return False

    def _generate(self, source: nodes.Template, *rest: Any, **named: Any) -> str:
        return super()._generate(RenderMeter().visit(source), *rest, **named)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or type(value).__name__ == "Decimal"


@lru_cache(maxsize=256)
def environment(language: str, currency: str, escape_html: bool) -> Sandbox:
    """The environment of one language: `escape_html` for HTML, without it for text and headers.

    `currency`: of numbers given to `money`.
    """
    # not optimized: folding constants costs more at every start than it saves in templates that
    # have hardly any
    sandbox = Sandbox(
        undefined=StrictUndefined,
        autoescape=escape_html,
        keep_trailing_newline=False,
        cache_size=0,
        optimized=False,
    )
    sandbox.globals.clear()
    sandbox.globals["range"] = bounded_range
    sandbox.policies["truncate.leeway"] = 0
    sandbox.filters = {name: FILTERS[name] for name in _KEPT_FILTERS}
    sandbox.filters |= {
        "join": join,
        "replace": replace,
        "_turns": turns,
        "_sized": sized,
        "_literal": literal,
    }
    sandbox.filters |= filters_of(language, currency)
    finalize = sandbox.finalize = _finalize(language)

    # texts and whole numbers are nearly all that is printed: neither needs to be asked what it is
    def plain(value: object) -> str:
        return str(value) if type(value) is str or type(value) is int else str(finalize(value))

    def escaped(value: object) -> str:
        if type(value) is str:
            return escape_text(value)
        return str(value) if type(value) is int else escape(finalize(value))

    sandbox.printed = escaped if escape_html else plain
    return sandbox


def escape_text(text: str) -> str:
    """As `markupsafe.escape` writes it, without an object that says so."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def _finalize(language: str) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        if isinstance(value, str | Undefined):
            return value  # an undefined one raises when it is printed
        if value is None:
            raise NotSetError("this has no value")
        return printed_value(value, language)

    return finalize
