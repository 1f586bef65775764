"""The forecast of one fact: two fits, the one that counts, and one that is held against what came of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from engine.core.facts.forecasts import (
    LEAST_CUSTOMERS,
    LEAST_REPEATERS,
    Calibration,
    CalibrationGroup,
    ComingModel,
    Forecast,
    ForecastRefusal,
    Shortcoming,
    SpendingModel,
)
from engine.core.facts.rule import FactRule
from engine.forecast import bg_nbd, gamma_gamma
from engine.forecast.activity import WEEK, Activity, DayTable, Floats
from engine.forecast.bg_nbd import BgNbd
from engine.forecast.gamma_gamma import GammaGamma
from engine.forecast.outlook import ForecastValues, Outlook

GROUPS = 5
"""Parts of the customers, by their chance, that a calibration tells of one by one."""


@dataclass(frozen=True, slots=True)
class FittedModels:
    """What was fitted to the days up to one, and what is missing for a fact about coming or about money."""

    activity: Activity
    coming: ComingModel | None
    spending: SpendingModel | None
    no_coming: Shortcoming | None
    no_spending: Shortcoming | None

    def expect(self, days: int) -> tuple[Floats, Floats, Floats]:
        """Of each customer in so many days: the chance to come, expected days, expected amount (NaN without a
        model of it)."""
        assert self.coming is not None
        model = BgNbd(self.coming.r, self.coming.alpha, self.coming.a, self.coming.b)
        own = (self.activity.repeats, self.activity.recency, self.activity.age)
        chance, often = model.chance(*own, days / WEEK), model.purchases(*own, days / WEEK)
        if self.spending is None:
            return chance, often, np.full(len(chance), np.nan)
        amounts = GammaGamma(self.spending.p, self.spending.q, self.spending.v)
        paid = np.where(self.activity.payers, self.activity.paid, 0.0)
        return chance, often, often * amounts.amount(paid, self.activity.spend)


@dataclass(slots=True)
class Forecaster:
    """Forecasts over the days of one event and field up to a day (an ordinal); facts share the fits."""

    table: DayTable
    last: int
    _fits: dict[int, FittedModels] = field(default_factory=dict)

    def outlook(self, rule: FactRule) -> Outlook:
        """The forecast of one fact of this event and field."""
        assert rule.ahead is not None
        is_sum = rule.how == "expected sum"
        now, then = self._fitted(self.last), self._fitted(self.last - rule.ahead)
        made = Forecast(
            rule.name, rule.event, rule.field, rule.ahead, _iso(self.last), rule.fingerprint,
            coming=now.coming, spending=now.spending if is_sum else None,
        )  # fmt: skip
        short = _missing(now, is_sum=is_sum, held_out=False) or _missing(then, is_sum=is_sum, held_out=True)
        if short is not None:
            made = replace(made, shortcoming=short)
            return Outlook(made)
        chance, _, amount = now.expect(rule.ahead)
        made = replace(
            made, customers=len(chance), calibration=self._calibration(then, rule.ahead, is_sum=is_sum)
        )
        return Outlook(made, ForecastValues(now.activity.customers, amount if is_sum else chance))

    def _fitted(self, last: int) -> FittedModels:
        if last not in self._fits:
            self._fits[last] = fitted(self.table.until(last))
        return self._fits[last]

    def _calibration(self, then: FittedModels, ahead: int, *, is_sum: bool) -> Calibration:
        since = self.last - ahead
        chance, often, amount = then.expect(ahead)
        counted = self.table.between(then.activity, since, self.last)
        came = counted.days > 0
        groups = [
            CalibrationGroup(len(some), float(chance[some].sum()), int(np.count_nonzero(came[some])))
            for some in np.array_split(np.argsort(-chance, kind="stable"), GROUPS)
        ]
        return Calibration(
            _iso(since + 1),
            _iso(self.last),
            len(chance),
            float(chance.sum()),
            float(np.sqrt(np.sum(chance * (1.0 - chance)))),
            int(np.count_nonzero(came)),
            float(often.sum()),
            int(counted.days.sum()),
            float(amount.sum()) if is_sum else None,
            float(counted.amount.sum()) if is_sum else None,
            tuple(groups),
        )


def fitted(activity: Activity) -> FittedModels:
    """Both models, as far as there are enough customers for each."""
    customers, repeaters = len(activity.customers), activity.repeaters
    no_coming = _too_few(ForecastRefusal.FEW_CUSTOMERS, customers, LEAST_CUSTOMERS) or _too_few(
        ForecastRefusal.FEW_REPEATERS, repeaters, LEAST_REPEATERS
    )
    coming = None
    if no_coming is None:
        found = bg_nbd.fit(activity)
        if found.is_found:
            each = found.model
            coming = ComingModel(
                each.r, each.alpha, each.a, each.b, found.log_likelihood, customers, repeaters, found.at_edge
            )
        else:
            no_coming = Shortcoming(ForecastRefusal.NOT_FOUND)
    if coming is None:
        return FittedModels(activity, None, None, no_coming, no_coming)
    payers = int(np.count_nonzero(activity.payers))
    no_spending = _too_few(ForecastRefusal.FEW_PAYERS, payers, LEAST_REPEATERS)
    spending = None
    if no_spending is None:
        spent = gamma_gamma.fit(activity)
        if not spent.is_found:
            no_spending = Shortcoming(ForecastRefusal.NOT_FOUND)
        elif not spent.model.has_mean:
            no_spending = Shortcoming(ForecastRefusal.NO_MEAN)
        else:
            amounts = spent.model
            spending = SpendingModel(
                amounts.p, amounts.q, amounts.v, spent.log_likelihood, payers, amounts.mean,
                spent.correlation, spent.at_edge,
            )  # fmt: skip
    return FittedModels(activity, coming, spending, no_coming, no_spending)


def _too_few(refusal: ForecastRefusal, there: int, needed: int) -> Shortcoming | None:
    return Shortcoming(refusal, there=there, needed=needed) if there < needed else None


def _missing(fit: FittedModels, *, is_sum: bool, held_out: bool) -> Shortcoming | None:
    short = fit.no_coming or (fit.no_spending if is_sum else None)
    return Shortcoming(short.refusal, held_out, short.there, short.needed) if short is not None else None


def _iso(day: int) -> str:
    return dt.date.fromordinal(day).isoformat()
