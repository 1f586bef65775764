"""`retention:` in config.yaml: how long the store keeps what it does not need to decide."""

from __future__ import annotations

from engine.config import Retention
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.values import DAY

_LENGTH = TextPattern(
    "[1-9][0-9]{0,3} (day|week|month|year)s?", "is no length of time to keep something",
    "what is older goes in the night", "write  90 days  or  3 years",
)  # fmt: skip
RETENTION = Construct(
    "retention",
    "retention",
    (
        Key("events", "text", "the history of customers", example="3 years", pattern=_LENGTH),
        Key("traces", "text", "what was decided and why", example="1 year", pattern=_LENGTH),
        Key("bodies", "text", "what providers and senders wrote, word by word", example="90 days",
            pattern=_LENGTH),
        Key("receipts", "text", "by which an event is taken once", example="1 year", pattern=_LENGTH),
    ),
    "How long the store keeps what it does not need to decide",
)  # fmt: skip

_MILLISECONDS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}


def read_retention(reader: MapReader | None) -> Retention:
    """What the file says; a key that is left out or wrong has its default."""
    lengths = {}
    for key in RETENTION.keys if reader is not None else ():
        assert reader is not None
        text = reader.text(key.name)
        if text is not None:
            number, _, unit = text.value.partition(" ")
            lengths[key.name] = int(number) * _MILLISECONDS[unit.rstrip("s")]
    return Retention(**lengths)
