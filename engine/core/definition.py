"""The text of a definition, kept with every sweep of the whole base to tell a changed one from the same.

Whoever fits a changed definition was there from the beginning and starts nothing, so a release must not
change these texts: they are made of the words in `_WRITTEN_AS`, never of the names of classes and
attributes, which may be renamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from msgspec import Struct

from engine.core.conditions import condition as conditions
from engine.core.facts.rfm import Group, GroupTable
from engine.values import Birthday, Duration, Money, Type

_WRITTEN_AS: Mapping[type, str] = {
    conditions.Ref: "Ref source name type",
    conditions.IsOneOf: "Is ref values",
    conditions.IsSet: "Set ref",
    conditions.Compare: "Compare ref how value",
    conditions.Between: "Between ref low high",
    conditions.RelativeAge: "Ago ref how length",
    conditions.BeforeAfter: "Beside ref how moment",
    conditions.Today: "Today ref",
    conditions.TextMatch: "Match ref how text",
    conditions.Did: "Did event low high last since_start where",
    conditions.InSegment: "InSegment names",
    conditions.InsideJourney: "InsideJourney journeys",
    conditions.Can: "Can channels consent",
    conditions.Reacted: "Reacted how template",
    conditions.GoalReached: "GoalReached",
    conditions.Not: "Not condition",
    conditions.AllOf: "All conditions",
    conditions.AnyOf: "Any conditions",
    Type: "Type kind choices items",
    Money: "Money amount currency",
    Birthday: "Birthday month day year",
    Duration: "Duration months days elapsed",
    Group: "Group name recency frequency money",
    GroupTable: "GroupTable groups otherwise",
}
"""A word for the class, then one for each of its fields, in the order in which the class declares them."""


def definition(value: object) -> str:
    """The text of a condition, a table of groups, a tuple of them, or a plain value."""
    if isinstance(value, tuple):
        parts = [definition(part) for part in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(value, Struct):
        names = value.__struct_fields__
    elif dataclasses.is_dataclass(value):
        names = tuple(field.name for field in dataclasses.fields(value))
    else:
        return repr(value)
    tag, *words = _WRITTEN_AS[type(value)].split()
    parts = [f"{word}={definition(getattr(value, name))}" for word, name in zip(words, names, strict=True)]
    return f"{tag}({', '.join(parts)})"
