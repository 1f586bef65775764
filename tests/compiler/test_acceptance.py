"""A warning that is meant so is told no more, with its author's reason; nothing else can be hidden so."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.acceptance import Insertion, acceptances, accepting, judge
from engine.language.fmt import format_journey
from engine.problem import Problem, Span, render_problems
from engine.project import Project, load
from engine.values import instant
from tests.conftest import Golden

NOW = instant(dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
CASES = Path(__file__).parent.parent / "cases"
WARNED = sorted((CASES / "err/compiler").glob("W*.yaml"))
LATE = (CASES / "err/compiler/W02_until.yaml").read_text()
(LATE_LINE,) = (line for line in LATE.split("\n") if "until 21:00" in line)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accepted") / "shop"
    shutil.copytree(CASES / "project", folder)
    for file in (folder / "journeys").glob("*.yaml"):
        file.unlink()
    return folder


def loaded(shop: Path, text: str) -> Project:
    name = next(line for line in text.split("\n") if line.startswith("journey: ")).removeprefix("journey: ")
    file = shop / "journeys" / f"{name}.yaml"
    file.write_text(text)
    try:
        return load(shop, NOW)
    finally:
        file.unlink()


def put(text: str, insertion: Insertion) -> str:
    lines = text.split("\n")
    line, at = lines[insertion.line - 1], insertion.column - 1
    lines[insertion.line - 1] = line[:at] + insertion.text + line[at:]
    return "\n".join(lines)


@pytest.mark.parametrize("case", WARNED, ids=lambda case: case.stem)
def test_every_warning_of_a_journey_can_be_accepted_with_its_reason(case: Path, shop: Path) -> None:
    before = loaded(shop, case.read_text())
    (problem,) = before.problems
    text = put(case.read_text(), accepting(case.read_text(), problem, "we tried both"))
    after = loaded(shop, text)
    assert render_problems(after.problems, after.sources) == ""
    assert [(one.problem.code, one.reason) for one in after.accepted] == [(problem.code, "we tried both")]
    hashes = [{name: journey.hash for name, journey in each.compiled.items()} for each in (before, after)]
    assert hashes[0] == hashes[1]
    formatted = format_journey(text, problem.span.file)
    assert "# accepted" in formatted
    assert loaded(shop, formatted).problems == ()


@pytest.mark.parametrize(
    "comment",
    ["# accepted W02: they are awake", "#accepted W02, W20: they are awake",
     "# Accepted: w20 and W02 - they are awake", "# accepted W02 because they are awake",
     "# accepted W02 (they are awake)"],
)  # fmt: skip
def test_a_comment_says_it_as_people_write(comment: str) -> None:
    text = f"steps:\n  - wait: until 22:00   {comment}\n"
    found, problems = acceptances(text, "journeys/x.yaml")
    assert problems == []
    assert ("W02", "they are awake", 2) in {(one.code, one.reason, one.line) for one in found}


def test_a_comment_alone_is_about_the_next_line_with_something_in_it(shop: Path) -> None:
    comment = "  # accepted W02: they are awake\n\n  # and another word\n"
    assert loaded(shop, LATE.replace(LATE_LINE, comment + LATE_LINE)).problems == ()


@pytest.mark.parametrize(
    "written",
    ['about: "a # accepted W02: no comment"', "about: accepted W02 is a fine thing",
     "  # accepted by the lawyers", "about: it#accepted W02: x"],
)  # fmt: skip
def test_words_that_only_look_like_it_accept_nothing(written: str) -> None:
    assert acceptances(f"{written}\n", "journeys/x.yaml") == ([], [])


@pytest.mark.parametrize(
    ("case", "comment"),
    [("E150_no_reason", "# accepted W02"), ("E150_an_error", "# accepted E41: we like it so"),
     ("W50_told_no_more", "# accepted W03: nobody asks"),
     ("W50_word_of_another_tool", "# noqa: W03 nobody asks"),
     ("W50_names_no_code", "# accepted: because we tried both")],
)  # fmt: skip
def test_what_accepts_nothing_is_told(case: str, comment: str, shop: Path, golden: Golden) -> None:
    text = LATE.replace("until 21:00", "until 19:00").replace("\nagain", f"\n{comment}\nagain")
    project = loaded(shop, text)
    (problem,) = project.problems
    assert problem.code == case.partition("_")[0]
    golden(CASES / "err/whole" / f"{case}.out", render_problems(project.problems, project.sources) + "\n")
    lines = text.split("\n")
    _, write, fix = problem.fix.partition("write  ")
    lines[problem.span.line - 1] = fix if write else ""  # typed in, or removed as it says
    left = loaded(shop, "\n".join(lines)).problems
    assert problem not in left
    assert all(one.code == "W50" and one.fix == "remove the comment" for one in left)


def test_a_comment_at_the_wrong_line_is_told_the_right_one(shop: Path, golden: Golden) -> None:
    project = loaded(shop, LATE.replace("\nagain", "\n# accepted W02: they are awake\nagain"))
    golden(
        CASES / "err/whole/W50_another_line.out", render_problems(project.problems, project.sources) + "\n"
    )
    assert [problem.code for problem in project.problems] == ["W50", "W02"]


def test_nothing_is_called_mended_while_the_file_has_errors(shop: Path) -> None:
    text = LATE.replace(LATE_LINE, f"  # accepted W02: they are awake\n{LATE_LINE}")
    broken = loaded(shop, text.replace("send: ", "sendd: ", 1))
    assert "W50" not in {problem.code for problem in broken.problems}


def test_an_error_stays_whatever_a_comment_says() -> None:
    span = Span("journeys/x.yaml", 1, 1)
    found, _ = acceptances("journey: x   # accepted T22: the till prints it\n", "journeys/x.yaml")
    judged = judge([Problem(span, "T22", "no link")], found)
    assert [problem.code for problem in judged.open] == ["T22", "E150"]
    assert judged.accepted == []


def test_every_kind_of_file_can_accept(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(CASES / "project", folder)
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("https://news", "http://news") + "deliver_only: [a@shop.example]\n")
    greeting = folder / "templates/welcome_hello.email.html"
    greeting.write_text(greeting.read_text().replace('first_name or "there"', "first_name", 1))
    french = folder / "templates/welcome_offer.push.fr.txt"
    french.write_text((folder / "templates/welcome_offer.push.txt").read_text())
    warned = load(folder).problems
    assert {(problem.span.file, problem.code) for problem in warned} >= {
        ("config.yaml", "W22"), ("config.yaml", "W11"), (f"templates/{greeting.name}", "T21"),
        (f"templates/{french.name}", "W25"),
    }  # fmt: skip
    for problem in sorted(warned, key=lambda one: one.span, reverse=True):
        file = folder / problem.span.file
        file.write_text(put(file.read_text(), accepting(file.read_text(), problem, "it is meant so")))
    after = load(folder)
    assert render_problems(after.problems, after.sources) == ""
    assert len(after.accepted) == len(warned)
    (mail,) = after.messages.of["welcome_hello", "email"].values()
    assert "accepted" not in str(mail)


def test_a_name_may_have_and_in_it() -> None:
    (accepted,), _ = acceptances("a: 1  # accepted W51 (buy-and-save, welcome and b): meant\n", "a.yaml")
    assert accepted.names == {"buy-and-save", "welcome", "b"}
    # read in one pass, however often it could be divided
    (accepted,), _ = acceptances(f"a: 1  # accepted W51 (a{'-and' * 60} b: meant\n", "a.yaml")
    assert accepted.names == frozenset()


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_text_breaks_the_comments_of_a_file(before: str, reason: str) -> None:
    text = f"{before}\njourney: x\n"
    acceptances(text, "journeys/x.yaml")
    line = text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    problem = Problem(Span("journeys/x.yaml", line, 1), "W01", "no tests", level="warning")
    if not any(letter.isalnum() for letter in reason):
        return
    accepted = put(
        "\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")),
        accepting(text, problem, reason),
    )
    found, problems = acceptances(accepted, "journeys/x.yaml")
    assert any(one.code == "W01" and one.line == line + 1 for one in found), problems
