"""What a forecast of one fact comes to; made without a value where the extra is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.core.facts.forecasts import Forecast

if TYPE_CHECKING:
    from engine.forecast.purchases import Floats, Integers


@dataclass(frozen=True, slots=True)
class ForecastValues:
    """The value of each customer, beside their numbers."""

    customers: Integers
    values: Floats


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """A forecast, and the values; None where it has a shortcoming."""

    forecast: Forecast
    values: ForecastValues | None = None
