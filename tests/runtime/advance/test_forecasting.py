"""Forecasts: what a shop's own customers say of the next days, found at night, read like any other fact."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.core.facts.forecasts import Forecast, ForecastRefusal
from engine.core.happening import Event
from engine.figures.period import asked
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.runtime.advance import forecasting
from engine.runtime.advance.maintenance import sweep_segments_in_slices
from engine.store.customers import batches
from engine.store.customers.customer_codec import CustomerMarks, dump_marks
from engine.store.learning import forecasts
from engine.store.meta import bucket_of
from engine.store.serialization import dump_values
from engine.store.sql import insert_many
from engine.values import DAY, HOUR, Instant, Money, Value, instant, local_date, zone
from tests.forecast.shops import simulated
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

FACTS = (
    ATTRIBUTES
    + """
  returns: chance of order_placed in next 60 days
  ahead: expected sum of order_placed.total in next 60 days
"""
)
LOYAL = """
segment: loyal
about: Whoever is likely to come back within two months.
who: {returns: at least 40%}
"""
THANKS = """
journey: thanks
start: {segment: loyal}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
KEEP = """
journey: keep
start: {event: subscribed}
again: always
goal: {when: {returns: at least 1%}}
policy: service
steps:
  - wait: 300 days
    id: long_wait
  - send: later
"""
PROJECT = {
    **FILES,
    "schemas/customer.yaml": FACTS,
    "journeys/segments/loyal.yaml": LOYAL,
    "journeys/thanks.yaml": THANKS,
    "journeys/keep.yaml": KEEP,
}
EVENING = instant(dt.datetime(2024, 3, 1, 20, tzinfo=dt.UTC))
"""Of the first day."""

DAYS = 730
NIGHT = instant(dt.datetime(2026, 3, 1, 3, tzinfo=dt.UTC))
"""04:00 in Berlin, 730 days after the first."""


def fill(shop: Shop, size: int, seed: int = 11, prefix: str = "c") -> None:
    """Customers of a made-up shop and their orders, as they lie in a store."""
    table = simulated(size, seed, DAYS)
    rows = zip(table.customer.tolist(), table.day.tolist(), table.amount.tolist(), strict=True)
    history: list[tuple[str, int, dict[str, Value]]] = [
        (f"{prefix}{who:04}", EVENING + (day - 1) * DAY, {"total": Money(Decimal(f"{amount:.2f}"), "EUR")})
        for who, day, amount in rows
    ]
    lay(shop, history)


def lay(shop: Shop, history: Sequence[tuple[str, int, dict[str, Value]]]) -> None:
    """Orders (customer, moment, fields) that have been applied."""
    documents = ("attributes", "folded", "memory", "seen", "segments", "reach")

    def write(conn: Connection) -> None:
        people = sorted({customer for customer, _, _ in history})
        insert_many(conn, "customer", [
            {"bucket": bucket_of(conn, id_), "id": id_, "zone": "UTC", "zone_why": "project", "applied": 0,
             "created_at": 0, **dict.fromkeys(documents, "{}"), "marks": dump_marks(CustomerMarks(), "")}
            for id_ in people
        ])  # fmt: skip
        insert_many(conn, "event", [
            {"bucket": bucket_of(conn, customer), "customer": customer, "name": "order_placed",
             "occurred_at": at, "number": number, "received_at": at, "id": f"o{number}", "starts": False,
             "fields": dump_values(fields)}
            for number, (customer, at, fields) in enumerate(history, 1)
        ])  # fmt: skip

    shop.store.write(write)


def order(shop: Shop, customer: str, at: Instant, key: str) -> None:
    fields: dict[str, Value] = {"total": Money(Decimal(20), "EUR"), "order_id": key}
    shop.happen(customer, Event(0, key, "order_placed", at, at, fields, starts=False), key)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """160 customers over two years."""
    opened = Shop(tmp_path, PROJECT, NIGHT)
    fill(opened, 160)
    yield opened
    opened.close()


def night(shop: Shop, chunk: int = 2_000) -> dict[str, int]:
    changed = forecasting.forecast(shop.store, shop.publication.journeys, shop.clock.now(), chunk)
    shop.run()
    return changed


def values(shop: Shop, name: str = "returns") -> dict[str, Value]:
    with shop.store.read() as conn:
        journeys, now = shop.publication.journeys, shop.clock.now()
        return {
            customer: value
            for bucket, some in batches.chunks(conn, 5000)
            for customer, state in batches.load_batch(conn, bucket, some, journeys, now).states.items()
            if (value := state.facts.values.get(name)) is not None
        }


def made(shop: Shop, name: str = "returns") -> Forecast:
    with shop.store.read() as conn:
        return forecasts.known(conn)[name][0]


def values_there(shop: Shop) -> list[str]:
    """Everybody."""
    with shop.store.read() as conn:
        return [customer for _, some in batches.chunks(conn, 5000) for customer in some]


