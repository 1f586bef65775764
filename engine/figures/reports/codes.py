"""`report codes`: what became of promo codes, and what was bought with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import Metric, Value, ratio
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.figures.reports.other_currencies import apart
from engine.store.amounts import amount_of
from engine.store.incentives import code_figures, code_report
from engine.store.incentives.code_figures import CodeOrigin, CodeSums

_NOW = "now, whatever the period is"

FREE = Metric("codes_free", "free now", "count", "codes of a file that nobody has", "codes", _NOW, "")
WAITING = Metric("codes_waiting", "waiting now", "count", "runs that wait for a code", "runs", _NOW, "")
GIVEN = Metric(
    "codes_given", "given", "count", "codes that a journey gave to somebody", "codes; of one that everybody "
    "gets each run that gave it", "on the day on which it was given", "",
)  # fmt: skip
USED = Metric(
    "codes_used", "used", "count",
    "codes that were used, those after their end among them, which bring no order", "codes, each once",
    "on the day of the use", "",
)  # fmt: skip
USED_SHARE = Metric(
    "codes_used_share", "share used", "share", "used / given", "codes",
    "uses of the period against what was given in it, which need not be the same codes", "given",
)  # fmt: skip
GIVEN_BACK = Metric(
    "codes_given_back", "given back", "count", "codes that no message brought to anybody", "codes",
    "on the day on which they were given back", "",
)  # fmt: skip
EXPIRED = Metric(
    "codes_expired", "run out", "count", "codes whose time was over before they were used", "codes",
    "on the day on which it was over", "",
)  # fmt: skip
CODE_ORDERS = Metric(
    "code_orders", "orders", "count",
    "uses that counted; a code that everybody gets may count in many orders", "orders, gross",
    "on the day of the use", "",
)  # fmt: skip
CODE_REVENUE = Metric(
    "code_revenue", "revenue", "money", "what these orders came to, as the shop told it",
    "orders, gross; those in another currency apart", "on the day of the use", "",
)  # fmt: skip
CODE_AVERAGE = Metric(
    "code_average", "average order", "money",
    "revenue / orders, of those whose amount is known in the currency of the shop", "orders, gross",
    "on the day of the use", "",
)  # fmt: skip
REFUSED = Metric(
    "codes_refused", "not counted", "count", "codes that were shown and did not count, for whatever reason",
    "showings", "on the day on which it was shown", "",
)  # fmt: skip

_OF_PERIOD: tuple[Metric, ...] = (
    GIVEN, USED, USED_SHARE, GIVEN_BACK, EXPIRED, CODE_ORDERS, CODE_REVENUE, CODE_AVERAGE, REFUSED,
)  # fmt: skip
CODES: tuple[Metric, ...] = (*_OF_PERIOD, FREE, WAITING)


def codes(scope: ReportScope) -> ReportContent:
    """A line for each pool, and one for each journey that gave codes."""
    now, before = _sums(scope, scope.wanted.period), _sums(scope, scope.before)
    pools = code_report.report(scope.conn, scope.now)
    of_pool, of_pool_before = (_by(found, lambda origin: origin.pool) for found in (now, before))
    of_journey, of_journey_before = (_by(found, lambda origin: origin.journey) for found in (now, before))
    lines = [
        Row(
            name,
            (*_values(of_pool.get(name, CodeSums())), pool.free if pool.size else None, pool.waiting),
            (*_values(of_pool_before.get(name, CodeSums())), None, None),
            note=_refused(of_pool.get(name, CodeSums())),
        )
        for name, pool in sorted(pools.items())
    ]
    journeys = [
        Row(
            name or "of no journey",
            _values(of_journey.get(name, CodeSums())),
            _values(of_journey_before.get(name, CodeSums())),
            note=_refused(of_journey.get(name, CodeSums())),
        )
        for name in sorted({*of_journey, *of_journey_before})
    ]
    whole, whole_before = CodeSums(), CodeSums()
    for total, half in ((whole, now), (whole_before, before)):
        for some in half.values():
            total.add(some)
    return ReportContent(
        (
            Table("codes", "Pools", "pool", CODES, tuple(lines), note="why not counted"),
            Table(
                "codes_by_journey", "Journeys that gave them", "journey", _OF_PERIOD, tuple(journeys),
                note="why not counted",
            ),
            *apart(whole.others, whole_before.others),
        ),
        _NOTES if pools else ("No code was ever given, and no file of codes was read.",),
    )  # fmt: skip


_NOTES = (
    (
        "An order counts here by its code, whatever brought it; in `report journeys` by the message that was "
        "clicked. Both may name the same order: they are not to be added."
    ),
    (
        "Nobody knows whether an order with a code would have come without it: that says a holdout "
        "(`report experiments`)."
    ),
    "Codes of customers who were erased are no longer counted.",
)


def _sums(scope: ReportScope, period: Period) -> Mapping[CodeOrigin, CodeSums]:
    span = scope.span(period)
    return code_figures.between(scope.conn, span.begin, span.end, scope.now, scope.journeys.currency)


def _by(found: Mapping[CodeOrigin, CodeSums], of: Callable[[CodeOrigin], str]) -> dict[str, CodeSums]:
    whole: dict[str, CodeSums] = {}
    for origin, some in found.items():
        whole.setdefault(of(origin), CodeSums()).add(some)
    return {name: some for name, some in whole.items() if some != CodeSums()}


def _values(found: CodeSums) -> tuple[Value, ...]:
    revenue = amount_of(found.money)
    return (
        found.given, found.used, ratio(found.used, found.given), found.given_back, found.expired,
        found.orders, revenue, ratio(revenue, found.priced), sum(found.refused.values()),
    )  # fmt: skip


def _refused(found: CodeSums) -> str:
    return ", ".join(f"{why} {times:,}" for why, times in sorted(found.refused.items()))
