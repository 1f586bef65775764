"""Which zone counts for a customer; the table of countries against the time zone data in use."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from babel.core import get_global

from engine.compiler.zone_lookup import SAME_CLOCKS, zone_of_country
from engine.core.facts.customer import resolve_zone
from engine.values import Value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"timezone": "Asia/Tokyo", "country": "DE"}, ("Asia/Tokyo", "customer")),
        ({"timezone": "Mars/Phobos", "country": "de"}, ("Europe/Berlin", "country")),
        ({"timezone": "GMT+3"}, ("Europe/Sofia", "project")),
        ({"timezone": ""}, ("Europe/Sofia", "project")),
        ({"timezone": 3}, ("Europe/Sofia", "project")),
        ({"country": "US"}, ("Europe/Sofia", "project")),
        ({"country": "Atlantis"}, ("Europe/Sofia", "project")),
        ({}, ("Europe/Sofia", "project")),
    ],
    ids=str,
)
def test_the_zone_of_a_customer_and_why(values: dict[str, Value], expected: tuple[str, str]) -> None:
    assert resolve_zone(values, "Europe/Sofia", zone_of_country) == expected


def test_a_country_has_one_zone_where_its_clocks_all_show_the_same() -> None:
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text().splitlines()
    zones = defaultdict(list)
    for line in lines:
        if not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            zones[country].append(name)
    single = {
        country: names[0] for country, names in zones.items() if len({_clock(name) for name in names}) == 1
    }
    countries = {*zones, *get_global("territory_zones")}
    found = {country: zone for country in countries if (zone := zone_of_country(country)) is not None}
    assert found == single
    assert {country for country in single if len(zones[country]) > 1} == set(SAME_CLOCKS)


def _clock(name: str) -> tuple[dt.timedelta | None, ...]:
    start, tz = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), ZoneInfo(name)
    return tuple((start + dt.timedelta(days=2 * number)).astimezone(tz).utcoffset() for number in range(1100))
