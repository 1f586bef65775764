"""`ceilings:` and `deliver_only:` of config.yaml: what keeps the first weeks from going wrong in front of
everybody."""

from __future__ import annotations

from engine.config import Ceilings
from engine.language.grammar import TextPattern
from engine.language.map_reader import MapReader
from engine.problem import Problem

EACH = "each journey"
SUDDEN = "sudden"
OF_CUSTOMER = "customer:"

_A_DAY = TextPattern(
    "[0-9]{1,9} (a|per) day", "is not a ceiling", "a ceiling says how many messages on a day",
    "write  500 a day",
)  # fmt: skip
_TIMES = TextPattern(
    r"[1-9][0-9]{0,3}(\.[0-9]{1,2})? times", "is not how sudden",
    "it says how often the usual volume of a day", "write  3 times",
)  # fmt: skip
CEILINGS_SHAPE = {
    "type": "object",
    "properties": {SUDDEN: {"type": "string", "pattern": f"^{_TIMES.pattern}$", "examples": ["3 times"]}},
    "additionalProperties": {"type": "string", "pattern": f"^{_A_DAY.pattern}$", "examples": ["500 a day"]},
}
NAMES_SOMEBODY = TextPattern(
    rf"(?!\s*(@|{OF_CUSTOMER})\s*$).*", "names nobody",
    "the list holds addresses, endings of addresses and customers",
    'write  [anna@shop.example, "@shop.example", "+359888123456", "customer:anna"]',
)  # fmt: skip


def read_ceilings(parts: MapReader) -> Ceilings:
    """`{each journey: 10000 a day, welcome: 500 a day, sudden: 3 times}`."""
    each: int | None = None
    of: dict[str, int] = {}
    sudden = Ceilings().sudden
    for entry in parts.entries("ceilings"):
        journey, must = entry.key.text, _TIMES if entry.key.text == SUDDEN else _A_DAY
        text = parts.context.text(entry.value, journey, must.fix.removeprefix("write  "))
        # One wrong line leaves the other ceilings standing.
        if text is None or not parts.context.fits(text, must):
            continue
        # The pattern has made sure of the number before the space.
        number = text.value.partition(" ")[0]
        if journey == SUDDEN:
            sudden = float(number)
        elif journey == EACH:
            each = int(number)
        else:
            of[journey] = int(number)
    return Ceilings(each, of, sudden)


def read_deliver_only(parts: MapReader) -> tuple[str, ...] | None:
    """The list as it is written; None where there is none. A list that is there is a warning: who forgets it
    writes to nobody."""
    if "deliver_only" not in parts:
        return None
    # An empty list is not the same as none: it lets nobody have a message.
    named = tuple(word.value.strip() for word in parts.texts("deliver_only", blank=True))
    # A warning and no error: in the first weeks it is meant to be there.
    parts.context.problems.append(
        Problem(
            parts.at_key("deliver_only"),
            "W11",
            "deliver_only is set: everybody else gets no message",
            "a message to another address is not handed over, and its channel is passed over",
            "remove deliver_only when the first weeks are over",
            "warning",
        )
    )
    return named
