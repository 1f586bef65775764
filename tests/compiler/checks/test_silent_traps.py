"""What looks right and would never come true is told before anybody waits for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.problem import Problem, render_problems
from engine.project import load
from tests.conftest import Golden

SHOP = Path(__file__).parents[2] / "cases" / "project"
OUT = Path(__file__).parents[2] / "cases" / "err" / "whole"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def told(shop: Path, code: str, golden: Golden, case: str) -> list[Problem]:
    project = load(shop)
    found = [problem for problem in project.problems if problem.code == code]
    assert found == list(project.problems)
    golden(OUT / f"{code}_{case}.out", render_problems(found, project.sources) + "\n")
    return found


def test_an_open_that_nobody_tracks(shop: Path, golden: Golden) -> None:
    edit(shop / "journeys/welcome.yaml", "clicked: welcome_hello", "opened: welcome_hello")
    assert load(shop).problems == ()
    edit(shop / "config.yaml", "tracking: {opens: always}\n", "")
    assert len(told(shop, "W23", golden, "opens_not_tracked")) == 1


def test_a_wait_for_the_event_that_is_the_goal(shop: Path, golden: Golden) -> None:
    wait = "    id: settle_in\n    for: order_placed\n    then:\n      - exit: bought\n"
    edit(shop / "journeys/welcome.yaml", "    id: settle_in\n    at: 10:00\n", wait)
    assert len(told(shop, "W24", golden, "goal_awaited")) == 1
    edit(shop / "journeys/welcome.yaml", "  event: order_placed\n", "  event: order_placed\n  then: stay\n")
    assert load(shop).problems == ()


def test_a_template_in_a_language_that_the_shop_does_not_name(shop: Path, golden: Golden) -> None:
    templates = shop / "templates"
    shutil.copy(templates / "welcome_hello.email.html", templates / "welcome_hello.email.fr.html")
    assert len(told(shop, "W25", golden, "unlisted_language")) == 1


def test_a_template_that_is_missing_in_some_languages(shop: Path, golden: Golden) -> None:
    edit(shop / "config.yaml", "languages: [en, bg]", "languages: [en, bg, uk]")
    templates = shop / "templates"
    shutil.copy(templates / "welcome_hello.email.html", templates / "welcome_hello.email.bg.html")
    (problem,) = told(shop, "W26", golden, "missing_language")
    assert problem.fix == "make templates/welcome_hello.email.uk.html"


def test_a_file_of_codes_that_is_not_there(shop: Path, golden: Golden) -> None:
    (shop / "codes/comeback.csv").unlink()
    (problem,) = told(shop, "E25", golden, "codes_not_there")
    assert problem.is_error


def test_what_is_called_like_a_journey_and_is_none_is_named(shop: Path) -> None:
    (shop / "journeys/folder.yaml").mkdir()
    os.mkfifo(shop / "journeys/pipe.yaml")
    problems = load(shop).problems
    assert [(p.span.file, p.code) for p in problems] == [
        ("journeys/folder.yaml", "E78"), ("journeys/pipe.yaml", "E78"),
    ]  # fmt: skip


def test_a_start_from_a_day_of_birth_that_is_a_date(shop: Path, golden: Golden) -> None:
    schema, journey = shop / "schemas/customer.yaml", shop / "journeys/birthday.yaml"
    (shop / "journeys/birthday.yaml").rename(shop / "birthday.txt")
    edit(schema, "birthday: birthday", "birthday: date")
    assert load(shop).problems == ()  # an age limit asks for it
    (shop / "birthday.txt").rename(journey)
    assert len([found for found in load(shop).problems if found.code == "W61"]) == 1
    golden(OUT / "W61_birthday.out", _w61(shop))
    edit(journey, "  before: 7 days\n", "  after: 18 years\n")
    assert _w61(shop) == "\n"
    edit(journey, "  after: 18 years\n", "  every: year\n")
    assert _w61(shop) == "\n"


def _w61(shop: Path) -> str:
    project = load(shop)
    found = [problem for problem in project.problems if problem.code == "W61"]
    return render_problems(found, project.sources) + "\n"


@pytest.mark.parametrize(("date", "codes"), [("first_seen", ["W64"]), ("last_order_at", [])])
def test_only_a_date_that_stays_comes_once(shop: Path, date: str, codes: list[str]) -> None:
    (shop / "journeys/yearly.yaml").write_text(
        f"journey: yearly\nstart: {{date: {date}, after: 90 days, at: 10:00}}\nagain: after 365 days\n"
        "goal: {event: order_placed}\nsteps:\n  - send: welcome_hello\n"
    )
    assert [found.code for found in load(shop).problems if found.code == "W64"] == codes
