"""Choices between pools in config.yaml: what they become, and what `check` says of ranges that do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.conditions.condition import Compare
from engine.core.journey import CodeStep
from engine.problem import Problem
from engine.project import check, load

SAMPLE = Path(__file__).parent.parent / "cases" / "project"
LINE = "{{pool: {}, valid: 5 days, text: {}}}"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    return folder


def choose(folder: Path, subject: str, *lines: str) -> list[Problem]:
    """The problems of a choice with these lines: `label` or `label: pool`."""
    written = []
    for line in lines:
        label, _, pool = line.partition(": ")
        written.append(f"      {label}: {LINE.format(pool or 'BDAY15', '5 %')}")
    text = (SAMPLE / "config.yaml").read_text()
    body = "\n".join([f"codes:\n  COMEBACK:\n    choose: {subject}\n    into:", *written])
    (folder / "config.yaml").write_text(text.replace("codes:", body, 1))
    return check(load(folder))


def told(folder: Path, subject: str, *lines: str) -> list[tuple[str, int, str]]:
    return [(each.code, each.span.line, each.what) for each in choose(folder, subject, *lines)]


def test_ranges_that_meet_are_right(shop: Path) -> None:
    assert told(shop, "total_spent", "less than 3000 EUR", "between 3000 EUR and 50000 EUR", "else") == []
    assert told(shop, "orders_count", "at most 1", "between 2 and 5", "at least 6") == []
    assert told(shop, "tier", "gold", "silver, bronze", "else") == []
    assert told(shop, "segment", "lapsed_90", "else") == []


def test_a_middle_that_is_meant_for_else_is_right(shop: Path) -> None:
    assert told(shop, "total_spent", "less than 100 EUR", "more than 900 EUR", "else") == []


def test_ranges_that_share_one_amount_overlap(shop: Path) -> None:
    assert told(shop, "total_spent", "at most 100 EUR", "between 100 EUR and 500 EUR", "else") == [
        ("E122", 30, '"between 100 EUR and 500 EUR" overlaps with "at most 100 EUR" in line 29'),
    ]


def test_a_gap_between_two_lines_is_a_warning(shop: Path) -> None:
    (problem,) = choose(shop, "total_spent", "less than 100 EUR", "between 101 EUR and 500 EUR", "else")
    assert (problem.code, problem.level, problem.span.line) == ("W36", "warning", 30)
    assert (
        problem.what
        == "no line says what somebody with total_spent of at least 100 EUR and less than 101 EUR gets"
    )
    assert problem.fix == "let this line begin at 100, or the one before it end at 101"


def test_whole_numbers_have_no_gap_between_neighbours(shop: Path) -> None:
    assert told(shop, "points", "at most 99", "at least 100", "else") == []


@pytest.mark.parametrize(
    ("subject", "lines", "who"),
    [
        ("total_spent", ["less than 100 EUR"], "whoever has total_spent of at least 100 EUR"),
        ("points", ["less than 100", "at least 100"], "whoever has no points"),
        ("tier", ["gold"], "whoever has no tier"),
        ("segment", ["lapsed_90"], "whoever has none of these segments"),
    ],
)
def test_nobody_may_be_left_out(shop: Path, subject: str, lines: list[str], who: str) -> None:
    (problem,) = choose(shop, subject, *lines)
    assert (problem.code, problem.what) == (
        "E121", f'the lines of "COMEBACK" leave somebody out: {who}',
    )  # fmt: skip
    assert "else: {pool: BDAY15, valid: 7 days}" in problem.fix


def test_a_count_that_is_covered_needs_no_else(shop: Path) -> None:
    assert told(shop, "orders_count", "0", "at least 1") == []


def test_a_value_in_two_lines_is_told(shop: Path) -> None:
    assert told(shop, "tier", "gold", "silver, gold", "else") == [
        ("E122", 30, '"gold" stands in two offers (first in line 29)'),
    ]


def test_an_unknown_pool_is_told_where_it_stands(shop: Path) -> None:
    (problem,) = choose(shop, "total_spent", "less than 5 EUR: WELCOM10", "else")
    assert (problem.code, problem.fix) == ("E120", 'did you mean "WELCOME10"?')
    assert problem.span.file == "config.yaml"


@pytest.mark.parametrize(
    ("subject", "lines", "code"),
    [
        ("total_spnt", ["less than 5 EUR", "else"], "E11"),
        ("total_spent", ["less than 5", "else"], "E22"),
        ("tier", ["golden", "else"], "E24"),
        ("segment", ["lapsd", "else"], "E60"),
        ("total_spent", ["else", "less than 5 EUR"], "E84"),
    ],
)
def test_the_words_are_those_of_conditions(shop: Path, subject: str, lines: list[str], code: str) -> None:
    assert [problem.code for problem in choose(shop, subject, *lines)] == [code]


def test_a_step_needs_no_valid_and_may_have_none(shop: Path) -> None:
    journey = (SAMPLE / "journeys" / "win_back.yaml").read_text()
    assert "code: COMEBACK20\n" in journey
    plain = journey.replace("code: COMEBACK20\n", "code: COMEBACK\n")
    (shop / "journeys" / "win_back.yaml").write_text(plain)
    problems = choose(shop, "total_spent", "less than 5 EUR", "else")
    assert {problem.code for problem in problems} == {"E123"}
    assert all(problem.span.file == "journeys/win_back.yaml" for problem in problems)


def test_a_choice_becomes_offers(shop: Path) -> None:
    journey = (SAMPLE / "journeys" / "welcome.yaml").read_text()
    changed = journey.replace("code: WELCOME10\n", "code: COMEBACK\n")
    lines = [line for line in changed.split("\n") if "valid:" not in line]
    (shop / "journeys" / "welcome.yaml").write_text("\n".join(lines))
    choose(shop, "total_spent", "less than 5 EUR: BDAY15", "else: BDAY20")
    journeys = load(shop).journeys
    (step,) = (step for step in journeys.by_name["welcome"].steps if isinstance(step, CodeStep))
    first, last = step.offers
    assert first.question is not None
    assert isinstance(first.question.condition, Compare)
    assert (first.pool.name, first.text, first.name, last.question) == ("BDAY15", "5 %", "BDAY15", None)


WITH = """    with:
      offer:
        choose: total_spent
        into:
          less than 50 EUR: general
          else: {}
