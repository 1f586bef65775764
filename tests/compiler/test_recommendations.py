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


PAGE = '{% include "_blocks/footer.html" %}\n'
HEAD = "---\nsubject: For you\n---\n"
JOURNEY = """journey: thanks
about: Products that go with an order.
start: {event: EVENT}
again: always
goal: {event: optin_confirmed}

steps:
  - send: thanks
WITH
tests:
  - test: one letter
    when:
      - day 0 10:00: EVENT
    expect:
      - day 0 10:00: send thanks via email
      - day 0 10:00: finish
"""


def shows(
    folder: Path, body: str, *, event: str = "order_placed", values: str = "", rule: str = WHOLE
) -> Project:
    """A project whose journey sends a letter with this body."""
    (folder / "templates" / "thanks.email.html").write_text(HEAD + body + PAGE)
    given = f"    with: {values}\n" if values else ""
    journey = JOURNEY.replace("EVENT", event).replace("WITH\n", given)
    (folder / "journeys" / "thanks.yaml").write_text(journey)
    return with_config(folder, rule)


LIST = "{% for item in recommend.with_this_order[:4] %}<p>{{ item.name }}</p>{% endfor %}"


def test_a_template_reads_a_recommendation_by_its_name(shop: Path) -> None:
    project = shows(shop, f"{{% if recommend.with_this_order %}}<h2>Goes well</h2>{LIST}{{% endif %}}")
    assert render_problems(project.problems, project.sources) == ""


def test_a_step_gives_it_under_another_name(shop: Path) -> None:
    body = "{% for item in products %}{{ item.name }}{% else %}Nothing today{% endfor %}"
    project = shows(shop, body, values="{products: recommend.with_this_order}")
    assert render_problems(project.problems, project.sources) == ""


@pytest.mark.parametrize(
    ("case", "body", "event", "values"),
    [
        ("T20_unknown_recommendation", "{% if recommend.with_this_ordr %}x{% endif %}", "order_placed", ""),
        (
            "E119_unknown_in_with",
            "{{ products | length }}",
            "order_placed",
            "{products: recommend.with_his_order}",
        ),
        ("W34_heading_alone", f"<h2>Goes well with it</h2>{LIST}", "order_placed", ""),
        (
            "W34_heading_alone_by_with",
            "<h2>x</h2>{% for item in products %}{{ item.name }}{% endfor %}",
            "order_placed",
            "{products: recommend.with_this_order}",
        ),
    ],
)
def test_what_is_wrong_with_showing_products_is_told(
    shop: Path, golden: Golden, case: str, body: str, event: str, values: str
) -> None:
    project = shows(shop, body, event=event, values=values)
    assert {problem.code for problem in project.problems} == {case.partition("_")[0]}
    file = SAMPLE.parent / "err" / "whole" / f"{case}.out"
    golden(file, render_problems(project.problems, project.sources) + "\n")


def test_a_list_that_begins_at_nothing_is_told(shop: Path, golden: Golden) -> None:
    rule = "recommendations: {with_this_order: {from: [complements of trigger, viewed next after trigger]}}\n"
    body = f"{{% if recommend.with_this_order %}}{LIST}{{% endif %}}"
    project = shows(shop, body, event="points_redeemed", rule=rule)
    assert {problem.code for problem in project.problems} == {"W35"}
    file = SAMPLE.parent / "err" / "whole" / "W35_begins_at_no_product.out"
    golden(file, render_problems(project.problems, project.sources) + "\n")