def members(shop: Shop) -> set[str]:
    with shop.store.read() as conn:
        journeys, now = shop.publication.journeys, shop.clock.now()
        return {
            customer
            for bucket, some in batches.chunks(conn, 5000)
            for customer, state in batches.load_batch(conn, bucket, some, journeys, now).states.items()
            if "loyal" in state.facts.segments
        }


def test_everybody_who_ordered_has_a_chance_and_a_sum(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.change("looker")
    shop.run()
    real, written = forecasts.write, list[str]()

    def noted(conn: Connection, values: Sequence[tuple[int, str, dict[str, object]]]) -> int:
        written.extend(customer for _, customer, _ in values)
        return real(conn, values)

    monkeypatch.setattr(forecasts, "write", noted)
    changed = night(shop, chunk=37)
    assert len(written) == len(set(written)) == 160, "each row once, though two facts are new"
    chances, sums = values(shop), values(shop, "ahead")
    assert changed == {"returns": 160, "ahead": 160}
    assert len(chances) == len(sums) == 160
    assert all(isinstance(chance, Decimal) and 0 <= chance <= 1 for chance in chances.values())
    assert all(isinstance(amount, Money) and amount.currency == "EUR" for amount in sums.values())
    assert "looker" not in chances


def test_a_value_never_stands_without_its_calibration(shop: Shop) -> None:
    night(shop)
    for name in ("returns", "ahead"):
        forecast = made(shop, name)
        assert forecast.is_made
        assert forecast.as_of == "2026-02-28", "today is not over"
        assert forecast.coming is not None
        calibration = forecast.calibration
        assert calibration is not None
        assert (calibration.since, calibration.until) == ("2025-12-31", "2026-02-28")
        assert sum(group.customers for group in calibration.groups) == calibration.customers
        assert sum(group.counted for group in calibration.groups) == calibration.counted
    calibration = made(shop, "ahead").calibration
    assert calibration is not None
    assert calibration.counted_sum is not None
    assert calibration.counted_sum > 0


def test_what_was_expected_is_near_what_came(shop: Shop) -> None:
    """The shop is made by the model, so that it must be right about it."""
    night(shop)
    calibration = made(shop).calibration
    assert calibration is not None
    assert abs(calibration.counted - calibration.expected) < 3 * calibration.deviation


def test_a_segment_knows_the_same_as_the_condition(shop: Shop) -> None:
    night(shop)
    least = Decimal("0.4")
    likely = {who for who, chance in values(shop).items() if isinstance(chance, Decimal) and chance >= least}
    assert likely
    assert members(shop) == likely
    assert sweep_segments_in_slices(shop.store, shop.publication.journeys, shop.clock.now()) == {}


def test_the_first_night_starts_nothing_and_a_later_one_does(shop: Shop) -> None:
    night(shop)
    assert shop.planned() == []
    before = members(shop)
    quiet = min(values(shop).items(), key=lambda pair: (pair[1], pair[0]))[0]
    shop.change(quiet)
    for number in range(14):
        order(shop, quiet, Instant(shop.clock.now() - number * DAY), f"again{number}")
    shop.run()
    shop.clock.advance(DAY)
    assert night(shop)["returns"] > 0
    entered = members(shop) - before
    assert quiet in entered
    assert {message.customer for message in shop.planned()} == entered


def test_a_night_that_was_cut_off_is_made_again_as_quietly(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for customer in values_there(shop):
        shop.change(customer)
    shop.run()
    real, told = forecasts.write, list[int]()

    def cut_off(conn: Connection, values: Sequence[tuple[int, str, dict[str, object]]]) -> int:
        told.append(len(values))
        if len(told) == 3:
            raise OSError("the power is gone")
        return real(conn, values)

    monkeypatch.setattr(forecasts, "write", cut_off)
    with pytest.raises(OSError, match="power"):
        night(shop, chunk=40)
    monkeypatch.setattr(forecasts, "write", real)
    assert night(shop).keys() == {"returns", "ahead"}
    assert len(values(shop)) == 160
    assert members(shop)
    assert shop.planned() == []


def test_the_first_values_after_there_were_too_few_customers_start_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path, PROJECT, NIGHT)
    fill(shop, 60)
    night(shop)
    assert values(shop) == {}
    fill(shop, 100, seed=12, prefix="d")
    for customer in values_there(shop):
        shop.change(customer)
    shop.run()
    shop.clock.advance(DAY)
    night(shop)
    assert len(values(shop)) == 160
    assert members(shop)
    assert shop.planned() == []
    shop.close()


def test_once_a_night_by_the_calendar_of_the_shop(shop: Shop) -> None:
    night(shop)
    shop.clock.advance(19 * HOUR)  # 23:00 in Berlin
    assert night(shop) == {}
    shop.clock.advance(HOUR)
    assert night(shop).keys() == {"returns", "ahead"}


def test_what_hardly_moves_is_not_written_anew(shop: Shop) -> None:
    night(shop)
    shop.clock.advance(DAY)
    changed = night(shop)
    assert changed["returns"] < 160


def test_a_changed_definition_counts_at_once_and_starts_nothing(shop: Shop) -> None:
    night(shop)
    longer = FACTS.replace("order_placed in next 60 days", "order_placed in next 90 days")
    before = values(shop)
    shop.publish({**PROJECT, "schemas/customer.yaml": longer})
    night(shop)
    assert made(shop).days == 90
    after = values(shop)
    assert all(after[who] >= chance for who, chance in before.items())  # type: ignore[operator]
    assert shop.planned() == []


def test_who_is_inside_a_journey_that_asks_for_it_leaves_it_at_night(shop: Shop) -> None:
    shop.event("c0001", "subscribed")
    shop.event("nobody", "subscribed")
    shop.run()
    assert shop.resting("keep") == {"long_wait": 2}
    night(shop)
    assert shop.resting("keep") == {"long_wait": 1}, "a chance makes the goal true"
    assert "c0001" in values(shop)


@pytest.mark.parametrize("size", [0, 1, 60])
def test_too_few_customers_have_no_forecast_and_it_says_why(tmp_path: Path, size: int) -> None:
    shop = Shop(tmp_path, PROJECT, NIGHT)
    if size:
        fill(shop, size)
    assert night(shop) == {"returns": 0, "ahead": 0}
    short = made(shop).shortcoming
    assert short is not None
    assert (short.refusal, short.there, short.needed) == (ForecastRefusal.FEW_CUSTOMERS, size, 100)
    assert values(shop) == {}
    shop.close()


def test_everybody_bought_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, PROJECT, NIGHT)
    lay(shop, [(f"c{number}", NIGHT - (number + 70) * DAY, {}) for number in range(120)])
    night(shop)
    short = made(shop).shortcoming
    assert short is not None
    assert (short.refusal, short.there) == (ForecastRefusal.FEW_REPEATERS, 0)
    shop.close()


