"""W33: a price that is struck through without the lowest of the 30 days before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.problem import Problem, render_problems
from engine.project import load
from tests.conftest import Golden

SAMPLE = Path(__file__).parents[2] / "cases" / "project"
LETTER = "templates/price_drop_news.email.html"


def told(folder: Path, body: str, block: str = "") -> tuple[list[Problem], dict[str, str]]:
    """W33 of the sample project whose letter about prices has this body."""
    shop = folder / "shop"
    shutil.copytree(SAMPLE, shop)
    file = shop / LETTER
    text = file.read_text()
    file.write_text(text.replace("</body>", f"{body}</body>") if "</body>" in text else text + body)
    if block:
        (shop / "templates" / "_blocks").mkdir(exist_ok=True)
        (shop / "templates" / "_blocks" / "styles.html").write_text(block)
    read = load(shop)
    return [problem for problem in read.problems if problem.code == "W33"], dict(read.sources)


@pytest.mark.parametrize(
    ("body", "block"),
    [
        ("<s>{{ trigger.old_price | money }}</s>", ""),
        ("<p>now <del class='x'>12.50 EUR</del></p>", ""),
        ('<span style="color:red; text-decoration: line-through">{{ trigger.old_price | money }}</span>', ""),
        (
            '<p class="big old">{{ trigger.old_price | money }}</p>',
            "<style>.old { text-decoration:line-through }</style>",
        ),
        (
            '<mj-text mj-class="was">{{ trigger.old_price | money }}</mj-text>',
            '<mj-class name="was" text-decoration="line-through" />',
        ),
    ],
)
def test_a_struck_price_without_the_lowest_is_told(tmp_path: Path, body: str, block: str) -> None:
    (problem,), _ = told(tmp_path, body, block)
    assert problem.span.file == LETTER


@pytest.mark.parametrize(
    "body",
    [
        "<s>{{ product.lowest_30_days | money }}</s>",
        "{% set before = product.lowest_30_days %}<s>{{ before | money }}</s>",
        "<s>never again</s>",
        "<span>12.50 EUR</span>",
        "<strong>12.50 EUR</strong>",
    ],
)
def test_what_names_the_lowest_or_strikes_no_price_through_is_not(tmp_path: Path, body: str) -> None:
    assert told(tmp_path, body)[0] == []


def test_what_is_told(tmp_path: Path, golden: Golden) -> None:
    problems, sources = told(tmp_path, "<p>Before: <s>{{ trigger.old_price | money }}</s></p>")
    golden(
        SAMPLE.parent / "err" / "whole" / "W33_struck_price.out", render_problems(problems, sources) + "\n"
    )
