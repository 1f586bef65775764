"""The forecast of one fact: two fits, the one that counts, and one that is held against what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
from engine.forecast.bg_nbd import BgNbd
from engine.forecast.gamma_gamma import GammaGamma
from engine.forecast.purchases import WEEK, Floats, PurchaseDays, PurchaseHistories
from engine.forecast.result import ForecastResult, ForecastValues

GROUPS = 5
"""Parts of the customers, by their chance, that a calibration tells of one by one."""


@dataclass(frozen=True, slots=True)
class FittedModels:
    """What was fitted to the days up to one, and what is missing for a fact about coming or about money."""

    histories: PurchaseHistories
    coming: ComingModel | None
    spending: SpendingModel | None
    no_coming: Shortcoming | None
    no_spending: Shortcoming | None

    def expect(self, days: int) -> tuple[Floats, Floats, Floats]:
        """Of each customer in so many days: the chance to come, expected days, expected amount (NaN without a
        model of it)."""
        assert self.coming is not None
        model = BgNbd(self.coming.r, self.coming.alpha, self.coming.a, self.coming.b)
        own = (self.histories.repeats, self.histories.recency, self.histories.age)
        chance, often = model.chance(*own, days / WEEK), model.purchases(*own, days / WEEK)
        if self.spending is None:
            return chance, often, np.full(len(chance), np.nan)
        amounts = GammaGamma(self.spending.p, self.spending.q, self.spending.v)
        # who paid nothing has no mean of their own, and gets that of all
        paid = np.where(self.histories.payers, self.histories.paid, 0.0)
        return chance, often, often * amounts.amount(paid, self.histories.spend)


def forecast_facts(table: PurchaseDays, last: int, rules: Iterable[FactRule]) -> Iterator[ForecastResult]:
    """The forecasts of facts of one event and field, over its days up to one (an ordinal). They share the
    fits."""
    fits: dict[int, FittedModels] = {}
    for rule in rules:
        assert rule.ahead is not None
        for day in (last, last - rule.ahead):
            # a fit takes most of the time, and facts share theirs
            if day not in fits:
                fits[day] = fitted(table.until(day))
        yield _forecast(rule, fits[last], fits[last - rule.ahead], table, last)


def _forecast(
    rule: FactRule, now: FittedModels, then: FittedModels, table: PurchaseDays, last: int
) -> ForecastResult:
    """`then`: fitted to the days before those that are held out."""
    ahead, is_sum = rule.ahead or 0, rule.how == "expected sum"
    made = Forecast(
        rule.name, rule.event, rule.field, ahead, _iso(last), rule.fingerprint,
        coming=now.coming, spending=now.spending if is_sum else None,
    )  # fmt: skip
    # both: a forecast that cannot be checked against days that are over is not given
    short = _missing(now, is_sum=is_sum, held_out=False) or _missing(then, is_sum=is_sum, held_out=True)
    if short is not None:
        return ForecastResult(replace(made, shortcoming=short))
    chance, _, amount = now.expect(ahead)
    calibration = _calibration(then, table, last - ahead, last, is_sum=is_sum)
    made = replace(made, customers=len(chance), calibration=calibration)
    return ForecastResult(made, ForecastValues(now.histories.customers, amount if is_sum else chance))


def _calibration(
    then: FittedModels, table: PurchaseDays, since: int, last: int, *, is_sum: bool
) -> Calibration:
    chance, often, amount = then.expect(last - since)
    counted = table.held_out(then.histories, since, last)
    came = counted.days > 0
    groups = [
        CalibrationGroup(len(some), float(chance[some].sum()), int(np.count_nonzero(came[some])))
        # stable: people with one chance fall into the same group every time
        for some in np.array_split(np.argsort(-chance, kind="stable"), GROUPS)
    ]
    return Calibration(
        _iso(since + 1),
        _iso(last),
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


def fitted(histories: PurchaseHistories) -> FittedModels:
    """Both models, as far as there are enough customers for each."""
    customers, repeaters = len(histories.customers), histories.repeaters
    no_coming = _too_few(ForecastRefusal.FEW_CUSTOMERS, customers, LEAST_CUSTOMERS) or _too_few(
        ForecastRefusal.FEW_REPEATERS, repeaters, LEAST_REPEATERS
    )
    coming = None
    if no_coming is None:
        found = bg_nbd.fit(histories)
        if found.is_found:
            each = found.model
            coming = ComingModel(
                each.r, each.alpha, each.a, each.b, found.log_likelihood, customers, repeaters, found.at_edge
            )
        else:
            no_coming = Shortcoming(ForecastRefusal.NOT_FOUND)
    # without a model of coming there is nothing an amount could be multiplied with
    if coming is None:
        return FittedModels(histories, None, None, no_coming, no_coming)
    payers = int(np.count_nonzero(histories.payers))
    no_spending = _too_few(ForecastRefusal.FEW_PAYERS, payers, LEAST_REPEATERS)
    spending = None
    if no_spending is None:
        spent = gamma_gamma.fit(histories)
        if not spent.is_found:
            no_spending = Shortcoming(ForecastRefusal.NOT_FOUND)
        # the fitted distribution has no mean that could be told
        elif not spent.model.has_mean:
            no_spending = Shortcoming(ForecastRefusal.NO_MEAN)
        else:
            amounts = spent.model
            spending = SpendingModel(
                amounts.p, amounts.q, amounts.v, spent.log_likelihood, payers, amounts.mean,
                spent.correlation, spent.at_edge,
            )  # fmt: skip
    return FittedModels(histories, coming, spending, no_coming, no_spending)


def _too_few(refusal: ForecastRefusal, there: int, needed: int) -> Shortcoming | None:
    return Shortcoming(refusal, there=there, needed=needed) if there < needed else None


def _missing(fit: FittedModels, *, is_sum: bool, held_out: bool) -> Shortcoming | None:
    short = fit.no_coming or (fit.no_spending if is_sum else None)
    return Shortcoming(short.refusal, held_out, short.there, short.needed) if short is not None else None


def _iso(day: int) -> str:
    return dt.date.fromordinal(day).isoformat()
