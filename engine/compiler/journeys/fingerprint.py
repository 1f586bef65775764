"""The hash of what a journey does: formatting, comments, stories, `about` and `owner` do not change it.

It is kept with every deployment and compared with the next one, so it is made of the words in `_WRITTEN_AS`,
never of the names of classes and attributes: those may be renamed, the words may not.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from engine.ids import derive
from engine.language import syntax
from engine.problem import Span

_WRITTEN_AS: Mapping[type, str] = {
    syntax.JourneyFile: (
        "JourneyFile name - was - - state starts who again goal exit_if policy priority holdout - steps - -"
    ),
    syntax.SegmentFile: "SegmentFile name - who -",
    syntax.EventStart: "EventStart event where per fresh -",
    syntax.SegmentStart: "SegmentStart segment members -",
    syntax.DateStart: "DateStart date before after at - - yearly?",
    syntax.ClockStart: "ClockStart every day weekdays at -",
    syntax.ProductStart: "ProductStart kind by watchers within collect per -",
    syntax.Again: "Again how after -",
    syntax.Goal: "Goal events where when within then do -",
    syntax.Until: "Until - time weekday date name offset side their_hour?",
    syntax.Pair: "Pair name value",
    syntax.AllOf: "AllOf lines -",
    syntax.Group: "Group how conditions -",
    syntax.Test: "Test name form",
    syntax.Did: "Did event low high last since_start where negated -",
    syntax.InSegment: "InSegment names negated -",
    syntax.InsideJourney: "InsideJourney journeys negated -",
    syntax.Can: "Can channels negated -",
    syntax.Reacted: "Reacted how template negated -",
    syntax.GoalIs: "GoalIs reached -",
    syntax.Equals: "Equals values - many",
    syntax.IsSet: "IsSet -",
    syntax.Compare: "Compare how value - -",
    syntax.Between: "Between low high -",
    syntax.RelativeAge: "Ago how length -",
    syntax.BeforeAfter: "Beside how moment -",
    syntax.Today: "Today -",
    syntax.TextMatch: "Match how value -",
    syntax.Negated: "Opposite form -",
    syntax.DecisionMoment: "DecisionMoment - people on",
}
"""As in `syntax.Hashed`."""


def fingerprint(file: syntax.JourneyFile | syntax.SegmentFile) -> str:
    """The same for two files that do the same in the same words."""
    return derive(meaning(file))


def content_hash(*texts: str) -> str:
    """The hash of files as they stand."""
    return derive(*texts)


def meaning(value: object) -> str:
    """One text for a part of the syntax, the same for two parts that do the same; lengths and times by what
    they mean, words as they stand."""
    match value:
        case None | bool() | int() | Decimal() | str():
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
            return f"[{','.join(meaning(part) for part in value)}]"
        case _:
            # a step declares its words beside its fields
            hashed = value.hashed if isinstance(value, syntax.Hashed) else _WRITTEN_AS[type(value)]
            tag, *words = hashed.split()
            return f"{tag}({','.join(_fields(value, words))})"


def _fields(value: object, words: list[str]) -> Iterator[str]:
    kind: Any = type(value)  # mypy does not take a class of unknown kind as a key
    for word, name in zip(words, _names(kind), strict=True):
        content = getattr(value, name)
        if word != "-" and (content or not word.endswith("?")):
            yield f"{word.removesuffix('?')}={meaning(content)}"


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    assert dataclasses.is_dataclass(kind)
    return tuple(field.name for field in dataclasses.fields(kind))
