"""schemas/*.yaml with one mistake each, and exactly what their author is told about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.compiler.facts.customer_file import read_catalogue
from engine.language.nodes import Node
from engine.language.yaml.source import read
from engine.problem import Problem, render_problems
from tests.conftest import Golden

CASES = Path(__file__).parent.parent / "cases"
FILES = ("customer", "events", "product")


@pytest.mark.parametrize(
    "case", sorted((CASES / "err" / "schemas").glob("*.yaml")), ids=lambda case: case.stem
)
def test_one_mistake_has_one_message(case: Path, golden: Golden) -> None:
    broken = case.stem.rpartition("_")[2]
    problems: list[Problem] = []
    nodes: dict[str, Node | None] = {}
    for name in FILES:
        text = (case if name == broken else CASES / "project" / "schemas" / f"{name}.yaml").read_text()
        nodes[name], unreadable = read(text, f"schemas/{name}.yaml")
        problems.extend(unreadable)
    problems.extend(read_catalogue(nodes["customer"], nodes["events"], nodes["product"])[1])
    assert [problem.code for problem in problems] == [case.stem.partition("_")[0]]
    sources = {f"schemas/{broken}.yaml": case.read_text()}
    golden(case.with_suffix(".out"), render_problems(problems, sources) + "\n")
