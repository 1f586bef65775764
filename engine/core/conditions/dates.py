"""Questions about dates and times: how long ago, and whether it is today for the customer
(design/language 2.7, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from engine.core.conditions.condition import RelativeAge
from engine.core.conditions.scope import Scope
from engine.values import DAY, UTC, Birthday, Instant, Value, local_date, minus_days, plus

Asked: TypeAlias = Callable[[Value, Scope], bool]
"""What is asked of a value that is set and has the right type."""


def ago(form: RelativeAge) -> Asked:
    """`more than N ago`, `less than N ago`: strict at the edge, and the future is never ago."""
    length, back, more = form.length, form.length.backwards(), form.how == "more than"
    if form.ref.type.kind == "date":

        def asked_of_date(value: Value, scope: Scope) -> bool:
            today = local_date(scope.now, scope.facts.zone)
            day, edge = cast("dt.date", value), minus_days(today, length)
            return day < edge if more else edge < day <= today

        return asked_of_date

    def asked_of_time(value: Value, scope: Scope) -> bool:
        at, edge = cast("Instant", value), plus(scope.now, back, UTC)
        return at < edge if more else edge < at <= scope.now

    return asked_of_time if form.ref.type.kind == "time" else lambda _value, _scope: False


def _birthday_today(value: Value, scope: Scope) -> bool:
    today = local_date(scope.now, scope.facts.zone)
    return cast("Birthday", value).in_year(today.year) == today


def _time_today(value: Value, scope: Scope) -> bool:
    at, zone = cast("Instant", value), scope.facts.zone
    return abs(at - scope.now) <= 2 * DAY and local_date(at, zone) == local_date(scope.now, zone)


TODAY: Mapping[str, Asked] = {
    "date": lambda value, scope: value == local_date(scope.now, scope.facts.zone),
    "time": _time_today,
    "birthday": _birthday_today,
}
"""Whether a value of a kind falls on the customer's local day."""