def test_a_shop_that_is_too_young_for_a_calibration_has_no_forecast(tmp_path: Path) -> None:
    shop = Shop(tmp_path, PROJECT, NIGHT)
    lay(shop, [
        (f"c{number}", NIGHT - (number % 40 + 1 + times) * DAY, {})
        for number in range(120) for times in range(2)
    ])  # fmt: skip
    night(shop)
    forecast = made(shop)
    assert forecast.coming is not None
    assert forecast.shortcoming is not None
    assert forecast.shortcoming.held_out
    assert values(shop) == {}
    shop.close()


def test_without_amounts_there_is_a_chance_and_no_sum(tmp_path: Path) -> None:
    shop = Shop(tmp_path, PROJECT, NIGHT)
    table = simulated(160, 11, DAYS)
    dollars: dict[str, Value] = {"total": Money(Decimal(9), "USD")}
    lay(shop, [
        (f"c{who}", NIGHT - (DAYS - day + 1) * DAY, dollars if day % 2 else {})
        for who, day in zip(table.customer.tolist(), table.day.tolist(), strict=True)
    ])  # fmt: skip
    night(shop)
    assert len(values(shop)) == 160
    short = made(shop, "ahead").shortcoming
    assert short is not None
    assert short.refusal is ForecastRefusal.FEW_PAYERS
    shop.close()


def test_without_the_extra_nobody_has_a_value(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    night(shop)
    assert values(shop)
    monkeypatch.setitem(sys.modules, "scipy", None)
    shop.clock.advance(DAY)
    night(shop)
    short = made(shop).shortcoming
    assert short is not None
    assert short.refusal is ForecastRefusal.NO_EXTRA
    assert values(shop) == {}
    assert members(shop) == set()


def test_as_if_it_were_another_day(shop: Shop) -> None:
    night(shop)
    with shop.store.read() as conn:
        then = forecasting.as_if(conn, shop.publication.journeys, dt.date(2026, 2, 28))
        earlier = forecasting.as_if(conn, shop.publication.journeys, dt.date(2025, 9, 30))
    assert then == [made(shop), made(shop, "ahead")]
    assert [forecast.as_of for forecast in earlier] == ["2025-09-30"] * 2


def test_what_is_expected_stands_beside_the_lifetime_value(shop: Shop) -> None:
    night(shop)
    with shop.store.read() as conn:
        journeys, now = shop.publication.journeys, shop.clock.now()
        wanted = ReportRequest("customers", asked(local_date(now, zone("Europe/Berlin"))))
        told = reports.report(conn, wanted, journeys, now)
    table = next(one for one in told.tables if one.name == "forecasts")
    names = [rule.name for rule in shop.publication.journeys.facts if rule.is_forecast and rule.field]
    assert [row.label.partition(",")[0] for row in table.rows] == names
    for name, row in zip(names, table.rows, strict=True):
        line = {metric.name: value for metric, value in zip(table.metrics, row.now, strict=True)}
        known = [float(getattr(value, "amount", value)) for value in values(shop, name).values()]  # type: ignore[arg-type]
        assert line["forecast_customers"] == len(known)
        assert float(line["forecast_each"] or 0) == pytest.approx(sum(known) / len(known), rel=1e-5)
        assert line["forecast_calibration"] is not None
