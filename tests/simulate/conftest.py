"""The project of the repository, and journeys written in a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.compiler.journeys.compile import compile_journey
from engine.language.parse import parse_journey
from engine.project import Project, load
from engine.simulate.stories.story_report import JourneyReport, run_stories

ROOT = Path(__file__).parents[2]

Tell = Callable[[str], JourneyReport]
"""Runs the stories of a journey that is given as text."""


@pytest.fixture(scope="session")
def shop() -> Project:
    """The sample shop."""
    project = load(ROOT)
    assert not project.has_errors, project.problems
    return project


@pytest.fixture(scope="session")
def tell(shop: Project) -> Tell:
    """Parses, compiles and tests a journey in the sample shop."""

    def run(text: str) -> JourneyReport:
        name = text.partition("journey: ")[2].partition("\n")[0]
        file, problems = parse_journey(text, f"journeys/{name}.yaml")
        assert file is not None
        compiled = compile_journey(file, shop.world)
        wrong = [problem for problem in (*problems, *compiled.problems) if problem.is_error]
        assert not wrong, wrong
        assert compiled.journey is not None
        journeys = replace(shop.journeys, by_name={**shop.journeys.by_name, name: compiled.journey})
        return run_stories([file], journeys, shop.world).journeys[0]

    return run
