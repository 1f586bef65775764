"""What a forecast of the shop is made of and how well it has done: kept for each fact that looks ahead, shown
wherever its values are. Without a calibration nobody has a value."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

LEAST_CUSTOMERS = 100
"""Customers with the event that a model is fitted to; fewer say too little of how customers differ."""

LEAST_REPEATERS = 50
"""Those of them who came on a second day, and for amounts those who paid on one."""


FIFTH = 0.2
"""What comes may differ so far from what was expected, as a part of it, before a forecast is called off."""


class ForecastRefusal(StrEnum):
    """Why there is no forecast."""

    NO_EXTRA = "no extra"  # numpy and scipy are not installed
    FEW_CUSTOMERS = "few customers"
    FEW_REPEATERS = "few repeaters"
    FEW_PAYERS = "few payers"
    NOT_FOUND = "not found"  # the likelihood has no maximum that the search could find
    NO_MEAN = "no mean"  # amounts spread so far that their mean is infinite


class Shortcoming(Struct, frozen=True):
    """What is missing. `held_out`: not today, but on the day from which the calibration would count."""

    refusal: ForecastRefusal
    held_out: bool = False
    there: int = 0  # customers
    needed: int = 0


class ComingModel(Struct, frozen=True):
    """BG/NBD as it was fitted; `alpha` in weeks. `at_edge`: parameters that would have gone on."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    repeaters: int
    at_edge: tuple[str, ...] = ()


class SpendingModel(Struct, frozen=True):
    """Gamma-gamma as it was fitted; `v` in the currency. `correlation`: of how often and how much, which the
    model takes for 0."""

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    mean: float
    correlation: float
    at_edge: tuple[str, ...] = ()


class CalibrationGroup(Struct, frozen=True):
    """A fifth of the customers by their chance: how many of them were expected to come, and how many did."""

    customers: int
    expected: float
    counted: int


class Calibration(Struct, frozen=True):
    """What models that knew nothing from `since` on expected of the days up to `until`, both ISO dates, and
    what was counted. `deviation`: one standard deviation of the customers who were expected to come, if each
    has exactly their chance."""

    since: str
    until: str
    customers: int
    expected: float  # customers who come
    deviation: float
    counted: int
    expected_days: float  # days with an event, of all customers
    counted_days: int
    expected_sum: float | None = None  # None: the fact is no sum
    counted_sum: float | None = None
    groups: tuple[CalibrationGroup, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Counted to expected, of what the fact forecasts; None: nothing was expected."""
        expected, counted = self.expected, float(self.counted)
        if self.expected_sum is not None and self.counted_sum is not None:
            expected, counted = self.expected_sum, self.counted_sum
        return counted / expected if expected > 0 else None

    @property
    def is_off(self) -> bool:
        """Whether what came differs from what was expected by more than a fifth, and by more than twice what
        chance alone would explain: these models do not fit these customers."""
        ratio = self.ratio
        if ratio is None:
            return False
        by_chance = 2 * self.deviation / self.expected if self.expected > 0 else 0.0
        return abs(ratio - 1) > max(FIFTH, by_chance)


class Forecast(Struct, frozen=True):
    """One fact that looks ahead. `as_of`: the last day that counts, an ISO date of the shop's calendar."""

    fact: str
    event: str
    field: str | None
    days: int
    as_of: str
    fingerprint: str  # of the definition
    customers: int = 0  # who have a value
    coming: ComingModel | None = None
    spending: SpendingModel | None = None
    calibration: Calibration | None = None
    shortcoming: Shortcoming | None = None  # why nobody has a value

    @property
    def is_made(self) -> bool:
        """Whether customers have values."""
        return self.shortcoming is None and self.calibration is not None
