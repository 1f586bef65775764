"""`report forecast`: each fact that looks ahead, how right it was in the days held out, and what it is made
of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal

from engine.core.facts.forecasts import Calibration, Forecast
from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import Metric, Unit, Value, ratio
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.figures.reports.forecast_words import OFF, edges, why_none
from engine.figures.reports.forecasts_section import AHEAD, CALIBRATION, COUNTED, HELD_OUT, OF_CUSTOMERS
from engine.store.learning import forecasts

_HELD = "the last days before the one that the line names"
_MADE = "as of the day that the line names"


def _metric(name: str, title: str, unit: Unit, formula: str, counts: str, when: str, of: str = "") -> Metric:
    return Metric(f"forecast_{name}", title, unit, formula, counts, when, of)


HELD_CUSTOMERS = _metric(
    "held_customers", "held out: customers", "count", "who had come before the days held out", "people", _HELD
)
EXPECTED = _metric(
    "expected", "expected to come", "number",
    "the sum of their chances, by models that knew nothing of these days", "people", _HELD,
)  # fmt: skip
DEVIATION = _metric(
    "deviation", "±", "number", "the root of the sum of chance * (1 - chance)", "people", _HELD
)
CAME = _metric("came", "came", "count", "those of them who came in these days", "people", _HELD)
CHANCES: tuple[Metric, ...] = (
    AHEAD, OF_CUSTOMERS, HELD_CUSTOMERS, EXPECTED, DEVIATION, CAME, CALIBRATION,
)  # fmt: skip
SUMS: tuple[Metric, ...] = (AHEAD, OF_CUSTOMERS, HELD_CUSTOMERS, HELD_OUT, COUNTED, CALIBRATION)

FIFTH_CUSTOMERS = _metric(
    "fifth_customers", "customers", "count", "a fifth of the customers held out, by their chance", "people",
    _HELD,
)  # fmt: skip
FIFTH_EXPECTED = _metric(
    "fifth_expected", "expected", "share", "sum of their chances / customers", "people", _HELD, "customers"
)
FIFTH_CAME = _metric("fifth_came", "came", "share", "came / customers", "people", _HELD, "customers")
BY_CHANCE: tuple[Metric, ...] = (FIFTH_CUSTOMERS, FIFTH_EXPECTED, FIFTH_CAME)

_OF_MODEL = "at the maximum of the likelihood, of all customers, in weeks"
COMING: tuple[Metric, ...] = (
    *(
        _metric(name, name, "parameter", f"{name} of BG/NBD, {_OF_MODEL}", "days with the event", _MADE)
        for name in ("r", "alpha", "a", "b")
    ),
    _metric("coming_fit", "log-likelihood", "number", _OF_MODEL, "days with the event", _MADE),
    _metric("coming_customers", "customers", "count", "who ever came", "people", _MADE),
    _metric("repeaters", "on a second day", "count", "those who came on a second day", "people", _MADE),
)  # fmt: skip
SPENDING: tuple[Metric, ...] = (
    *(
        _metric(name, name, "parameter", f"{name} of gamma-gamma, at the maximum of the likelihood", "money",
                _MADE)
        for name in ("p", "q", "v")
    ),
    _metric("spending_fit", "log-likelihood", "number", "at the maximum", "money", _MADE),
    _metric("spending_customers", "customers", "count", "of whom an amount of a second day is known",
            "people", _MADE),
    _metric("day_mean", "a day comes to", "money", "mean of a day of a customer, by the model", "money",
            _MADE),
    _metric("correlation", "correlation", "number",
            "of how often customers come and how much a day of theirs comes to (Pearson); the model takes it "
            "for 0", "people", _MADE),
)  # fmt: skip
FORECAST_METRICS: tuple[Metric, ...] = (*CHANCES, *SUMS[3:5], *BY_CHANCE, *COMING, *SPENDING)


def usual_period(today: dt.date) -> Period:
    """The day up to which forecasts of the last night count."""
    day = today - dt.timedelta(days=1)
    return Period(day, day)


def forecast(scope: ReportScope) -> ReportContent:
    """Those of the last night, or the ones that the request brings."""
    made = scope.wanted.forecasts
    if made is None:
        known = forecasts.known(scope.conn)
        made = tuple(known[rule.name][0] for rule in scope.journeys.facts if rule.name in known)
    waiting = [rule.name for rule in scope.journeys.facts if rule.is_forecast]
    notes = [_NOTE] if made else []
    if not waiting:
        notes.append(NO_FACT)
    elif not made:
        notes.append(not_yet(waiting))
    chances = [each for each in made if each.field is None]
    sums = [each for each in made if each.field is not None]
    tables = (
        Table("chances", "Who comes", "fact", CHANCES, tuple(map(_chance, chances)), note="remarks"),
        Table("sums", "What they spend", "fact", SUMS, tuple(map(_sum, sums)), note="remarks"),
        Table("by_chance", "Held out, by chance: the likeliest fifth first", "fact", BY_CHANCE,
              tuple(row for each in chances for row in _fifths(each))),
        Table("coming", "How they come: BG/NBD", "fact", COMING, tuple(_coming(made)), note="remarks"),
        Table("spending", "What a day comes to: gamma-gamma", "fact", SPENDING, tuple(_spending(made)),
              note="remarks"),
    )  # fmt: skip
    days = {dt.date.fromisoformat(each.as_of) for each in made}
    return ReportContent(tables, tuple(notes), period=Period(min(days), max(days)) if days else None)


NO_FACT = "No fact looks ahead: write  chance of order_placed in next 90 days  in schemas/customer.yaml"
_NOTE = (
    "Held out: the same models, fitted to the days before the last ones, and what came in these. They know "
    "how often somebody came, when last and since when; not the season, nor what the shop does."
)


def not_yet(waiting: Sequence[str]) -> str:
    """Of facts that look ahead, where no night has passed over them."""
    return f"Not made yet: {', '.join(waiting)}. A daemon makes them at night, and at once after a deploy."


def _chance(one: Forecast) -> Row:
    known = one.calibration
    if known is None:
        return _line(one, (None,) * 4)
    return _line(one, (known.customers, _decimal(known.expected), _decimal(known.deviation), known.counted))


def _sum(one: Forecast) -> Row:
    known = one.calibration
    if known is None:
        return _line(one, (None,) * 3)
    return _line(one, (known.customers, _decimal(known.expected_sum), _decimal(known.counted_sum)))


def _line(one: Forecast, values: tuple[Value, ...]) -> Row:
    known = one.calibration
    customers = one.customers if one.is_made else None
    return Row(
        f"{one.fact}, as of {one.as_of}",
        (one.days, customers, *values, _decimal(known.ratio) if known else None), (),
        note=_remark(one, known),
    )  # fmt: skip


def _remark(one: Forecast, known: Calibration | None) -> str:
    if one.shortcoming is not None:
        return f"not set: {why_none(one.shortcoming, one)}"
    if known is None:
        return ""
    return f"held out {known.since} to {known.until}" + (f"; {OFF}" if known.is_off else "")


def _fifths(one: Forecast) -> Iterator[Row]:
    for number, group in enumerate(one.calibration.groups if one.calibration is not None else (), 1):
        values = (group.customers, ratio(_decimal(group.expected), group.customers),
                  ratio(group.counted, group.customers))  # fmt: skip
        yield Row(f"{one.fact}, {number}", values, ())


def _coming(made: Sequence[Forecast]) -> Iterator[Row]:
    for one in made:
        model = one.coming
        if model is not None:
            parameters = map(_decimal, (model.r, model.alpha, model.a, model.b, model.log_likelihood))
            yield Row(
                one.fact, (*parameters, model.customers, model.repeaters), (),
                note=edges(model.at_edge).removeprefix("; "),
            )  # fmt: skip


def _spending(made: Sequence[Forecast]) -> Iterator[Row]:
    for one in made:
        model = one.spending
        if model is not None:
            parameters = map(_decimal, (model.p, model.q, model.v, model.log_likelihood))
            yield Row(
                one.fact,
                (*parameters, model.customers, _decimal(model.mean), _decimal(model.correlation)), (),
                note=edges(model.at_edge).removeprefix("; "),
            )  # fmt: skip


def _decimal(value: float | None) -> Decimal | None:
    return Decimal(str(round(value, 6))) if value is not None else None
