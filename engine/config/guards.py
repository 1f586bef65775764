"""`ceilings:` and `deliver_only:` of config.yaml: what keeps the first weeks from going wrong in front of
everybody."""

from __future__ import annotations

import re

from engine.config import Ceilings
from engine.language.grammar import TextPattern
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Node, Scalar
from engine.language.wording import quoted
from engine.problem import Problem

EACH = "each journey"
SUDDEN = "sudden"
OF_CUSTOMER = "customer:"

CEILINGS_SHAPE = {
    "type": "object",
    "properties": {SUDDEN: {"type": "string", "pattern": r"^[0-9.]+ times$", "examples": ["3 times"]}},
    "additionalProperties": {
        "type": "string",
        "pattern": r"^[0-9]+ (a|per) day$",
        "examples": ["10000 a day"],
    },
}
NAMES_SOMEBODY = TextPattern(
    rf"(?!\s*(@|{OF_CUSTOMER})\s*$).*", "names nobody",
    "the list holds addresses, endings of addresses and customers",
    'write  [anna@shop.example, "@shop.example", "+359888123456", "customer:anna"]',
)  # fmt: skip
_A_DAY = re.compile(r"(\d{1,9}) (?:a|per) day", re.ASCII)
_TIMES = re.compile(r"(\d{1,4}(?:\.\d{1,2})?) times", re.ASCII)


def read_ceilings(parts: MapReader) -> Ceilings:
    """`{each journey: 10000 a day, welcome: 500 a day, sudden: 3 times}`."""
    each: int | None = None
    of: dict[str, int] = {}
    sudden = Ceilings().sudden
    for entry in parts.entries("ceilings"):
        journey = entry.key.text
        if journey == SUDDEN:
            sudden = _times(parts.context, entry.value) or sudden
            continue
        most = _a_day(parts.context, entry.value)
        if most is not None and journey == EACH:
            each = most
        elif most is not None:
            of[journey] = most
    return Ceilings(each, of, sudden)


def read_deliver_only(parts: MapReader) -> tuple[str, ...] | None:
    """The list as it is written; None where there is none. A list that is there is a warning: who forgets it
    writes to nobody."""
    if "deliver_only" not in parts:
        return None
    named = tuple(word.value.strip() for word in parts.texts("deliver_only", blank=True))
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


def _a_day(context: ReadContext, node: Node) -> int | None:
    most = _A_DAY.fullmatch(node.text) if isinstance(node, Scalar) else None
    if most is None:
        _refuse(context, node, "a ceiling", "a ceiling says how many messages on a day", "500 a day")
        return None
    return int(most[1])


def _times(context: ReadContext, node: Node) -> float | None:
    times = _TIMES.fullmatch(node.text) if isinstance(node, Scalar) else None
    if times is None or float(times[1]) < 1:
        _refuse(context, node, "how sudden", "it says how often the usual volume of a day", "3 times")
        return None
    return float(times[1])


def _refuse(context: ReadContext, node: Node, name: str, why: str, example: str) -> None:
    shown = quoted(node.text) if isinstance(node, Scalar) else "this"
    context.refuse(node.span, f"{shown} is not {name}", why, f"write  {example}")
