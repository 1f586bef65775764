"""Forecasts on recorded shops: the published figures, and how they do on customers and days that they do not
know."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.facts.forecasts import Calibration, Forecast, ForecastRefusal
from engine.core.facts.rule import FactRule
from engine.forecast import bg_nbd, gamma_gamma
from engine.forecast.forecasting import fitted, forecast_facts
from engine.forecast.purchases import Floats, HeldOutPurchases, PurchaseDays, local_days
from engine.values import Instant, Type, instant, zone
from tests.forecast.shops import simulated

DATA = Path(__file__).parents[2].parent / "shared" / "data"

recorded = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the recorded shops are not there: no ../shared/data"),
]
CHANCE = FactRule("returns", "chance", "order_placed", None, Type("share"), ahead=90)
AHEAD = FactRule("ahead", "expected sum", "order_placed", "total", Type("money"), ahead=90)


def table_of(shop: str, *, sample: bool = False) -> PurchaseDays:
    """The orders of a recorded shop. `sample`: of the tenth of cdnow that the papers use."""
    rows: list[tuple[str, int, float]] = []
    with gzip.open(DATA / shop / "events.jsonl.gz", "rt") as lines:
        for line in lines:
            event = json.loads(line)
            fields = event["properties"]
            if event["event"] == "order_placed" and (not sample or "fhl_sample_id" in fields):
                day = dt.date.fromisoformat(event["at"][:10]).toordinal()
                rows.append((event["customer_id"], day, float(fields["total"])))
    rows.sort()
    numbers = {customer: number for number, customer in enumerate(dict.fromkeys(row[0] for row in rows))}
    return PurchaseDays.of(
        np.array([numbers[row[0]] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class OtherHalf:
    """What models of the customers with even numbers, fitted to the days up to one, expect of those with odd
    numbers in the 90 days after it, and what came."""

    chance: Floats
    often: Floats
    amount: Floats
    came: HeldOutPurchases

    @classmethod
    def of(cls, table: PurchaseDays, last: int) -> OtherHalf:
        is_even = table.customer % 2 == 0
        known, other = (
            PurchaseDays(table.customer[some], table.day[some], table.amount[some])
            for some in (is_even, ~is_even)
        )
        histories = other.until(last)
        models = replace(fitted(known.until(last)), histories=histories)
        return cls(*models.expect(90), other.held_out(histories, last, last + 90))


def ordinal(year: int, month: int, day: int) -> int:
    return dt.date(year, month, day).toordinal()


class TestRecorded:
    pytestmark = recorded

    def test_the_published_figures_of_cdnow_come_out(self) -> None:
        published = json.loads((DATA / "cdnow" / "published.json").read_text())
        expected = json.loads((DATA / "cdnow" / "expected.json").read_text())
        table = table_of("cdnow", sample=True)
        calibration = ordinal(1997, 9, 30)
        activity = table.until(calibration)
        assert len(activity.customers) == expected["sample_customers"] == 2_357
        assert activity.repeats.sum() == expected["sample_repeat_tx_calibration"]
        assert table.held_out(activity, calibration, ordinal(1998, 6, 30)).days.sum() == 1_882
        coming = bg_nbd.fit(activity)
        found = dict(zip(("r", "alpha", "a", "b"), coming.model.parameters.tolist(), strict=True))
        assert {name: round(value, 3) for name, value in found.items()} == published["bgnbd"]
        assert {name: round(value, 4) for name, value in found.items()} == expected["bgnbd"]
        assert round(coming.log_likelihood, 1) == -9582.4
        spending = gamma_gamma.fit(activity)
        assert spending.customers == published["gamma_gamma_subjects"] == 946
        amounts = dict(zip(("p", "q", "v"), spending.model.parameters.tolist(), strict=True))
        assert {name: round(value, 2) for name, value in amounts.items()} == published["gamma_gamma"]

    @pytest.mark.parametrize(
        ("shop", "last"),
        [("cdnow", (1997, 12, 31)), ("cdnow", (1998, 3, 31)), ("online_retail_y1", (2010, 5, 31))],
    )
    def test_half_of_a_shop_tells_what_the_other_half_does(
        self, shop: str, last: tuple[int, int, int]
    ) -> None:
        other = OtherHalf.of(table_of(shop), ordinal(*last))
        assert other.chance.sum() == pytest.approx(np.count_nonzero(other.came.days), rel=0.12)
        assert other.often.sum() == pytest.approx(other.came.days.sum(), rel=0.15)
        assert other.amount.sum() == pytest.approx(other.came.amount.sum(), rel=0.15)

    def test_the_calibration_of_another_shop(self) -> None:
        """A gift shop in summer; in autumn it sells more than any model without seasons expects."""
        found = _made(table_of("online_retail_y1"), ordinal(2010, 8, 29))
        assert found.expected == pytest.approx(found.counted, rel=0.1)
        assert found.expected_sum is not None
        assert found.counted_sum == pytest.approx(found.expected_sum, rel=0.1)
        shares = [group.counted / group.customers for group in found.groups]
        assert shares == sorted(shares, reverse=True), "who is likelier comes oftener"


def _made(table: PurchaseDays, last: int) -> Calibration:
    forecast = next(forecast_facts(table, last, [AHEAD])).forecast
    assert forecast.calibration is not None, forecast.shortcoming
    return forecast.calibration


def test_a_shop_that_is_made_by_the_models_does_as_expected() -> None:
    table = simulated(2_500, seed=8)
    for result in forecast_facts(table, 730, [CHANCE, AHEAD]):
        found = result.forecast.calibration
        assert found is not None
        assert abs(found.counted - found.expected) < 3 * found.deviation
    money = _made(table, 730)
    assert money.expected_sum is not None
    assert money.counted_sum == pytest.approx(money.expected_sum, rel=0.15)


@pytest.mark.parametrize(
    ("coming", "spending"),
    [
        ((0.3, 4.0, 0.8, 2.4), (6.25, 3.74, 15.4)),  # many come once, as with records
        ((2.0, 12.0, 0.5, 6.0), (3.0, 6.0, 100.0)),  # nearly all come again, as for groceries
        ((0.6, 20.0, 3.0, 8.0), (20.0, 3.0, 8.0)),  # seldom, and most leave soon
    ],
)
def test_half_of_a_made_up_shop_tells_what_the_other_half_does(
    coming: tuple[float, float, float, float], spending: tuple[float, float, float]
) -> None:
    other = OtherHalf.of(simulated(3_000, seed=41, coming=coming, spending=spending), 640)
    deviation = np.sqrt(np.sum(other.chance * (1 - other.chance)))
    assert abs(np.count_nonzero(other.came.days) - other.chance.sum()) < 3 * deviation
    assert other.amount.sum() == pytest.approx(other.came.amount.sum(), rel=0.2)
    fifths = np.array_split(np.argsort(-other.chance, kind="stable"), 5)
    for some in fifths:
        off = np.count_nonzero(other.came.days[some]) - other.chance[some].sum()
        assert abs(off) < 4 * np.sqrt(np.sum(other.chance[some] * (1 - other.chance[some])))


def test_values_do_not_depend_on_the_facts_beside_them() -> None:
    table = simulated(400, seed=9)
    (_, one), (other,) = forecast_facts(table, 730, [AHEAD, CHANCE]), forecast_facts(table, 730, [CHANCE])
    assert one.forecast == other.forecast
    assert one.values is not None
    assert other.values is not None
    assert np.array_equal(one.values.values, other.values.values)


@pytest.mark.parametrize("amount", [0.0, -5.0, np.nan])
def test_days_that_come_to_nothing_are_no_amounts(amount: float) -> None:
    table = simulated(300, seed=10)
    nothing = PurchaseDays(table.customer, table.day, np.full(len(table.day), amount))
    forecast: Forecast = next(forecast_facts(nothing, 730, [AHEAD])).forecast
    assert forecast.shortcoming is not None
    assert forecast.shortcoming.refusal is ForecastRefusal.FEW_PAYERS


def test_events_of_one_day_are_one_purchase() -> None:
    who, day = np.array([0, 0, 0, 1]), np.array([5, 5, 9, 7])
    table = PurchaseDays.of(who, day, np.array([1.0, np.nan, 4.0, np.nan]))
    assert table.day.tolist() == [5, 9, 7]
    activity = table.until(20)
    assert activity.repeats.tolist() == [1, 0]
    assert activity.recency.tolist() == [4 / 7, 0]
    assert activity.age.tolist() == [15 / 7, 13 / 7]
    assert activity.paid.tolist() == [1, 0]
    assert activity.spend[0] == 4, "the first day is not a later one"


def test_days_are_those_of_the_calendar_of_the_shop() -> None:
    moments = [
        dt.datetime(2026, 3, 28, 22, 59, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 28, 23, 0, tzinfo=dt.UTC),  # midnight in Berlin
        dt.datetime(2026, 3, 29, 21, 59, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 22, 0, tzinfo=dt.UTC),  # midnight in summer time
    ]
    at = np.array([instant(moment) for moment in moments], dtype=np.int64)
    days = [dt.date.fromordinal(day).day for day in local_days(at, zone("Europe/Berlin")).tolist()]
    assert days == [28, 29, 29, 30]
    assert local_days(np.array([Instant(-1)]), zone("UTC")).tolist() == [ordinal(1969, 12, 31)]
