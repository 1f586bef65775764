"""`weekdays:` - one day, several days, `workdays` or `weekend`."""

from __future__ import annotations

from engine.language.map_reader import MapReader
from engine.language.phrases.moment import parse_weekday


def parse_weekdays(reader: MapReader) -> tuple[int, ...]:
    """The days of the key `weekdays`, 0 = Monday, in their order, each once."""
    days: set[int] = set()
    for text in reader.texts("weekdays"):
        days.update(reader.context.keep(parse_weekday(text)) or ())
    return tuple(sorted(days))
