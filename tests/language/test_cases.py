"""Small journeys with one mistake each, and exactly what an author is told about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.parse import parse_journey
from engine.problem import render_problems
from tests.conftest import Golden

CASES = Path(__file__).parent.parent / "cases" / "err" / "language"
FILE = "journeys/welcome.yaml"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda case: case.stem)
def test_one_mistake_has_one_message(case: Path, golden: Golden) -> None:
    text = case.read_text()
    _, problems = parse_journey(text, FILE)
    assert [problem.code for problem in problems] == [case.stem.partition("_")[0]]
    golden(case.with_suffix(".out"), render_problems(problems, {FILE: text}) + "\n")
