"""Caps against what is sent under them: a message that never finds a place, a cap that is never reached."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.problem import render_problems
from engine.project import load
from engine.simulate.stories.story_report import run_stories
from tests.conftest import Golden

CASES = Path(__file__).parents[2] / "cases"
HEAD = "journey: welcome\nstart:\n  event: subscribed\nagain: never\ngoal:\n  event: order_placed\nsteps:\n"
ONE, TWO = "  - send: welcome_hello\n", "  - send: welcome_our_story\n"
SMS = "  - send: cart_reminder\n    via: sms\n    id: s{0}\n  - wait: 3 days\n    id: w{0}\n"
WAIT = "  - wait: {}\n    id: w\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("caps") / "shop"
    shutil.copytree(CASES / "project", folder)
    for file in (folder / "journeys").glob("*.yaml"):
        file.unlink()
    return folder


def lines(shop: Path, steps: str) -> list[int]:
    """Where W54 is told."""
    (shop / "journeys/welcome.yaml").write_text(HEAD + steps)
    project = load(shop)
    assert not project.has_errors, render_problems(project.problems, project.sources)
    return [problem.span.line for problem in project.problems if problem.code == "W54"]


@pytest.mark.parametrize("case", ["W54_two_at_once", "W54_five_in_a_week", "W02_hours"])
def test_what_is_told_is_what_happens(case: str, shop: Path) -> None:
    text = (CASES / f"err/compiler/{case}.yaml").read_text()
    file = shop / "journeys" / f"{text.partition(chr(10))[0].removeprefix('journey: ')}.yaml"
    file.write_text(text)
    project = load(shop)
    file.unlink()
    report = run_stories(list(project.files.values()), project.journeys, project.world)
    assert (report.passed, report.failed) == (1, 0)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (ONE + TWO, [9]),
        (ONE + WAIT.format("1 day") + TWO, []),
        (ONE + WAIT.format("2 hours") + TWO, [11]),
        (ONE + WAIT.format("until 10:00") + TWO, []),
        (ONE + WAIT.format("until first_order_at") + "    at: 10:00\n" + TWO, []),
        (ONE + TWO + "    if_capped: wait\n", []),
        (ONE + TWO + "    policy: service\n", []),
        (ONE + "    policy: service\n" + TWO, []),
        ("  - if: {orders_count: 0}\n    then:\n    " + ONE + TWO, []),
        ("  - if: {orders_count: 0}\n    then:\n    " + ONE + "    else:\n      - exit: b\n" + TWO, [13]),
        (ONE + TWO + "  - send: welcome_bestsellers\n", [9]),  # the cause is told once
        ("".join(SMS.format(n) for n in range(3)), [18]),
        ("".join(SMS.format(n).replace("via: sms", "via: push") for n in range(3)), []),
    ],
)  # fmt: skip
def test_only_what_every_path_fills_is_told(steps: str, told: list[int], shop: Path) -> None:
    assert lines(shop, steps) == told


def test_waiting_for_a_free_place_mends_it(shop: Path) -> None:
    assert lines(shop, ONE + TWO) == [9]
    (problem,) = (one for one in load(shop).problems if one.code == "W54")
    assert problem.fix.startswith("write  if_capped: wait  ")
    assert lines(shop, f"{ONE}{TWO}    if_capped: wait\n") == []


@pytest.mark.parametrize(
    ("caps", "idle"),
    [
        ("[1 a day, 4 a week, sms: 2 a month]", ""),
        ("[1 a day, 7 a week]", ""),  # the eighth calendar day that a week back reaches into
        ("[1 a day, 8 a week]", "8 a week"),
        ("[2 a day, 61 a month]", ""),
        ("[2 a day, 62 a month]", "62 a month"),
        ("[4 a week, 20 a month]", "20 a month"),
        ("[1 a day, sms: 10 a week]", ""),  # the parts of a cascade leave on other days than its place
    ],
)
def test_a_cap_that_another_one_always_comes_before(caps: str, idle: str, shop: Path, golden: Golden) -> None:
    config = shop / "config.yaml"
    text = config.read_text()
    (shop / "journeys/welcome.yaml").unlink(missing_ok=True)
    config.write_text(text.replace("[1 a day, 4 a week, sms: 2 a month]", caps, 1))
    try:
        project = load(shop)
        assert [problem.code for problem in project.problems] == (["W58"] if idle else [])
        if idle == "8 a week":
            out = CASES / "err/whole/W58_idle_cap.out"
            golden(out, render_problems(project.problems, project.sources) + "\n")
            assert project.problems[0].fix.endswith("less than 8")
            config.write_text(config.read_text().replace(f", {idle}", ", 7 a week"))
            assert load(shop).problems == ()
    finally:
        config.write_text(text)
