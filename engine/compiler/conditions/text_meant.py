"""A text that reads like a condition: a text attribute takes every word for its value, so that
`country: DE or AT` asks for the country "DE or AT", and nobody ever has it.

Words that a text may really hold are no mistake, so this is a warning, which its author can accept.
"""

from __future__ import annotations

import re

from engine.core.conditions.condition import Ref
from engine.language import syntax
from engine.language.syntax import Text
from engine.language.wording import quoted, shown
from engine.problem import Problem

_LONGEST = 120  # characters of a value that is looked at
_TEXTS = ("text", "list of text")
# A comma between two digits is that of a number (`38,5`)
_SEVERAL = re.compile(r"\s+or\s+|\s*(?:(?<!\d),|,(?!\d)|[;|])\s*(?:or\s+)?", re.IGNORECASE)
_ITEM = re.compile(r"[^\s\[\]]+(?: [^\s\[\]]+){0,2}")
_IN = re.compile(r"(?:is )?(?:in|one of|any of|either|among)\s+(?P<list>\[.+\]|\S.*)", re.IGNORECASE)
# Of countries and languages; XS and XL are sizes
_CODES = re.compile(r"(?!X[LS]\b)[A-Z]{2}(?:/(?!X[LS]\b)[A-Z]{2})+", re.ASCII)
_LETTERS_OF = (
    (re.compile(r"(?:begins|beginning|starting) with\s+(\S.*)", re.IGNORECASE), "starts with"),
    (re.compile(r"(?:ending|finishes) with\s+(\S.*)", re.IGNORECASE), "ends with"),
    (re.compile(r"(?:includes|containing)\s+(\S.*)", re.IGNORECASE), "contains"),
    (re.compile(r"(?:like\s+)?[*%]([^*%]+)[*%]"), "contains"),
    (re.compile(r"(?:like\s+)?([^*%]*[^*%\d\s])\s*[*%]"), "starts with"),
    (re.compile(r"(?:like\s+)?[*%]([^*%]+)"), "ends with"),
    (re.compile(r"matches\s+([^*%]+)", re.IGNORECASE), "contains"),
    (re.compile(r"/\^([\w@. -]+)/i?"), "starts with"),
    (re.compile(r"/([\w@. -]+)\$/i?"), "ends with"),
)
_NOTHING = frozenset(("empty", "null", "none", "nil", "undefined", "missing", "blank", "n/a", "~"))
_IN_QUOTES = re.compile(r"(?P<quote>['\"])(?P<inner>[^'\"]+)(?P=quote)")


def text_problem(name: Text, form: syntax.Form, ref: Ref) -> Problem | None:
    """W60 for a form behind a name that is a text, or a list of texts."""
    if ref.type.kind not in _TEXTS:
        return None
    inner = form.form if isinstance(form, syntax.Negated) else form
    match inner:
        case syntax.Equals((value,), many=False) | syntax.TextMatch(value=value):
            pass
        case _:
            return None
    how = inner.how if isinstance(inner, syntax.TextMatch) else ""
    meant = _letters_meant(how, value.value) if how else form_meant(value.value)
    if not meant or (meant.startswith("contains ") and ref.type.kind != "text"):  # a list has whole values
        return None
    words = meant
    if isinstance(form, syntax.Negated):
        words = "is set" if meant == "is not set" else f"not {meant}"
    return Problem(
        value.span,
        "W60",
        f"{quoted(value.value)} is taken for the very words that {quoted(name.value)} has",
        f"{quoted(name.value)} is a text, and its value is compared letter by letter",
        f"write  {name.value}: {words}",
        "warning",
    )


def form_meant(words: str) -> str:
    """The form that words may have been meant as: `[DE, AT]` for `DE or AT`; "" where they are a plain
    value."""
    if len(words) > _LONGEST:
        return ""
    if words.casefold() in _NOTHING:
        return "is not set"
    for pattern, how in _LETTERS_OF:
        if match := pattern.fullmatch(words):
            return f"{how} {match[1].strip()}"
    listed = _IN.fullmatch(words)
    inner = listed["list"] if listed else words
    if listed and inner.startswith("["):
        return inner
    if _CODES.fullmatch(inner):
        return f"[{', '.join(inner.split('/'))}]"
    items = [item for item in _SEVERAL.split(inner) if item]
    if len(items) < 2 or not all(_ITEM.fullmatch(item) for item in items):
        return ""
    return f"[{', '.join(shown(item) for item in items)}]"


def _letters_meant(how: str, value: str) -> str:
    """`starts with 'A'`: the quotes are letters, too."""
    match = _IN_QUOTES.fullmatch(value)
    return f"{how} {match['inner']}" if match else ""
