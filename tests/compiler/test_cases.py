"""Journeys with one mistake each in a whole project, and exactly what their author is told about it."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from engine.problem import render_problems
from engine.project import load
from engine.values import instant
from tests.conftest import Golden

NOW = instant(dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
CASES = Path(__file__).parent.parent / "cases"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project, without journeys."""
    folder = tmp_path_factory.mktemp("cases") / "shop"
    shutil.copytree(CASES / "project", folder)
    for file in (folder / "journeys").glob("*.yaml"):
        file.unlink()
    return folder


@pytest.mark.parametrize(
    "case", sorted((CASES / "err" / "compiler").glob("*.yaml")), ids=lambda case: case.stem
)
def test_one_mistake_has_one_message(case: Path, shop: Path, golden: Golden) -> None:
    text = case.read_text()
    name = text.partition("\n")[0].removeprefix("journey: ")
    file = shop / "journeys" / f"{name}.yaml"
    file.write_text(text)
    try:
        project = load(shop, NOW)
    finally:
        file.unlink()
    assert [problem.code for problem in project.problems] == [case.stem.partition("_")[0]]
    golden(case.with_suffix(".out"), render_problems(project.problems, project.sources) + "\n")


@pytest.mark.parametrize("case", sorted((CASES / "ok").glob("*.yaml")), ids=lambda case: case.stem)
def test_everything_that_the_language_knows_compiles(case: Path, shop: Path) -> None:
    file = shop / "journeys" / case.name
    shutil.copy(case, file)
    try:
        project = load(shop)
    finally:
        file.unlink()
    assert (
        render_problems((p for p in project.problems if p.code not in ("W01", "W54")), project.sources) == ""
    )
    assert list(project.journeys.by_name) == [case.stem]


def test_the_sample_journeys_have_no_problem() -> None:
    project = load(CASES / "project")
    assert render_problems(project.problems, project.sources) == ""
    assert sorted(project.journeys.by_name) == [
        "abandoned_cart", "birthday", "loyalty", "price_drop", "welcome", "win_back",
    ]  # fmt: skip