"""
BLOCK = "<mj-section><mj-column><mj-text>The offer {}</mj-text></mj-column></mj-section>"
LETTER = """---
subject: Come back
---
<mjml><mj-body>
{% include "_blocks/footer.html" %}
{% include "_blocks/offer_" ~ offer ~ ".mjml" %}
</mj-body></mjml>
"""


def with_blocks(folder: Path, last: str) -> list[Problem]:
    """The welcome letter with an offer in it; there are blocks for general and same_shop."""
    for name in ("general", "same_shop"):
        (folder / f"templates/_blocks/offer_{name}.mjml").write_text(BLOCK.format(name))
    journey = folder / "journeys" / "welcome.yaml"
    text = journey.read_text()
    line = "  - send: welcome_hello\n"
    assert line in text
    journey.write_text(text.replace(line, line + WITH.format(last), 1))
    for old in (folder / "templates").glob("welcome_hello.email.*"):
        old.unlink()
    letter = LETTER.replace('{% include "_blocks/footer.html" %}', "")
    (folder / "templates" / "welcome_hello.email.mjml").write_text(letter)
    return [problem for problem in check(load(folder)) if problem.code not in ("T22", "T23", "W26")]


def test_a_block_is_chosen_by_a_value_of_the_customer(shop: Path) -> None:
    assert with_blocks(shop, "same_shop") == []
    messages = load(shop).messages
    (template,) = messages.of["welcome_hello", "email"].values()
    assert {comparison.text for comparison in template.comparisons()} == {"general", "same_shop"}
    assert [read.name for read in template.reads() if read.name == "offer"]


def test_a_word_without_a_block_is_told_where_it_stands(shop: Path) -> None:
    (problem,) = with_blocks(shop, "same_shp")
    assert (problem.code, problem.fix) == ("E124", 'did you mean "same_shop"?')
    assert (problem.span.file, problem.what) == (
        "journeys/welcome.yaml", 'there is no block for "same_shp": templates/_blocks/offer_same_shp.mjml',
    )  # fmt: skip


def test_a_chosen_word_leaves_nobody_out_either(shop: Path) -> None:
    with_blocks(shop, "general")
    journey = shop / "journeys" / "welcome.yaml"
    journey.write_text(journey.read_text().replace("          else: general\n", ""))
    (problem,) = (each for each in check(load(shop)) if each.code == "E121")
    assert "whoever has total_spent of at least 50 EUR" in problem.what
    assert problem.fix.endswith("else: general")


def test_a_warning_of_a_chosen_word_hides_nobody_who_is_left_out(shop: Path) -> None:
    with_blocks(shop, "general")
    journey = shop / "journeys" / "welcome.yaml"
    text = journey.read_text().replace("          else: general\n", "")
    text = text.replace("choose: total_spent", "choose: country")
    journey.write_text(text.replace("less than 50 EUR: general", "DE or AT: general"))
    assert {"W60", "E121"} <= {each.code for each in check(load(shop))}
