"""The hash of what a journey does: formatting, comments, stories, `about` and `owner` do not change it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from functools import cache

from engine.ids import derive
from engine.language import syntax
from engine.problem import Span

_NOT_BEHAVIOUR = frozenset({"about", "owner", "tests", "source", "span"})

_UNLESS_WRITTEN = frozenset({"auto", "likely", "their_hour"})
"""Parts that the language got later: a journey without them keeps the hash that it always had."""

_HASHED_NAMES = {"Negated": "Opposite", "RelativeAge": "Ago", "BeforeAfter": "Beside", "TextMatch": "Match"}
"""Classes that were renamed since the first hash was stored, with the name that goes into the hash for ever."""


def fingerprint(file: syntax.JourneyFile | syntax.SegmentFile) -> str:
    """The same for two files that do the same in the same words."""
    return derive(_said(file))


def content_hash(*texts: str) -> str:
    """The hash of files as they stand."""
    return derive(*texts)


def _said(value: object) -> str:
    """One text for a part of the syntax; lengths and times by what they mean, words as they stand."""
    match value:
        case None | bool() | int() | Decimal():
            return repr(value)
        case str():
            return repr(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case Span():
            return ""
        case syntax.Text():
            return repr(value.value)
        case syntax.Length():
            length = value.duration
            return f"({length.months},{length.days},{length.elapsed})"
        case syntax.Clock():
            return value.time.isoformat()
        case tuple():
            return f"[{','.join(_said(each) for each in value)}]"
        case syntax.Until():
            return _fields(value, leave_out="text")
        case syntax.Wait():
            return _fields(value, leave_out="value")
        case _:
            return _fields(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    assert dataclasses.is_dataclass(kind)
    return tuple(each.name for each in dataclasses.fields(kind) if each.name not in _NOT_BEHAVIOUR)


def _fields(value: object, leave_out: str = "") -> str:
    kind: type = type(value)
    names = (name for name in _names(kind) if name != leave_out)
    names = (name for name in names if name not in _UNLESS_WRITTEN or getattr(value, name))
    hashed_name = _HASHED_NAMES.get(kind.__name__, kind.__name__)
    return f"{hashed_name}({','.join(f'{name}={_said(getattr(value, name))}' for name in names)})"
