"""Reports that look at every customer: of many customers they are those of the last night, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.figures.period import Period, asked
from engine.figures.report import FiguresReport
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.runtime.nightly_reports import LIMITS, make_reports
from engine.store.sql import insert_many
from engine.values import DAY, HOUR, Instant, iso
from tests.figures.reports_anew import day_of
from tests.figures.test_any_history import CHANGED, Experimenting

NIGHTLY = tuple(LIMITS)
FEW = dict.fromkeys(NIGHTLY, 0)
"""As if the shop of the tests had many customers."""

HISTORY = (
    ("order", "a", 0), ("hand over", "accepted", ""), ("click", 0, "one link"), ("later", 1500, ""),
    ("order", "b", 0), ("later", 3000, ""), ("later", 3000, ""),
)  # fmt: skip


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Experimenting]:
    lived = Experimenting(tmp_path)
    with closing(lived.shop):
        for number in range(20):  # so many that some are held out and some are not, whoever they are
            lived.shop.change(f"visitor{number}")
            lived.shop.event(f"visitor{number}", "site_visited")
        lived.shop.run()
        for op in HISTORY:
            lived.do(*op)
        lived.shop.store.write(lambda conn: show_product(conn, lived.shop.clock.now()))
        yield lived


def show_product(conn: Connection, at: Instant) -> None:
    """No message of this shop recommends anything."""
    insert_many(conn, "shown_product", [
        {"bucket": 0, "customer": "a", "send_key": "m1", "name": "best", "place": 0, "product": "p1",
         "source": "bestsellers", "at": at},
    ])  # fmt: skip


def report(life: Experimenting, name: str, of: str = "") -> FiguresReport:
    """Of the days of which it is made at night; of reports that never are, of the usual ones."""
    today = day_of(life.shop.clock.now())
    kind = reports.KINDS[name]
    period = (kind.at_night or kind.usual)(today)
    return report_of(life, ReportRequest(name, period, of, is_usual=kind.at_night is None))


def report_of(life: Experimenting, wanted: ReportRequest) -> FiguresReport:
    with life.shop.store.read() as conn:
        return reports.report(conn, wanted, life.shop.publication.journeys, life.shop.clock.now())


def night(life: Experimenting) -> list[str]:
    shop = life.shop
    return make_reports(shop.store, shop.publication.journeys, shop.clock.now(), FEW)


@pytest.mark.parametrize("name", NIGHTLY)
def test_at_night_it_says_what_it_says_at_once_and_keeps_it_for_the_day(
    life: Experimenting, name: str
) -> None:
    at_once = report(life, name)
    made_at = life.shop.clock.now()
    assert any(table.rows for table in at_once.tables)
    assert night(life) == list(NIGHTLY)
    kept = report(life, name)
    assert f"As of {iso(made_at)}" in kept.notes[-1]
    assert replace(kept, notes=kept.notes[:-1]) == at_once
    life.shop.change("somebody new")
    life.do("event", "c", "site_visited")
    life.do("later", 25 * 60, "")
    later = report(life, name)
    assert day_of(life.shop.clock.now()) > day_of(made_at)
    assert (later.tables, later.made_at) == (at_once.tables, iso(made_at))
    assert (later.period, later.before) == (at_once.period, at_once.before)
    today = day_of(life.shop.clock.now())
    other = report_of(life, ReportRequest(name, Period(today.replace(day=1), today)))
    assert other.made_at == iso(life.shop.clock.now())


def test_recommendations_of_the_usual_days_are_made_at_once_and_those_of_a_year_at_night(
    life: Experimenting,
) -> None:
    made_at = life.shop.clock.now()
    night(life)
    life.shop.later(HOUR)
    today, name = day_of(life.shop.clock.now()), "recommendations"
    at_once = report_of(life, ReportRequest(name, reports.usual_period(name, today), is_usual=True))
    assert at_once.made_at == iso(life.shop.clock.now())
    assert report_of(life, ReportRequest(name, asked(today, length="1 year"))).made_at == iso(made_at)


def test_it_is_made_once_a_day_and_anew_when_other_files_are_published(life: Experimenting) -> None:
    assert night(life) == list(NIGHTLY)
    life.shop.later(DAY - HOUR)
    assert night(life) == []
    life.shop.publish(CHANGED)
    assert report(life, "audit").made_at == iso(life.shop.clock.now())
    assert night(life) == list(NIGHTLY)
    life.shop.later(DAY)
    assert night(life) == list(NIGHTLY)


def test_a_report_of_some_days_ago_is_none_of_the_last_night(life: Experimenting) -> None:
    night(life)
    life.shop.later(37 * HOUR)
    assert report(life, "audit").made_at == iso(life.shop.clock.now())


def test_what_experiments_show_stands_beside_what_is_attributed_the_same_by_day_and_by_night(
    life: Experimenting,
) -> None:
    """In the overview the holdout of the shop, in `journeys` those of each, in `journey` all of its own."""
    at_once = {name: report(life, name, of).notes for name, of in (
        ("overview", ""), ("journeys", ""), ("journey", "trying"),
    )}  # fmt: skip
    assert "all journeys: holdout: journey against holdout" in " ".join(at_once["overview"])
    said = " ".join(at_once["journeys"])
    assert "trying: holdout: " in said
    assert "first_test" not in said
    assert "trying: first_test: " in " ".join(at_once["journey"])
    made_at = iso(Instant(life.shop.clock.now()))
    night(life)
    for (name, notes), of in zip(at_once.items(), ("", "", "trying"), strict=True):
        by_night = report(life, name, of).notes
        as_of = f"What experiments show is as of {made_at}."
        assert as_of in by_night
        assert tuple(line for line in by_night if line != as_of) == notes


def test_a_shop_of_few_customers_is_always_looked_at_at_once(life: Experimenting) -> None:
    shop = life.shop
    assert make_reports(shop.store, shop.publication.journeys, shop.clock.now()) == []


def test_one_that_another_version_of_the_engine_has_kept_in_another_shape_is_made_anew(
    life: Experimenting,
) -> None:
    night(life)
    life.shop.store.write(
        lambda conn: conn.exec_driver_sql(
            "UPDATE learned SET value = '{\"at\": 1}' WHERE name LIKE 'report:%'"
        )
    )
    assert report(life, "audit").made_at == iso(life.shop.clock.now())
    assert night(life) == list(NIGHTLY)
