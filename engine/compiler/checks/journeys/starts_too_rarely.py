"""Starts that come less often than they seem to: W63, a change of the catalogue that is waited for as an
event of the customer; W64, a date without `every: year` in a journey that is to come back every year."""

from __future__ import annotations

from engine.compiler.catalogue.catalogue import PRODUCT_STARTS
from engine.compiler.check_input import JourneyCheckInput
from engine.core.journey import DateTrigger
from engine.language import syntax
from engine.language.wording import quoted
from engine.problem import Problem

_A_YEAR = 365  # days


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Both, for each start."""
    problems = [
        Problem(
            start.event.span, "W63",
            f"no change of the catalogue starts this: {quoted(start.event.value)} is waited for as an event "
            "of the customer",
            "as an event it is only what a system of yours sends about one customer",
            f"write  product: {start.event.value}  for everybody who watches the product", level="warning",
        )
        for start in checked.file.starts
        if isinstance(start, syntax.EventStart) and start.event.value in PRODUCT_STARTS
    ]  # fmt: skip
    again = checked.file.again
    if checked.journey is None or again is None or again.how != "after" or again.after is None:
        return problems
    length = again.after.duration
    if length.months % 12 != 0 or not (length.months or length.days == _A_YEAR):
        return problems
    once = [
        start
        for start in checked.journey.starts
        if isinstance(start, DateTrigger) and not start.yearly and start.ref.type.kind != "birthday"
    ]
    return problems + [
        Problem(
            start.date.span, "W64", f"{quoted(start.date.value)} comes once, and not every year",
            "a date that is no birthday returns only where the start says so",
            f"add  every: year  below  date: {start.date.value} , or  again: never", level="warning",
        )
        for start in checked.file.starts
        if isinstance(start, syntax.DateStart) and any(each.line == start.date.span.line for each in once)
    ]  # fmt: skip
