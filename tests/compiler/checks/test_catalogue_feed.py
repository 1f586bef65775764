"""What `check` says of the catalogue feed: its fields are those of products, and nobody changes it on its
way."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.problem import render_problems
from engine.project import load
from tests.compiler.checks.test_public_pages import problems
from tests.conftest import Golden
from tests.http.web_shop import CONFIG, FILES

OUT = Path(__file__).parents[2] / "cases" / "err" / "whole"
PRODUCT = "product: {name: text, price: money, margin: text}\n"


@pytest.mark.parametrize(
    ("case", "feed"),
    [
        ("E112_unknown_field", "feed: https://shop.example/feed.xml\n  fields: {margn: custom_label_0}"),
        ("W32_feed_over_http", "feed: http://shop.example/feed.xml"),
    ],
)
def test_what_is_wrong_with_a_feed_is_told(tmp_path: Path, golden: Golden, case: str, feed: str) -> None:
    written = {**FILES, "config.yaml": f"{CONFIG}catalogue:\n  {feed}\n", "schemas/product.yaml": PRODUCT}
    for name, text in written.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    code = case.partition("_")[0]
    project = load(tmp_path)
    found = [problem for problem in project.problems if problem.code == code]
    golden(OUT / f"{case}.out", render_problems(found, project.sources) + "\n")
    assert len(found) == 1


@pytest.mark.parametrize(
    "feed",
    [
        "https://shop.example/feed.xml",
        "http://127.0.0.1:8000/feed.xml",
        "http://shop.internal:8000/feed.xml",
        "env:CATALOGUE_FEED",
    ],
)
def test_a_feed_that_nobody_on_the_way_can_change_is_right(tmp_path: Path, feed: str) -> None:
    assert problems(tmp_path, f"{CONFIG}catalogue: {{feed: {feed}}}\n") == []
