"""`weekdays:` - one day, several days, `workdays` or `weekend`."""

from __future__ import annotations

from engine.language.moment import parse_weekday
from engine.language.parts import Parts


def parse_weekdays(parts: Parts) -> tuple[int, ...]:
    """The days of the key `weekdays`, 0 = Monday, in their order, each once."""
    days: set[int] = set()
    for text in parts.texts("weekdays"):
        days.update(parts.reading.keep(parse_weekday(text)) or ())
    return tuple(sorted(days))
