"""`points:` and `tiers:` of config.yaml against events, fields, facts and journeys of the sample shop."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine.config.file import read_config
from engine.core.points.rules import EarnLimit
from engine.problem import render_problems
from engine.project import Project, load
from engine.simulate.stories.story_report import render_text, run_stories
from tests.conftest import Golden

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/cases/err/whole"
EARN = "  earn:\n    - {event: order_placed, points: 1 for each 1 EUR of total}\n"
TIERS = "tiers: {by: points earned in last 365 days, into: {bronze: 0, silver: 500, gold: 2000}}\n"
OWN = re.compile(r"(?m)^  (tier|points|points_expiring|points_expire_on):.*\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The sample shop without points and without attributes of their names."""
    for name in ("journeys", "schemas", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    text = (ROOT / "config.yaml").read_text()
    text = re.sub(r"(?ms)^(points|tiers):\n.*?(?=^\S)", "", text)
    (tmp_path / "config.yaml").write_text(text)
    customer = tmp_path / "schemas" / "customer.yaml"
    customer.write_text(OWN.sub("", customer.read_text()))
    return tmp_path


def with_points(shop: Path, text: str) -> Project:
    """The shop with these lines in its config.yaml."""
    config = shop / "config.yaml"
    config.write_text(config.read_text() + text)
    return load(shop)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("E10_event_that_earns", "points:\n  earn:\n    - {event: order_place, points: 10}\n" + TIERS),
        ("E11_field_that_earns",
         "points:\n  earn:\n    - {event: order_placed, points: 1 for each 1 EUR of totl}\n" + TIERS),
        ("E11_who_earns",
         "points:\n  earn:\n    - {event: order_placed, points: 10, who: {order_count: 2}}\n" + TIERS),
        ("E125_number_of_money",
         "points:\n  earn:\n    - {event: order_placed, points: 1 for each 10 of total}\n" + TIERS),
        ("E125_no_amount",
         "points:\n  earn:\n    - {event: order_placed, points: 1 for each 1 of order_id}\n" + TIERS),
        ("E128_spent_without_field", f"points:\n{EARN}  spent_by: points_redeemed\n{TIERS}"),
        ("E128_less_without_key", f"points:\n{EARN}  less: order_cancelled by order\n{TIERS}"),
        ("E128_key_of_no_event", f"points:\n{EARN}  less: points_redeemed by reward\n{TIERS}"),
        ("E129_tiers_out_of_order",
         f"points:\n{EARN}tiers: {{by: points earned, into: {{bronze: 0, gold: 2000, silver: 500}}}}\n"),
        ("E129_tiers_by_the_balance",
         f"points:\n{EARN}tiers: {{by: points, into: {{bronze: 0, silver: 500, gold: 2000}}}}\n"),
        ("W38_line_below_all",
         f"points:\n{EARN}    - {{event: order_placed, points: 5, who: {{tier: gold}}}}\n{TIERS}"),
    ],
)  # fmt: skip
def test_what_the_catalogue_does_not_know_is_told(shop: Path, golden: Golden, case: str, text: str) -> None:
    project = with_points(shop, text)
    assert {problem.code for problem in project.problems} == {case.partition("_")[0]}
    golden(CASES / f"{case}.out", render_problems(project.problems, project.sources) + "\n")


def test_points_that_end_and_nobody_who_tells_are_told(shop: Path, golden: Golden) -> None:
    (shop / "journeys" / "loyalty.yaml").unlink()
    for file in (shop / "journeys").glob("points*.yaml"):
        file.unlink()
    note = shop / "journeys" / "birthday.yaml"
    note.write_text(f"# nobody asks for points_expire_on here\n{note.read_text()}")
    project = with_points(shop, f"points:\n{EARN}  expire: at the end of next year\n{TIERS}")
    assert [problem.code for problem in project.problems if problem.code == "W39"] == ["W39"]
    wrong = [problem for problem in project.problems if problem.code == "W39"]
    golden(CASES / "W39_nobody_tells.out", render_problems(wrong, project.sources) + "\n")


def test_what_the_page_shows_is_accepted_and_its_stories_pass(shop: Path) -> None:
    page = (ROOT / "docs" / "points.md").read_text()
    blocks = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL))
    blocks |= dict(re.findall(r"```\n\{# (\S+) #\}\n(.*?)```", page, re.DOTALL))
    assert set(blocks) == {
        "config.yaml", "journeys/points_last_days.yaml", "templates/points_last_days.push.txt"
    }  # fmt: skip
    table = blocks.pop("config.yaml")
    for name, text in blocks.items():
        (shop / name).write_text(text)
    project = with_points(shop, table)
    assert [problem for problem in project.problems if problem.is_error] == []
    report = run_stories([project.files["points_last_days"]], project.journeys, project.world)
    assert (report.passed, report.failed) == (2, 0), render_text(report, project.sources)


def test_percent_are_told_in_the_currency_of_the_shop() -> None:
    _, problems = read_config("""
shop: {name: Bean There, url: https://shop.example, address: Sofia}
timezone: Europe/Kyiv
currency: UAH
points:
  earn: [{event: order_placed, points: 5 % of total}]
""")
    assert [problem.fix for problem in problems] == ["write  5 for each 100 UAH of total"]


def test_a_name_is_either_an_attribute_or_follows_from_the_ledger(shop: Path, golden: Golden) -> None:
    customer = shop / "schemas" / "customer.yaml"
    customer.write_text(customer.read_text().replace("attributes:", "attributes:\n  points: number\n  #", 1))
    project = with_points(shop, f"points:\n{EARN}{TIERS}")
    wrong = [problem for problem in project.problems if problem.is_error]
    golden(CASES / "E127_points_by_hand.out", render_problems(wrong, project.sources) + "\n")


def test_a_step_adds_points_and_sets_none(shop: Path, golden: Golden) -> None:
    journey = shop / "journeys" / "birthday.yaml"
    journey.write_text(journey.read_text().replace("add: {points: 500}", "set: {points: 500}", 1))
    project = with_points(shop, f"points:\n{EARN}{TIERS}")
    wrong = [problem for problem in project.problems if problem.code == "E130"]
    golden(CASES / "E130_points_set.out", render_problems(wrong, project.sources) + "\n")


def test_a_shop_without_points_goes_on_with_attributes_of_these_names(shop: Path) -> None:
    for file in (*shop.glob("journeys/points_ending*"), *shop.glob("templates/points_ending.*")):
        file.unlink()
    customer = shop / "schemas" / "customer.yaml"
    own = "attributes:\n  points: number\n  points_expiring: number\n  points_expire_on: date\n"
    own += "  tier: one of [bronze, silver, gold]\n"
    customer.write_text(customer.read_text().replace("attributes:\n", own, 1).replace("attributes: ", own, 1))
    project = load(shop)
    assert [problem for problem in project.problems if problem.is_error] == []
    assert project.journeys.loyalty is None


def test_lines_with_the_same_question_are_one_line_however_many_points_they_give(shop: Path) -> None:
    project = with_points(
        shop, f"points:\n{EARN}    - {{event: review_written, points: 30, once: ever}}\n{TIERS}"
    )
    rules = project.journeys.loyalty
    assert rules is not None
    assert rules.points is not None
    review = rules.points.earn[1]
    assert review.limit == EarnLimit(1, "ever")
    config = shop / "config.yaml"
    config.write_text(config.read_text().replace("points: 30,", "points: 50,"))
    again = load(shop).journeys.loyalty
    assert again is not None
    assert again.points is not None
    assert again.points.earn[1].key == review.key
    assert again.points.earn[1].gives.points == 50
