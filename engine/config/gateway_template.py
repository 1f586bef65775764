"""The small Jinja of a channel `via: http`: what its texts may read, and how data stays data in what is sent.

The texts are written by whoever runs the shop; the values come from customers and are hostile. A value is
written in the form of its place: it can end no JSON text, no form field and no part of an address.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from engine.problem import did_you_mean

Form = Literal["json", "form", "url", "header", "xml", "plain"]
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
    "abs", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower", "max", "min", "replace", "round",
    "string", "tojson", "trim", "truncate", "upper", "urlencode",
)  # fmt: skip
_LONE = re.compile(r"\s*\{\{-?((?:(?!\}\}|\{\{|\{%).)*?)-?\}\}\s*", re.DOTALL)
_NOT_A_LETTER = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x9f\ud800-\udfff\u2028\u2029]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold, however it is written."""


class WrittenWrongError(Exception):
    """A text cannot be written with these values."""


class Text:
    """One text of config.yaml. Raises jinja2.TemplateSyntaxError when it is none."""

    def __init__(self, source: str, form: Form) -> None:
        self._form = form
        self.is_json = form == "json"
        self._template = _ENVIRONMENTS[form].from_string(source)
        self.reads_secret = "secret" in _names(source)

    def render(self, names: Mapping[str, object]) -> str:
        """The text with the values in it. Raises WrittenWrongError."""
        try:
            text = self._template.render(names)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as wrong:
            raise WrittenWrongError(str(wrong)[:200]) from wrong
        if self._form == "header" and not (text.isascii() and text.isprintable()):
            raise WrittenWrongError("a header holds printable ASCII only")
        return text


class Value:
    """A text in a body that is a map. One that is nothing but `{{ ... }}` keeps its kind: number, true, map; none leaves
    its place out. Everything else is a text."""

    def __init__(self, source: str) -> None:
        lone = _LONE.fullmatch(source)
        plain = _ENVIRONMENTS["plain"]
        self._expression = plain.compile_expression(lone[1], undefined_to_none=False) if lone else None
        self._text = None if lone else Text(source, "plain")

    def render(self, names: Mapping[str, object]) -> object:
        """The value. Raises WrittenWrongError."""
        if self._expression is None:
            return self._text.render(names) if self._text else ""
        try:
            found = self._expression(**names)
            if isinstance(found, Undefined):
                str(found)
            json.dumps(found, allow_nan=False)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as wrong:
            raise WrittenWrongError(str(wrong)[:200]) from wrong
        return found


def mistake(source: str, secrets: frozenset[str]) -> tuple[str, str]:
    """What is wrong with a text, and the cure; ("", "") for nothing. `secrets`: those that the channel has."""
    environment = _ENVIRONMENTS["plain"]
    try:
        environment.from_string(source)
        tree = environment.parse(source)
    except TemplateError as wrong:
        return f"it cannot be read: {wrong.message}", "write  {{ message.text }}"
    for read in tree.find_all(nodes.Name):
        if read.ctx == "load" and read.name not in NAMES and not _is_own(tree, read.name):
            known = ", ".join(NAMES)
            return f'there is no "{read.name}" here', did_you_mean(read.name, NAMES, f"it may read: {known}")
    for part in tree.find_all(nodes.Getattr):
        if not isinstance(part.node, nodes.Name) or not NAMES.get(part.node.name):
            continue
        whole, known_parts = part.node.name, NAMES[part.node.name]
        if part.attr not in known_parts:
            return (
                f'"{whole}" has no "{part.attr}"',
                did_you_mean(part.attr, known_parts, f"it has: {', '.join(known_parts)}"),
            )
        if whole == "secret" and part.attr not in secrets:
            where = "in callback: secret" if part.attr == "callback" else "in this channel"
            return f'"secret.{part.attr}" is not given', f"add  {part.attr}: env:NAME  {where}"
    return "", ""


def reads(source: str, name: str) -> bool:
    """Does it read `secret`, `valid_for`, ...?"""
    try:
        return name in _names(source)
    except TemplateError:
        return False


def _names(source: str) -> set[str]:
    return {found.name for found in _ENVIRONMENTS["plain"].parse(source).find_all(nodes.Name)}


def _is_own(tree: nodes.Template, name: str) -> bool:
    """Set by the text itself: `{% set x = ... %}`, `{% for x in ... %}`, and `loop`."""
    own = {found.name for found in tree.find_all(nodes.Name) if found.ctx == "store"}
    return name in own or (name == "loop" and bool(own))


def _json(value: object) -> str:
    """Stands between quotes; outside of them everything but a number or a word is broken JSON, and is not sent."""
    if isinstance(value, Markup):  # of `tojson`
        return str(value)
    return _NOT_A_LETTER.sub(lambda found: f"\\u{ord(found[0]):04x}", _plain(value))


def _plain(value: object) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _form(value: object) -> str:
    return quote_plus(_plain(value))


def _address(value: object) -> str:
    return quote(_plain(value), safe=":@")


def _xml(value: object) -> str:
    return escape(_NOT_XML.sub("", _plain(value)), {'"': "&quot;", "'": "&apos;"})


def _base64(value: object) -> str:
    return base64.b64encode(_plain(value).encode()).decode()


_WAYS: Mapping[Form, Callable[[object], str]] = {
    "json": _json, "form": _form, "url": _address, "header": _plain, "xml": _xml, "plain": _plain,
}  # fmt: skip


def _environment(form: Form) -> ImmutableSandboxedEnvironment:
    way = _WAYS[form]

    def finalize(value: object) -> object:
        return value if isinstance(value, Undefined) else way(value)

    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=finalize, autoescape=False)
    made.globals.clear()
    made.filters = {name: FILTERS[name] for name in _FILTERS} | {"base64": _base64}
    return made


_ENVIRONMENTS: Mapping[Form, ImmutableSandboxedEnvironment] = {form: _environment(form) for form in _WAYS}
