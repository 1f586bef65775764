"""W37: a message that names another percentage than the code beside it is worth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.problem import Problem, render_problems
from engine.project import load
from tests.conftest import Golden

SAMPLE = Path(__file__).parents[2] / "cases" / "project"
POOL = 'WELCOME10: {kind: generated, pattern: "WELCOME-????-????"'


def told(folder: Path, body: str, pool: str = f"{POOL}, text: 10 %") -> tuple[list[Problem], dict[str, str]]:
    """W37 of the sample project whose offer has this body, and its pool this text."""
    shop = folder / "shop"
    shutil.copytree(SAMPLE, shop)
    config = shop / "config.yaml"
    config.write_text(config.read_text().replace(POOL, pool))
    for file in shop.glob("templates/welcome_offer.*"):
        file.unlink()
    head = "---\nsubject: Yours\n---\n{{ code.value }} {{ links.unsubscribe }} {{ shop.address }}\n"
    (shop / "templates/welcome_offer.email.html").write_text(head + body)
    (shop / "templates/welcome_offer.push.txt").write_text("{{ code.value }}")
    read = load(shop)
    return [problem for problem in read.problems if problem.code == "W37"], dict(read.sources)


@pytest.mark.parametrize(
    "body", ["<p>20 % for you</p>", "7,5% off", "take\u00a020 percent", "{% if 1 %}20%{% endif %}"]
)
def test_another_percentage_than_the_code_is_worth_is_told(tmp_path: Path, body: str) -> None:
    (problem,), _ = told(tmp_path, body)
    assert problem.span.file == "templates/welcome_offer.email.html"
    assert problem.level == "warning"


@pytest.mark.parametrize(
    "body",
    [
        "10 % for you, 10% off, 10.0 percent",
        "{{ code.text }} for you",
        "100 % coffee",
        '<table width="20%"><style>.a { width: 20% } </style><!-- 20 % -->{# 20 % #}</table>',
        "@media x { .a { width: 20%; } }",
    ],
)
def test_the_same_one_and_what_nobody_reads_are_not(tmp_path: Path, body: str) -> None:
    assert told(tmp_path, body)[0] == []


def test_of_a_code_that_says_no_percentage_nothing_is_known(tmp_path: Path) -> None:
    assert told(tmp_path, "20 % for you", POOL)[0] == []


def test_what_is_told(tmp_path: Path, golden: Golden) -> None:
    problems, sources = told(tmp_path, "<p>Take 20 % off</p>")
    golden(
        SAMPLE.parent / "err" / "whole" / "W37_another_percentage.out",
        render_problems(problems, sources) + "\n",
    )
