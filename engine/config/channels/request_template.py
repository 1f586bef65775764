"""The small Jinja of a channel `via: http`: what its texts may read, and how data stays data in what is sent.

The texts are written by whoever runs the shop; the values come from customers and are hostile. A value is
written in the form of its place: it can end no JSON text, no form field and no part of an address.

It is no part of the template language of messages (`engine.compiler.templates.jinja`): there a value that is
not set is an error, here it leaves its place out, and numbers and maps of a body keep their kind.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from engine.language.map_reader import ReadContext
from engine.language.syntax import Text
from engine.problem import did_you_mean

Encoding = Literal["json", "form", "url", "header", "xml", "plain"]
"""Where a text goes."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "message": ("key", "address", "text", "title", "url", "image", "fields", "template"),
    "channel": ("from", "name"),
    "secret": ("token", "secret", "password", "callback"),
    "customer_language": (),
    "valid_for": (),
    "valid_until": (),
    "callback_url": (),
}
"""What the texts may read."""

_FILTERS = (
    "abs", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower", "max", "min",
    "replace", "round", "string", "tojson", "trim", "truncate", "upper", "urlencode",
)  # fmt: skip
_LONE = re.compile(r"\s*\{\{-?((?:(?!\}\}|\{\{|\{%).)*?)-?\}\}\s*", re.DOTALL)
_NOT_A_LETTER = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x9f\ud800-\udfff\u2028\u2029]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold, however it is written."""


class WrittenWrongError(Exception):
    """A text cannot be written with these values."""


@dataclass(frozen=True, slots=True)
class RequestText:
    """One text of config.yaml, which `read_request_text` has found to be right."""

    source: str
    encoding: Encoding

    @property
    def is_json(self) -> bool:
        """A body that must be JSON when the values are in it."""
        return self.encoding == "json"

    @property
    def reads_secret(self) -> bool:
        """Whoever shows what was sent hides it."""
        return reads(self.source, "secret")

    def render(self, names: Mapping[str, object]) -> str:
        """The text with the values in it. Raises WrittenWrongError."""
        try:
            text = _template(self.source, self.encoding).render(names)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as wrong:
            raise WrittenWrongError(str(wrong)[:200]) from wrong
        # After the values are in: a line break in a name would begin a header of the customer's own.
        if self.encoding == "header" and not (text.isascii() and text.isprintable()):
            raise WrittenWrongError("a header holds printable ASCII only")
        return text


@dataclass(frozen=True, slots=True)
class RequestValue:
    """A text in a body that is a map. One that is nothing but `{{ ... }}` keeps its kind: number, true, map;
    none leaves its place out. Everything else is a text."""

    source: str

    def render(self, names: Mapping[str, object]) -> object:
        """The value. Raises WrittenWrongError."""
        alone = _LONE.fullmatch(self.source)
        if alone is None:
            return RequestText(self.source, "plain").render(names)
        try:
            value = _expression(alone[1])(**names)
            if isinstance(value, Undefined):
                str(value)  # raises, as it does in a text
            # Tried here, where it can be told of one message, and not when the request is put together.
            json.dumps(value, allow_nan=False)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as wrong:
            raise WrittenWrongError(str(wrong)[:200]) from wrong
        return value


@lru_cache(maxsize=1_024)
def _template(source: str, encoding: Encoding) -> Template:
    return _ENVIRONMENTS[encoding].from_string(source)


@lru_cache(maxsize=1_024)
def _expression(source: str) -> TemplateExpression:
    return _ENVIRONMENTS["plain"].compile_expression(source, undefined_to_none=False)


def read_request_text(context: ReadContext, text: Text, secrets: Collection[str]) -> bool:
    """Can it be rendered? Reports where not. `secrets`: those that the channel has."""
    what, fix = _mistake(text.value, secrets)
    if what:
        context.refuse(text.span, what, "the texts of a request are Jinja with a few names", fix)
    return not what


def _mistake(source: str, secrets: Collection[str]) -> tuple[str, str]:
    """What is wrong with a text, and the cure; ("", "") for nothing."""
    environment = _ENVIRONMENTS["plain"]
    try:
        # Compiled and not only parsed: filters that do not exist are found by the compiler alone.
        environment.from_string(source)
        tree = environment.parse(source)
    except TemplateError as wrong:
        return f"it cannot be read: {wrong.message}", "write  {{ message.text }}"
    # Set by the text itself: `{% set x = ... %}`, `{% for x in ... %}`, and the `loop` of the latter.
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    if own:
        own.add("loop")
    for read in tree.find_all(nodes.Name):
        if read.ctx == "load" and read.name not in NAMES and read.name not in own:
            known = ", ".join(NAMES)
            return f'there is no "{read.name}" here', did_you_mean(read.name, NAMES, f"it may read: {known}")
    for part in tree.find_all(nodes.Getattr):
        if not isinstance(part.node, nodes.Name) or not NAMES.get(part.node.name):
            continue
        owner, known_parts = part.node.name, NAMES[part.node.name]
        if part.attr not in known_parts:
            return (
                f'"{owner}" has no "{part.attr}"',
                did_you_mean(part.attr, known_parts, f"it has: {', '.join(known_parts)}"),
            )
        # Else the request would go out without its key, and the provider would refuse every message.
        if owner == "secret" and part.attr not in secrets:
            where = "in callback: secret" if part.attr == "callback" else "in this channel"
            return f'"secret.{part.attr}" is not given', f"add  {part.attr}: env:NAME  {where}"
    return "", ""


@lru_cache(maxsize=1_024)
def reads(source: str, name: str) -> bool:
    """Does it read `secret`, `valid_for`, ...?"""
    try:
        tree = _ENVIRONMENTS["plain"].parse(source)
    except TemplateError:
        return False
    return any(read.name == name for read in tree.find_all(nodes.Name))


def _json(value: object) -> str:
    """Stands between quotes; outside of them everything but a number or a word is broken JSON, and is not
    sent."""
    if isinstance(value, Markup):  # of `tojson`
        return str(value)
    return _NOT_A_LETTER.sub(lambda match: f"\\u{ord(match[0]):04x}", _plain(value))


def _plain(value: object) -> str:
    if value is None:
        return ""
    # As JSON writes it: Python's True is no word that a provider knows.
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


_WAYS: Mapping[Encoding, Callable[[object], str]] = {
    "json": _json,
    "form": lambda value: quote_plus(_plain(value)),
    "url": lambda value: quote(_plain(value), safe=":@"),
    "header": _plain,
    "xml": lambda value: escape(_NOT_XML.sub("", _plain(value)), {'"': "&quot;", "'": "&apos;"}),
    "plain": _plain,
}


def _environment(encoding: Encoding) -> ImmutableSandboxedEnvironment:
    way = _WAYS[encoding]

    def finalize(value: object) -> object:
        return value if isinstance(value, Undefined) else way(value)

    # No autoescape: `finalize` writes each value in the form of its place, which is not always HTML.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=finalize, autoescape=False
    )
    # `range` and `lipsum` could fill the memory, and nobody needs `cycler` in a request.
    environment.globals.clear()
    environment.filters = {name: FILTERS[name] for name in _FILTERS}
    # Providers with basic auth want `user:password` in this form (RFC 7617).
    environment.filters["base64"] = lambda value: base64.b64encode(_plain(value).encode()).decode()
    return environment


_ENVIRONMENTS: Mapping[Encoding, ImmutableSandboxedEnvironment] = {
    encoding: _environment(encoding) for encoding in _WAYS
}
