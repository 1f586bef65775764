"""`holdout:` and `decide:` - who gets nothing and is measured, and when it is decided what an experiment
shows."""

from __future__ import annotations

import re

from engine.language.grammar import HOLDOUT
from engine.language.map_reader import MapReader
from engine.language.nodes import Mapping
from engine.language.quantities import parse_date
from engine.language.spelling import spell_decide
from engine.language.syntax import DecisionMoment, Text
from engine.language.wording import quoted
from engine.problem import Problem

MOST_PEOPLE = 10_000_000
"""In each arm."""

_AFTER = re.compile(r"after (\d{1,3}(?:,\d{3})+|\d+) people each", re.ASCII)
_PEOPLE = re.compile(
    r"(?:after |with |at )?(\d{1,3}(?:,\d{3})+|\d{1,9})(?: (?:people|persons|customers|users|contacts))?",
    re.IGNORECASE,
)
_ON = re.compile(r"on +(\S.*)")
_FIX = "write  after 2,000 people each  or  on 2026-12-15"


def parse_holdout(reader: MapReader) -> tuple[int, DecisionMoment | None]:
    """A share, or a map with `share` and `decide`."""
    node = reader.node("holdout")
    if not isinstance(node, Mapping):
        return reader.share("holdout") or 0, None
    inside = MapReader(reader.context, HOLDOUT, node.entries, reader.at_key("holdout"))
    share, decide = inside.share("share"), parse_decide(inside)
    if decide is not None and share is not None and share in (0, 100):
        reader.context.report(
            decide.span,
            "E139",
            f"a holdout of {share}% compares nothing",
            "nobody is held out" if share == 0 else "everybody is held out",
            "write a share between 1% and 50%, as in  share: 5%",
        )
    return share or 0, decide


def parse_decide(reader: MapReader) -> DecisionMoment | None:
    """`decide:`: `after 2,000 people each`, `on 2026-12-15`."""
    text = reader.text("decide")
    if text is None:
        return None
    return reader.context.keep(_parse(reader.context.spell(text, spell_decide)))


def _parse(text: Text) -> DecisionMoment | Problem:
    if match := _AFTER.fullmatch(text.value):
        people = int(match[1].replace(",", "")) if len(match[1]) < 20 else MOST_PEOPLE + 1
        if 0 < people <= MOST_PEOPLE:
            return DecisionMoment(text.span, people, None)
        return Problem(
            text.span,
            "E138",
            f"{match[1]} people each can never be counted",
            f"it is a number from 1 to {MOST_PEOPLE:,}, of people in each path",
            "write  after 2,000 people each;  report experiments --size 2% --from 8%  says how many it takes",
        )
    if match := _ON.fullmatch(text.value):
        day = parse_date(Text(match[1], text.span))
        return day if isinstance(day, Problem) else DecisionMoment(text.span, None, day)
    return Problem(
        text.span,
        "E137",
        f"{quoted(text.value)} is no moment at which an experiment is decided",
        "the moment is fixed before anybody looks: a number of people in each path, or a day",
        f"write  after {meant[1]} people each" if (meant := _PEOPLE.fullmatch(text.value)) else _FIX,
    )
