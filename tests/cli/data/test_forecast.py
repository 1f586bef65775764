"""Facts that look ahead, as `report`, `show`, `check` and `doctor` tell of them."""

from __future__ import annotations

import json
import sys

import pytest
from msgspec.structs import replace

from engine.core.facts.forecasts import (
    Calibration,
    CalibrationGroup,
    ComingModel,
    Forecast,
    ForecastRefusal,
    Shortcoming,
    SpendingModel,
)
from engine.store.learning import forecasts
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

FACTS = """\
  returns: chance of order_placed in next 90 days
  value_ahead: expected sum of order_placed.total in next 365 days
"""
RETURNS = Forecast(
    "returns", "order_placed", None, 90, "2026-11-19", "", 2_357,
    ComingModel(0.2426, 4.4136, 0.7929, 2.4259, -9582.43, 2_357, 946),
    None,
    Calibration(
        "2026-08-21", "2026-11-19", 2_200, 612.4, 17.3, 640, 1_010.0, 1_100,
        groups=(CalibrationGroup(1_100, 500.2, 520), CalibrationGroup(1_100, 112.2, 120)),
    ),
)  # fmt: skip
AHEAD = replace(
    RETURNS, fact="value_ahead", field="total", days=365,
    spending=SpendingModel(6.25, 3.744, 15.444, -4055.9, 946, 35.2, 0.11, ("q",)),
    calibration=Calibration("2025-11-19", "2026-11-19", 900, 300, 12, 310, 900, 950, 51_200.4, 48_004.6),
)  # fmt: skip


def with_facts(shop: Shop) -> None:
    schema = shop.folder / "schemas" / "customer.yaml"
    text = schema.read_text()
    begin = text.index("  orders_count: count of order_placed")
    schema.write_text(text[:begin] + FACTS + text[begin:])


def keep(shop: Shop, *made: Forecast) -> None:
    """The last night made these."""
    store = shop.store()
    try:
        store.write(lambda conn: forecasts.put(conn, made, shop.clock.now()))
    finally:
        store.close()


def test_report_tells_how_well_each_has_done_and_what_it_is_made_of(shop: Shop, golden: Golden) -> None:
    with_facts(shop)
    keep(shop, RETURNS, AHEAD)
    golden("golden/report_forecast.txt", report(shop.run("report", "forecast")))
    golden("golden/report_forecast.csv.txt", report(shop.run("report", "forecast", "--format", "csv")))
    told = json.loads(shop.run("report", "forecast", "--format", "json").out)
    chances, sums, fifths, coming, spending = (table["rows"] for table in told["tables"])
    assert [row["fact"] for row in chances] == ["returns, as of 2026-11-19"]
    assert (chances[0]["forecast_came"], chances[0]["forecast_expected"]) == (640, 612.4)
    assert sums[0]["forecast_counted"] == 48_004.6
    assert [row["forecast_fifth_came"] for row in fifths] == [520 / 1_100, 120 / 1_100]
    assert coming[0]["forecast_r"] == 0.2426
    assert spending[0]["note"] == "q at the edge of what is searched"
    assert told["period"] == {"from": "2026-11-19", "to": "2026-11-19"}
    shop.run("report", "forecast", "--out", str(shop.folder / "reports"))
    assert "BG/NBD" in (shop.folder / "reports/forecast.html").read_text(encoding="utf-8")


def test_models_that_do_not_fit_are_called_so(shop: Shop, golden: Golden) -> None:
    with_facts(shop)
    calibration = RETURNS.calibration
    assert calibration is not None
    assert not calibration.is_off
    half = replace(calibration, counted=257)
    assert half.is_off
    assert not replace(half, deviation=200.0).is_off
    keep(shop, replace(RETURNS, calibration=half))
    golden("golden/report_forecast_off.txt", report(shop.run("report", "forecast")))
    told = json.loads(shop.run("report", "forecast", "--format", "json").out)
    assert "not to be relied on" in told["tables"][0]["rows"][0]["note"]


def test_why_nobody_has_a_value_is_said(shop: Shop, golden: Golden) -> None:
    with_facts(shop)
    for refusal in ForecastRefusal:
        short = Shortcoming(refusal, held_out=refusal is ForecastRefusal.FEW_REPEATERS, there=12, needed=50)
        keep(shop, Forecast("returns", "order_placed", None, 90, "2026-11-19", "", shortcoming=short))
        name = refusal.value.replace(" ", "_")
        golden(f"golden/report_forecast_{name}.txt", report(shop.run("report", "forecast")))


def test_as_of_another_day_it_is_made_anew(shop: Shop, golden: Golden) -> None:
    with_facts(shop)
    golden(
        "golden/report_forecast_as_of.txt", report(shop.run("report", "forecast", "--as-of", "2026-11-01"))
    )
    golden("golden/report_forecast_no_day.txt", report(shop.run("report", "forecast", "--as-of", "tomorrow")))
    golden(
        "golden/report_forecast_future.txt", report(shop.run("report", "forecast", "--as-of", "2027-01-01"))
    )


def test_options_that_mean_nothing_here_are_refused(shop: Shop, golden: Golden) -> None:
    shop.store().close()
    for name, words in (
        ("with_period", ("report", "forecast", "--from", "2026-11-01")),
        ("of_others", ("report", "journeys", "--as-of", "2026-11-01")),
        ("misspelt", ("report", "forcast")),
    ):
        golden(f"golden/report_forecast_{name}.txt", report(shop.run(*words)))


def test_before_the_first_night_nothing_is_made_up(shop: Shop, golden: Golden) -> None:
    golden("golden/report_forecast_none.txt", report(shop.run("report", "forecast")))
    with_facts(shop)
    golden("golden/report_forecast_not_yet.txt", report(shop.run("report", "forecast")))


def test_check_and_doctor_say_that_the_extra_is_missing(
    shop: Shop, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_facts(shop)
    assert shop.run("check").code == 0
    monkeypatch.setitem(sys.modules, "scipy", None)
    golden("golden/check_forecast_extra.txt", report(shop.run("check")))
    told = shop.run("doctor").out
    assert 'the extra "forecast" is missing, which returns, value_ahead needs' in told
    assert "uv sync --extra forecast" in told
