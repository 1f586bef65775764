"""`tiers:` of config.yaml with what the catalogue says: what they are counted by, and what each takes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.compiler.literals import read_constant
from engine.compiler.project_context import ProjectContext
from engine.config import TiersConfig
from engine.core.points.rules import Tier, TierRules
from engine.language.nodes import part
from engine.language.quantities import parse_length
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean
from engine.values import Duration, Money, Type

EARNED = "points earned"
_IN_LAST = f"{EARNED} in last "
_AMOUNTS = ("number", "money")


def compile_tiers(written: TiersConfig, project: ProjectContext, problems: list[Problem]) -> TierRules | None:
    """The tiers; None after noting what is wrong with them."""
    before, by = len(problems), written.by
    kind, fact, last = Type("number"), None, None
    if by is not None and by.value.startswith(EARNED):
        last = _stretch(by, problems)
        if project.config.points is None:
            problems.append(
                Problem(
                    by.span, "E129", "there are no points that could be earned",
                    "config.yaml has no  points:", "add  points:, or write the name of a fact",
                )
            )  # fmt: skip
    elif by is not None:
        found = project.catalogue.customer_type(by.value)
        if found is None or found.kind not in _AMOUNTS or by.value in project.catalogue.ledger:
            problems.append(_no_measure(by, project))
            return None
        kind, fact = found, by.value
    into = tuple(_thresholds(written, kind, project, problems))
    if len(problems) > before or by is None or not into:
        return None
    return TierRules(into, fact, last, written.keep)


def _stretch(by: Text, problems: list[Problem]) -> Duration | None:
    """`points earned in last 365 days`."""
    if by.value == EARNED:
        return None
    if not by.value.startswith(_IN_LAST):
        problems.append(
            Problem(
                by.span, "E129", f"tiers cannot be counted by {quoted(by.value)}",
                "it is  points earned, perhaps  in last 365 days, or a fact that is a number or money",
                f"write  {_IN_LAST}365 days",
            )
        )  # fmt: skip
        return None
    length = parse_length(part(by, len(_IN_LAST), len(by.value) - len(_IN_LAST)))
    if isinstance(length, Problem):
        problems.append(length)
        return None
    return length.duration


def _no_measure(by: Text, project: ProjectContext) -> Problem:
    """E129: what tiers cannot be counted by."""
    catalogue = project.catalogue
    typed = ((name, catalogue.customer_type(name)) for name in catalogue.customer_names())
    known = [
        name
        for name, kind in typed
        if kind is not None and kind.kind in _AMOUNTS and name not in catalogue.ledger
    ]
    return Problem(
        by.span, "E129", f"tiers cannot be counted by {quoted(by.value)}",
        "it is  points earned, perhaps  in last 365 days, or a fact that is a number or money",
        did_you_mean(by.value, [EARNED, f"{_IN_LAST}365 days", *known], f"write  {_IN_LAST}365 days"),
    )  # fmt: skip


def _thresholds(
    written: TiersConfig, kind: Type, project: ProjectContext, problems: list[Problem]
) -> Iterator[Tier]:
    highest: Decimal | None = None
    for name, text in written.into:
        value = read_constant(text, kind, project.local)
        if isinstance(value, Problem):
            problems.append(value)
            continue
        amount = value.amount if isinstance(value, Money) else Decimal(str(value))
        if highest is not None and amount <= highest:
            problems.append(
                Problem(
                    text.span, "E129", f"{name.value} takes no more than the tier before it",
                    "tiers stand from the lowest to the highest", "put them in their order",
                )
            )  # fmt: skip
            continue
        highest = amount
        yield Tier(name.value, amount)
