"""config.yaml with one mistake each, and exactly what its author is told about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.file import read_config
from engine.problem import render_problems
from tests.conftest import Golden

CASES = Path(__file__).parent.parent / "cases" / "err" / "config"
FILE = "config.yaml"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda case: case.stem)
def test_one_mistake_has_one_message(case: Path, golden: Golden) -> None:
    text = case.read_text()
    _, problems = read_config(text)
    assert [problem.code for problem in problems] == [case.stem.partition("_")[0]]
    golden(case.with_suffix(".out"), render_problems(problems, {FILE: text}) + "\n")


@pytest.mark.parametrize("case", sorted(CASES.glob("E85_*.yaml")), ids=lambda case: case.stem)
def test_a_secret_is_not_repeated(case: Path) -> None:
    _, problems = read_config(case.read_text())
    told = render_problems(problems, {FILE: case.read_text()})
    assert not any(secret in told for secret in ("5ecre7", "hunter2", "abc123", "s3cret"))
