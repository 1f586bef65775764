"""What facts that look ahead expect of customers: a part of `report customers`, beside the lifetime value."""

from __future__ import annotations

from decimal import Decimal

from engine.figures.content import ReportScope
from engine.figures.metrics import Metric
from engine.figures.report import Row, Table
from engine.store.learning import forecasts

_MADE = "as of the day that the line names, whatever the period is"

AHEAD = Metric("forecast_days", "days ahead", "count", "days that the forecast is of", "days", _MADE, "")
OF_CUSTOMERS = Metric(
    "forecast_customers", "customers", "count", "customers who have a value", "people", _MADE, ""
)
EACH = Metric(
    "forecast_each", "expected of each", "money",
    "mean of their values: what they are expected to spend in these days", "orders, gross", _MADE, "",
)  # fmt: skip
HELD_OUT = Metric(
    "forecast_held_out", "held out: expected", "money",
    "what models that knew nothing of the last so many days expected of them", "orders, gross",
    "the last days before the one that the line names", "",
)  # fmt: skip
COUNTED = Metric(
    "forecast_counted", "counted", "money", "what was spent in these days by the same customers",
    "orders, gross", "the last days before the one that the line names", "",
)  # fmt: skip
CALIBRATION = Metric(
    "forecast_calibration", "counted / expected", "number",
    "counted / held out: expected; 1 is right", "orders, gross",
    "the last days before the one that the line names", "",
)  # fmt: skip
FORECASTS_BESIDE: tuple[Metric, ...] = (AHEAD, OF_CUSTOMERS, EACH, HELD_OUT, COUNTED, CALIBRATION)


def forecasts_beside(scope: ReportScope) -> tuple[Table, ...]:
    """A line for each fact that is an expected sum and has values; no table where there is none."""
    known, lines = forecasts.known(scope.conn), []
    for rule in scope.journeys.facts:
        if rule.field is None or rule.name not in known:
            continue
        forecast, _ = known[rule.name]
        calibration = forecast.calibration
        if not forecast.is_made or calibration is None:
            continue
        each = forecasts.mean_value(scope.conn, rule.name)
        values = (each, calibration.expected_sum, calibration.counted_sum, calibration.ratio)
        lines.append(
            Row(
                f"{rule.name}, as of {forecast.as_of}",
                (forecast.days, forecast.customers, *map(_decimal, values)),
                (),
            )
        )
    if not lines:
        return ()
    remark = (
        "A forecast is of customers as they are; where counted / expected is far from 1 it is not to be used."
        " All of it: report forecast."
    )
    title = "What is expected of them"
    return (Table("forecasts", title, "fact", FORECASTS_BESIDE, tuple(lines), remarks=(remark,)),)


def _decimal(value: float | None) -> Decimal | None:
    return Decimal(str(round(value, 6))) if value is not None else None
