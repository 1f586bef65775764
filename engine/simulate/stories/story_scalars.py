"""Values as they are written in a story, so that whoever reads the YAML gets the same value."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from engine.values import DAY, HOUR, MINUTE, Birthday, Instant, Money, Type, Value, to_datetime

_PLAIN = re.compile(r"[A-Za-z_/][\w ./+%-]*", re.ASCII)
"""Texts that every reader of YAML takes for themselves; what begins as a number or a date does is quoted."""

_YAML_WORDS = frozenset(("true", "false", "yes", "no", "y", "n", "on", "off", "null"))

_UNTOLD = re.compile(r"[^\w\s!-~]|[^\S ]|(?<={)[{%]")
"""What may be changed or refused where it stands in a file: spaces and dashes of its own, invisible
characters, templating."""


def value_words(value: Value, kind: Type, zone: ZoneInfo) -> str:
    """A value of a type. Moments are those of `zone`; of a birthday the year is left out."""
    if kind.kind == "time" and isinstance(value, int):
        return f"{to_datetime(Instant(value), zone):%Y-%m-%d %H:%M}"
    if kind.kind == "list of" and isinstance(value, list):
        kinds = dict(kind.items)
        shown = []
        for row in value:
            # An item's field is a value like any other
            parts = (
                f"{name}: {value_words(cast('Value', inner), kinds[name], zone)}"
                for name, inner in row.items()
                if name in kinds
            )
            shown.append(f"{{{', '.join(parts)}}}")
        return f"[{', '.join(shown)}]"
    match value:
        case bool():
            return "true" if value else "false"
        case Money():
            return f"{value.amount:f} {value.currency}"
        case Birthday():
            # The year is nobody's business
            return f"2000-{value.month:02}-{value.day:02}"
        case tuple():
            return f"[{', '.join(scalar(word) for word in value)}]"
        case str():
            return scalar(value)
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def scalar(text: str) -> str:
    """A text, quoted where YAML would take it for something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS and not text.endswith(" "):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _UNTOLD.sub(lambda found: f"\\U{ord(found[0]):08x}", escaped) + '"'


def length_words(length: Instant) -> str:
    """A length of time in words: to the minute below ten hours, to the hour below ten days."""
    many, unit = next(
        (length // size, name)
        for size, name, least in ((DAY, "day", 10 * DAY), (HOUR, "hour", 10 * HOUR), (MINUTE, "minute", 0))
        if length >= least
    )
    many = max(many, 1)
    return f"{many} {unit}" if many == 1 else f"{many} {unit}s"
