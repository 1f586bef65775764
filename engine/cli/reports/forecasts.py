"""Forecasts for people: how well each has done first, then what it is made of, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.facts.forecasts import (
    Calibration,
    ComingModel,
    Forecast,
    SpendingModel,
)
from engine.figures.reports.forecast_words import OFF, edges, why_none


@dataclass(frozen=True, slots=True)
class ForecastsReport:
    """All of a shop. `why`: by fact, why there is none."""

    timezone: str
    currency: str
    forecasts: tuple[Forecast, ...]
    why: dict[str, str]

    @classmethod
    def of(cls, forecasts: Sequence[Forecast], timezone: str, currency: str) -> ForecastsReport:
        """In the order of the facts."""
        why = {
            each.fact: why_none(each.shortcoming, each) for each in forecasts if each.shortcoming is not None
        }
        return cls(timezone, currency, tuple(forecasts), why)

    def lines(self, forecast: Forecast) -> list[list[str]]:
        """Rows of a name and what it is."""
        found: list[list[str]] = []
        if forecast.calibration is not None:
            found.append(["held out", calibration_line(forecast, self.currency)])
            found += [
                ["" if number else "by chance", line]
                for number, line in enumerate(_groups(forecast.calibration))
            ]
        if forecast.fact in self.why:
            found.append(["not set", self.why[forecast.fact]])
        else:
            found.append(["customers", f"{forecast.customers:,} have a value"])
        if forecast.coming is not None:
            found.append(["coming", _coming(forecast.coming)])
        if forecast.spending is not None:
            found.append(["spending", _spending(forecast.spending, self.currency)])
        return found


def title(forecast: Forecast) -> str:
    """`chance_to_return: chance of order_placed in next 90 days, as of 2026-02-28`."""
    if forecast.field is None:
        words = f"chance of {forecast.event}"
    else:
        words = f"expected sum of {forecast.event}.{forecast.field}"
    return f"{forecast.fact}: {words} in next {forecast.days} days, as of {forecast.as_of}"


def calibration_line(forecast: Forecast, currency: str) -> str:
    """What a model that knew nothing of the last days expected of them, and what came."""
    known = forecast.calibration
    if known is None:
        return "nothing is known of how well it does"
    ratio = f" (x {known.ratio:.2f})" if known.ratio is not None else ""
    off = f"; {OFF}" if known.is_off else ""
    of = f"of {known.customers:,} customers, {known.since} to {known.until}"
    if known.expected_sum is not None and known.counted_sum is not None:
        unit = f" {currency}"
        return f"{known.expected_sum:,.0f}{unit} expected, {known.counted_sum:,.0f} counted{ratio}, {of}{off}"
    expected = f"{known.expected:,.0f} ± {known.deviation:,.0f} expected to come"
    return f"{expected}, {known.counted:,} came{ratio}, {of}{off}"


def _groups(calibration: Calibration) -> list[str]:
    """A fifth of the customers each, the likeliest first."""
    return [
        f"{group.expected / group.customers:6.1%} expected, {group.counted / group.customers:6.1%} came"
        f"  ({group.customers:,} customers)"
        for group in calibration.groups
        if group.customers
    ]


def _coming(model: ComingModel) -> str:
    return (
        f"BG/NBD: r {model.r:.4g}, alpha {model.alpha:.4g} weeks, a {model.a:.4g}, b {model.b:.4g};"
        f" log-likelihood {model.log_likelihood:,.1f}; {model.customers:,} customers,"
        f" {model.repeaters:,} of them on a second day{edges(model.at_edge)}"
    )


def _spending(model: SpendingModel, currency: str) -> str:
    return (
        f"gamma-gamma: p {model.p:.4g}, q {model.q:.4g}, v {model.v:.4g}; a day of a customer comes to"
        f" {model.mean:,.2f} {currency}; {model.customers:,} customers; correlation of how often and how much"
        f" {model.correlation:.2f}{edges(model.at_edge)}"
    )
