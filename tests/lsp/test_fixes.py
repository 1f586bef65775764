"""Fixes that messages tell, tried out on the checker."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.lsp.analysis import problems_with
from engine.lsp.fixes import find_fixes
from engine.problem import Problem, split_lines
from engine.values import Instant
from tests.lsp.conftest import PROJECT

CASES = PROJECT.parent / "err"
NOW = Instant(1_772_452_800_000)  # 2 March 2026, noon


def problems_of(file: str, text: str) -> list[Problem]:
    return problems_with(PROJECT, {file: text}, NOW)


def titles_of(case: Path, code: str) -> list[str]:
    """What is offered for the mistake of a case; each is checked once more to take it away."""
    text = case.read_text()
    name = text.partition("\n")[0].removeprefix("journey: ").strip()
    file = f"journeys/{name if name.isidentifier() else 'welcome'}.yaml"
    before = problems_of(file, text)
    titles = []
    for problem in before:
        if problem.code != code or problem.span.file != file:
            continue
        for fix in find_fixes(problem, text, lambda other: problems_of(file, other), before):
            after = problems_of(file, fix.edit.applied(split_lines(text)))
            assert (problem.code, problem.what) not in {(p.code, p.what) for p in after}
            titles.append(fix.title)
    return titles


OFFERED = {
    "compiler/E10_07_event": ["write order_placed"],
    "compiler/W01_no_tests": ["add tests: - test: the first message expect: nothing"],
    "language/E02_second_colon": ["put the text in quotes"],
    "language/E01_tab": ["replace the tab by spaces"],
    "language/E06_time_on_send": [],
    "language/E08_again": [
        "write again: never",
        "write again: after 30 days",
        "write again: always",
        "write again: restart, then after 3 days",
    ],
}


@pytest.mark.parametrize("case", OFFERED)
def test_what_is_offered_is_what_the_message_says(case: str) -> None:
    file = CASES / f"{case}.yaml"
    assert titles_of(file, file.stem.partition("_")[0]) == OFFERED[case]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_half_of_all_mistakes_have_a_fix_that_an_editor_can_make() -> None:
    files = [*(CASES / "language").glob("*.yaml"), *(CASES / "compiler").glob("*.yaml")]
    mended = [file for file in files if titles_of(file, file.stem.partition("_")[0])]
    assert len(mended) * 2 > len(files)
