"""Starts that come less often than they seem to: W63, a change of the catalogue that is waited for as an
event of the customer; W61, a day of birth that is declared as a date, without `every: year`; W64, another
date without it in a journey that is to come back every year."""

from __future__ import annotations

import re

from engine.compiler.catalogue.catalogue import PRODUCT_STARTS
from engine.compiler.check_input import JourneyCheckInput
from engine.core.journey import DateTrigger
from engine.language import syntax
from engine.language.wording import quoted
from engine.problem import Problem

_A_YEAR = 365  # days
_DAY_OF_BIRTH = re.compile(
    r"birth_?(?:day|date)|date_of_birth|day_of_birth|born(?:_on)?|dob|b_?day", re.ASCII
)


def check(checked: JourneyCheckInput) -> list[Problem]:
    """All of them, for each start."""
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
    if checked.journey is None:
        return problems
    once = [
        start
        for start in checked.journey.starts
        if isinstance(start, DateTrigger)
        and not start.yearly
        and start.ref.type.kind != "birthday"
        # Those move: `last_order_at` comes again with the next order
        and start.ref.name not in checked.world.catalogue.computed
    ]
    of_birth = {start.line for start in once if _is_day_of_birth(start)}
    every_year = {start.line for start in once if _is_for_every_year(checked.file.again)} - of_birth
    for start in checked.file.starts:
        if not isinstance(start, syntax.DateStart):
            continue
        date, line = start.date, start.date.span.line
        if line in of_birth:
            problems.append(Problem(
                date.span, "W61", f"{quoted(date.value)} comes once, in the year of the birth",
                "that year is past, so this start starts nobody",
                f"add  every: year  below  date: {date.value} , or declare the attribute as  birthday",
                level="warning",
            ))  # fmt: skip
        elif line in every_year:
            problems.append(Problem(
                date.span, "W64", f"{quoted(date.value)} comes once, and not every year",
                "a date that is no birthday returns only where the start says so",
                f"add  every: year  below  date: {date.value} , or  again: never, or accept it where the "
                "shop moves the date", level="warning",
            ))  # fmt: skip
    return problems


def _is_day_of_birth(start: DateTrigger) -> bool:
    """Years after it is another day, for example that of coming of age."""
    is_years_after = start.offset.months >= 12 or start.offset.days >= _A_YEAR
    return _DAY_OF_BIRTH.fullmatch(start.ref.name) is not None and not is_years_after


def _is_for_every_year(again: syntax.Again | None) -> bool:
    if again is None or again.how != "after" or again.after is None:
        return False
    length = again.after.duration
    return length.months % 12 == 0 and (length.months > 0 or length.days == _A_YEAR)
