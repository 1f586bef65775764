"""`ceilings:` and `deliver_only:` of config.yaml: what keeps the first weeks from going wrong in front of everybody."""

from __future__ import annotations

import re

from engine.config import Ceilings
from engine.config.nodes import Reader
from engine.language.nodes import Entry, Node, Scalar
from engine.language.wording import quoted
from engine.problem import Problem

EACH = "each journey"
SUDDEN = "sudden"
OF_CUSTOMER = "customer:"

_A_DAY = re.compile(r"(\d{1,9}) (?:a|per) day", re.ASCII)
_TIMES = re.compile(r"(\d{1,4}(?:\.\d{1,2})?) times", re.ASCII)


def read_ceilings(parts: dict[str, Entry], reader: Reader) -> Ceilings:
    """`{each journey: 10000 a day, welcome: 500 a day, sudden: 3 times}`."""
    entry = parts.get("ceilings")
    whole = reader.mapping(entry.value, "ceilings") if entry else None
    each: int | None = None
    of: dict[str, int] = {}
    sudden = Ceilings().sudden
    for one in whole.entries if whole else ():
        name = one.key.text
        if name == SUDDEN:
            sudden = _times(one.value, reader) or sudden
            continue
        most = _a_day(one.value, reader)
        if most is not None and name == EACH:
            each = most
        elif most is not None:
            of[name] = most
    return Ceilings(each, of, sudden)


def read_deliver_only(parts: dict[str, Entry], reader: Reader) -> tuple[str, ...] | None:
    """The list as it is written; None where there is none. A list that is there is a warning: who forgets it writes to
    nobody."""
    entry = parts.get("deliver_only")
    if entry is None:
        return None
    words = reader.words(entry.value, "deliver_only")
    found = []
    for word in words:
        text = word.text.strip()
        if text in ("@", OF_CUSTOMER, ""):
            reader.refuse(
                word.span,
                f"{quoted(word.text)} names nobody",
                "the list holds addresses, endings of addresses and customers",
                'write  [anna@shop.example, "@shop.example", "+359888123456", "customer:anna"]',
            )
            continue
        found.append(text)
    reader.problems.append(
        Problem(
            entry.key.span, "W11", "deliver_only is set: everybody else gets no message",
            "a message to another address is not handed over, and its channel is passed over",
            "remove deliver_only when the first weeks are over", "warning",
        )
    )  # fmt: skip
    return tuple(found)


def _a_day(node: Node, reader: Reader) -> int | None:
    found = _A_DAY.fullmatch(node.text) if isinstance(node, Scalar) else None
    if found is None:
        _refuse(node, reader, "a ceiling", "a ceiling says how many messages on a day", "500 a day")
        return None
    return int(found[1])


def _times(node: Node, reader: Reader) -> float | None:
    found = _TIMES.fullmatch(node.text) if isinstance(node, Scalar) else None
    if found is None or float(found[1]) < 1:
        _refuse(node, reader, "how sudden", "it says how often the usual volume of a day", "3 times")
        return None
    return float(found[1])


def _refuse(node: Node, reader: Reader, name: str, why: str, example: str) -> None:
    shown = quoted(node.text) if isinstance(node, Scalar) else "this"
    reader.refuse(node.span, f"{shown} is not {name}", why, f"write  {example}")
