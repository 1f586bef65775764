"""Which type a name that no schema knows would have, by what is said of it: so that the line to paste into a
schema is right for the line that asks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.compiler.literals import NO, YES
from engine.language import syntax
from engine.language.spelling import spell_amount

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_MONEY = re.compile(r"-?\d+(?:\.\d+)? [A-Z]{3}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def type_of_words(values: Iterable[str]) -> str:
    """The type of all of these values; text where they say nothing else."""
    words = [spell_amount(value) for value in values]
    for kind, pattern in (("number", _NUMBER), ("money", _MONEY), ("date", _DATE)):
        if words and all(pattern.fullmatch(word) for word in words):
            return kind
    return "true/false" if words and set(words) <= {*YES, *NO} else "text"


def type_of_form(form: syntax.Form) -> str:
    """The type that the form behind a name fits."""
    match form:
        case syntax.Negated(inner):
            return type_of_form(inner)
        case syntax.Compare(value=value):
            return "money" if type_of_words((value.value,)) == "money" else "number"
        case syntax.Between(low, high):
            return "money" if type_of_words((low.value, high.value)) == "money" else "number"
        case syntax.RelativeAge() | syntax.BeforeAfter() | syntax.Today():
            return "date"
        case syntax.Equals(values):
            return type_of_words(value.value for value in values)
        case _:
            return "text"


def types_asked(written: syntax.AllOf | None) -> dict[str, str]:
    """The names that a condition asks for, each with its type."""
    lines = written.lines if written is not None else ()
    return {line.name.value: type_of_form(line.form) for line in lines if isinstance(line, syntax.Test)}
