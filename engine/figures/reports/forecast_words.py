"""What has to be known of a forecast, in words: why there is none, and whether its values are to be used."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.facts.forecasts import Forecast, ForecastRefusal, Shortcoming
from engine.forecast import INSTALL

OFF = "these models do not fit these customers: their values are not to be relied on"
"""Of a forecast that was off in the days held out."""


def edges(names: Sequence[str]) -> str:
    """Which parameters the search would have driven on."""
    return f"; {', '.join(names)} at the edge of what is searched" if names else ""


def why_none(short: Shortcoming, forecast: Forecast) -> str:
    """Why nobody has a value, and from when on there will be one."""
    there, needed = f"{short.there:,}", f"{short.needed:,}"
    match short.refusal:
        case ForecastRefusal.NO_EXTRA:
            return f"the extra is not installed: {INSTALL}"
        case ForecastRefusal.FEW_CUSTOMERS:
            what = f"{there} customers with {forecast.event}, {needed} are needed"
        case ForecastRefusal.FEW_REPEATERS:
            what = f"{there} customers came on a second day, {needed} are needed"
        case ForecastRefusal.FEW_PAYERS:
            what = f"of {there} customers an amount of a second day is known, {needed} are needed"
        case ForecastRefusal.NOT_FOUND:
            what = "the likelihood has no maximum that the search could find"
        case ForecastRefusal.NO_MEAN:
            what = "amounts spread so far that they have no mean"
    if short.held_out:
        return f"nothing could be held against it: {forecast.days} days before, {what}"
    return what
