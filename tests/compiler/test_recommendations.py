"""Recommendations of config.yaml against the catalogue, and the templates and steps that name them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.recommendations.rule import ExclusionKind, SeedKind, SourceKind
from engine.problem import render_problems
from engine.project import Project, load
from engine.values import DAY
from tests.conftest import Golden

SAMPLE = Path(__file__).parent.parent / "cases" / "project"
WHOLE = """
recommendations:
  with_this_order:
    from:
      - complements of trigger
      - viewed next after last viewed
      - bestsellers of favourite_category
      - cheaper now
    only: {in_stock: true, price: at most 150 EUR}
    never: [bought in last 90 days, in cart, in trigger, bought ever]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the sample project that may be changed."""
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    return folder


def with_config(folder: Path, text: str) -> Project:
    """The project with a part more in its config.yaml."""
    file = folder / "config.yaml"
    file.write_text(file.read_text() + text)
    return load(folder)


def test_a_recommendation_is_read_with_all_its_words(shop: Path) -> None:
    project = with_config(shop, WHOLE)
    assert render_problems(project.problems, project.sources) == ""
    rule = project.recommendations["with_this_order"]
    assert [str(source) for source in rule.sources] == [
        "complements of trigger", "viewed next after last viewed", "bestsellers of favourite_category",
        "cheaper now",
    ]  # fmt: skip
    assert [(source.kind, source.seeds) for source in rule.sources[:2]] == [
        (SourceKind.COMPLEMENTS, SeedKind.TRIGGER), (SourceKind.VIEWED_NEXT, SeedKind.LAST_VIEWED),
    ]  # fmt: skip
    assert [(each.kind, each.last) for each in rule.never] == [
        (ExclusionKind.BOUGHT, 90 * DAY), (ExclusionKind.IN_CART, None), (ExclusionKind.IN_TRIGGER, None),
        (ExclusionKind.BOUGHT, None),
    ]  # fmt: skip
    assert rule.only is not None
    assert rule.only.text == "in_stock: true and price: at most 150 EUR"


@pytest.mark.parametrize(
    ("name", "source", "field"),
    [
        ("favourite_category", "favourite_category: most frequent order_placed.items.category", "category"),
        ("loved", "loved: most frequent order_placed.items.brand", "brand"),
        ("favourite_brand", "", "brand"),
        ("whatever", "", "category"),
    ],
)
def test_an_attribute_stands_for_the_field_that_it_is_made_from_or_called_after(
    shop: Path, name: str, source: str, field: str
) -> None:
    events = shop / "schemas" / "events.yaml"
    events.write_text(
        events.read_text().replace("          sku: text\n", "          sku: text\n          brand: text\n")
    )
    product = shop / "schemas" / "product.yaml"
    product.write_text(product.read_text() + "  brand: text\n")
    customer = shop / "schemas" / "customer.yaml"
    text = customer.read_text()
    if source and name not in text:
        text += f"  {source}\n"
    elif not source:
        text = text.replace("attributes:\n", f"attributes:\n  {name}: text\n")
    customer.write_text(text)
    project = with_config(shop, f"recommendations: {{r: {{from: [bestsellers of {name}]}}}}\n")
    assert [problem.code for problem in project.problems if problem.is_error] == []
    assert project.recommendations["r"].sources[0].field == field


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("E117_unknown_attribute", "from: [bestsellers of favorite_category]"),
        ("E117_a_number", "from: [new of points]"),
        ("E118_unknown_field", "from: [bestsellers]\n    only: {any: [{colour: red}, {stok: at least 1}]}"),
        ("E24_unknown_value", "from: [bestsellers]\n    only: {category: caffee}"),
    ],
)
def test_what_the_catalogue_does_not_know_is_told(shop: Path, golden: Golden, case: str, text: str) -> None:
    project = with_config(shop, f"recommendations:\n  r:\n    {text}\n")
    assert {problem.code for problem in project.problems} == {case.partition("_")[0]}
    file = SAMPLE.parent / "err" / "whole" / f"{case}.out"
    golden(file, render_problems(project.problems, project.sources) + "\n")
